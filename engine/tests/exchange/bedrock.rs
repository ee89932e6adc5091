//! Bedrock: what is its own beside what the tests of all dialects show over its recordings.

use crate::support::messages::{chunk, message, messages, with_headers};
use crate::support::{Caller, Cut, Recording, Seen, program, run, run_as};
use hemostat_engine::exchange::HeaderEdit;
use serde_json::{Value, json};

const MODEL: &str = "us.anthropic.claude-haiku-4-5-20251001-v1%3A0";
const EVENTS: &str = "application/vnd.amazon.eventstream";

fn recording(verb: &str, kind: &str, request: &Value, response: Vec<u8>) -> Recording {
    Recording {
        name: verb.to_owned(),
        dialect: "bedrock".to_owned(),
        method: "POST".to_owned(),
        path: format!("/model/{MODEL}/{verb}"),
        status: 200,
        content_type: kind.to_owned(),
        request: request.to_string().into_bytes(),
        response,
    }
}

fn asked() -> Value {
    json!({"messages": [{"role": "user", "content": [{"text": "my key is sk-secret-1"}]}],
           "toolConfig": {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {}}}}]}})
}

/// A streamed answer of these events.
fn stream(events: &[(&str, Value)]) -> Vec<u8> {
    events.iter().flat_map(|(kind, event)| message(kind, event.to_string().as_bytes())).collect()
}

fn spoken(pieces: &[&str]) -> Vec<u8> {
    let mut events = vec![("messageStart", json!({"role": "assistant", "p": "ab"}))];
    for piece in pieces {
        let delta = json!({"contentBlockIndex": 0, "delta": {"text": piece}, "p": "abc"});
        events.push(("contentBlockDelta", delta));
    }
    events.push(("contentBlockStop", json!({"contentBlockIndex": 0})));
    events.push(("messageStop", json!({"stopReason": "end_turn"})));
    let usage = json!({"inputTokens": 11, "outputTokens": 7, "totalTokens": 58,
                       "cacheReadInputTokens": 30, "cacheWriteInputTokens": 10});
    events.push(("metadata", json!({"usage": usage, "metrics": {"latencyMs": 5}})));
    stream(&events)
}

fn header<'a>(seen: &'a Seen, name: &str) -> Option<&'a str> {
    seen.headers.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}

fn signed(headers: &str) -> Caller {
    let scope = "AWS4-HMAC-SHA256 Credential=AKIA/20261124/us-east-1/bedrock/aws4_request";
    let value = format!("{scope}, SignedHeaders={headers}, Signature=00");
    Caller { headers: vec![("authorization", value)], ..Caller::default() }
}

fn bad_input() -> Value {
    json!({"guardrails": [{"id": "r", "scan": ["input"], "find": ["sk-secret-\\d"], "do": "redact"}]})
}

#[test]
fn errors_carry_the_name_that_sdks_raise() {
    let block = program(json!({"guardrails": [
        {"id": "r", "scan": ["input"], "find": ["sk-secret"], "do": "block"}]}));
    let recording = recording("converse-stream", EVENTS, &asked(), spoken(&["hi"]));
    let seen = run(&block, &recording, &Cut::Whole);
    assert_eq!(
        (seen.status, header(&seen, "x-amzn-errortype")),
        (403, Some("AccessDeniedException"))
    );
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    assert!(body["message"].as_str().unwrap().contains("`r`"), "{body}");
    assert!(body["message"].as_str().unwrap().contains("/messages/0/content/0/text"), "{body}");
    let limit = program(json!({"limits": [{"id": "l", "allow": {"tokens": 10, "every": "1m"}}]}));
    let seen = run(&limit, &recording, &Cut::Whole);
    assert_eq!(
        (seen.status, header(&seen, "x-amzn-errortype")),
        (429, Some("ThrottlingException"))
    );
}

