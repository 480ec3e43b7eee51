#!/bin/sh
# The fixed set of benchmarks, with a release server of its own.
set -eu
cd "$(dirname "$0")/.."
cargo build --release --locked --bin atelier
cargo build --release --locked -p loadtest
exec target/release/loadtest bench --date "$(date -u +%F)" "$@"
