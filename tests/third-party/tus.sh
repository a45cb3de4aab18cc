#!/usr/bin/env bash
# Has the tus clients of others upload files: tuspy, and tus-js-client. Both break off in the middle, and go on after messenger was
# killed and started again. Once with files in a directory, once in a bucket of moto, a server that speaks S3.
#
#     tests/third-party/tus.sh
#
# It starts target/debug/messenger on free ports.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly here=$PWD/tests/third-party/tus
readonly tools=${CARGO_TARGET_DIR:-$PWD/target}/tools/tus

if ! cmp -s "$here/requirements.txt" "$tools/requirements.txt"; then
    rm -rf "$tools"
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$tools/requirements.txt"
fi

scratch=$(mktemp -d)
messenger=
moto=
stop() {
    for process in $messenger $moto; do kill "$process" 2>/dev/null || true; done
    wait
    rm -rf "$scratch"
}
trap stop EXIT

# The address that a line of this log names; waits for it.
address_in() {
    local address
    for _ in $(seq 300); do
        address=$(sed -n "s/.*$2 *\(http:\/\/\)\?\([0-9.]*:[0-9]*\).*/\2/p" "$1" | tail -1)
        [ -z "$address" ] || { echo "$address"; return; }
        sleep 0.1
    done
    cat "$1" >&2
    return 1
}

start() {
    : >"$scratch/log"
    # Nothing of the caller's settings. The same port again, once it is known.
    env -i HOME="$scratch" PATH="$PATH" AWS_ENDPOINT_URL="http://${s3:-}" AWS_REGION=us-east-1 \
        AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test \
        "${CARGO_TARGET_DIR:-target}/debug/messenger" --chat-listen=127.0.0.1:0 --auth-listen="${http:-127.0.0.1:0}" \
        --database="sqlite:$scratch/messenger.db" --files="$files" 2>"$scratch/log" >/dev/null &
    messenger=$!
    http=$(address_in "$scratch/log" 'auth listening on')
}

# Runs a client: its first line says that it has broken off.
try() {
    local name=$1
    shift
    mkfifo "$scratch/go"
    "$@" "http://$http" <"$scratch/go" >"$scratch/out" &
    local client=$!
    exec 3>"$scratch/go"
    for _ in $(seq 600); do
        grep -q '^broken off' "$scratch/out" && break
        kill -0 "$client" 2>/dev/null || break
        sleep 0.1
    done
    kill -9 "$messenger"
    wait "$messenger" 2>/dev/null || true
    start
    echo >&3
    exec 3>&-
    wait "$client" || { cat "$scratch/out" "$scratch/log" >&2; exit 1; }
    rm "$scratch/go"
    echo "$name, $files: $(tail -1 "$scratch/out")"
}

"$tools/bin/moto_server" --host 127.0.0.1 --port 0 >"$scratch/moto" 2>&1 &
moto=$!
s3=$(address_in "$scratch/moto" 'Running on')
curl --silent --fail --request PUT "http://$s3/messenger-files" >/dev/null

for files in "file:$scratch/files" s3://messenger-files/main; do
    start
    try tuspy "$tools/bin/python" "$here/upload.py"
    try tus-js-client node "$here/upload.mjs"
    kill "$messenger"
    wait "$messenger" || true
done
# The bucket has the pieces, and nothing beside them.
count=$(curl --silent --fail "http://$s3/messenger-files?list-type=2" | grep -o "<Key>main/[0-9a-f]*</Key>" | sort -u | wc -l)
echo "objects in the bucket: $count"
[ "$count" -ge 8 ]
