#!/bin/sh
# python.sh DIR SUITE MINOR: unpack the Python of a later Debian, with its C library, into DIR/SUITE, as root on
# Debian 12: `trixie 3.13`, `forky 3.14`.
#
# A Python that pyenv builds takes a fifth more CPU: it is compiled without a profile. Debian's mirror is the one
# that apt uses. Nothing is installed: apt gets lists and packages of its own, and the interpreter is told where
# its loader and its libraries are.
set -e
suite=$2
python=python$3
mkdir -p "$1/$suite/lists" "$1/$suite/packages"
dir=$(cd "$1/$suite" && pwd)
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1)
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keys] $mirror $suite main" >"$dir/sources.list"
cat >"$dir/apt.conf" <<CONF
APT::Sandbox::User "root";
Acquire::Languages "none";
Dir::Etc::SourceList "$dir/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "$dir/lists";
Dir::State::status "/dev/null";
Dir::Cache "$dir";
CONF
export APT_CONFIG="$dir/apt.conf"
apt-get update -qq
(
    cd "$dir/packages"
    # shellcheck disable=SC2046  # a list of package names
    apt-get download -qq $(
        apt-get install --simulate --no-install-recommends "$python-venv" | sed -n 's/^Inst \([^ ]*\).*/\1/p' |
            grep -vxE 'debconf|gcc-.*-base|netbase|openssl|openssl-provider-legacy|readline-common|tzdata|ca-certificates|media-types'
    )
    for package in *.deb; do dpkg -x "$package" "$dir"; done
)
rm -rf "$dir/lists" "$dir/packages" "$dir"/*.bin
libraries=$(echo "$dir"/usr/lib/*-linux-gnu*)
patchelf --set-interpreter "$(echo "$libraries"/ld-linux-*.so.*)" --force-rpath --set-rpath "$libraries" "$dir/usr/bin/$python"
# The wheels of its ensurepip are here, too.
sed -i "s#'/usr/share/python-wheels#'$dir/usr/share/python-wheels#" "$dir"/usr/lib/"$python"/_sysconfigdata_*.py
"$dir/usr/bin/$python" -c 'import bz2, ctypes, lzma, sqlite3, ssl, zlib'
