#!/bin/sh
# audit.sh PYTHON: look up in PyPI's advisories every package that an installation with all extras has.
# Fails for a known vulnerability, and if PyPI does not answer: an unchecked package may be unsafe.
set -e
python=${1:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo 'make audit: installing what a user gets, and pip-audit beside it'
"$python" -m venv "$work/user"
"$work/user/bin/python" -m pip install --quiet --disable-pip-version-check \
    --editable '.[browse,columns,sql,inspect,senders,archive,nats,kafka]'
# logsrv itself is not looked up.
"$work/user/bin/python" -m pip freeze --disable-pip-version-check --exclude logsrv >"$work/requirements.txt"
"$python" -m venv "$work/auditor"
"$work/auditor/bin/python" -m pip install --quiet --disable-pip-version-check 'pip-audit >= 2.10'
"$work/auditor/bin/pip-audit" --strict --no-deps --disable-pip --progress-spinner off \
    --requirement "$work/requirements.txt"