#[test]
fn a_signed_request_passes_or_is_refused_but_never_changed() {
    let recording = recording("converse", "application/json", &asked(), b"{}".to_vec());
    let refused = |policy: Value, caller: &Caller, what: &str| {
        let seen = run_as(&program(policy), &recording, &Cut::Whole, caller);
        assert_eq!((seen.status, seen.upstream.is_none()), (403, true), "{}", seen.text());
        assert!(
            seen.text().contains(&format!("would change {what} of this request")),
            "{}",
            seen.text()
        );
        assert!(seen.text().contains("let the proxy sign"), "{}", seen.text());
        assert_eq!(seen.counted("hemostat_signed_refused_total"), 1);
    };
    let own = signed("host;x-amz-date");
    refused(bad_input(), &own, "the body");
    refused(json!({"tools": [{"match": "f", "do": "deny"}]}), &own, "the body");
    refused(
        json!({"switch": [{"id": "s", "to": {"model": "amazon.nova-lite-v1:0"}}]}),
        &own,
        "the path",
    );
    refused(
        json!({"rollback": [{"id": "b", "set": {"headers": {"x-config": "stable"}}}]}),
        &signed("host;x-config"),
        "header `x-config`",
    );
    refused(
        json!({"cap_output": true, "limits": [{"id": "l", "allow": {"tokens": 100000, "every": "1m"}}]}),
        &own,
        "the body",
    );
    let mut approval = signed("host;x-hemostat-approval");
    approval.headers.push(("x-hemostat-approval", "{}".to_owned()));
    refused(json!({}), &approval, "header `x-hemostat-approval`");

    // What need not change is not in the way.
    let harmless = json!({
        "guardrails": [{"id": "r", "scan": ["input", "output"], "find": ["nothing like it"], "do": "redact"}],
        "switch": [{"id": "s", "to": {"upstream": "eu"}}],
        "limits": [{"id": "l", "allow": {"requests": 5, "every": "1m"}}]});
    let seen = run_as(&program(harmless), &recording, &Cut::Whole, &signed("accept-encoding;host"));
    assert_eq!(seen.upstream.as_deref(), Some(&recording.request[..]));
    let encoding = HeaderEdit::Set("accept-encoding".to_owned(), "identity".to_owned());
    assert!(!seen.upstream_edits.contains(&encoding), "it is signed");

    // Nobody's signature, or a bearer's key: free to change.
    for caller in [
        Caller::default(),
        Caller {
            headers: vec![("authorization", "Bearer bedrock-api-key".to_owned())],
            slots: None,
            ..Caller::default()
        },
    ] {
        let seen = run_as(&program(bad_input()), &recording, &Cut::Whole, &caller);
        let sent: Value = serde_json::from_slice(&seen.upstream.unwrap()).unwrap();
        assert_eq!(sent["messages"][0]["content"][0]["text"], "my key is [REDACTED]");
        assert!(seen.upstream_edits.contains(&encoding) || !seen.upstream_edits.is_empty());
    }
}

#[test]
fn a_signed_request_in_shadow_is_left_alone() {
    let recording = recording("converse", "application/json", &asked(), b"{}".to_vec());
    let mut policy = bad_input();
    policy["mode"] = json!("shadow");
    let seen = run_as(&program(policy), &recording, &Cut::Whole, &signed("host"));
    assert_eq!(seen.upstream.as_deref(), Some(&recording.request[..]));
    assert_eq!(seen.counted("hemostat_rule_hits_total;rule=r;action=shadow-redact"), 1);
}

#[test]
fn usage_is_read_with_its_cached_tokens() {
    let policy = json!({
        "limits": [{"id": "l", "allow": {"usd": 5, "every": "day"}}],
        "prices": {"*": {"input": 1, "cached_input": 0.1, "output": 10, "cache_write": 2}}});
    let recording = recording("converse-stream", EVENTS, &asked(), spoken(&["hello ", "you"]));
    for cut in [Cut::Whole, Cut::Every(1)] {
        let seen = run(&program(policy.clone()), &recording, &cut);
        assert_eq!(seen.body, recording.response);
        assert_eq!(seen.state("gen_ai.usage.input_tokens"), Some("51"));
        assert_eq!(seen.state("gen_ai.usage.cache_read.input_tokens"), Some("30"));
        assert_eq!(seen.state("gen_ai.usage.output_tokens"), Some("7"));
        // 11 × 1 + 30 × 0.1 + 10 × 2 + 7 × 10 millionths.
        assert_eq!(seen.state("hemostat.cost_usd"), Some("0.000104"));
        assert_eq!(
            seen.state("gen_ai.request.model"),
            Some("us.anthropic.claude-haiku-4-5-20251001-v1:0")
        );
    }
}

