//! Small doors: places where a text, a name or a key could stand so that nobody looks. Each test walks one kind of them.

mod files;
mod overlaps;

use crate::support::{Cut, Recording, Seen, dialects, program, run};
use serde_json::{Value, json};

const WORD: &str = "zanzibar";

fn answered(dialect: &str, request: &str, kind: &str, response: &[u8]) -> Recording {
    Recording {
        dialect: dialect.to_owned(),
        content_type: kind.to_owned(),
        response: response.to_vec(),
        ..Recording::made(dialects::dialect(dialect).path(false), request, "")
    }
}

fn guard(scan: Value, action: Value) -> Value {
    json!({"guardrails": [{"id": "r", "scan": scan, "find": [WORD], "do": action}]})
}

/// A request under an input rule that blocks.
fn ask(dialect: &str, request: &str) -> Seen {
    let policy = guard(json!(["input"]), json!("block"));
    run(&program(policy), &answered(dialect, request, "application/json", b"{}"), &Cut::Whole)
}

/// An answer under an output rule, the same for every cut.
fn answer(dialect: &str, kind: &str, response: &str, action: Value) -> Seen {
    let stream = kind != "application/json";
    let request =
        json!({"model": "m", "messages": [], "input": "x", "max_tokens": 9, "stream": stream});
    let recording = answered(dialect, &request.to_string(), kind, response.as_bytes());
    let program = program(guard(json!(["output", "tool_args"]), action));
    let whole = run(&program, &recording, &Cut::Whole);
    for cut in [Cut::Every(1), Cut::Every(13), Cut::Random(3)] {
        assert_eq!(run(&program, &recording, &cut).text(), whole.text(), "{cut:?}");
    }
    whole
}

