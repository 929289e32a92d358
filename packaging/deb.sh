#!/bin/sh
# deb.sh [FOLDER]: makes logsrv_VERSION_ARCHITECTURE.deb and logsrv-sql_… of this checkout, in dist or FOLDER.
#
# DEB_COMPRESSION='-Zgzip -z1' builds it faster and larger. Wheels have their versions and sums in packaging/locks,
# so the same commit gives the same bytes on the same Debian.
#
# The version ends in +deb12 on Debian 12 and in +deb13 on Debian 13: so apt sees the second as the newer one, and
# takes it when the machine is upgraded.
set -e
umask 022
cd "$(dirname "$0")/.."
command -v dpkg >/dev/null || {
    echo 'make deb: builds on Debian only, for the Debian that it is; elsewhere: make container' >&2
    exit 1
}
missing=
command -v git >/dev/null || missing="$missing git"
command -v dpkg-buildpackage >/dev/null || missing="$missing build-essential"
command -v dh >/dev/null || missing="$missing debhelper"
/usr/bin/python3 -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv"
[ -z "$missing" ] || {
    echo "make deb: packages are missing: apt install$missing" >&2
    exit 1
}

files='logsrv twisted docs examples packaging README.md SECURITY.md LICENSE pyproject.toml setup.cfg MANIFEST.in'
# shellcheck disable=SC2086  # paths
versions=$(python3 packaging/version.py $files)
# Debian's version, or for a later Debian without a number its name.
version=${versions#* }+deb$(. /etc/os-release && echo "${VERSION_ID:-$VERSION_CODENAME}")
echo "make deb: building logsrv $version for $(. /etc/os-release && echo "$PRETTY_NAME"), as any user, in some minutes"
date=$(git log -1 --format=%cD)

work=$(mktemp -d "${TMPDIR:-/tmp}/logsrv-deb.XXXXXX")
trap 'rm -rf "$work"' EXIT
tree="$work/logsrv"
mkdir "$tree"
# shellcheck disable=SC2086
git ls-files -z --cached --others --exclude-standard -- $files | xargs -0 cp --parents -t "$tree"
# logsrv --version then prints the commit, too.
sed -i "s/^__version__ = .*/__version__ = \"${versions% *}\"/" "$tree/logsrv/__init__.py"
cp -R packaging/debian "$tree/debian"
for unit in packaging/systemd/logsrv.*; do cp "$unit" "$tree/debian/logsrv.${unit##*.}"; done
cat >"$tree/debian/changelog" <<CHANGELOG
logsrv ($version) unstable; urgency=medium

  * What is new stands in /usr/share/doc/logsrv/changelog.md

 -- logsrv <founders@logsrv.invalid>  $date
CHANGELOG

echo 'make deb: pip fetches the modules from PyPI (PIP_INDEX_URL and PIP_CERT apply), then all are compiled'
# Here debian/rules says that the packing begins; what the tools say is shown only after a failure.
exec 9>&1
(cd "$tree" && dpkg-buildpackage --build=binary --unsigned-source --unsigned-changes >"$work/log" 2>&1) || {
    cat "$work/log" >&2
    echo 'make deb: failed; the reason is above' >&2
    exit 1
}
out=${1:-dist}
mkdir -p "$out"
# Only the new packages stay in $out; older ones are moved aside, for going back.
for before in "$out"/logsrv_*.deb "$out"/logsrv-sql_*.deb; do
    [ ! -e "$before" ] || {
        mkdir -p "$out/before" && mv "$before" "$out/before"
        rm -f "${before%.deb}.cdx.json"
        echo "make deb: an older one is now $out/before/${before##*/}"
    }
done
mv "$work"/logsrv_*.deb "$work"/logsrv-sql_*.deb "$out"
case $out in
    /*) place=$out ;;
    *) place=./$out ;;
esac
made() {
    # The list of what is in it, beside it too.
    made=$(ls "$place/$1"_*.deb)
    cp "$tree/debian/$1/usr/share/doc/$1/sbom.cdx.json" "${made%.deb}.cdx.json"
    size=$(du -m "$made" | cut -f 1)
}
made logsrv-sql
echo "make deb: made $made, $size MB, for logsrv sql: install it beside the next, if you want it"
made logsrv
echo "make deb: made $made, $size MB. Install it, or upgrade to it, as root:"
echo
echo "    apt install $made"
