#!/usr/bin/env bash
# What can be shown about the Nix files, the units and the compose file without building anything.
#
# `nix flake check` shows more and needs Nix, its binary cache and KVM; docs/NIX.md tells what. This runs anywhere: on
# Debian it installs what is missing, as root or with sudo; elsewhere it names what it skips.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly deadnix_version=1.3.1 nixfmt_version=0.5.3
readonly tools=$PWD/target/tools
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

has() { command -v "$1" >/dev/null 2>&1; }
fail() { printf '%s\n' "$@" >&2; exit 1; }
skip() { printf 'skipped: %s\n' "$*"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

install_missing() {
    local packages=()
    has nix-instantiate || packages+=(nix-bin)
    has systemd-analyze || packages+=(systemd)
    python3 -c 'import yaml' 2>/dev/null || packages+=(python3-yaml)
    [ ${#packages[@]} -gt 0 ] || return 0
    has apt-get && { [ "$(id -u)" = 0 ] || has sudo; } || return 0
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${packages[@]}"
}

# install_tool NAME CRATE VERSION: a Rust program for the recipes, not optimised: it runs for a second.
install_tool() {
    PATH=$tools/bin:$PATH
    has "$1" && return
    has cargo || return 0
    CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR=$tools/build \
        cargo install "$2" --version "$3" --locked --debug --quiet --root "$tools"
    rm -rf "$tools/build"
}

# Nix with a store of its own, so that it needs no rights and leaves nothing behind.
own_nix() {
    env HOME="$scratch" NIX_STORE_DIR="$scratch/store" NIX_STATE_DIR="$scratch/state" NIX_LOG_DIR="$scratch/log" \
        NIX_CONF_DIR="$scratch/conf" NIX_CONFIG='build-users-group =' "$@"
}

parses() {
    has nix-instantiate || { skip "whether the recipes parse (no nix-instantiate)"; return 0; }
    local file
    for file in "${recipes[@]}"; do
        own_nix nix-instantiate --parse "$file" >/dev/null || fail "$file does not parse"
    done
}

# Fetches nothing: with a lock that misses an input, or has another branch than flake.nix, it would have to, and fails.
lock_agrees() {
    has nix || { skip "whether flake.lock agrees with flake.nix (no nix)"; return 0; }
    mkdir "$scratch/flake"
    cp flake.nix flake.lock "$scratch/flake/"
    own_nix nix --extra-experimental-features 'nix-command flakes' \
        flake metadata --no-update-lock-file "path:$scratch/flake" >"$scratch/metadata" 2>&1 ||
        { cat "$scratch/metadata"; fail "flake.lock does not agree with flake.nix"; }
}

tidy() {
    if has deadnix; then deadnix --fail "${recipes[@]}"; else skip "deadnix (cargo install deadnix)"; fi
    if has nixfmt; then nixfmt --check "${recipes[@]}"; else skip "nixfmt (cargo install nixfmt_rs)"; fi
}

# nix/golden holds what the module makes of settings; `nix flake check` keeps it current.
units() {
    has systemd-analyze || { skip "the units (no systemd-analyze)"; return 0; }
    local unit copy words
    for unit in nix/golden/*.service; do
        copy=$scratch/${unit##*/}
        sed 's,^ExecStart=/usr/bin/,&../../bin/true ,' "$unit" >"$copy"
        words=$(systemd-analyze verify --man=no --recursive-errors=no "$copy" 2>&1 || true)
        words=$(grep -F "${unit##*/}" <<<"$words" || true)
        [ -z "$words" ] || fail "$words"
        systemd-analyze security --offline=true --no-pager --threshold=15 "$copy" | tail -n 1 ||
            fail "$unit is less hardened than it was"
    done
}

compose() {
    if docker compose version >/dev/null 2>&1; then
        docker compose --file compose.yaml config --quiet
    elif python3 -c 'import yaml' 2>/dev/null; then
        python3 nix/check_compose.py compose.yaml
    else
        skip "compose.yaml (neither docker compose nor Python's yaml)"
    fi
}

healthy() {
    has rustc || { skip "nix/healthy.rs (no rustc)"; return 0; }
    rustc --edition 2024 -D warnings nix/healthy.rs -o "$scratch/healthy"
    ! "$scratch/healthy" 1 2>/dev/null || fail "nix/healthy.rs finds somebody well who is not there"
    ! has rustfmt || rustfmt --check --edition 2024 nix/healthy.rs
}

mapfile -t recipes < <(find flake.nix nixos-test.nix nix -name '*.nix' | sort)
install_missing
install_tool deadnix deadnix "$deadnix_version"
install_tool nixfmt nixfmt_rs "$nixfmt_version"
parses
lock_agrees
tidy
units
compose
healthy
echo "the Nix files are in order: ${#recipes[@]} recipes"
