#!/bin/sh
# Builds {{name}}.wasm; what it needs is installed into TOOLS (here), once.
set -eu
cd "$(dirname "$0")"
tools=${TOOLS:-.}
compiler="$tools/node_modules/componentize-qjs/bin/componentize-qjs"
if [ ! -f "$compiler" ]; then
    npm install --silent --no-fund --no-audit --prefix "$tools" componentize-qjs@0.4.5
fi
node "$compiler" --wit wit --world plugin --js src/plugin.js --module-root src --sync --opt-size -o {{name}}.wasm
