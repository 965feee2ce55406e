#!/bin/sh
# Builds {{name}}.wasm.
set -eu
cd "$(dirname "$0")"
target=wasm32-wasip2
if ! ls "$(rustc --print target-libdir --target $target)"/libstd-* >/dev/null 2>&1; then
    rustup target add $target
fi
cargo build --release --target $target
cp "${CARGO_TARGET_DIR:-target}/$target/release/plugin.wasm" {{name}}.wasm
