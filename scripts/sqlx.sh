#!/usr/bin/env bash
# The answers about every query, kept in .sqlx. `sqlx.sh write` renews them; `sqlx.sh check` lints the code against a
# freshly migrated database and fails if the kept answers differ. Runs under with-postgres.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
how=${1:?write or check}
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

for migration in migrations/*.sql; do
    psql -q -v ON_ERROR_STOP=1 -1 -f "$migration" "$DATABASE_URL" >/dev/null
done
# The macros ask the database while the crate is compiled, so it has to be compiled.
touch src/lib.rs
export SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$made
if [ "$how" = check ]; then
    cargo clippy --locked --workspace --all-targets -- -D warnings
else
    cargo check --locked --all-targets
fi
mkdir -p .sqlx
if [ "$how" = write ]; then
    rm -f .sqlx/query-*.json
    find "$made" -name 'query-*.json' -exec cp {} .sqlx/ \;
    echo "$(find .sqlx -name 'query-*.json' | wc -l) queries kept in .sqlx"
elif ! diff -rq "$made" .sqlx >&2; then
    echo "error: .sqlx does not agree with the queries in the code; run \`make contract\`" >&2
    exit 1
fi
