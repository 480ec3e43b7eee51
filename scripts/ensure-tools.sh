#!/usr/bin/env bash
# Installs what is missing: PostgreSQL for the private database; with `test`, also Redis, openssl (certificates for
# tests) and a browser with fonts.
# With apt-get, as root or through sudo without a password; otherwise it says what to install.
set -euo pipefail
purpose=${1:-run}

say() { printf '%s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }
have_postgres() {
    have initdb && have postgres && return
    local initdb
    for initdb in /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb /opt/homebrew/opt/postgresql@*/bin/initdb; do
        [ -x "$initdb" ] && return
    done
    return 1
}
have_browser() { have chromium || have chromium-browser || have google-chrome; }

problems=0
if ! have cargo; then
    say "Rust is missing. Install it from https://rustup.rs (1.95 or newer), open a new shell and try again."
    problems=1
fi
if ! have node || ! have npm; then
    say "Node.js with npm is missing. Install version 20.19 or newer from https://nodejs.org and try again."
    problems=1
elif ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; then
    say "Node.js $(node --version) is too old. Install version 20.19 or newer from https://nodejs.org and try again."
    problems=1
fi
[ "$problems" = 0 ] || exit 1

packages=()
if ! have_postgres && [ -z "${ATELIER_PG_BIN:-}" ] && { [ "$purpose" = test ] || [ -z "${DATABASE_URL:-}" ]; }; then
    packages+=(postgresql)
fi
have cc || packages+=(build-essential)
if [ "$purpose" = test ]; then
    have redis-server || packages+=(redis-server)
    have openssl || packages+=(openssl)
fi
if [ "$purpose" = test ] && ! have_browser; then
    packages+=(chromium fonts-dejavu-core fonts-noto-color-emoji)
fi
[ "${#packages[@]}" -gt 0 ] || exit 0

root=()
if [ "$(id -u)" != 0 ]; then
    if have sudo && sudo -n true 2>/dev/null; then root=(sudo -n); else root=(none); fi
fi
if ! have apt-get || [ "${root[0]:-}" = none ]; then
    say "Please install: ${packages[*]}"
    if have apt-get; then say "  sudo apt-get install ${packages[*]}"; else say "(the names are Debian's; other systems have the same programs)"; fi
    exit 1
fi

say "Installing ${packages[*]} …"
# Debian would make a cluster and start it as a service. We only want the programs; what exists already is left alone.
if [[ " ${packages[*]} " == *" postgresql "* ]] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    "${root[@]}" mkdir -p /etc/postgresql-common
    printf 'create_main_cluster = false\n' | "${root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
guard=
if [ ! -e /usr/sbin/policy-rc.d ]; then
    guard=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$guard" >/dev/null
    "${root[@]}" chmod 755 "$guard"
    trap '"${root[@]}" rm -f "$guard"' EXIT
fi
"${root[@]}" apt-get update -qq
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2
# Redis comes with a service of its own, now or after the next boot. We only want the program.
if [[ " ${packages[*]} " == *" redis-server "* ]]; then
    if have systemctl; then "${root[@]}" systemctl disable --now redis-server >/dev/null 2>&1 || true; fi
    if have service; then "${root[@]}" service redis-server stop >/dev/null 2>&1 || true; fi
fi
