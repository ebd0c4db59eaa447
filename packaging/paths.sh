# shellcheck shell=bash
# What both kinds of package share. Sourced, not run.

# forget_paths: programs name the sources of what may fail in them; the compiler is told to call those
# the same wherever they lie, so that a program tells nothing of who built it, and two are the same.
forget_paths() {
    local place flags=()
    cargo fetch --locked --quiet >&2
    read -ra flags <<<"${RUSTFLAGS:-}"
    for place in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/; do
        flags+=("--remap-path-prefix=${place%/}=/crates")
    done
    flags+=("--remap-path-prefix=$PWD=/mdbitmap")
    local IFS=$'\x1f'
    export CARGO_ENCODED_RUSTFLAGS="${flags[*]}"
}
