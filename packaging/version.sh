#!/bin/sh
# packaging/version.sh DESCRIBED SECONDS: the version of the packages, as deb-version(7) and rpm order it, from what
# git describe --tags --always --dirty says and when the commit was made (seconds since 1970, UTC).
#
#   v1.2.3                1.2.3
#   v1.2.3-4-g369bcda     1.2.3+4.g369bcda             after 1.2.3
#   v1.3.0-rc.1           1.3.0~rc.1                   before 1.3.0
#   369bcda               0.0.0~20261122020354.369bcda no release yet; later commits come later
set -eu
described=$1 seconds=$2

dirty=
case $described in
*-dirty) dirty=+dirty described=${described%-dirty} ;;
esac
if printf '%s\n' "$described" | LC_ALL=C grep -Eq '^v?[0-9]+\.[0-9]+\.[0-9]+'; then
	# The commits since the tag come after a plus, all other hyphens (of a pre-release) turn into ~ and dots.
	version=$(printf '%s\n' "${described#v}" |
		LC_ALL=C sed -E 's/-([0-9]+)-(g[0-9a-f]+)$/+\1.\2/; s/-/~/; s/-/./g')
else
	commit=$(printf '%s' "$described" | LC_ALL=C tr -cd '0-9a-f')
	[ "$commit" = "$described" ] || commit=
	version=0.0.0~$(date -u -d "@$seconds" +%Y%m%d%H%M%S)${commit:+.$commit}
fi
echo "$version$dirty"
