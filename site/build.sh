#!/bin/sh
# build.sh: make the site in build/site from the pages of this checkout; its tools go into build/site-venv.
set -eu
cd "$(dirname "$0")/.."
venv=build/site-venv source=build/site-source
if ! cmp -s site/requirements.txt "$venv/requirements.txt"; then
    rm -rf "$venv"
    "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r site/requirements.txt
    cp site/requirements.txt "$venv/"
fi
# A tree with the same paths as the checkout: so links between pages, and to code, work.
rm -rf "$source" build/site
mkdir -p "$source/bench"
cp -R docs README.md CONTRIBUTING.md SECURITY.md "$source/"
cp bench/README.md "$source/bench/"
cp site/index.md "$source/"
for linked in \
    $(grep -oh '](\(\.\./\)*[A-Za-z_./]*\(\.py\|file\))' docs/*.md README.md CONTRIBUTING.md SECURITY.md | sed 's#^](##; s#^\(\.\./\)*##; s#)$##' | sort -u); do
    mkdir -p "$source/$(dirname "$linked")"
    cp "$linked" "$source/$linked"
done
"$venv/bin/sphinx-build" -q -W --keep-going -n -b html -c site "$source" build/site
echo "make site: build/site/index.html"
