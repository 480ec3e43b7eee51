.PHONY: run build test simulate fuzz bench chaos fmt contract clean

run: ## Install what is missing, build, and serve http://localhost:8080
	@scripts/run.sh

build: ## The release binary with the web client inside
	@scripts/ensure-tools.sh run
	@scripts/web.sh
	cargo build --release --locked --bin atelier

test: ## Everything; the last line counts
	@scripts/test.sh

# SEED: one seed with all that happened in words, and shortened if it fails. BUG: with a planted bug (src/planted.rs).
simulate: ## Rooms in a world where anything goes wrong: SEEDS=100000 [FROM=0], or one again: SEED=17
	SEED=$(SEED) SEEDS=$(SEEDS) FROM=$(FROM) BUG=$(BUG) cargo test $(if $(SEED),,--release) --locked --lib simulation::tests::simulate -- --exact --ignored --nocapture

fuzz: ## Damaged updates against documents, for an hour or FUZZ_SECONDS
	ATELIER_FUZZ_SECONDS=$${FUZZ_SECONDS:-3600} cargo test --release --locked --lib collab::document::tests::fuzz -- --nocapture

bench: ## Benchmarks beside the floor of the same run
	@scripts/bench.sh

chaos: ## Every fault against three real nodes; writes docs/reliability.md
	@scripts/chaos.sh

fmt: ## Rust and web
	cargo fmt --all
	@if [ -d clients/node_modules ]; then cd clients && npm run --silent format; fi

contract: ## Renew what is made from the code: .sqlx, OpenAPI, AsyncAPI, TypeScript types
	@scripts/with-postgres.sh scripts/sqlx.sh write
	cargo run --locked --quiet --bin atelier -- contract

clean: ## Remove what was built; the data stays
	cargo clean
	rm -rf clients/node_modules clients/*/dist clients/e2e/results