#[test]
fn a_maximum_is_written_where_converse_has_it() {
    let policy = json!({"cap_output": true, "default_max_output_tokens": 77,
        "limits": [{"id": "l", "allow": {"tokens": 100000, "every": "1m"}}]});
    for (request, wanted) in [
        (json!({"messages": []}), 77),
        (json!({"messages": [], "inferenceConfig": {"temperature": 1}}), 77),
        (json!({"messages": [], "inferenceConfig": null}), 77),
        (json!({"messages": [], "inferenceConfig": {"maxTokens": 5}}), 5),
    ] {
        let recording = recording("converse", "application/json", &request, b"{}".to_vec());
        let seen = run(&program(policy.clone()), &recording, &Cut::Whole);
        let sent: Value = serde_json::from_slice(&seen.upstream.unwrap()).unwrap();
        assert_eq!(sent["inferenceConfig"]["maxTokens"], wanted, "{request}");
    }
    let request = json!({"anthropic_version": "bedrock-2023-05-31", "messages": []});
    let seen = run(
        &program(policy),
        &recording("invoke", "application/json", &request, b"{}".to_vec()),
        &Cut::Whole,
    );
    let sent: Value = serde_json::from_slice(&seen.upstream.unwrap()).unwrap();
    assert_eq!(sent["max_tokens"], 77);
}

#[test]
fn the_model_in_the_path_follows_rollback_and_downgrade() {
    let arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.anthropic.claude-x";
    let recording = recording("converse", "application/json", &asked(), b"{}".to_vec());
    let path = |policy: Value| {
        let seen = run(&program(policy), &recording, &Cut::Whole);
        assert_eq!(seen.upstream.as_deref(), Some(&recording.request[..]), "{}", seen.text());
        seen.upstream_edits.into_iter().find_map(|edit| match edit {
            HeaderEdit::Set(name, value) if name == ":path" => Some(value),
            _ => None,
        })
    };
    let rollback = json!({"rollback": [{"id": "b", "set": {"model": arn}}]});
    let encoded = "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Feu.anthropic.claude-x";
    assert_eq!(path(rollback), Some(format!("/model/{encoded}/converse")));
    let downgrade = json!({"limits": [{"id": "l", "per": ["model"], "allow": {"tokens": 10, "every": "1m"},
                                       "when": {"model": "*claude*"}, "over": {"downgrade": "amazon.nova-micro-v1:0"}}]});
    assert_eq!(path(downgrade), Some("/model/amazon.nova-micro-v1%3A0/converse".to_owned()));
}

#[test]
fn a_stream_that_loses_its_messages_follows_on_unreadable() {
    let good = spoken(&["one ", "two ", "three"]);
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    let policy = |on: &str| {
        program(json!({"on_unreadable": on, "guardrails": [
            {"id": "r", "scan": ["output"], "find": ["never-there"], "do": "redact"}]}))
    };
    let recording = recording("converse-stream", EVENTS, &asked(), bad.clone());
    let blocked = run(&policy("block"), &recording, &Cut::Whole);
    let read = messages(&blocked.body);
    assert_eq!(read.last().unwrap().header(":event-type"), "metadata");
    assert!(read.iter().any(|message| message.event()["stopReason"] == "content_filtered"));
    let passed = run(&policy("pass"), &recording, &Cut::Whole);
    assert!(passed.body == bad, "every byte passes");
    assert!(
        passed.counts().iter().any(|name| name.contains("unchecked") && name.contains("dialect")),
        "{:?}",
        passed.counts()
    );
    for cut in [Cut::Every(1), Cut::Every(13), Cut::Random(3)] {
        assert!(run(&policy("block"), &recording, &cut).body == blocked.body, "{cut:?}");
        assert!(run(&policy("pass"), &recording, &cut).body == bad, "{cut:?}");
    }
}