#[test]
fn however_many_members_stand_before_it_a_text_is_looked_at() {
    for filler in
        [r#""media_type":"image/png""#, r#""type":"base64""#, r#""x":1"#, r#""data":"AAAA""#]
    {
        for many in [1, 47, 48, 49, 60, 400] {
            let before = format!("{filler},").repeat(many);
            let document = format!(
                r#"{{"messages":[{{"role":"user","content":[{{"type":"document","source":{{{before}"type":"text","data":"{WORD}"}}}}]}}]}}"#
            );
            assert_eq!(ask("anthropic", &document).status, 403, "{many} times {filler}");
            let tool = format!(
                r#"{{"messages":[{{"role":"assistant","content":[{{{before}"type":"tool_use","id":"t","name":"f","input":{{"{WORD}":1}}}}]}}]}}"#
            );
            assert_eq!(ask("anthropic", &tool).status, 403, "{many} times {filler}");
            let kind = format!(
                r#"{{"input":[{{{before}"type":"image_generation_call","type":"message","result":"{WORD}"}}]}}"#
            );
            assert_eq!(ask("openai-responses", &kind).status, 403, "{many} times {filler}");
        }
    }
}

/// Every key of a request in another case: what it says is unreadable, or read.
#[test]
fn keys_in_another_case_hide_nothing() {
    let requests = [
        (
            "openai-chat",
            format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{WORD}"}}]}}"#),
        ),
        (
            "openai-chat",
            r#"{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"k\":\"z\\u0061nzibar\"}"}}]}],"stream":false,"n":1}"#
                .to_owned(),
        ),
        (
            "openai-responses",
            format!(
                r#"{{"model":"m","instructions":"i","input":[{{"type":"message","role":"user","content":[{{"type":"input_text","text":"{WORD}"}}]}}]}}"#
            ),
        ),
        (
            "anthropic",
            format!(
                r#"{{"model":"m","max_tokens":1,"system":"s","messages":[{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"t","content":"{WORD}"}}]}}]}}"#
            ),
        ),
        (
            "gemini",
            format!(
                r#"{{"systemInstruction":{{"parts":[{{"text":"s"}}]}},"contents":[{{"role":"user","parts":[{{"text":"{WORD}"}}]}}]}}"#
            ),
        ),
        (
            "bedrock",
            format!(
                r#"{{"system":[{{"text":"s"}}],"messages":[{{"role":"user","content":[{{"text":"{WORD}"}}]}}]}}"#
            ),
        ),
    ];
    for (dialect, request) in &requests {
        assert_eq!(ask(dialect, request).status, 403, "{request}");
        let keys: Vec<&str> = request
            .split('"')
            .collect::<Vec<_>>()
            .windows(2)
            .filter(|pair| pair[1].starts_with(':'))
            .map(|pair| pair[0])
            .collect();
        for key in keys {
            let title = format!("{}{}", key[..1].to_uppercase(), &key[1..]);
            for other in [key.to_uppercase(), title, key.to_lowercase()] {
                let changed = request.replace(&format!("\"{key}\":"), &format!("\"{other}\":"));
                let status = ask(dialect, &changed).status;
                assert_eq!(status, 403, "{key} as {other}: {changed}");
            }
        }
    }
}

#[test]
fn a_tool_whose_keys_are_in_another_case_is_unreadable() {
    let policy = json!({"tools": [{"id": "t", "match": "delete_*", "do": "deny"}]});
    for tools in [
        r#""Tools":[{"type":"function","function":{"name":"delete_all"}}]"#,
        r#""tools":[{"type":"function","Function":{"name":"delete_all"}}]"#,
        r#""tools":[{"type":"function","function":{"NAME":"delete_all"}}]"#,
    ] {
        let request = format!(r#"{{"model":"m","messages":[],{tools}}}"#);
        let recording = answered("openai-chat", &request, "application/json", b"{}");
        let seen = run(&program(policy.clone()), &recording, &Cut::Whole);
        assert_eq!((seen.status, &seen.upstream), (403, &None), "{tools}");
    }
    // Keys of the caller's own may be written as they like.
    let request = r#"{"model":"m","metadata":{"Model":"x"},"messages":[],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"Name":{"type":"string"},"Content":{}}}}}]}"#;
    let recording = answered("openai-chat", request, "application/json", b"{}");
    assert!(run(&program(policy), &recording, &Cut::Whole).upstream.is_some());
}

#[test]
fn more_models_than_are_read_are_no_way_around_a_kill() {
    let policy = json!({"failsafe": [{"id": "k", "when": {"model": "killed"}, "do": "block"}]});
    for many in [0, 63, 64, 200] {
        let mut models: Vec<String> = (0..many).map(|n| format!("m{n}")).collect();
        models.push("killed".to_owned());
        let request = json!({"model": "m", "models": models, "messages": []}).to_string();
        let recording = answered("openai-chat", &request, "application/json", b"{}");
        let seen = run(&program(policy.clone()), &recording, &Cut::Whole);
        assert_eq!((seen.status, seen.upstream), (403, None), "{many}");
    }
}

#[test]
fn a_variable_of_a_stored_prompt_may_be_called_anything() {
    for name in ["role", "id", "status", "type", "model", "usage", "signature", "data", "name", "v"]
    {
        for value in [json!(WORD), json!({"type": "input_text", "text": WORD})] {
            let request = json!({"prompt": {"id": "p", "variables": {name: value}}}).to_string();
            assert_eq!(ask("openai-responses", &request).status, 403, "{request}");
        }
        let request = json!({"promptVariables": {name: {"text": WORD}}}).to_string();
        assert_eq!(ask("bedrock", &request).status, 403, "{request}");
        let request = json!({"messages": [], "documents": [{name: WORD}]}).to_string();
        assert_eq!(ask("openai-chat", &request).status, 403, "{request}");
    }
}

fn chunk(index: &str, text: &str) -> String {
    format!(
        "data: {{\"choices\":[{{\"index\":{index},\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n"
    )
}

#[test]
fn an_index_may_be_written_in_any_way() {
    for (one, other) in [
        ("1", "1.0"),
        ("1", "\"1\""),
        ("0", "null"),
        ("0", "-0"),
        ("1e0", "1"),
        ("-1", "-1"),
        ("-1", "-1.0"),
        ("4294967296", "4294967296.0"),
        ("4294967296", "\"4294967296\""),
        ("\"x\"", "\"x\""),
        ("1.5", "1.50"),
        ("true", "true"),
    ] {
        let stream = format!("{}{}data: [DONE]\n\n", chunk(one, "go zan"), chunk(other, "zibar x"));
        let seen = answer("openai-chat", "text/event-stream", &stream, json!({"redact": "[X]"}));
        assert!(seen.text().contains("[X]"), "{one} {other}: {}", seen.text());
        assert!(!seen.text().contains("zan") && !seen.text().contains("zibar"), "{}", seen.text());
    }
}

/// A text may begin in the event that begins its block, whatever the block is called: the deltas go on with it.
#[test]
fn a_text_that_begins_with_its_block_is_one_text() {
    let anthropic = |kind: &str, field: &str| {
        let begin = format!(r#"{{"type":"{kind}","{field}":"go zan"}}"#);
        let events = [
            r#"{"type":"message_start","message":{"id":"m","content":[]}}"#.to_owned(),
            format!(r#"{{"type":"content_block_start","index":0,"content_block":{begin}}}"#),
            format!(
                r#"{{"type":"content_block_delta","index":0,"delta":{{"{field}":"zibar now"}}}}"#
            ),
            r#"{"type":"content_block_stop","index":0}"#.to_owned(),
            r#"{"type":"message_stop"}"#.to_owned(),
        ];
        ("anthropic", events.map(|event| format!("data: {event}\n\n")).concat())
    };
    let mut streams = Vec::new();
    for kind in ["text", "thinking", "redacted", "web_search_tool_result", "new"] {
        streams.extend(["text", "thinking"].map(|field| anthropic(kind, field)));
    }
    for (dialect, stream) in streams {
        let seen = answer(dialect, "text/event-stream", &stream, json!({"redact": "[X]"}));
        assert!(seen.text().contains("[X]"), "{stream}: {}", seen.text());
        assert!(!seen.text().contains("zan") && !seen.text().contains("zibar"), "{}", seen.text());
    }
}

/// A text that goes on after its end: the match is found, and what comes after the end does not leave.
#[test]
fn a_text_that_goes_on_after_its_end_is_one_text() {
    let delta = |text: &str| {
        format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"{text}\"}}}}\n\n"
        )
    };
    let stop = "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n";
    let start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"content\":[]}}\n\n";
    let block = "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
    let end = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let anthropic = [start, block, &delta("go zan"), stop, &delta("zibar now"), end].concat();
    let done = r#"data: {"type":"response.output_text.done","output_index":0,"content_index":0,"text":"go zan"}"#;
    let text = |text: &str| {
        format!(
            "data: {{\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"{text}\"}}\n\n"
        )
    };
    let responses = [&*text("go zan"), done, "\n\n", &text("zibar now")].concat();
    let chat = [
        &*chunk("0", "go zan"),
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
        &chunk("0", "zibar now"),
        "data: [DONE]\n\n",
    ]
    .concat();
    for (dialect, stream) in
        [("anthropic", anthropic), ("openai-responses", responses), ("openai-chat", chat)]
    {
        let seen = answer(dialect, "text/event-stream", &stream, json!({"redact": "[X]"}));
        assert!(seen.text().contains("[X]"), "{dialect}: {}", seen.text());
        assert!(!seen.text().contains("zibar"), "{dialect}: {}", seen.text());
        assert!(seen.text().contains(" now"), "{dialect}: {}", seen.text());
        let seen = answer(dialect, "text/event-stream", &stream, json!("block"));
        assert!(!seen.text().contains("zibar"), "{dialect}: {}", seen.text());
        assert!(seen.state("hemostat.rule_hits").is_some(), "{dialect}");
    }
}

/// Servers of open models write a role into the prompt as it is.
#[test]
fn a_role_that_nobody_knows_is_a_word_of_the_request() {
    let rule = json!({"id": "g", "scan": ["input"], "find": [WORD], "do": "block"});
    let program = program(json!({"guardrails": [rule]}));
    for path in ["/v1/chat/completions", "/api/chat", "/v1/messages"] {
        let ask = |role: &str| {
            let messages = json!([{"role": role, "content": "hi"}]);
            let request = json!({"model": "m", "max_tokens": 1, "messages": messages});
            run(&program, &Recording::made(path, request, json!({})), &Cut::Whole)
        };
        assert_eq!(ask(&format!("go {WORD}")).upstream, None, "{path}");
        assert!(ask("user").upstream.is_some(), "{path}");
    }
}

#[test]
fn names_ids_and_roles_in_answers_are_words_too() {
    let json = "application/json";
    let sse = "text/event-stream";
    let whole = |call: &str| {
        format!(
            r#"{{"choices":[{{"index":0,"message":{{"role":"assistant","content":null,"tool_calls":[{call}]}},"finish_reason":"tool_calls"}}]}}"#
        )
    };
    let delta =
        |delta: &str| format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{delta}}}]}}\n\n");
    let call = |name: &str, id: &str| {
        format!(
            r#"{{"index":0,"id":"{id}","type":"function","function":{{"name":"{name}","arguments":"{{}}"}}}}"#
        )
    };
    let cases = [
        ("openai-chat", json, whole(&call(WORD, "c"))),
        ("openai-chat", json, whole(&call("f", WORD))),
        (
            "openai-chat",
            json,
            format!(r#"{{"choices":[{{"index":0,"message":{{"role":"{WORD}","content":"x"}}}}]}}"#),
        ),
        ("openai-chat", sse, delta(&format!(r#"{{"tool_calls":[{}]}}"#, call(WORD, "c")))),
        ("openai-chat", sse, delta(&format!(r#"{{"tool_calls":[{}]}}"#, call("f", WORD)))),
        ("openai-chat", sse, delta(&format!(r#"{{"role":"{WORD}"}}"#))),
        (
            "openai-chat",
            sse,
            [r#"{"name":"a_zan"}"#, r#"{"name":"zibar"}"#, r#"{"arguments":"{}"}"#]
                .map(|body| {
                    delta(&format!(r#"{{"tool_calls":[{{"index":0,"function":{body}}}]}}"#))
                })
                .concat(),
        ),
        (
            "openai-responses",
            json,
            format!(
                r#"{{"output":[{{"type":"function_call","call_id":"{WORD}","name":"f","arguments":"{{}}"}}]}}"#
            ),
        ),
        (
            "openai-responses",
            json,
            format!(
                r#"{{"output":[{{"type":"function_call","call_id":"c","name":"{WORD}","arguments":"{{}}"}}]}}"#
            ),
        ),
        (
            "anthropic",
            json,
            format!(
                r#"{{"type":"message","role":"assistant","content":[{{"type":"tool_use","id":"{WORD}","name":"f","input":{{}}}}]}}"#
            ),
        ),
        (
            "anthropic",
            json,
            format!(
                r#"{{"type":"message","role":"assistant","content":[{{"type":"tool_use","id":"t","name":"{WORD}","input":{{}}}}]}}"#
            ),
        ),
        (
            "anthropic",
            sse,
            format!(
                "event: content_block_start\ndata: {{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"{WORD}\",\"input\":{{}}}}}}\n\n"
            ),
        ),
        (
            "gemini",
            json,
            format!(
                r#"{{"candidates":[{{"content":{{"role":"model","parts":[{{"functionCall":{{"name":"{WORD}","args":{{}}}}}}]}}}}]}}"#
            ),
        ),
        (
            "gemini",
            json,
            format!(
                r#"{{"candidates":[{{"content":{{"role":"model","parts":[{{"functionCall":{{"id":"{WORD}","name":"f","args":{{}}}}}}]}}}}]}}"#
            ),
        ),
        (
            "bedrock",
            json,
            format!(
                r#"{{"output":{{"message":{{"role":"assistant","content":[{{"toolUse":{{"toolUseId":"{WORD}","name":"f","input":{{}}}}}}]}}}}}}"#
            ),
        ),
        (
            "bedrock",
            json,
            format!(
                r#"{{"output":{{"message":{{"role":"assistant","content":[{{"toolUse":{{"toolUseId":"t","name":"{WORD}","input":{{}}}}}}]}}}}}}"#
            ),
        ),
    ];
    for (dialect, kind, response) in cases {
        let seen = answer(dialect, kind, &response, json!({"redact": "[X]"}));
        assert!(
            seen.text().contains("[X]") && !seen.text().contains("zibar"),
            "{dialect} {response}\n{}",
            seen.text()
        );
        let seen = answer(dialect, kind, &response, json!("block"));
        assert!(!seen.text().contains("zanzi"), "{dialect} {response}\n{}", seen.text());
    }
}

#[test]
fn what_is_called_a_stream_of_events_and_is_none_is_counted() {
    let event = chunk("0", WORD);
    let redact = json!({"redact": "[X]"});
    let bom = format!("\u{feff}{event}");
    let seen = answer("openai-chat", "text/event-stream", &bom, redact.clone());
    assert!(seen.text().contains("[X]") && !seen.text().contains(WORD), "{}", seen.text());
    for plain in [
        format!("go to {WORD}"),
        format!("go to {WORD}\n\n"),
        format!("one\ntwo {WORD}\n\nthree"),
        format!("<html>{WORD}</html>"),
        format!("\u{feff}go to {WORD}\n"),
    ] {
        let seen = answer("openai-chat", "text/event-stream", &plain, redact.clone());
        assert!(!seen.text().contains(WORD), "{plain:?}: {}", seen.text());
        assert_eq!(
            seen.counted("hemostat_unchecked_total;reason=dialect;action=block"),
            1,
            "{plain:?}"
        );
        let mut policy = guard(json!(["output"]), redact.clone());
        policy["on_unreadable"] = json!("pass");
        let request = r#"{"model":"m","messages":[],"stream":true}"#;
        let recording = answered("openai-chat", request, "text/event-stream", plain.as_bytes());
        let seen = run(&program(policy), &recording, &Cut::Whole);
        assert_eq!(seen.text(), plain);
        assert_eq!(
            seen.counted("hemostat_unchecked_total;reason=dialect;action=pass"),
            1,
            "{plain:?}"
        );
    }
}
