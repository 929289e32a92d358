#!/bin/sh
# uv.sh DIR PYTHON: put uv, and nothing else, into DIR/uv; .make/venv.sh then makes an environment in seconds.
set -e
"$2" -m venv "$1/uv-venv"
"$1/uv-venv/bin/python" -m pip install --quiet --disable-pip-version-check uv
mkdir -p "$1/uv"
ln -s ../uv-venv/bin/uv "$1/uv/uv"
