#!/bin/sh
# audit.sh PYTHON: look up all that an installation with every extra has in PyPI's advisories.
# Fails for a known hole, and where PyPI cannot be asked: what was not looked up is not safe.
set -e
python=${1:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo 'make audit: installing what a user gets, and pip-audit beside it'
"$python" -m venv "$work/user"
"$work/user/bin/python" -m pip install --quiet --disable-pip-version-check \
    --editable '.[browse,sql,inspect,senders,archive,nats,kafka,manuals]'
# Ourselves are not to be looked up.
"$work/user/bin/python" -m pip freeze --disable-pip-version-check --exclude logsrv >"$work/requirements.txt"
"$python" -m venv "$work/auditor"
"$work/auditor/bin/python" -m pip install --quiet --disable-pip-version-check 'pip-audit >= 2.10'
"$work/auditor/bin/pip-audit" --strict --no-deps --disable-pip --progress-spinner off \
    --requirement "$work/requirements.txt"
