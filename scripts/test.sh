#!/usr/bin/env bash
# `make test`: everything, in order, each step timed. Stops at nothing, so that one run shows all that is wrong.
# The last line is the sum over cargo test, vitest and playwright: `N passed, M failed`.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
scripts/ensure-tools.sh test || exit 1

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
trap 'exit 130' INT
passed=0 failed=0 summary=()

# step NAME KIND COMMAND…; KIND says how the output counts its tests, `-` if it does not.
step() {
    local name=$1 kind=$2 log="$logs/log" start=$SECONDS status good=0 bad=0
    shift 2
    printf '\n== %s\n' "$name"
    "$@" 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    # Without colours.
    sed -i $'s/\x1b\\[[0-9;]*[A-Za-z]//g' "$log"
    case $kind in
        cargo)
            good=$(sed -n 's/^test result: .* \([0-9]*\) passed; .*/\1/p' "$log" | paste -sd+ | bc_sum)
            bad=$(sed -n 's/^test result: .* \([0-9]*\) failed; .*/\1/p' "$log" | paste -sd+ | bc_sum)
            ;;
        vitest)
            good=$(sed -n 's/^ *Tests .*[^0-9]\([0-9]\{1,\}\) passed.*/\1/p' "$log" | paste -sd+ | bc_sum)
            bad=$(sed -n 's/^ *Tests .*[^0-9]\([0-9]\{1,\}\) failed.*/\1/p' "$log" | paste -sd+ | bc_sum)
            ;;
        playwright)
            good=$(sed -n 's/^ *\([0-9]\{1,\}\) passed.*/\1/p' "$log" | paste -sd+ | bc_sum)
            bad=$(sed -n 's/^ *\([0-9]\{1,\}\) \(failed\|did not run\|interrupted\)$/\1/p' "$log" | paste -sd+ | bc_sum)
            ;;
    esac
    # A step that fails without a count (it did not compile, it was killed) is one failure.
    [ "$status" = 0 ] || [ "$bad" -gt 0 ] || bad=1
    # Tests that were not found are a failure too.
    [ "$kind" = - ] || [ "$good" -gt 0 ] || [ "$bad" -gt 0 ] || { bad=1; status=1; echo "no test was counted" >&2; }
    passed=$((passed + good)) failed=$((failed + bad))
    summary+=("$(printf '%-6s %4ds  %s' "$([ "$bad" = 0 ] && echo ok || echo FAILED)" $((SECONDS - start)) "$name$([ "$kind" = - ] || echo " ($good passed, $bad failed)")")")
}
bc_sum() { local sum; read -r sum || true; echo $((${sum:-0})); }
has_script() { node -e 'process.exit(require("./clients/package.json").scripts?.[process.argv[1]] ? 0 : 1)' "$1"; }
web() { (cd clients && npm run --silent "$@"); }

# A minute of damaged updates, other ones each time; the seed is printed. `make fuzz` goes on for hours.
cargo_test() { ATELIER_FUZZ_SECONDS=${ATELIER_FUZZ_SECONDS:-60} scripts/with-services.sh cargo test --locked --workspace --no-fail-fast; }
sqlx_check() { scripts/with-postgres.sh scripts/sqlx.sh check; }
contract_check() { cargo run --locked --quiet --bin atelier -- contract --check; }
browser() { cargo build --locked --bin atelier && scripts/with-postgres.sh npm run --silent --prefix clients e2e; }

step "format (cargo fmt)" - cargo fmt --all --check
if [ -f clients/package.json ]; then
    step "web: packages" - scripts/web.sh install
    step "web: build" - scripts/web.sh
    step "web: types, lint, format" - web check
    step "web: unit tests" vitest web test
fi
step "clippy, and .sqlx against a migrated database" - sqlx_check
step "cargo test" cargo cargo_test
step "contract: OpenAPI, AsyncAPI, TypeScript" - contract_check
if [ -f clients/package.json ] && has_script e2e; then
    step "browser tests" playwright browser
fi

printf '\n'
printf '%s\n' "${summary[@]}"
printf '%d s in all\n\n%d passed, %d failed\n' "$SECONDS" "$passed" "$failed"
[ "$failed" = 0 ]
