#!/bin/sh
# golden.sh BIN: writes tests/golden/VERSION and tests/corpus/promised/VERSION.txt of this checkout, in half a minute.
#
# BIN has the commands of this checkout, as .venv/bin. Those of a version without its tag are made anew; those of a
# release stay as they are. Writes to /srv/logsrv-golden meanwhile.
set -e
bin=$1
cd "$(dirname "$0")/../.."
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' logsrv/__init__.py)
[ -z "$(git tag --list "v$version")" ] || {
    echo "make golden: $version is released: its files stay; raise __version__ in logsrv/__init__.py first" >&2
    exit 1
}
export PYTHONPATH="$PWD"
"$bin/python" packaging/release/golden.py "$bin" tests/golden
# A wheel that the tests need brings a package `tests`, too: ours is meant.
"$bin/python" -c 'import tests
tests.__path__ = ["tests"]
from tests.release.promised import promised_names
print(*promised_names(), sep="\n")' >"tests/corpus/promised/$version.txt.new"
mv "tests/corpus/promised/$version.txt.new" "tests/corpus/promised/$version.txt"
echo "tests/corpus/promised/$version.txt"
