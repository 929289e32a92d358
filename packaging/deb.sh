#!/bin/sh
# deb.sh [FOLDER]: makes logsrv_VERSION_ARCHITECTURE.deb of this checkout, in dist or FOLDER.
#
# DEB_COMPRESSION='-Zgzip -z1' makes it sooner and larger. PIP_CONSTRAINT=wheels.txt, from /opt/logsrv of such
# a package, takes the wheels that are in it: then the same commit gives the same bytes.
set -e
umask 022
cd "$(dirname "$0")/.."
command -v dh >/dev/null && command -v dpkg-buildpackage >/dev/null && command -v git >/dev/null || {
    echo 'make deb: needs debhelper and git (Debian: apt install git build-essential debhelper python3-venv)' >&2
    exit 1
}

files='logsrv twisted docs examples packaging README.md LICENSE pyproject.toml setup.cfg MANIFEST.in'
# shellcheck disable=SC2086  # paths
versions=$(python3 packaging/version.py $files)
version=${versions#* }
date=$(git log -1 --format=%cD)

work=$(mktemp -d "${TMPDIR:-/tmp}/logsrv-deb.XXXXXX")
trap 'rm -rf "$work"' EXIT
tree="$work/logsrv"
mkdir "$tree"
# shellcheck disable=SC2086
git ls-files -z --cached --others --exclude-standard -- $files | xargs -0 cp --parents -t "$tree"
# So logsrv --version tells the commit, too.
sed -i "s/^__version__ = .*/__version__ = \"${versions% *}\"/" "$tree/logsrv/__init__.py"
cp -R packaging/debian "$tree/debian"
for unit in packaging/systemd/logsrv.*; do cp "$unit" "$tree/debian/logsrv.${unit##*.}"; done
cat >"$tree/debian/changelog" <<CHANGELOG
logsrv ($version) unstable; urgency=medium

  * What is new stands in /usr/share/doc/logsrv/changelog.md

 -- logsrv <founders@logsrv.invalid>  $date
CHANGELOG

(cd "$tree" && dpkg-buildpackage --build=binary --unsigned-source --unsigned-changes >"$work/log" 2>&1) || {
    cat "$work/log" >&2
    exit 1
}
out=${1:-dist}
mkdir -p "$out"
# One is there to be installed; those of before are there to go back to.
for before in "$out"/logsrv_*.deb; do
    [ ! -e "$before" ] || { mkdir -p "$out/before" && mv "$before" "$out/before"; }
done
mv "$work"/logsrv_*.deb "$out"
ls "$out"/logsrv_*.deb