#[test]
fn an_exception_in_the_stream_passes_and_its_text_is_looked_at() {
    let exception = with_headers(
        &[
            (":exception-type", "throttlingException"),
            (":content-type", "application/json"),
            (":message-type", "exception"),
        ],
        br#"{"message":"slow down, secret"}"#,
    );
    let start = stream(&[
        ("messageStart", json!({"role": "assistant"})),
        ("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": {"text": "a sec"}})),
    ]);
    let recording = recording("converse-stream", EVENTS, &asked(), [start, exception].concat());
    let rules = json!({"guardrails": [{"id": "r", "scan": ["output"], "find": ["secret"], "do": {"redact": "#"}}]});
    let seen = run(&program(rules), &recording, &Cut::Every(3));
    let read = messages(&seen.body);
    let last = read.last().unwrap();
    assert_eq!(
        (last.header(":message-type"), last.header(":exception-type")),
        ("exception", "throttlingException")
    );
    assert_eq!(last.event()["message"], "slow down, #");
    assert_eq!(read[1].event()["delta"]["text"], "a sec");
}

#[test]
fn canned_answers_say_whose_they_are() {
    let policy = json!({
        "failsafe": [{"id": "k", "do": {"fallback": "sorry"}}],
        "fallbacks": {"sorry": {"text": "Resting.", "json": {"a": 1}}}});
    let policy = program(policy);
    let whole =
        run(&policy, &recording("converse", "application/json", &asked(), Vec::new()), &Cut::Whole);
    assert_eq!(whole.status, 200);
    assert!(header(&whole, "x-amzn-requestid").unwrap().starts_with("hemostat-"));
    let body: Value = serde_json::from_slice(&whole.body).unwrap();
    assert_eq!(body["output"]["message"]["content"][0]["text"], "Resting.");
    let streamed =
        run(&policy, &recording("converse-stream", EVENTS, &asked(), Vec::new()), &Cut::Whole);
    assert_eq!(header(&streamed, "content-type"), Some(EVENTS));
    assert_eq!(messages(&streamed.body).len(), 5);
    let native = json!({"anthropic_version": "bedrock-2023-05-31", "messages": []});
    let invoked = recording("invoke-with-response-stream", EVENTS, &native, Vec::new());
    let invoked = run(&policy, &invoked, &Cut::Whole);
    assert_eq!(header(&invoked, "content-type"), Some(EVENTS));
    assert_eq!(header(&invoked, "x-amzn-bedrock-content-type"), Some("application/json"));
    let id = messages(&invoked.body)[0].event()["message"]["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("msg_hemostat_"), "{id}");
    let mut structured = asked();
    structured["outputConfig"] = json!({"textFormat": {"type": "json_schema"}});
    let whole = run(
        &policy,
        &recording("converse", "application/json", &structured, Vec::new()),
        &Cut::Whole,
    );
    let body: Value = serde_json::from_slice(&whole.body).unwrap();
    assert_eq!(body["output"]["message"]["content"][0]["text"], "{\"a\":1}");
}

fn invoked(model: &str, verb: &str, kind: &str, request: &Value, response: Vec<u8>) -> Recording {
    let path = format!("/model/{model}/{verb}");
    Recording { path, ..recording(verb, kind, request, response) }
}

#[test]
fn other_models_own_requests_are_recognised_and_unreadable() {
    let request = json!({"inputText": "my key is sk-secret-1"});
    let recording = invoked(
        "amazon.titan-text-lite-v1",
        "invoke",
        "application/json",
        &request,
        b"{\"results\":[{\"outputText\":\"x\"}]}".to_vec(),
    );
    let refused = run(&program(bad_input()), &recording, &Cut::Whole);
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("dialect"), "{}", refused.text());
    let mut policy = bad_input();
    policy["on_unreadable"] = json!("pass");
    let passed = run(&program(policy), &recording, &Cut::Whole);
    assert_eq!(passed.upstream.as_deref(), Some(&recording.request[..]));
    assert!(passed.counts().iter().any(|name| name.contains("unchecked")), "{:?}", passed.counts());
    // The name of another maker's model is enough.
    let dressed = json!({"anthropic_version": "bedrock-2023-05-31", "messages": [], "inputText": "sk-secret-1"});
    let dressed = invoked(
        "amazon.titan-text-lite-v1",
        "invoke",
        "application/json",
        &dressed,
        b"{}".to_vec(),
    );
    assert_eq!(run(&program(bad_input()), &dressed, &Cut::Whole).status, 403);
}

