#!/usr/bin/env bash
# Builds the web client, if a source is newer than what was built. `web.sh install` only fetches the packages.
set -euo pipefail
cd "$(dirname "$0")/../clients"
[ -f package.json ] || { echo "there is no web client in clients/ yet" >&2; exit 0; }

if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    npm ci --no-audit --no-fund
    touch node_modules/.package-lock.json
fi
[ "${1:-}" != install ] || exit 0

# Written when everything succeeded: a build that failed half-way leaves pages behind, too.
built=node_modules/.web-built
newer() {
    find . \( -name node_modules -o -name dist -o -path ./e2e -o -name results \) -prune -o -type f -newer "$built" -print -quit
}
if [ ! -f "$built" ] || [ ! -f web/dist/index.html ] || [ -n "$(newer)" ]; then
    npm run build
    touch "$built"
fi
