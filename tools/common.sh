# Sourced by the set-up scripts: where things go, and how a step says what it does.
# shellcheck shell=bash
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TOOLS=$ROOT/.tools
VENV=$TOOLS/venv

step() { printf '==> %s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# quietly COMMAND…: its output is shown only where it fails.
quietly() {
    local log
    log=$(mktemp)
    if "$@" >"$log" 2>&1; then
        rm -f "$log"
        return 0
    fi
    tail -n 40 "$log" >&2
    rm -f "$log"
    return 1
}

# need_packages PACKAGE…: installs distribution packages, where this user may.
need_packages() {
    command -v apt-get >/dev/null || {
        step "this machine has no apt-get: please install $* with its own package manager"
        return 1
    }
    local sudo=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || {
            step "please install as root: apt-get install $*"
            return 1
        }
        sudo=(sudo)
    fi
    step "installing distribution packages: $*"
    quietly "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" || {
        quietly "${sudo[@]}" apt-get update &&
            quietly "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
    }
}

# need_venv: a Python environment of the project's own in .tools/venv.
need_venv() {
    [ -x "$VENV/bin/pip" ] && return 0
    command -v python3 >/dev/null || need_packages python3 || return 1
    step "making a Python environment in .tools/venv"
    if ! python3 -m venv "$VENV" >/dev/null 2>&1; then
        rm -rf "$VENV"
        need_packages python3-venv && quietly python3 -m venv "$VENV"
    fi
}

# stamp_is STAMP FILE…: true where STAMP was set for exactly these files. It lies in the folder that the step makes, so
# that removing the folder is enough to have the step done again.
stamp_is() { [ -f "$1" ] && [ "$(cat "${@:2}" | cksum)" = "$(cat "$1")" ]; }
stamp_set() { cat "${@:2}" | cksum >"$1"; }

# target_std_exists TARGET: true where the machine's own rustc has a std for it.
target_std_exists() { compgen -G "$(rustc --print sysroot)/lib/rustlib/$1/lib/libstd-*.rlib" >/dev/null; }
