# Sourced by tools/wasm: what compiles the filter.
# shellcheck shell=bash
#
# Rust's own library is built with the module, from its sources (`rustup component add rust-src`), for size: a tenth
# less. Where the sources cannot be had, the library that comes with the target is taken; HEMOSTAT_WASM_STD=no does so too.
#
# Two toolchains can do it; HEMOSTAT_WASM_TOOLCHAIN=rustup|debian forces one:
#   rustup  the machine's own rustc, with those sources or with a library for the target (`rustup target add`)
#   debian  distribution packages rustc-web and rust-web-src, for machines that can fetch neither; in releases of Debian
#           in which they are new enough
TARGET=wasm32-unknown-unknown

need_target_std() {
    target_std_exists "$TARGET" && return 0
    command -v rustup >/dev/null || return 1
    step "adding the Rust target $TARGET"
    quietly rustup target add "$TARGET" && target_std_exists "$TARGET"
}

# Rust's own library for size, but for what every byte goes through: copying, comparing, allocating.
OWN_STD=(
    -Zbuild-std=std,panic_abort
    -Zbuild-std-features=optimize_for_size
    --config 'profile.release.package.compiler_builtins.opt-level=3'
    --config 'profile.release.package.dlmalloc.opt-level=3'
    --config 'profile.release.package.core.opt-level="s"'
    --config 'profile.release.package.alloc.opt-level="s"'
)

# What nobody would read: the file and line of each check that can fail (the backtrace of a trap names the function, with
# the names beside the module), and what `{:?}` writes (nothing in the module is shown that way; its own log lines are
# sentences). 50 KB.
SILENT=(-Zlocation-detail=none -Zfmt-debug=none)

need_std_source() {
    local sources
    sources=$(rustc --print sysroot)/lib/rustlib/src/rust/library
    [ "${HEMOSTAT_WASM_STD:-yes}" != no ] || return 1
    [ -f "$sources/Cargo.lock" ] && return 0
    command -v rustup >/dev/null || return 1
    step "adding the sources of Rust's own library (rust-src)"
    quietly rustup component add rust-src && [ -f "$sources/Cargo.lock" ]
}

# build FOLDER FLAG…: what the filter is built with besides, and the folder for it, a relative one. It sets `built`.
build() {
    local target_dir cargo=(cargo build --release --locked --package hemostat-filter --target "$TARGET")
    "with_$HEMOSTAT_WASM_TOOLCHAIN" "$@" || return
    built=$target_dir/$TARGET/release/hemostat_filter.wasm
}

# with_flags FLAG…: adds to `cargo` what the compiler is told besides .cargo/config.toml.
with_flags() { cargo+=(--config "target.$TARGET.rustflags=[$(printf "'%s'," "$@")]"); }

with_rustup() {
    target_dir=${CARGO_TARGET_DIR:-$ROOT/target}/$1
    shift
    if [ "$std" = own ]; then
        set -- "${SILENT[@]}" "$@"
        cargo+=("${OWN_STD[@]}")
    fi
    [ $# -eq 0 ] || with_flags "$@"
    # RUSTC_BOOTSTRAP lets a stable compiler take flags that say how std is built, what is left out and what is counted.
    RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$target_dir "${cargo[@]}"
}

need_debian_rust() {
    local least found
    [ -x /usr/bin/rustc ] && [ -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library" ] ||
        need_packages rustc-web rust-web-src || return 1
    least=$(sed -n 's/^rust-version = "\([0-9.]*\)".*/\1/p' "$ROOT/Cargo.toml")
    found=$(/usr/bin/rustc --version | cut -d ' ' -f 2)
    printf '%s\n' "$least" "$found" | sort --version-sort --check=quiet ||
        { step "the distribution's rustc is $found, and the filter needs $least" && return 1; }
}

# The linker for wasm: the one that rustup's toolchain carries, else the distribution's.
find_wasm_linker() {
    local found
    found=$(compgen -G "$(rustc --print sysroot)/lib/rustlib/*/bin/rust-lld" | head -n 1)
    [ -n "$found" ] || found=$(command -v rust-lld || command -v wasm-ld) || true
    [ -n "$found" ] || { need_packages lld && found=$(command -v wasm-ld); }
    [ -n "$found" ] && printf '%s\n' "$found"
}

with_debian() {
    local linker
    linker=$(find_wasm_linker) || die "no linker for wasm (rust-lld or wasm-ld) found: install the package lld"
    # A directory of its own: the other toolchain's artefacts would be rebuilt at every change between the two.
    target_dir=$ROOT/target-wasm/$1
    shift
    with_flags -Clinker-flavor=wasm-ld "${SILENT[@]}" "$@"
    RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$target_dir \
        CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$linker "${cargo[@]}" "${OWN_STD[@]}"
}

# Sets `std`: `own`, or `rustup` for the library that comes with the target.
need_rustup_std() {
    std=own
    need_std_source && return 0
    std=rustup
    need_target_std && step "with the library that comes with the target: the module is a tenth larger than it could be"
}

# Sets HEMOSTAT_WASM_TOOLCHAIN and `std`.
choose_toolchain() {
    local cannot="rustup can add neither $TARGET nor rust-src"
    case ${HEMOSTAT_WASM_TOOLCHAIN:-auto} in
        rustup) need_rustup_std || die "$cannot; HEMOSTAT_WASM_TOOLCHAIN=debian is the other way" ;;
        debian) std=own && need_debian_rust || die "packages rustc-web and rust-web-src cannot be had, or are too old" ;;
        auto)
            if need_rustup_std; then
                HEMOSTAT_WASM_TOOLCHAIN=rustup
            elif std=own && need_debian_rust; then
                HEMOSTAT_WASM_TOOLCHAIN=debian
            else
                die "$cannot, and the distribution has no rustc-web and rust-web-src that are new enough"
            fi
            ;;
        *) die "HEMOSTAT_WASM_TOOLCHAIN is \`$HEMOSTAT_WASM_TOOLCHAIN\`; rustup or debian are accepted" ;;
    esac
}
