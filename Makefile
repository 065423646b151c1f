# Spark Control. `make demo` shows it, `make test` checks it; both set up what they need.
CARGO ?= cargo
PORT ?= 9999
SPEED ?= 10

.PHONY: demo test build setup lint doc unit bench fmt clean

## the whole product on two simulated Sparks, dashboard on port 9999
demo:
	@sh scripts/setup.sh build
	$(CARGO) build --locked --workspace --bins
	target/debug/spark-sim demo --port $(PORT) --speed $(SPEED)

## everything that must hold: format, lints, docs, crate boundaries, unit and end-to-end tests
test: setup lint doc unit

setup:
	@sh scripts/setup.sh test

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" $(CARGO) doc --workspace --no-deps --locked --document-private-items

unit:
	$(CARGO) build --locked --workspace --bins
	sh scripts/run-tests.sh

## figures against their baselines, as JSON lines in target/bench/results.jsonl and a table
bench:
	@sh scripts/setup.sh test
	$(CARGO) build --locked --release --workspace --bins
	$(CARGO) run --locked --release -p spark-e2e --bin spark-bench

build:
	$(CARGO) build --locked --workspace --bins

fmt:
	$(CARGO) fmt --all

clean:
	$(CARGO) clean
