#!/usr/bin/env bash
# `make chaos`: every fault against three nodes of the release binary, with PostgreSQL and Redis of the test's own. Prints
# one table and writes it into docs/reliability.md. CHAOS_PEOPLE: how many; CHAOS_ONLY: faults with these words (nothing
# is written then).
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/ensure-tools.sh test
command -v redis-server >/dev/null || { echo "Redis is not installed (apt-get install redis-server)" >&2; exit 1; }
cargo build --release --locked --bin atelier
export CHAOS_BINARY=$PWD/target/release/atelier
if [ -z "${CHAOS_ONLY:-}" ]; then
    export CHAOS_REPORT=$PWD/docs/reliability.md CHAOS_COMMAND="make chaos" CHAOS_DATE
    CHAOS_DATE=$(date -u +%F)
fi
exec cargo test --locked --test it -- --ignored --nocapture --exact chaos::every_fault
