//! Link arguments of the module.

use std::env;

/// The module's stack, in bytes; the linker's default is 1 MiB, which every worker's VM would pay for.
///
/// The deepest code is regex-automata's compiler, which recurses into a pattern as deep as regex-syntax lets it nest
/// (250): measured, that needs more than 64 KiB and fits in 128 KiB. Nothing recurses on traffic. The stack lies below
/// all data, so going past it traps and overwrites nothing.
const STACK_BYTES: u32 = 256 * 1024;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "wasm32") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size={STACK_BYTES}");
    }
}
