#!/bin/sh
# packaging/reproducible.sh: builds all packages twice and fails unless they are the same bytes. The two builds have
# nothing in common but the sources and the Go toolchain: other folders, build caches, module caches, umasks, time zones
# and languages. make reproducible calls it.
set -eu
: "${VERSION:?}" "${SOURCE_DATE_EPOCH:?}" "${NFPM:?}" "${ARCHES:?}"
nfpm=$(realpath "$NFPM")
modules=$(go env GOMODCACHE)
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
one=$work/one
other="$work/a folder/with a longer name"

# sources FOLDER: a copy of them as they stand, committed or not.
sources() {
	git ls-files --cached --others --exclude-standard | while IFS= read -r file; do
		[ -f "$file" ] || continue # deleted, and not committed
		mkdir -p "$1/$(dirname "$file")"
		cat "$file" >"$1/$file"
	done
	chmod u+x "$1"/packaging/*.sh
}

# build FOLDER VARIABLE=VALUE...: the packages of its sources, into FOLDER/dist.
build() {
	folder=$1
	shift
	env "$@" make -C "$folder" --no-print-directory packages \
		VERSION="$VERSION" SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" NFPM="$nfpm" ARCHES="$ARCHES" >&2
}

umask 022
sources "$one"
umask 077
sources "$other"

umask 022
build "$one" GOCACHE="$work/cache" LC_ALL=C TZ=UTC
umask 077
# The modules are unpacked anew from what the first build has of them: no network, no other sums than go.sum's.
build "$other" GOCACHE="$work/another cache" LC_ALL=C.UTF-8 TZ=Pacific/Auckland \
	GOMODCACHE="$work/modules" GOPROXY="file://$modules/cache/download" GOSUMDB=off GOFLAGS=-modcacherw

cd "$one/dist"
sha256sum ./*.deb ./*.rpm | tee "$work/sums"
cd "$other/dist"
sha256sum --quiet --strict -c "$work/sums"
echo "the same bytes, twice: $(wc -l <"$work/sums") packages"
