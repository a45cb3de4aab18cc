#!/usr/bin/env bash
# Checks the web client without a browser: types, lints, format, sizes, unit tests. `npm ci` has to have run.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly bin=node_modules/.bin

"$bin/tsc" -p web/jsconfig.json &
types=$!
"$bin/eslint" --max-warnings 0 web &
lints=$!
"$bin/prettier" --check --log-level warn web &
format=$!
node --test --test-reporter=dot web/test/unit/*.test.js
wait "$types"
wait "$lints"
wait "$format"
