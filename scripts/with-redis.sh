#!/usr/bin/env bash
# with-redis.sh COMMAND…: runs the command beside a private, empty Redis that is gone afterwards. Exports TEST_REDIS_URL.
set -euo pipefail
[ "$#" -gt 0 ] || { echo "usage: $0 COMMAND…" >&2; exit 2; }
command -v redis-server >/dev/null || { echo "Redis is not installed (apt-get install redis-server)" >&2; exit 1; }

folder=$(mktemp -d /tmp/atelier-redis.XXXXXX)
server=
end() {
    trap - EXIT INT TERM HUP
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null && wait "$server" 2>/dev/null || true
    fi
    rm -rf "$folder"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1" && printf 'PING\r\n' >&3 && read -r -t 2 line <&3 && [ "$line" = $'+PONG\r' ]) 2>/dev/null; }

# A port that is taken is no reason to give up: another one is tried.
for attempt in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 12000))
    redis-server --port "$port" --bind 127.0.0.1 --dir "$folder" --save '' --appendonly no >"$folder/log" 2>&1 &
    server=$!
    for moment in $(seq 100); do
        kill -0 "$server" 2>/dev/null || break
        if answers "$port"; then
            export TEST_REDIS_URL="redis://127.0.0.1:$port"
            break 2
        fi
        sleep 0.1
    done
    kill "$server" 2>/dev/null || true
    server=
done
[ -n "$server" ] || { cat "$folder/log" >&2; exit 1; }

"$@"
