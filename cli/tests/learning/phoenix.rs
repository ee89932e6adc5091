//! Spans as Phoenix gives them out: what was found there becomes a case by its decision id.

use hemostat_cli::Exit;
use serde_json::{Value, json};

use crate::{NEW, OLD, folder, hemostat, key, write};

/// An attribute as Phoenix writes it: every kind of value is named, and all but one are null.
fn attribute(key: &str, kind: &str, value: &Value) -> Value {
    let mut all = json!({"array_value": null, "bool_value": null, "bytes_value": null, "double_value": null,
        "int_value": null, "kvlist_value": null, "string_value": null});
    all[kind] = value.clone();
    json!({"key": key, "value": all})
}

fn span(decision: &str, said: &str) -> Value {
    let text = |key: &str, value: &str| attribute(key, "string_value", &json!(value));
    let message = |role: &str, said: &str| json!([{"role": role, "parts": [{"type": "text", "content": said}]}]);
    json!({"name": "chat gpt-5", "span_id": "00f067aa0ba902b7", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "start_time_unix_nano": 1_795_489_920_000_000_000_u64, "events": [], "attributes": [
        text("gen_ai.request.model", "gpt-5"),
        text("hemostat.decision", decision),
        text("hemostat.label.tenant", "acme-corp"),
        attribute("hemostat.stream", "bool_value", &json!(false)),
        text("gen_ai.input.messages", &message("user", "I am jane@acme.example").to_string()),
        text("gen_ai.output.messages", &message("assistant", said).to_string()),
    ]})
}

#[test]
fn a_span_that_was_found_in_phoenix_becomes_a_case() {
    let folder = folder("phoenix");
    let (old, new) = (write(&folder, "old.yaml", OLD), write(&folder, "new.yaml", NEW));
    let leaks = format!("the key is {} ok", key());
    let spans = json!({"data": [span("d1", "fine"), span("d2", &leaks)], "next_cursor": null});
    let file = write(&folder, "spans.json", &spans.to_string());
    let cases = folder.join("found.cases.yaml");
    let cases = cases.to_str().unwrap();
    let words =
        ["case", &file, "--decision", "d2", "--old", &old, "--new", &new, "--out", cases, "--yes"];
    let (exit, out, err) = hemostat(&words);
    assert_eq!(exit, Exit::Fine, "{out}{err}");
    for word in ["jane", "acme-corp", &key()] {
        assert!(!out.contains(word), "{word} in {out}");
    }
    let judged = |policy: &str| hemostat(&["test", cases, "--policy", policy]).0;
    assert_eq!((judged(&old), judged(&new)), (Exit::No, Exit::Fine));
    let (exit, _, err) = hemostat(&["case", &file, "--decision", "d3", "--new", &new]);
    assert_eq!((exit, err.contains("none of 2 exchanges is meant")), (Exit::Failed, true), "{err}");
}
