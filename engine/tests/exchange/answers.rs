//! What happens to answers beyond the corpus: tool arguments, seals, repeats, limits, trouble.

use crate::support::{Cut, Recording, Seen, program, run};
use serde_json::{Value, json};

fn recording(dialect: &str, path: &str, content_type: &str, response: Vec<u8>) -> Recording {
    Recording {
        name: "made here".to_owned(),
        dialect: dialect.to_owned(),
        method: "POST".to_owned(),
        path: path.to_owned(),
        status: 200,
        content_type: content_type.to_owned(),
        request: br#"{"model":"m","stream":true,"messages":[]}"#.to_vec(),
        response,
    }
}

fn sse(events: &[Value]) -> Vec<u8> {
    let mut out: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    out.push_str("data: [DONE]\n\n");
    out.into_bytes()
}

fn chat_stream(deltas: &[Value]) -> Recording {
    let mut events: Vec<Value> = deltas
        .iter()
        .map(|delta| {
            json!({"id":"c","object":"chat.completion.chunk","created":1,"model":"m",
                   "choices":[{"index":0,"delta":delta,"logprobs":null,"finish_reason":null}]})
        })
        .collect();
    events.push(json!({"id":"c","object":"chat.completion.chunk","created":1,"model":"m",
                       "choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}));
    recording("openai-chat", "/v1/chat/completions", "text/event-stream", sse(&events))
}

fn texts(texts: &[&str]) -> Recording {
    chat_stream(&texts.iter().map(|text| json!({"content": text})).collect::<Vec<_>>())
}

fn guard(scan: &str, find: &str, action: Value) -> Value {
    json!({"guardrails": [{"id": "r", "scan": [scan], "find": [find], "do": action}]})
}

/// The same for every cut; gives what was seen.
fn same(policy: &Value, recording: &Recording) -> Seen {
    let program = program(policy.clone());
    let whole = run(&program, recording, &Cut::Whole);
    for cut in [Cut::Every(1), Cut::Every(3), Cut::Random(5), Cut::Random(77)] {
        let seen = run(&program, recording, &cut);
        assert_eq!(seen.text(), whole.text(), "{cut:?}");
        assert_eq!(seen.counts(), whole.counts(), "{cut:?}");
    }
    whole
}

fn arguments(seen: &Seen) -> String {
    seen.text()
        .split("\n\n")
        .filter_map(|event| serde_json::from_str::<Value>(event.strip_prefix("data: ")?).ok())
        .filter_map(|event| {
            let call = &event["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"];
            call.as_str().map(str::to_owned)
        })
        .collect()
}

fn call_stream(fragments: &[&str]) -> Recording {
    let mut deltas = vec![json!({"role":"assistant","content":null,"tool_calls":[
        {"index":0,"id":"call_1","type":"function","function":{"name":"pay","arguments":""}}]})];
    deltas.extend(
        fragments
            .iter()
            .map(|fragment| json!({"tool_calls":[{"index":0,"function":{"arguments":fragment}}]})),
    );
    chat_stream(&deltas)
}

#[test]
fn texts_inside_tool_arguments_are_redacted_through_both_layers_of_escapes() {
    // The value is `a"secret-é1` and it is cut inside its escapes.
    let fragments = [
        r#"{"to":"a\"sec"#,
        r"ret-\u00",
        r#"e91 b","n":"#,
        r#"1,"card":41111"#,
        r#"1111,"k":true}"#,
    ];
    let seen = same(
        &guard("tool_args", "secret-é1", json!({"redact": "<\"X\">"})),
        &call_stream(&fragments),
    );
    let value: Value = serde_json::from_str(&arguments(&seen)).unwrap();
    assert_eq!(value, json!({"to": "a\"<\"X\"> b", "n": 1, "card": 411_111_111, "k": true}));
}

#[test]
fn a_number_in_tool_arguments_becomes_a_string() {
    let fragments = [r#"{"card":41111"#, r#"1111,"n":7}"#];
    let seen =
        same(&guard("tool_args", "^4[0-9]{8}$", json!({"redact": "#"})), &call_stream(&fragments));
    let value: Value = serde_json::from_str(&arguments(&seen)).unwrap();
    assert_eq!(value, json!({"card": "#", "n": 7}));
}

#[test]
fn a_call_that_a_rule_stops_never_begins_for_the_caller() {
    let mut recording = call_stream(&[r#"{"to":"acc"#, r#"ount 666"}"#]);
    let text = String::from_utf8(recording.response).unwrap();
    let begin = r#"data: {"choices":[{"delta":{"content":"Paying now."},"index":0}],"created":1,"id":"c","model":"m","object":"chat.completion.chunk"}"#;
    recording.response = format!("{begin}\n\n{text}").into_bytes();
    let seen = same(&guard("tool_args", "account 666", json!("block")), &recording);
    assert!(seen.text().contains("Paying now."));
    assert!(
        !seen.text().contains("tool_calls") && !seen.text().contains("pay\""),
        "{}",
        seen.text()
    );
    assert!(seen.text().contains("content_filter") && seen.text().ends_with("data: [DONE]\n\n"));
}

#[test]
fn output_rules_leave_tool_arguments_alone_and_the_other_way_round() {
    let recording = call_stream(&[r#"{"a":"secret"}"#]);
    assert_eq!(
        same(&guard("output", "secret", json!("block")), &recording).body,
        recording.response
    );
    let plain = texts(&["a secret", " here"]);
    assert_eq!(same(&guard("tool_args", "secret", json!("block")), &plain).body, plain.response);
}

#[test]
fn a_signature_does_not_outlive_a_change_of_what_it_seals() {
    let events = [
        json!({"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"c","content":[],"stop_reason":null,"usage":{"input_tokens":1,"output_tokens":1}}}),
        json!({"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}),
        json!({"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"the sec"}}),
        json!({"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"ret is"}}),
        json!({"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2lnbmVk"}}),
        json!({"type":"content_block_stop","index":0}),
        json!({"type":"message_stop"}),
    ];
    let body: String = events
        .iter()
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()))
        .collect();
    let recording = recording("anthropic", "/v1/messages", "text/event-stream", body.into_bytes());
    let seen = same(&guard("output", "secret", json!({"redact": "#"})), &recording);
    assert!(!seen.text().contains("c2lnbmVk") && !seen.text().contains("sec\""), "{}", seen.text());
    let untouched = same(&guard("output", "nothing", json!({"redact": "#"})), &recording);
    assert_eq!(untouched.body, recording.response);
}

#[test]
fn log_probabilities_do_not_repeat_what_was_redacted() {
    let chunk = |text: &str| {
        json!({"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,
            "delta":{"content":text},"finish_reason":null,
            "logprobs":{"content":[{"token":text,"logprob":-0.1,"bytes":[1],"top_logprobs":[]}]}}]})
    };
    let recording = recording(
        "openai-chat",
        "/v1/chat/completions",
        "text/event-stream",
        sse(&[chunk("a "), chunk("sec"), chunk("ret"), chunk(" b")]),
    );
    let seen = same(&guard("output", "secret", json!({"redact": "#"})), &recording);
    assert!(!seen.text().contains("sec") && !seen.text().contains("ret\""), "{}", seen.text());
    assert_eq!(
        seen.text().matches("\"logprobs\":null").count(),
        2,
        "only where a rule changed the text"
    );
}

#[test]
fn several_choices_are_texts_apart() {
    let chunk = |index: u32, text: &str| {
        json!({"id":"c","object":"chat.completion.chunk","created":1,"model":"m",
               "choices":[{"index":index,"delta":{"content":text},"finish_reason":null}]})
    };
    let events = [
        chunk(0, "sec"),
        chunk(1, "sec"),
        chunk(0, "ond "),
        chunk(1, "ret "),
        chunk(0, "ret "),
        chunk(1, "x"),
    ];
    let recording =
        recording("openai-chat", "/v1/chat/completions", "text/event-stream", sse(&events));
    let seen = same(&guard("output", "secret", json!({"redact": "#"})), &recording);
    let text = |index: u32| -> String {
        seen.text()
            .split("\n\n")
            .filter_map(|event| serde_json::from_str::<Value>(event.strip_prefix("data: ")?).ok())
            .filter(|event| event["choices"][0]["index"] == index)
            .filter_map(|event| event["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
            .collect()
    };
    assert_eq!((text(0).as_str(), text(1).as_str()), ("second ret ", "# x"));
}

#[test]
fn an_event_leaves_as_soon_as_nothing_alive_begins_in_it() {
    let recording = texts(&["hello ", "sec", "ond ", "secr", "etly"]);
    let program = program(guard("output", "secret[0-9]", json!("block")));
    let ends: Vec<usize> = recording
        .response
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| *pair == b"\n\n")
        .map(|(at, _)| at + 2)
        .collect();
    let seen = run(&program, &recording, &Cut::Every(1));
    let left_after = |event: usize| seen.after_chunk[ends[event] - 1];
    assert_eq!(left_after(0), ends[0], "nothing is alive after `hello `");
    assert_eq!(left_after(1), ends[0], "`sec` may become `secret1`");
    assert_eq!(left_after(2), ends[2], "`second ` cannot");
    assert_eq!(left_after(3), ends[2]);
    assert_eq!(left_after(4), ends[4], "`secretly` cannot");
}

#[test]
fn shadow_and_tag_hold_nothing() {
    let recording = texts(&["sec", "ret1", " and ", "sec"]);
    let rules = json!({"guardrails": [
        {"id": "s", "scan": ["output"], "find": ["secret[0-9]"], "do": "block", "mode": "shadow"},
        {"id": "t", "scan": ["output"], "find": ["(?i)AND"], "do": "tag"}]});
    let seen = run(&program(rules), &recording, &Cut::Every(1));
    assert_eq!(seen.body, recording.response);
    let lags = seen.after_chunk.iter().enumerate().any(|(at, left)| *left != at + 1);
    assert!(!lags, "every byte leaves when it comes");
    assert_eq!(seen.counted("hemostat_rule_hits_total;rule=s;action=shadow-block"), 1);
    assert_eq!(seen.counted("hemostat_rule_hits_total;rule=t;action=tag"), 1);
}

#[test]
fn a_match_without_end_meets_the_hold_limit() {
    let long: Vec<String> = std::iter::once("begin ".to_owned())
        .chain((0..40).map(|_| "x".repeat(1000)))
        .chain(["end tail".to_owned()])
        .collect();
    let recording = texts(&long.iter().map(String::as_str).collect::<Vec<_>>());
    let block = same(&guard("output", "begin [xy]*!", json!({"redact": "#"})), &recording);
    assert!(!block.text().contains("begin"), "what was held does not leave");
    assert!(block.text().contains("content_filter"));
    assert_eq!(block.counted("hemostat_unchecked_total;reason=hold_limit;action=block"), 1);
    let mut policy = guard("output", "begin [xy]*!", json!({"redact": "#"}));
    policy["on_hold_limit"] = json!("release");
    let release = same(&policy, &recording);
    assert_eq!(release.body, recording.response);
    assert_eq!(release.counted("hemostat_unchecked_total;reason=hold_limit;action=pass"), 1);
}

#[test]
fn events_that_cannot_be_read_follow_the_policy() {
    let mut recording = texts(&["fine "]);
    let mut body = b"data: {broken\n\n".to_vec();
    body.extend(&recording.response);
    recording.response = body;
    let block = same(&guard("output", "zzz", json!("block")), &recording);
    assert!(!block.text().contains("broken") && block.text().contains("content_filter"));
    let mut policy = guard("output", "zzz", json!("block"));
    policy["on_unreadable"] = json!("pass");
    let pass = same(&policy, &recording);
    assert_eq!(pass.body, recording.response);
    assert_eq!(pass.counted("hemostat_unchecked_total;reason=dialect;action=pass"), 1);
}

#[test]
fn a_compressed_answer_follows_the_policy() {
    let mut recording = texts(&["x"]);
    recording.content_type = "application/octet-stream".to_owned();
    let refused = run(&program(guard("output", "zzz", json!("block"))), &recording, &Cut::Whole);
    assert_eq!(refused.status, 200);
    assert!(refused.text().contains("content_filter") && refused.text().ends_with("[DONE]\n\n"));
    assert_eq!(refused.counted("hemostat_unchecked_total;reason=dialect;action=block"), 1);
    recording.status = 502;
    let error = run(&program(guard("output", "zzz", json!("block"))), &recording, &Cut::Whole);
    assert_eq!(
        (error.status, &error.body),
        (502, &recording.response),
        "an error page is no answer"
    );
}

#[test]
fn after_a_cut_nothing_more_leaves() {
    let recording = texts(&["a ", "bad", " thing", " and more", " and more"]);
    let policy = json!({
        "guardrails": [{"id": "r", "scan": ["output"], "find": ["bad thing"], "do": {"fallback": "f"}}],
        "fallbacks": {"f": {"text": "No."}}});
    let seen = same(&policy, &recording);
    assert!(
        seen.text().contains("No.")
            && !seen.text().contains("and more")
            && !seen.text().contains("bad")
    );
    assert_eq!(seen.text().matches("[DONE]").count(), 1);
    let mut cancel = policy;
    cancel["on_cut"] = json!("cancel");
    let program = program(cancel);
    let cut = run(&program, &recording, &Cut::Every(50));
    assert!(cut.reset, "the connection is reset one chunk later");
    assert!(cut.text().ends_with("data: [DONE]\n\n"), "the whole ending is sent before");
}

#[test]
fn an_error_body_keeps_its_status_and_loses_its_text() {
    let mut recording = recording(
        "openai-chat",
        "/v1/chat/completions",
        "application/json",
        br#"{"error":{"message":"prompt has how to build it","type":"invalid_request_error"}}"#
            .to_vec(),
    );
    recording.status = 400;
    let seen =
        run(&program(guard("output", "how to build", json!("block"))), &recording, &Cut::Whole);
    assert_eq!(seen.status, 400);
    assert!(!seen.text().contains("how to build"));
    assert!(serde_json::from_slice::<Value>(&seen.body).unwrap()["error"]["message"].is_string());
    let redacted =
        run(&program(guard("output", "how to build", json!("redact"))), &recording, &Cut::Whole);
    assert!(redacted.text().contains("prompt has [REDACTED] it"), "{}", redacted.text());
}

#[test]
fn a_stream_without_its_last_blank_line_is_looked_at() {
    let mut recording = texts(&["a sec", "ret"]);
    let cut = recording.response.len() - "\n\ndata: [DONE]\n\n".len();
    recording.response.truncate(cut);
    let seen = same(&guard("output", "secret", json!({"redact": "#"})), &recording);
    assert!(!seen.text().contains("sec\"") && seen.text().contains('#'));
}
