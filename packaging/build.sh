#!/bin/sh
# packaging/build.sh PACKAGE FORMAT ARCH: one package into dist/, from the programs in dist/build/ARCH. make deb and
# make rpm call it, and say what the environment has to hold. The same sources give the same bytes, whoever builds them,
# where and when: every mode is written down in the descriptions, every time is that of the commit.
set -eu
umask 022
export LC_ALL=C TZ=UTC
package=$1 format=$2 arch=$3
: "${VERSION:?}" "${PACKAGE_VERSION:?}" "${SOURCE_DATE_EPOCH:?}" "${NFPM:?}"
release=1

programs=./cmd/fakeentra
[ "$package" != claimd ] || programs='./cmd/claimd ./cmd/claimctl'

build=dist/build/papers/$arch/$package
rm -rf "$build"
mkdir -p "$build/man1" "$build/man5" "$build/man8" "$build/completions"

# shellcheck disable=SC2086 # the programs are several words
go run ./packaging/papers --package "$package" --arch "$arch" --version "$PACKAGE_VERSION-$release" \
	--date "$SOURCE_DATE_EPOCH" --binaries "dist/build/$arch" --out "$build" $programs
gzip -9nc "$build/changelog" >"$build/changelog.gz"

for page in packaging/man/*.[1-8]; do
	name=$(basename "$page")
	of=claimd
	[ "${name%.*}" != fakeentra ] || of=claimd-fakeentra
	[ "$of" != "$package" ] || gzip -9nc "$page" >"$build/man${name##*.}/$name.gz"
done

if [ "$package" = claimd ]; then
	for shell in bash zsh fish; do
		GOOS='' GOARCH='' go run ./cmd/claimctl completion "$shell" >"$build/completions/$shell"
	done
fi

# nfpm would write a field License into a deb, where it has no meaning: the copyright file holds the licences. The
# changelog of a deb is a file too, made above in the form that Debian's tools read.
{
	cat "packaging/$package.yaml"
	[ "$format" != rpm ] || printf 'license: %s\nchangelog: %s\n' "$(cat "$build/licence")" "$build/changelog.json"
} >"$build/nfpm.yaml"
BUILD=$build PROGRAMS=dist/build/$arch ARCH=$arch PACKAGE_VERSION=$PACKAGE_VERSION RELEASE=$release \
	"$NFPM" package --config "$build/nfpm.yaml" --packager "$format" --target dist/
