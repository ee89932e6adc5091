//! The policies of `policies/`, and their cases: run as operators run them.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a helper of a test may panic as the test itself may"
)]

use std::path::{Path, PathBuf};

use hemostat_cli::Exit;
use hemostat_engine::bundle::PAYLOAD_TYPE;
use hemostat_engine::dsse::Envelope;
use hemostat_engine::limits::ENVELOPE_BYTES;
use hemostat_engine::policy::source::{parse_yaml, to_json};
use serde_json::{Value, json};

fn policies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies")
}

fn yaml(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&to_json(&parse_yaml(&text).unwrap())).unwrap()
}

/// The names of all overlays.
fn presets() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(policies().join("overlays"))
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.strip_suffix(".cases.yaml").map(str::to_owned)
        })
        .collect();
    names.sort();
    assert!(names.len() >= 6, "{names:?}");
    names
}

fn overlay(name: &str) -> PathBuf {
    policies().join("overlays").join(format!("{name}.yaml"))
}

fn hemostat(args: &[&str]) -> (Exit, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = std::iter::once("hemostat").chain(args.iter().copied()).map(Into::into);
    let exit = hemostat_cli::run(args, &mut out, &mut err);
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

/// A folder of this test's own with a key in it.
fn key(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let (exit, _, said) = hemostat(&["keygen", "ops", "--out", folder.to_str().unwrap()]);
    assert_eq!(exit, Exit::Fine, "{said}");
    folder.join("ops.key")
}

/// The baseline with an overlay, as a release brings it; else why there is none.
fn composed(name: &str, key: &Path, more: &[&str]) -> Result<Value, String> {
    let (baseline, overlay) = (policies().join("baseline.yaml"), overlay(name));
    let [baseline, overlay, key] = [&baseline, &overlay, key].map(|path| path.to_str().unwrap());
    let mut args = vec!["release", baseline, "--overlay", overlay, "--scope", "test", "--key", key];
    args.extend(["--serial", "1"]);
    args.extend(more);
    let (exit, out, err) = hemostat(&args);
    if exit != Exit::Fine {
        return Err(err);
    }
    let envelope = Envelope::read(out.trim().as_bytes(), PAYLOAD_TYPE, ENVELOPE_BYTES).unwrap();
    let release: Value = serde_json::from_slice(envelope.payload()).unwrap();
    Ok(release["policy"].clone())
}

/// What `hemostat check` finds: (severity, code).
fn findings(name: &str) -> Vec<(String, String)> {
    let (_, out, _) = hemostat(&["check", "--json", overlay(name).to_str().unwrap()]);
    let checked: Value = serde_json::from_str(&out).unwrap();
    let all = checked["files"][0]["diagnostics"].as_array().unwrap();
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    all.iter().map(|one| (word(one, "severity"), word(one, "code"))).collect()
}

/// What `hemostat test` says: each case's name, and whether it holds.
fn tested(args: &[&str]) -> Vec<(String, bool)> {
    let (_, out, err) = hemostat(&[&["test", "--json"], args].concat());
    let said: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}{err}"));
    let suites = said["suites"].as_array().unwrap();
    assert!(suites.iter().all(|suite| suite["refused"].is_null()), "{out}");
    let cases = suites.iter().flat_map(|suite| suite["cases"].as_array().unwrap());
    let case =
        |case: &Value| (case["name"].as_str().unwrap().to_owned(), case["ok"].as_bool().unwrap());
    cases.map(case).collect()
}

#[test]
fn every_policy_does_what_its_cases_say() {
    let (exit, out, err) = hemostat(&["test", policies().to_str().unwrap()]);
    assert_eq!(exit, Exit::Fine, "{out}{err}");
    for file in std::fs::read_dir(policies()).unwrap().map(|entry| entry.unwrap().path()) {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        // Prices are to be copied: they do nothing by themselves.
        if name.ends_with(".yaml") && name != "prices.yaml" {
            assert!(out.contains(&format!("{name}\n")), "{name} has no cases");
        }
    }
}

#[test]
fn an_overlay_is_acceptable_and_warns_of_nothing_new() {
    for name in presets() {
        let cases = yaml(&overlay(&name).with_extension("cases.yaml"));
        let allowed = cases["warnings"].as_array().cloned().unwrap_or_default();
        for (severity, code) in findings(&name) {
            assert!(severity == "warning" && allowed.contains(&json!(code)), "{name}: {code}");
        }
    }
}

/// Without the overlay the cases do not hold: they say something.
#[test]
fn no_case_of_an_action_holds_under_the_baseline_alone() {
    let baseline = policies().join("baseline.yaml");
    for name in presets() {
        let file = overlay(&name).with_extension("cases.yaml");
        let cases = yaml(&file);
        let cases = cases["cases"].as_array().unwrap();
        let acts = |name: &str| {
            let case = cases.iter().find(|case| case["name"] == name).unwrap();
            case["expect"].get("action").is_some()
        };
        let all = tested(&[file.to_str().unwrap(), "--policy", baseline.to_str().unwrap()]);
        let acting = all.iter().filter(|(case, _)| acts(case)).count();
        assert!(acting > 0 && acting < all.len(), "{name}: what acts and what passes");
        for (case, holds) in &all {
            assert_eq!(*holds, !acts(case), "{name}: {case}");
        }
    }
}

#[test]
fn an_overlay_stops_by_itself() {
    let key = key("presets-until");
    let rules = |policy: &Value| policy["failsafe"].as_array().unwrap().clone();
    let soon = composed("sev1-kill-feature", &key, &[]).unwrap();
    assert!(rules(&soon)[0]["when"]["until"].is_string(), "{soon}");
    assert_eq!(rules(&soon)[1]["when"], Value::Null, "the policy's own rules go on");
    let never = composed("sev1-kill-feature", &key, &["--until", "never"]).unwrap();
    assert_eq!(rules(&never)[0]["when"], json!({"feature": "checkout"}));
    // Over before the cases happen: the feature is served again.
    let mut over = soon.clone();
    over["failsafe"][0]["when"]["until"] = json!("2025-01-01T00:00:00Z");
    let gone = composed("sev1-kill-feature", &key, &["--until", "2025-01-01T00:00:00Z"]);
    assert!(gone.unwrap_err().contains("is not a time to come"));
    let [soon, over] = [("soon", soon), ("over", over)].map(|(name, policy)| {
        let path = key.with_file_name(format!("{name}.json"));
        std::fs::write(&path, policy.to_string()).unwrap();
        path
    });
    let cases = overlay("sev1-kill-feature").with_extension("cases.yaml");
    let stopped = |policy: &Path| {
        let case = ["--case", "the feature is stopped"];
        let args = [cases.to_str().unwrap(), "--policy", policy.to_str().unwrap()];
        tested(&[args.as_slice(), &case].concat())[0].1
    };
    assert!(stopped(&soon) && !stopped(&over));
}

#[test]
fn every_overlay_is_written_as_the_others() {
    let readme = std::fs::read_to_string(policies().join("README.md")).unwrap();
    for name in presets() {
        let policy = yaml(&overlay(&name));
        assert_eq!(policy["version"], json!(name));
        assert_eq!(policy["severity"], json!(&name[..4]), "{name}");
        assert!(policy["reason"].is_string(), "{name}");
        assert!(!policy.to_string().contains("until"), "{name}: a time in a file is over one day");
        assert!(
            readme.contains(&format!("(overlays/{name}.yaml)")),
            "policies/README.md lacks {name}"
        );
    }
}
