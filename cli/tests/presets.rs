//! The overlays of `policies/overlays`: each is put on the baseline by `hemostat release`, and its cases are run.
//!
//! An overlay for a lever that does not work yet is refused with `not-yet` and nothing else; its cases run from the day
//! on which the lever works.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a helper of a test may panic as the test itself may"
)]

#[path = "../../engine/tests/support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};

use hemostat_cli::Exit;
use hemostat_engine::bundle::PAYLOAD_TYPE;
use hemostat_engine::dsse::Envelope;
use hemostat_engine::exchange::HeaderEdit;
use hemostat_engine::limits::ENVELOPE_BYTES;
use hemostat_engine::policy::source::{parse_yaml, to_json};
use serde_json::{Value, json};
use support::{Caller, Cut, Recording, Seen, program, run_as};

/// Overlays whose levers have worked since these tests were written: were they refused, the tests would be blind.
const ALWAYS: [&str; 2] = ["sev1-kill-feature", "sev3-tighten"];

/// What the model says where a case does not care.
const FINE: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"fine"},"finish_reason":"stop"}]}"#;

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

/// Sends a case's request through the policy, and its answer back.
fn play(policy: &Value, case: &Value) -> Seen {
    let request = &case["request"];
    let headers = request["headers"].as_object().into_iter().flatten();
    let headers = headers.map(|(name, value)| {
        let name: &'static str = Box::leak(name.clone().into_boxed_str());
        (name, value.as_str().unwrap().to_owned())
    });
    let mut caller = Caller::default();
    caller.headers.extend(headers);
    let answer = case.get("answer").map_or_else(|| FINE.to_owned(), Value::to_string);
    let recording = Recording {
        name: case["name"].as_str().unwrap().to_owned(),
        dialect: String::new(),
        method: "POST".to_owned(),
        path: request["path"].as_str().unwrap().to_owned(),
        status: 200,
        content_type: "application/json".to_owned(),
        request: request["body"].to_string().into_bytes(),
        response: answer.into_bytes(),
    };
    run_as(&program(policy.clone()), &recording, &Cut::Whole, &caller)
}

/// What a case wants that was not so.
fn wrong(case: &Value, seen: &Seen) -> Vec<String> {
    const KNOWN: [&str; 8] =
        ["status", "asked", "action", "headers", "upstream_headers", "sent", "says", "never"];
    let expect = case["expect"].as_object().unwrap();
    let mut wrong: Vec<String> =
        expect.keys().filter(|key| !KNOWN.contains(&key.as_str())).cloned().collect();
    let mut want = |what: &str, good: bool| {
        if !good {
            wrong.push(what.to_owned());
        }
    };
    let header = |name: &str| {
        let mut all = seen.headers.iter().filter(|(own, _)| own == name);
        all.next().map(|(_, value)| value.as_str())
    };
    want("status", expect.get("status").is_none_or(|status| *status == seen.status));
    want("asked", expect["asked"] == seen.upstream.is_some());
    let action = header("x-hemostat-action");
    want(
        "action",
        match expect.get("action").map(|action| action.as_str().unwrap()) {
            None => action.is_none(),
            Some(exact) if exact.contains(':') => action == Some(exact),
            // Any action of this rule.
            Some(rule) => action.is_some_and(|action| action.starts_with(&format!("{rule}:"))),
        },
    );
    let map = |key: &str| expect.get(key).and_then(Value::as_object).into_iter().flatten();
    for (name, value) in map("headers") {
        want(name, header(name) == value.as_str());
    }
    for (name, value) in map("upstream_headers") {
        let set = HeaderEdit::Set(name.clone(), value.as_str().unwrap().to_owned());
        want(name, seen.upstream_edits.contains(&set));
    }
    let upstream = seen.upstream.as_deref().unwrap_or(b"null");
    let sent: Value = serde_json::from_slice(upstream).unwrap();
    for (pointer, value) in map("sent") {
        want(pointer, sent.pointer(pointer).unwrap_or(&Value::Null) == value);
    }
    let list = |key: &str| expect.get(key).and_then(Value::as_array).into_iter().flatten();
    for (key, there) in [("says", true), ("never", false)] {
        for text in list(key) {
            let text = text.as_str().unwrap();
            want(&format!("{key} {text}"), seen.text().contains(text) == there);
        }
    }
    wrong
}

#[test]
fn every_overlay_does_what_its_cases_say() {
    let key = key("presets-cases");
    let mut failed = Vec::new();
    for name in presets() {
        let cases = yaml(&overlay(&name).with_extension("cases.yaml"));
        let allowed = cases["warnings"].as_array().cloned().unwrap_or_default();
        let found = findings(&name);
        let not_yet = found.iter().any(|(_, code)| code == "not-yet");
        for (severity, code) in &found {
            let known =
                code == "not-yet" || (severity == "warning" && allowed.contains(&json!(code)));
            assert!(known, "{name}: {severity} {code}");
        }
        if not_yet {
            assert!(!ALWAYS.contains(&name.as_str()), "{name} is refused");
            let why = composed(&name, &key, &[]).unwrap_err();
            assert!(why.contains("does not work yet"), "{name}: {why}");
            println!("{name}: its lever does not work yet");
            continue;
        }
        let policy = composed(&name, &key, &[]).unwrap_or_else(|why| panic!("{name}: {why}"));
        for case in cases["cases"].as_array().unwrap() {
            let seen = play(&policy, case);
            let wrong = wrong(case, &seen);
            if !wrong.is_empty() {
                let (case, text) = (&case["name"], seen.text());
                failed.push(format!(
                    "{name}: {case}: {wrong:?} in {} {:?} {text}",
                    seen.status, seen.headers
                ));
            }
        }
        println!("{name}: its cases hold");
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Without the overlay the cases do not hold: they say something.
#[test]
fn no_case_of_an_action_holds_under_the_baseline_alone() {
    let baseline = yaml(&policies().join("baseline.yaml"));
    for name in presets() {
        let cases = yaml(&overlay(&name).with_extension("cases.yaml"));
        let cases = cases["cases"].as_array().unwrap();
        let acting: Vec<&Value> =
            cases.iter().filter(|case| case["expect"].get("action").is_some()).collect();
        assert!(
            !acting.is_empty() && acting.len() < cases.len(),
            "{name}: what acts and what passes"
        );
        for case in acting {
            assert!(!wrong(case, &play(&baseline, case)).is_empty(), "{name}: {}", case["name"]);
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
    // Over before the tests' exchanges happen: the feature is served again.
    let over = composed("sev1-kill-feature", &key, &["--until", "2025-01-01T00:00:00Z"]).unwrap();
    let cases = yaml(&overlay("sev1-kill-feature").with_extension("cases.yaml"));
    let seen = play(&over, &cases["cases"][0]);
    assert!(seen.upstream.is_some() && seen.text().contains("fine"), "{seen:?}");
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
