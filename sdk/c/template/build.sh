#!/bin/sh
# Builds {{name}}.wasm; without CC for WASI, zig's is installed into TOOLS (.tools here), once.
set -eu
cd "$(dirname "$0")"
tools=${TOOLS:-.tools}
if [ -z "${WASI_CC:-}" ]; then
    if [ ! -x "$tools/bin/python-zig" ]; then
        python3 -m venv "$tools"
        "$tools/bin/python" -m pip install --quiet --disable-pip-version-check ziglang==0.17.0
    fi
    WASI_CC="$tools/bin/python-zig cc -target wasm32-wasi"
fi
$WASI_CC -mexec-model=reactor -Os -Wall -Wextra -Wl,--strip-debug -I. \
    plugin.c charthouse.c bindings/tool_plugin.c bindings/tool_plugin_component_type.o -o {{name}}.wasm
