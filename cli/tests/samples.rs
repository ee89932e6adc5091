//! What this repository ships for operators to start from: `hemostat check` takes all of it without an error.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "tests"
)]

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

/// A folder of this test's own.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The sample with what its operator has to fill in: other keys at each place, and the digest of a token.
fn filled(folder: &Path, text: &str, path: &Path) -> PathBuf {
    let (mut out, mut keys) = (String::new(), 0);
    for line in text.lines() {
        let mut line = line.to_owned();
        if let Some(at) = line.find("\"sha256:REPLACE-ME") {
            line.truncate(at);
            line.push_str(&format!("\"sha256:{}\"", "0".repeat(64)));
        }
        while let Some(at) = line.find("\"REPLACE-ME") {
            let end = at + 2 + line[at + 1..].find('"').unwrap();
            // Both listeners carry the same two.
            let key = public(folder, ["first", "second"][keys % 2]);
            line.replace_range(at..end, &format!("\"{key}\""));
            keys += 1;
        }
        out.push_str(&line);
        out.push('\n');
    }
    let file = folder.join(path.file_name().unwrap());
    std::fs::write(&file, out).unwrap();
    file
}

/// The public key of this name, made where it is not there yet.
fn public(folder: &Path, name: &str) -> String {
    let key = folder.join(format!("{name}.key"));
    if !key.exists() {
        hemostat(&["keygen", name, "--out", folder.to_str().unwrap()]);
    }
    let (said, all) = hemostat(&["keygen", "--json", "--public", key.to_str().unwrap()]);
    said["trust"]["keys"][name].as_str().unwrap_or_else(|| panic!("{all}")).to_owned()
}

fn checked(path: &Path) -> (Value, String) {
    hemostat(&["check", "--json", path.to_str().unwrap()])
}

#[test]
fn every_sample_and_manifest_is_acceptable_once_its_keys_are_filled_in() {
    let mut found = Vec::new();
    files(&root().join("envoy"), &[".yaml"], &mut found);
    let folder = folder("samples");
    let mut configurations = 0;
    for path in &found {
        // The chart is no configuration before it is rendered; what it renders is held to be these manifests.
        if path.components().any(|part| part.as_os_str() == "helm") {
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        let carries = ["hold_headers", "\"policy\":"].iter().any(|word| text.contains(word));
        if !carries {
            continue;
        }
        let (said, all) = checked(&filled(&folder, &text, path));
        let reports =
            said["files"].as_array().unwrap_or_else(|| panic!("{}: {all}", path.display()));
        assert!(!reports.is_empty(), "{}", path.display());
        for report in reports {
            assert_eq!(report["what"], "configuration", "{}: {report}", path.display());
            configurations += 1;
            // A release is signed by its operator's own key: there is none to fill in.
            let unsigned = |one: &&Value| !one["path"].as_str().unwrap().starts_with("release");
            let wrong = report["diagnostics"].as_array().unwrap().iter().filter(unsigned);
            assert_eq!(wrong.collect::<Vec<_>>(), Vec::<&Value>::new(), "{}", path.display());
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

/// What the demos show is what an operator may write.
#[test]
fn the_demos_policies_are_acceptable_and_the_game_days_overlays_on_its_policy() {
    let folder = root().join("demo/policies");
    let (mut found, mut overlays) = (Vec::new(), Vec::new());
    files(&folder, &[".yaml"], &mut found);
    found.retain(|path| {
        let drawer = path.parent().is_some_and(|own| own.ends_with("drill"));
        if drawer {
            overlays.push(path.clone());
        }
        !drawer
    });
    assert!(found.len() >= 7 && overlays.len() == 5, "{found:?} {overlays:?}");
    let policy = folder.join("drill.yaml");
    let both = overlays.iter().map(|own| vec![policy.clone(), own.clone()]);
    for paths in found.into_iter().map(|path| vec![path]).chain(both) {
        let paths: Vec<&str> = paths.iter().map(|path| path.to_str().unwrap()).collect();
        let (said, all) = match paths[..] {
            [policy, overlay] => hemostat(&["check", "--json", policy, "--overlay", overlay]),
            _ => hemostat(&["check", "--json", paths[0]]),
        };
        assert_eq!(
            (&said["ok"], &said["files"][0]["errors"]),
            (&json!(true), &json!(0)),
            "{paths:?}: {all}"
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

/// nginx carries the configuration between the quotes of a directive.
#[test]
fn the_configuration_for_nginx_is_acceptable() {
    let text = std::fs::read_to_string(root().join("envoy/nginx/nginx.conf")).unwrap();
    let (_, rest) = text.split_once("proxy_wasm hemostat '").unwrap();
    let (configuration, _) = rest.split_once("';").unwrap();
    let file = folder("nginx").join("policy.json");
    std::fs::write(&file, configuration).unwrap();
    let (said, all) = checked(&file);
    let report = &said["files"][0];
    assert_eq!(
        (&report["what"], &report["diagnostics"]),
        (&json!("configuration"), &json!([])),
        "{all}"
    );
}
