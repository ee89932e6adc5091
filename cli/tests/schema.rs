//! The committed JSON Schema, in the hands of an implementation that is not ours, says what `check` says.
#![allow(missing_docs, reason = "a test")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's helpers stop the test where a command is not as it must be"
)]

use std::path::PathBuf;

use hemostat_engine::policy::source;
use serde_json::Value;

fn validator() -> jsonschema::Validator {
    let schema: Value =
        serde_json::from_str(include_str!("../../policies/policy.schema.json")).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

fn json(yaml: &str) -> Value {
    serde_json::from_str(&source::to_json(&source::parse_yaml(yaml).unwrap())).unwrap()
}

fn samples() -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let files =
        std::fs::read_dir(root.join("policies")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.push(root.join("testdata/policies/all-fields.yaml"));
    files
}

#[test]
fn the_samples_are_valid() {
    let validator = validator();
    for path in samples() {
        let policy = json(&std::fs::read_to_string(&path).unwrap());
        let errors: Vec<String> =
            validator.iter_errors(&policy).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
    }
}

/// Shapes that `check` refuses, the schema refuses too.
#[test]
fn bad_shapes_are_not_valid() {
    let validator = validator();
    for bad in [
        "[]",
        "hemostat: 2",
        "kill: true",
        "version: 'no blanks'",
        "mode: off",
        "guardrails: {}",
        "guardrails: [{id: a, scan: output, find: x, do: deny}]",
        "guardrails: [{id: a, scan: [], find: x, do: block}]",
        "guardrails: [{id: a, scan: output, find: [], do: block}]",
        "guardrails: [{id: a, scan: output, find: x}]",
        "guardrails: [{id: a, scan: output, find: x, do: {redact: a, fallback: b}}]",
        "guardrails: [{id: a, scan: output, find: x, do: fallback}]",
        "failsafe: [{upstream: {status: 1000}, do: block}]",
        "failsafe: [{when: {percent: 101}, do: block}]",
        "failsafe: [{when: {model: 4}, do: block}]",
        "labels: {tenant: [{json: user}]}",
        "fallbacks: {a: {handoff: true}}",
        "limits: [{allow: {requests: 1, tokens: 1, every: 1m}}]",
    ] {
        assert!(!validator.is_valid(&json(bad)), "{bad}");
    }
    // Words that stand alone and words with an argument.
    for good in ["redact", "{redact: ''}", "block", "tag", "{fallback: a}"] {
        let policy = format!("guardrails: [{{scan: [output], find: [x], do: {good}}}]");
        assert!(validator.is_valid(&json(&policy)), "{good}");
    }
}
