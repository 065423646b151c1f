#!/bin/sh
# Runs all tests: with nextest where it is installed, else with cargo test; then the documentation's.
set -eu
: "${CARGO:=cargo}"
# What a test says when it fails is worth more than where.
export RUST_BACKTRACE=0

if "$CARGO" nextest --version >/dev/null 2>&1; then
    "$CARGO" nextest run --locked --workspace --no-fail-fast
else
    "$CARGO" test --locked --workspace --no-fail-fast --lib --bins --tests
fi
"$CARGO" test --locked --workspace --doc
