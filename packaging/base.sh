#!/bin/sh
# base.sh FILE [SUITE]: makes FILE, the tree of a Debian with Python and its venv, as a base for the image.
#
# For where no registry of images can be reached, or none is trusted: all of it comes from Debian's archive, whose
# signatures apt checks. Needs mmdebstrap, and no root where there are user namespaces. The same packages give the
# same bytes, and the sum is printed:
#
#     sh packaging/base.sh build/base.tar && podman import build/base.tar logsrv-base
#     make container ARGS='--base localhost/logsrv-base'
set -e
# A container gets resolv.conf and hostname when it starts; these would be of this machine.
# Compiled files have the time of their sources, which is that of the installation: one folder is left out.
file=$1
mkdir -p "$(dirname "$file")"
suite=${2:-trixie}
command -v mmdebstrap >/dev/null || {
    echo 'base.sh: mmdebstrap is missing: apt install mmdebstrap' >&2
    exit 1
}
# Times of files: those of the release of Debian 13, the same at each build.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1754697600} mmdebstrap --quiet --variant=minbase \
    --include=python3,python3-venv,ca-certificates --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --customize-hook='rm -rf "$1"/usr/share/python3/debpython/__pycache__' \
    --customize-hook='rm -f "$1"/etc/resolv.conf "$1"/etc/hostname' "$suite" "$file"
sha256sum "$file"
