#!/usr/bin/env bash
# `make run`: everything that is missing, then the server.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/ensure-tools.sh run
scripts/web.sh
cargo build --release --locked --bin atelier

# PostgreSQL does not run as root, and the user it runs as may not be able to reach this folder (as below /root).
if [ "$(id -u)" = 0 ] && [ -z "${ATELIER_DATA_DIR:-}" ] && [ -z "${DATABASE_URL:-}" ] && [ ! -e data/pgdata ]; then
    folder=$PWD
    while [ "$folder" != / ]; do
        case $(stat -c %A "$folder") in
            *[xt]) ;;
            *)
                export ATELIER_DATA_DIR=/var/lib/atelier
                echo "$folder is closed to other users, so the data goes to $ATELIER_DATA_DIR." >&2
                break
                ;;
        esac
        folder=$(dirname "$folder")
    done
fi
exec target/release/atelier "$@"
