#!/bin/sh
# venv.sh VENV PYTHON REQUIREMENT: install this checkout, editable, into VENV; with uv if that is installed.
# PYTHON may be empty: then python3, or any suitable Python of uv. A VENV of another PYTHON is made anew.
set -e
venv=$1 python=$2 requirement=$3

say() { echo "setup: $*"; }
fail() { echo "setup: $*" >&2; exit 1; }

another=$(sh .make/another.sh "$python" "$venv")

if command -v uv >/dev/null 2>&1; then
    say "installing $requirement into $venv with uv"
    if [ -n "$another" ]; then
        uv python find --no-project "$python" >/dev/null
        rm -rf "$venv"
    fi
    [ -x "$venv/bin/python" ] || uv venv --quiet --python "${python:->=3.11}" "$venv"
    uv pip install --quiet --python "$venv/bin/python" --editable "$requirement"
    say 'done'
    exit 0
fi

python=${python:-python3}
command -v "$python" >/dev/null 2>&1 ||
    fail "there is no $python; install Python 3.11 or newer (Debian: apt install python3 python3-venv; macOS: brew install python)"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$python is $("$python" -V 2>&1); logsrv needs Python 3.11 or newer (make PYTHON=/path/to/python3.11 …)"
if [ -n "$another" ] || [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    say "making $venv with $("$python" -V 2>&1)"
    rm -rf "$venv"
    "$python" -m venv "$venv" >/dev/null 2>&1 || {
        rm -rf "$venv"
        fail "$python cannot make virtual environments; install its venv module (Debian: apt install python3-venv) or uv"
    }
fi
# Scripts made by pip before 25.2 import re, which doubles the time of a short command. Without network they stay.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade pip 2>/dev/null || true
# Modules are compiled when they are first imported, as uv does it: most never are.
say "installing $requirement into $venv (the first time this takes a minute)"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile --editable "$requirement"
say 'done'
