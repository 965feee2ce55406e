#!/bin/sh
# Builds {{name}}.wasm; what it needs is installed into TOOLS (.tools here), once.
set -eu
cd "$(dirname "$0")"
tools=${TOOLS:-.tools}
if [ ! -x "$tools/bin/componentize-py" ]; then
    python3 -m venv "$tools"
    "$tools/bin/python" -m pip install --quiet --disable-pip-version-check componentize-py==0.25.1
fi
"$tools/bin/componentize-py" --quiet -d wit -w tool-plugin componentize plugin -o {{name}}.wasm
