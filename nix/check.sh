#!/usr/bin/env bash
# What can be shown about the Nix files, the test scripts, the units and the compose file without building anything.
#
# `nix flake check` shows more and needs Nix, its binary cache and KVM; docs/NIX.md tells what. This runs anywhere: on
# Debian it installs what is missing, as root or with sudo, but upgrades nothing; elsewhere it names what it skips.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly deadnix_version=1.3.1 nixfmt_version=0.5.3 ruff_version=0.17.6 ty_version=0.0.108 schema_version=0.39.0
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
    python3 -c 'import ensurepip' 2>/dev/null || packages+=(python3-venv)
    [ ${#packages[@]} -gt 0 ] || return 0
    has apt-get && { [ "$(id -u)" = 0 ] || has sudo; } || return 0
    as_root apt-get update -q
    local package
    for package in "${packages[@]}"; do install_without_upgrades "$package"; done
}

# The host is not ours: a package that could only come with a newer version of another, or instead of one, is left out.
install_without_upgrades() {
    local plan
    plan=$(apt-get install --simulate --no-install-recommends --no-upgrade "$1") || { skip "installing $1"; return 0; }
    # `Inst NAME [OLD] (NEW …)` is an upgrade, `Remv NAME` a removal.
    if grep -qE '^(Inst [^ ]+ \[|Remv )' <<<"$plan"; then
        skip "installing $1, which would change packages that are already here"
        return 0
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends --no-upgrade "$1"
}

# Python programs that nixpkgs' test driver uses, and one that knows the Compose specification, in an environment of their own.
install_python_tools() {
    PATH=$PATH:$tools/python/bin
    { has ruff && has ty && has check-jsonschema; } && return
    has python3 && python3 -c 'import ensurepip' 2>/dev/null || return 0
    python3 -m venv "$tools/python"
    "$tools/python/bin/pip" install --quiet --disable-pip-version-check \
        "ruff==$ruff_version" "ty==$ty_version" "check-jsonschema==$schema_version"
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

# As nixpkgs does when it builds the driver of a test on virtual machines or in containers.
test_scripts() {
    has nix-instantiate || { skip "the test scripts (no nix-instantiate to evaluate them with)"; return 0; }
    { has ruff && has ty; } || { skip "the test scripts (no ruff or no ty)"; return 0; }
    own_nix nix-instantiate --eval --strict --json nix/tests/scripts.nix >"$scratch/scripts.json"
    python3 nix/check_scripts.py "$scratch/scripts.json" "$(command -v ruff)" "$(command -v ty)"
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
    elif has check-jsonschema; then
        check-jsonschema --builtin-schema vendor.compose-spec compose.yaml
    else
        skip "the keys of compose.yaml (neither docker compose nor check-jsonschema)"
    fi
    if python3 -c 'import yaml' 2>/dev/null; then
        python3 nix/check_compose.py compose.yaml
    else
        skip "the names in compose.yaml (no Python yaml)"
    fi
}

mapfile -t recipes < <(find flake.nix nixos-test.nix nix -name '*.nix' | sort)
install_missing
install_tool deadnix deadnix "$deadnix_version"
install_tool nixfmt nixfmt_rs "$nixfmt_version"
install_python_tools
parses
lock_agrees
tidy
test_scripts
units
compose
echo "the Nix files are in order: ${#recipes[@]} recipes"
