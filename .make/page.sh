#!/bin/sh
# page.sh: check the page's JavaScript: the types of its JSDoc with TypeScript, and defects with Biome.
# Without npm, or without network the first time, the check is skipped and says so; in CI it fails then.
set -e

skip() {
    echo "make check-page: skipped: $1"
    [ "$CI" != true ] || exit 1
    exit 0
}

command -v npm >/dev/null 2>&1 || skip 'npm is not installed (Debian: apt install nodejs npm)'
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
    echo 'make check-page: installing TypeScript and Biome into node_modules'
    npm ci --no-audit --no-fund --loglevel=error >/dev/null || skip 'npm cannot install package-lock.json'
    touch node_modules/.package-lock.json
fi
node_modules/.bin/tsc --project .
node_modules/.bin/biome lint --error-on-warnings .
