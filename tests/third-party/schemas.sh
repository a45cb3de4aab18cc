#!/usr/bin/env bash
# Has programs of others read the descriptions of the chat protocol: ajv in strict mode reads docs/schema.json and checks every
# golden frame, and AsyncAPI's own parser reads docs/asyncapi.json.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly packages=(ajv@8.20.0 ajv-formats@3.0.1 @asyncapi/parser@3.6.6)
readonly tools=${CARGO_TARGET_DIR:-$PWD/target}/tools/schemas

if [ "$(cat "$tools/packages" 2>/dev/null)" != "${packages[*]}" ]; then
    rm -rf "$tools"
    mkdir -p "$tools"
    npm install --prefix "$tools" --no-save --no-audit --no-fund --loglevel=error "${packages[@]}"
    echo "${packages[*]}" >"$tools/packages"
fi
# Node.js looks for packages beside the script.
cp tests/third-party/schemas.mjs "$tools/schemas.mjs"
node "$tools/schemas.mjs" "$PWD"
