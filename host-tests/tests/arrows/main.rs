//! The direction of dependencies (docs/ARCHITECTURE.md): `filter → engine ← cli`, `engine → control → dialect → ground`;
//! `host-tests` and `benches` may use the engine, and nothing else of the workspace but each other's library; `testkit` is
//! for tests alone. Inside these crates, rooms use those below them.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "test code"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

mod circles;
mod code;
mod files;

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
            "hemostat-ground" => &[],
            "hemostat-dialect" => &["hemostat-ground"],
            "hemostat-control" => &["hemostat-dialect", "hemostat-ground"],
            "hemostat-engine" => &["hemostat-control", "hemostat-dialect", "hemostat-ground"],
            "hemostat-filter" | "hemostat-cli" | "hemostat-host-tests" | "hemostat-testkit" => {
                &["hemostat-engine"]
            }
            "hemostat-benches" => &["hemostat-engine", "hemostat-host-tests", "hemostat-testkit"],
            other => {
                panic!("`{other}` is new: say in docs/ARCHITECTURE.md where it stands, and here")
            }
        }
    };
    for package in metadata["packages"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name");
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            // What only tests use may use the engine that it is a help of.
            let for_tests = dependency["kind"] == "dev";
            let dependency = dependency["name"].as_str().expect("a name");
            if for_tests && dependency == "hemostat-testkit" {
                continue;
            }
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
    let manifests = [
        include_str!("../../../engine/Cargo.toml"),
        include_str!("../../../control/Cargo.toml"),
        include_str!("../../../dialect/Cargo.toml"),
        include_str!("../../../ground/Cargo.toml"),
    ];
    for manifest in manifests {
        let own = manifest.split("[dev-dependencies]").next().expect("a manifest");
        for host in
            ["proxy-wasm", "wasmtime", "tokio", "clap", "log", "getrandom", "rand", "chrono"]
        {
            let uses = own.lines().any(|line| line.starts_with(host));
            assert!(!uses, "the engine depends on `{host}`");
        }
    }
}

/// The rooms from the ground up, crate by crate (docs/ARCHITECTURE.md): each may use those before it.
const ROOMS: &[&str] = &[
    // ground
    "limits",
    "base",
    "wire",
    "search",
    // dialect
    "jcs",
    "dialect",
    // control
    "written",
    "dsse",
    "ledger",
    "fleet",
    "policy",
    "grant",
    "event",
    "effect",
    "bundle",
    "counters",
    "providers",
    // engine
    "capture",
    "context",
    "answer",
    "lever",
    "mcp",
    "exchange",
];

/// Arrows that point up, and what would turn them. The list may only become shorter.
const UPWARDS: &[(&str, &str)] = &[
    // What a configuration says of releases is in terms of `bundle`.
    ("policy", "bundle"),
    // What is shown of services is read from a program; what accounts want counted and told is an effect.
    ("fleet", "policy"),
    ("fleet", "effect"),
    // The codec of shared memory stands in `bundle`.
    ("event", "bundle"),
    // What an answer says is gathered on the loop over its frames, out of the VM's memory.
    ("capture", "answer"),
    ("capture", "context"),
    // A release's reasons are counted, and counters know all reasons.
    ("bundle", "counters"),
];

/// What follows each `crate::` in a source, comments and tests left out.
fn uses(source: &str) -> BTreeSet<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut rooms = BTreeSet::new();
    for line in lines {
        for (at, _) in line.match_indices("crate::") {
            if line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_') {
                continue;
            }
            let rest = &line[at + "crate::".len()..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            assert!(
                end > 0,
                "write one `use crate::ROOM` a room, so that arrows can be read: {line}"
            );
            rooms.insert(rest[..end].to_owned());
        }
    }
    rooms
}

/// All sources below a folder, by their path in it; files of tests are left out.
fn sources(folder: &Path, below: &str, all: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let own = format!("{below}{name}");
        if path.is_dir() {
            if name != "tests" {
                sources(&path, &format!("{own}/"), all);
            }
        } else if own.ends_with(".rs") && !own.ends_with("tests.rs") {
            all.push((own, std::fs::read_to_string(&path).expect("a source")));
        }
    }
}

#[test]
fn the_engines_rooms_use_those_below_them() {
    let mut all = Vec::new();
    // `dialect` is one room, and its crate can use nothing but the ground.
    for house in ["../engine/src", "../control/src", "../ground/src"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(house), "", &mut all);
    }
    all.retain(|(path, _)| path != "lib.rs");
    assert!(all.len() > 200, "the sources are elsewhere");
    let place = |room: &str| {
        let place = ROOMS.iter().position(|own| *own == room);
        place.unwrap_or_else(|| panic!("`{room}` is a new room: say in `ROOMS` where it stands"))
    };
    let mut upwards: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for (path, source) in &all {
        let room = path.split(['/', '.']).next().expect("a room");
        for used in uses(source) {
            if place(&used) > place(room) {
                upwards.entry((room.to_owned(), used)).or_default().push(path.clone());
            }
        }
    }
    for ((from, to), files) in &upwards {
        assert!(
            UPWARDS.contains(&(from.as_str(), to.as_str())),
            "`{from}` must not use `{to}`, which stands above it: {files:?}"
        );
    }
    for (from, to) in UPWARDS {
        let known = upwards.contains_key(&((*from).to_owned(), (*to).to_owned()));
        assert!(known, "`{from}` does not use `{to}` any more: take it off the list");
    }
}

#[test]
fn an_exchange_is_the_order_of_the_levers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/src");
    let mut all = Vec::new();
    sources(&folder, "", &mut all);
    let adds = |source: &str| source.lines().any(|line| line.starts_with("impl Exchange "));
    for (path, source) in all {
        let own = path.starts_with("exchange/");
        assert!(own || !adds(&source), "{path}: a lever is a value, and knows no exchange");
    }
}