#[test]
fn other_models_own_answers_are_refused_where_a_rule_needs_them() {
    let rules = json!({"guardrails": [{"id": "r", "scan": ["output"], "find": ["secret"], "do": "redact"}]});
    let request = json!({"prompt": "hi"});
    let body = br#"{"generation":"the secret"}"#.to_vec();
    let model = "meta.llama3-8b-instruct-v1%3A0";
    let whole = invoked(model, "invoke", "application/json", &request, body);
    let seen = run(&program(rules.clone()), &whole, &Cut::Whole);
    assert!(!seen.text().contains("secret") && seen.text().contains("withheld"), "{}", seen.text());
    let events = [chunk(r#"{"generation":"the se"}"#), chunk(r#"{"generation":"cret"}"#)].concat();
    let streamed = invoked(model, "invoke-with-response-stream", EVENTS, &request, events.clone());
    for cut in [Cut::Whole, Cut::Every(1)] {
        let seen = run(&program(rules.clone()), &streamed, &cut);
        let [only] = &messages(&seen.body)[..] else { panic!("{}", seen.text()) };
        assert_eq!(only.header(":exception-type"), "modelStreamErrorException");
    }
    let mut pass = rules;
    pass["on_unreadable"] = json!("pass");
    assert_eq!(run(&program(pass), &streamed, &Cut::Whole).body, events);
}

#[test]
fn a_chunk_keeps_what_bedrock_adds_to_it() {
    let said = |text: &str| json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}});
    let stop = json!({"type": "message_stop", "amazon-bedrock-invocationMetrics":
        {"inputTokenCount": 12, "outputTokenCount": 5, "invocationLatency": 9, "firstByteLatency": 3}});
    let events = [
        json!({"type": "message_start", "message": {"id": "m", "role": "assistant", "content": [], "usage": {"input_tokens": 12, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        said("the se"),
        said("cret is out"),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}),
        stop.clone(),
    ];
    let body: Vec<u8> = events.iter().flat_map(|event| chunk(&event.to_string())).collect();
    let request = json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]});
    let recording = recording("invoke-with-response-stream", EVENTS, &request, body);
    let policy = json!({
        "guardrails": [{"id": "r", "scan": ["output"], "find": ["secret"], "do": {"redact": "#"}}],
        "limits": [{"id": "l", "allow": {"tokens": 100000, "every": "1m"}}]});
    let seen = run(&program(policy), &recording, &Cut::Every(5));
    let read = messages(&seen.body);
    let texts: Vec<String> =
        read.iter().filter_map(|m| Some(m.event()["delta"]["text"].as_str()?.to_owned())).collect();
    assert_eq!(texts, ["the #", " is out"]);
    let last = read.last().unwrap();
    assert_eq!(last.event(), stop);
    assert_eq!(serde_json::from_slice::<Value>(&read[2].payload).unwrap()["p"], "abcdefgh");
    assert_eq!(seen.state("gen_ai.usage.input_tokens"), Some("12"));
    assert_eq!(seen.state("gen_ai.usage.output_tokens"), Some("5"));
}

