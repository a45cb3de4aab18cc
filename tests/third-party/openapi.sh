#!/usr/bin/env bash
# Has programs of others test the HTTP interface of auth by its OpenAPI page: schemathesis sends requests that fit the page and
# requests that do not, and a generated Python client signs up, logs in and asks who it is.
#
#     tests/third-party/openapi.sh [EXAMPLES]      examples for each operation, 50 unless given
#
# It starts target/debug/auth on a free port, with a database in memory.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly here=$PWD/tests/third-party
readonly examples=${1:-50}
readonly tools=${CARGO_TARGET_DIR:-$PWD/target}/tools/python
readonly requirements=$here/requirements.txt
# Reproducible: what a run finds, the next one finds.
readonly seed=1
export SCHEMATHESIS_HOOKS=$here/schemathesis_hooks.py

if ! cmp -s "$requirements" "$tools/requirements.txt"; then
    rm -rf "$tools"
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
    cp "$requirements" "$tools/requirements.txt"
fi

scratch=$(mktemp -d)
auth=
stop() {
    [ -z "$auth" ] || kill "$auth" 2>/dev/null || true
    wait
    rm -rf "$scratch"
}
trap stop EXIT

: >"$scratch/log"
# Nothing of the caller's settings, and no bound on signups from one address.
env -i HOME="$scratch" PATH="$PATH" "${CARGO_TARGET_DIR:-target}/debug/auth" \
    --listen=127.0.0.1:0 --database=sqlite::memory: --signup-rate=0 2>"$scratch/log" &
auth=$!
for _ in $(seq 100); do
    address=$(sed -n 's/.*auth listening on \([0-9.:]*\).*/\1/p' "$scratch/log")
    [ -z "$address" ] || break
    sleep 0.1
done
[ -n "$address" ] || { cat "$scratch/log" >&2; exit 1; }
readonly url=http://$address

post() { curl --silent --show-error --fail "$url/$1" --data "$2"; }
token() {
    post login '{"email":"alice@example.com","password":"secret"}' |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])'
}
schemathesis() (
    local config=$1 token=$2
    shift 2
    # It keeps what it has found below the working directory.
    cd "$scratch"
    "$tools/bin/schemathesis" --config-file "$config" run "$url/openapi.json" --url "$url" \
        --header "Authorization: Bearer $token" --continue-on-failure --max-examples "$examples" --seed "$seed" --no-color "$@"
)

post signup '{"email":"alice@example.com","name":"Alice","password":"secret"}' >/dev/null
# Now, since the wrong passwords of the first run use up what this address may try.
first=$(token)
second=$(token)
echo 'all operations but POST /logout'
schemathesis "$here/schemathesis.toml" "$first"
echo 'POST /logout'
: >"$scratch/empty.toml"
schemathesis "$scratch/empty.toml" "$second" --include-path /logout

echo 'a generated Python client'
"$tools/bin/openapi-python-client" generate --url "$url/openapi.json" --output-path "$scratch/messenger_client" --meta none \
    >"$scratch/generated" 2>&1 || { cat "$scratch/generated" >&2; exit 1; }
PYTHONPATH=$scratch "$tools/bin/python" "$here/client.py" "$url"

kill -0 "$auth" || { cat "$scratch/log" >&2; echo 'auth has ended' >&2; exit 1; }
if grep -E ' (ERROR|panic place=)' "$scratch/log"; then
    echo 'auth has logged errors' >&2
    exit 1
fi
