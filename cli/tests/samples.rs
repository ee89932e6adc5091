//! What this repository ships for operators to start from: `hemostat check` takes all of it without an error.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::path::{Path, PathBuf};

use hemostat_cli::run;
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Files below a folder that end so.
fn files(folder: &Path, ends: &[&str], found: &mut Vec<PathBuf>) {
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.to_string_lossy().into_owned();
        if path.is_dir() {
            files(&path, ends, found);
        } else if ends.iter().any(|end| name.ends_with(end)) && !name.ends_with(".cases.yaml") {
            found.push(path);
        }
    }
    found.sort();
}

fn hemostat(words: &[&str]) -> (Value, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    run(
        std::iter::once("hemostat").chain(words.iter().copied()).map(Into::into),
        &mut out,
        &mut err,
    );
    let text = String::from_utf8(out).unwrap();
    (
        serde_json::from_str(&text).unwrap_or(Value::Null),
        format!("{text}{}", String::from_utf8(err).unwrap()),
    )
}

fn checked(path: &Path) -> (Value, String) {
    hemostat(&["check", "--json", path.to_str().unwrap()])
}

#[test]
fn every_sample_and_manifest_is_acceptable_but_for_keys_to_fill_in() {
    let mut found = Vec::new();
    files(&root().join("envoy"), &[".yaml"], &mut found);
    let mut configurations = 0;
    for path in &found {
        // Templates of the chart are no YAML before they are rendered; what they render is held to be these manifests.
        if path.components().any(|part| part.as_os_str() == "templates") {
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        let carries = ["hold_headers", "\"policy\":"].iter().any(|word| text.contains(word));
        if !carries {
            continue;
        }
        let (said, all) = checked(path);
        let reports =
            said["files"].as_array().unwrap_or_else(|| panic!("{}: {all}", path.display()));
        assert!(!reports.is_empty(), "{}", path.display());
        for report in reports {
            assert_eq!(report["what"], "configuration", "{}: {report}", path.display());
            configurations += 1;
            for one in report["diagnostics"].as_array().unwrap() {
                let line = one["line"].as_u64().unwrap_or_default() as usize;
                let stands = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
                let to_fill = stands.contains("REPLACE-ME");
                assert!(to_fill, "{}: {one}", path.display());
            }
        }
    }
    assert!(configurations >= 15, "{configurations} configurations in {found:?}");
}

#[test]
fn every_policy_and_overlay_is_acceptable() {
    let mut found = Vec::new();
    files(&root().join("policies"), &[".yaml"], &mut found);
    assert!(found.len() >= 14, "{found:?}");
    for path in found {
        let (said, all) = checked(&path);
        assert_eq!(
            (&said["ok"], &said["files"][0]["errors"]),
            (&json!(true), &json!(0)),
            "{}: {all}",
            path.display()
        );
    }
}

/// The runbook's page "the provider is down" names an upstream: the sample that takes releases lets it through, and its
/// route table knows it.
#[test]
fn the_control_sample_lets_the_runbooks_switch_through() {
    let sample = std::fs::read_to_string(root().join("envoy/control/envoy.yaml")).unwrap();
    let overlay =
        std::fs::read_to_string(root().join("policies/overlays/sev2-switch-provider.yaml"))
            .unwrap();
    assert!(overlay.contains("upstream: second"), "{overlay}");
    assert_eq!(
        sample.matches(r#""allow": {"upstreams": ["second"]}"#).count(),
        2,
        "both listeners"
    );
    assert!(sample.contains("{name: x-hemostat-upstream, string_match: {exact: second}}"));
    assert!(sample.contains("cluster: second") && sample.contains("- name: second"));
}
