#!/usr/bin/env bash
# with-postgres.sh COMMAND…: runs the command beside a private, empty PostgreSQL that is gone afterwards.
# Exports TEST_DATABASE_URL (superuser; tests make their own databases) and DATABASE_URL (an empty database).
set -euo pipefail
[ "$#" -gt 0 ] || { echo "usage: $0 COMMAND…" >&2; exit 2; }

bin=${ATELIER_PG_BIN:-}
if [ -z "$bin" ]; then
    if command -v initdb >/dev/null && command -v postgres >/dev/null; then
        bin=$(dirname "$(readlink -f "$(command -v initdb)")")
    else
        bin=$(ls -d /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql@*/bin 2>/dev/null | sort -V | tail -n 1)
    fi
fi
[ -x "$bin/initdb" ] || { echo "PostgreSQL is not installed (apt-get install postgresql)" >&2; exit 1; }

folder=$(mktemp -d /tmp/atelier-test.XXXXXX)
as=()
if [ "$(id -u)" = 0 ]; then
    user=postgres
    id "$user" >/dev/null 2>&1 || user=nobody
    chown "$user" "$folder"
    if command -v setpriv >/dev/null; then
        as=(setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups)
    else
        as=(runuser -u "$user" --)
    fi
fi
chmod 711 "$folder"

end() {
    trap - EXIT INT TERM HUP
    if [ -f "$folder/data/postmaster.pid" ]; then
        (cd / && "${as[@]}" "$bin/pg_ctl" -D "$folder/data" -m immediate -w -t 20 stop >/dev/null 2>&1) || true
    fi
    rm -rf "$folder"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Nothing here has to survive: no fsync.
(
    cd /
    "${as[@]}" "$bin/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$folder/initdb.log" 2>&1 ||
        { cat "$folder/initdb.log" >&2; exit 1; }
    # A port that is taken is no reason to give up: another one is tried. Tests put a proxy in front of it, so it is a
    # port of this machine and not only a socket in the folder.
    for attempt in 1 2 3 4 5; do
        port=$((20000 + RANDOM % 12000))
        if "${as[@]}" "$bin/pg_ctl" -D "$folder/data" -l "$folder/data/log" -w -t 60 -s -o "-k $folder -p $port \
            -c listen_addresses=127.0.0.1 -c max_connections=400 -c shared_buffers=128MB -c fsync=off \
            -c synchronous_commit=off -c full_page_writes=off -c autovacuum=off" start; then
            echo "$port" >"$folder/port"
            exit 0
        fi
    done
    cat "$folder/data/log" >&2
    exit 1
)
port=$(cat "$folder/port")
"$bin/createdb" -h "$folder" -p "$port" -U postgres atelier
export TEST_DATABASE_URL="postgres://postgres@127.0.0.1:$port/postgres"
export DATABASE_URL="postgres://postgres@127.0.0.1:$port/atelier"

"$@"
