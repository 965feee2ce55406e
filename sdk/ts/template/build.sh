#!/bin/sh
# Builds {{name}}.wasm; what it needs is installed into TOOLS (here), once.
set -eu
cd "$(dirname "$0")"
tools=${TOOLS:-.}
modules="$tools/node_modules"
if [ ! -f "$modules/typescript/bin/tsc" ] || [ ! -f "$modules/componentize-qjs/bin/componentize-qjs" ]; then
    npm install --silent --no-fund --no-audit --prefix "$tools" typescript@7.0.2 componentize-qjs@0.4.5
fi
rm -rf build
node "$modules/typescript/bin/tsc"
cp src/charthouse.js src/files.js build/
node "$modules/componentize-qjs/bin/componentize-qjs" --wit wit --world plugin --js build/plugin.js --module-root build --sync --opt-size -o {{name}}.wasm
