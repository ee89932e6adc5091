//! Arguments of calls that are whole in a request: what is found in them does not depend on how they are looked at.

use crate::support::{Caller, Cut, Recording, program, run_as};
use hemostat_engine::limits::SLICE_BYTES;
use proptest::prelude::*;
use serde_json::{Value, json};

/// The arguments of the only call in what is sent on, of a request with these.
fn sent(arguments: &str, scan: &Value, action: &str) -> Option<String> {
    let policy = json!({"guardrails": [
        {"id": "g", "scan": scan, "find": [r"\bsecret-[0-9]+", r"\b4[0-9]{4}\b", "é{2}"], "do": {"redact": action}},
        {"id": "tag", "scan": scan, "find": ["key-[a-z]{3}"], "do": "tag"}]});
    let call =
        json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}});
    let request = json!({"model": "m", "messages": [
        {"role": "user", "content": "go"}, {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "done"}]});
    let recording = Recording::made("/v1/chat/completions", request.to_string(), "{}");
    let seen = run_as(&program(policy), &recording, &Cut::Whole, &Caller::default());
    let sent: Value = serde_json::from_slice(seen.upstream.as_ref()?).unwrap();
    let arguments = &sent["messages"][1]["tool_calls"][0]["function"]["arguments"];
    let tagged = seen.counted("hemostat_rule_hits_total;rule=tag;action=tag");
    Some(format!("{} {tagged}", arguments.as_str()?.trim_end()))
}

#[test]
fn what_a_call_was_given_is_scanned() {
    let scan = json!(["input"]);
    let sent = |arguments: &str| sent(arguments, &scan, "X").unwrap();
    assert_eq!(sent(r#"{"a":"so secret-1","b":[12,41234]}"#), r#"{"a":"so X","b":[12,"X"]} 0"#);
    assert_eq!(sent(r#"{"\u0073ecret-1":"\n"}"#), r#"{"X":"\n"} 0"#);
    assert_eq!(sent(r#"secret-1, "secret-2" and so on"#), r#"X, "X" and so on 0"#);
    assert_eq!(sent(r#"{"key-\u0061bc":1}"#), r#"{"key-\u0061bc":1} 1"#);
    assert_eq!(sent(r#"{"a":"secret-12"#), r#"{"a":"X 0"#);
    assert_eq!(sent("[12,41234"), "[12,\"X\" 0", "a number that nothing ends");
    assert_eq!(sent(r#"["a\nsecret-12\n","é\u00e9"]"#), r#"["a\nX\n","X"] 0"#);
}

/// Arguments, valid or not, with what is found in them and what nearly is.
fn arguments() -> impl Strategy<Value = String> {
    let token = proptest::sample::select(
        &[
            "{",
            "}",
            "[",
            "]",
            "\"",
            "\"",
            "\":\"",
            ",",
            ":",
            " ",
            r"\n",
            r"\\",
            r"\",
            r"\u0073",
            r"\ud83d",
            "secret-",
            "ecret-",
            "1",
            "23",
            "41234",
            "\"secret-9\"",
            "key-abc",
            "a",
            "é",
            "éé",
            "true",
            "-",
            "{\"a\":",
        ][..],
    );
    let end = proptest::sample::select(&["", "", "[41234", "{\"a\":41234"][..]);
    (any::<bool>(), proptest::collection::vec(token, 0..24), end).prop_map(
        |(opened, tokens, end)| {
            let begin = if opened { "{\"a\":\"" } else { "" };
            [begin, &tokens.concat(), end].concat()
        },
    )
}

proptest! {
    #[test]
    fn short_and_long_arguments_are_read_alike(arguments in arguments(), all in any::<bool>()) {
        let scan = if all { json!(["input", "tool_args", "output"]) } else { json!(["input"]) };
        // Nothing that is found contains a blank, or ends otherwise before one.
        let long = arguments.clone() + &" ".repeat(SLICE_BYTES + 1);
        prop_assert_eq!(sent(&arguments, &scan, "X"), sent(&long, &scan, "X"));
    }
}