#[test]
fn of_parallel_calls_only_the_stopped_one_goes() {
    let call = |index: u64, name: &str, input: &[&str]| {
        let mut events = vec![(
            "contentBlockStart",
            json!({"contentBlockIndex": index, "start": {"toolUse": {"toolUseId": format!("t{index}"), "name": name}}}),
        )];
        for piece in input {
            events.push((
                "contentBlockDelta",
                json!({"contentBlockIndex": index, "delta": {"toolUse": {"input": piece}}}),
            ));
        }
        events.push(("contentBlockStop", json!({"contentBlockIndex": index})));
        events
    };
    let mut events = vec![("messageStart", json!({"role": "assistant"}))];
    events.extend(call(0, "weather", &["{\"city\":", "\"Paris\"}"]));
    events.extend(call(1, "refund", &["{\"order\":\"A-", "77\"}"]));
    events.extend(call(2, "weather", &[""]));
    events.push(("messageStop", json!({"stopReason": "tool_use"})));
    events.push(("metadata", json!({"usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}, "metrics": {"latencyMs": 1}})));
    let body = stream(&events);
    let policy = program(json!({"tools": [{"match": "refund", "do": "deny"}]}));
    let recording = recording("converse-stream", EVENTS, &asked(), body.clone());
    for at in 0..body.len() {
        let seen = run(&policy, &recording, &Cut::At(at));
        let text = seen.text();
        assert!(
            !text.contains("A-") && !text.contains("77") && !text.contains("t1"),
            "cut at {at}"
        );
        let read: Vec<Value> = messages(&seen.body).iter().map(|m| m.event()).collect();
        let said = &read[5];
        assert_eq!(said["contentBlockIndex"], 1, "{read:?}");
        assert!(said["delta"]["text"].as_str().unwrap().contains("`refund` was stopped"), "{said}");
        let mut wanted: Vec<Value> = events.iter().map(|(_, event)| event.clone()).collect();
        wanted.splice(5..8, [said.clone()]);
        assert_eq!(read, wanted, "cut at {at}");
    }
}

/// What is cited comes in pieces, as what is said does.
#[test]
fn a_citation_in_pieces_is_one_text() {
    let delta = |citation: Value| {
        ("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": {"citation": citation}}))
    };
    let events = [
        ("messageStart", json!({"role": "assistant"})),
        ("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": {"text": "See:"}})),
        delta(json!({"title": "the sk-", "sourceContent": [{"text": "he said sk-sec"}]})),
        delta(
            json!({"title": "secret-1", "sourceContent": [{"text": "ret-1 twice"}], "location": {"web": {"url": "u"}}}),
        ),
        ("contentBlockStop", json!({"contentBlockIndex": 0})),
        ("messageStop", json!({"stopReason": "end_turn"})),
    ];
    let body = stream(&events);
    let recording = recording("converse-stream", EVENTS, &asked(), body.clone());
    let rule = |action: &str| {
        program(
            json!({"guardrails": [{"id": "g", "scan": ["output"], "find": ["sk-secret-1"], "do": action}]}),
        )
    };
    for cut in [Cut::Whole, Cut::Every(1), Cut::Every(7)] {
        let seen = run(&rule("redact"), &recording, &cut);
        let read: Vec<Value> = messages(&seen.body).iter().map(|m| m.event()).collect();
        let text =
            |at: usize, name: &str| read[at]["delta"]["citation"].pointer(name).unwrap().clone();
        let joined = |name: &str| {
            format!("{}{}", text(2, name).as_str().unwrap(), text(3, name).as_str().unwrap())
        };
        assert_eq!(joined("/sourceContent/0/text"), "he said [REDACTED] twice", "{cut:?}");
        assert_eq!(joined("/title"), "the [REDACTED]", "{cut:?}");
        let seen = run(&rule("block"), &recording, &cut);
        assert!(
            !seen.text().contains("ret-1") && !seen.text().contains("sk-"),
            "{cut:?} {}",
            seen.text()
        );
        assert!(seen.text().contains("content_filtered"), "{cut:?}");
        let none = program(
            json!({"guardrails": [{"id": "g", "scan": ["output"], "find": ["sk-secret-2"], "do": "block"}]}),
        );
        assert_eq!(run(&none, &recording, &cut).body, body, "{cut:?}");
    }
}
