//! The direction of dependencies (docs/ARCHITECTURE.md): `filter → engine ← cli`; `host-tests` and `benches` may use
//! the engine, and nothing else of the workspace but each other's library.

use std::process::Command;

use serde_json::Value;

#[test]
fn arrows_point_where_the_house_says() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--locked"])
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let allowed = |package: &str| -> &[&str] {
        match package {
            "hemostat-engine" => &[],
            "hemostat-filter" | "hemostat-cli" | "hemostat-host-tests" => &["hemostat-engine"],
            "hemostat-benches" => &["hemostat-engine", "hemostat-host-tests"],
            other => {
                panic!("`{other}` is new: say in docs/ARCHITECTURE.md where it stands, and here")
            }
        }
    };
    for package in metadata["packages"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name");
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let dependency = dependency["name"].as_str().expect("a name");
            if dependency.starts_with("hemostat-") {
                assert!(
                    allowed(name).contains(&dependency),
                    "`{name}` must not use `{dependency}`"
                );
            }
        }
    }
}

#[test]
fn the_engine_knows_no_host() {
    let manifest = include_str!("../../engine/Cargo.toml");
    let own = manifest.split("[dev-dependencies]").next().expect("a manifest");
    for host in ["proxy-wasm", "wasmtime", "tokio", "clap", "log", "getrandom", "rand", "chrono"] {
        assert!(!own.lines().any(|line| line.starts_with(host)), "the engine depends on `{host}`");
    }
}
