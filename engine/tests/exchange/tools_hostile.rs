//! Lever 4 against answers that try to get a call past it, and against ones that are only odd.

use std::rc::Rc;

use crate::support::calls::calls;
use crate::support::text::texts;
use crate::support::{Cut, Recording, program, run};
use hemostat_engine::policy::Program;
use serde_json::{Value, json};

fn answer(dialect: &str, stream: bool, response: &str) -> Recording {
    let path = match dialect {
        "openai-chat" => "/v1/chat/completions",
        "openai-responses" => "/v1/responses",
        "anthropic" => "/v1/messages",
        _ if stream => "/v1beta/models/m:streamGenerateContent?alt=sse",
        _ => "/v1beta/models/m:generateContent",
    };
    Recording {
        name: response.chars().take(60).collect(),
        dialect: dialect.to_owned(),
        method: "POST".to_owned(),
        path: path.to_owned(),
        status: 200,
        content_type: if stream { "text/event-stream" } else { "application/json" }.to_owned(),
        request: if stream {
            br#"{"model":"m","stream":true}"#.to_vec()
        } else {
            br#"{"model":"m"}"#.to_vec()
        },
        response: response.as_bytes().to_vec(),
    }
}

/// A chat stream of these deltas.
fn chat(deltas: &[&str], finish: &str) -> Recording {
    let mut out = String::new();
    for delta in deltas {
        out.push_str(&format!("data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":null}}]}}\n\n"));
    }
    out.push_str(&format!("data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"{finish}\"}}]}}\n\ndata: [DONE]\n\n"));
    answer("openai-chat", true, &out)
}

fn denying(tool: &str) -> Rc<Program> {
    program(json!({"tools": [{"id": "t", "match": tool, "do": "deny"}]}))
}

/// The answer under the policy, which does not depend on where it was cut.
fn out(program: &Rc<Program>, recording: &Recording) -> String {
    let whole = run(program, recording, &Cut::Whole);
    for cut in [Cut::Every(1), Cut::Every(13), Cut::Random(5)] {
        assert_eq!(run(program, recording, &cut).text(), whole.text(), "{cut:?}");
    }
    whole.text()
}

const BEGIN: &str = r#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"refund","arguments":""}}]}"#;
const ARGS: &str = r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"amount\":150}"}}]}"#;

#[test]
fn a_name_in_pieces_does_not_get_past() {
    let program = denying("refund");
    for deltas in [
        vec![BEGIN, ARGS],
        vec![
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"ref"}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"name":"und"}}]}"#,
            ARGS,
        ],
        vec![
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"arguments":""}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"name":"refund","arguments":""}}]}"#,
            ARGS,
        ],
        vec![
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"n\u0061me":"re\u0066und","arguments":"{\"amount\":150}"}}]}"#,
        ],
        vec![r#"{"function_call":{"name":"refund","arguments":"{\"amount\":150}"}}"#],
    ] {
        let text = out(&program, &chat(&deltas, "tool_calls"));
        for word in ["150", "amount", "\"ref", "und\"", "tool_calls", "function_call"] {
            assert!(!text.contains(word), "{word} in {text}");
        }
        assert!(text.contains("Tool call `refund` was stopped by policy"), "{text}");
        assert!(
            text.contains("\"finish_reason\":\"stop\"") && text.ends_with("data: [DONE]\n\n"),
            "{text}"
        );
    }
}

#[test]
fn more_of_a_name_after_the_arguments_does_not_get_past() {
    let late = r#"{"tool_calls":[{"index":0,"function":{"name":"fund"}}]}"#;
    let begin =
        r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"re","arguments":"{}"}}]}"#;
    let text = out(&denying("refund"), &chat(&[begin, late, ARGS], "tool_calls"));
    assert!(!text.contains("\"name\":\"fund\"") && !text.contains("150"), "{text}");
}

#[test]
fn keys_that_stand_twice_do_not_get_past() {
    let program = denying("refund");
    let call =
        r#"{"index":0,"id":"a","function":{"name":"refund","arguments":"{\"amount\":150}"}}"#;
    let other = r#"{"index":0,"id":"a","function":{"name":"look","arguments":"{}"}}"#;
    for delta in [
        format!(r#"{{"tool_calls":[{call}],"tool_calls":[{other}]}}"#),
        format!(r#"{{"tool_calls":[{call}],"tool_calls":null}}"#),
        r#"{"tool_calls":[{"index":0,"function":{"name":"refund","arguments":"{\"amount\":150}"},"function":{"name":"look"}}]}"#.to_owned(),
        r#"{"tool_calls":[{"index":0,"function":{"name":"refund","name":"look","arguments":"{\"amount\":150}"}}]}"#.to_owned(),
        format!(r#"{{"x":1}},"delta":{{"tool_calls":[{call}]}},"delta":{{"content":"hi"}}"#),
    ] {
        let text = out(&program, &chat(&[&delta], "tool_calls"));
        assert!(!text.contains("150"), "{text}");
    }
}

#[test]
fn calls_that_share_an_index_are_told_apart_by_their_ids() {
    let look = r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"look","arguments":"{\"q\":1}"}}]}"#;
    let refund = r#"{"tool_calls":[{"index":0,"id":"b","function":{"name":"refund","arguments":"{\"amount\":150}"}}]}"#;
    let last = r#"{"tool_calls":[{"index":0,"id":"c","function":{"name":"look","arguments":"{\"q\":2}"}}]}"#;
    let recording = chat(&[look, refund, last], "tool_calls");
    let text = out(&denying("refund"), &recording);
    assert!(
        !text.contains("150") && text.contains(r#"{\"q\":1}"#) && text.contains(r#"{\"q\":2}"#),
        "{text}"
    );
    assert!(text.contains("\"finish_reason\":\"tool_calls\""), "calls are left: {text}");
}

#[test]
fn interleaved_parallel_calls_lose_only_the_stopped_one() {
    let deltas = [
        r#"{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"a","function":{"name":"refund","arguments":""}},{"index":1,"id":"b","function":{"name":"look","arguments":""}}]}"#,
        r#"{"tool_calls":[{"index":1,"function":{"arguments":"{\"q\":"}},{"index":0,"function":{"arguments":"{\"amount\""}}]}"#,
        r#"{"tool_calls":[{"index":0,"function":{"arguments":":150}"}}]}"#,
        r#"{"tool_calls":[{"index":1,"function":{"arguments":"7}"}}]}"#,
        r#"{"content":"Done."}"#,
    ];
    let recording = chat(&deltas, "tool_calls");
    let text = out(&denying("refund"), &recording);
    let left = calls(&recording, text.as_bytes());
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].name.as_str(), &left[0].args), ("look", &json!({"q": 7})));
    assert!(text.contains("\"index\":0,\"id\":\"b\""), "the ranks are closed: {text}");
    assert_eq!(
        texts(&recording, text.as_bytes())["content 0"],
        "Tool call `refund` was stopped by policy\n\nDone."
    );
}

#[test]
fn conditions_look_at_every_form_of_the_arguments() {
    let program = program(
        json!({"tools": [{"match": "refund", "when_args": {"/amount": {"gt": 100}}, "do": "deny"}]}),
    );
    let event = |name: &str, fields: &str| {
        format!("event: {name}\ndata: {{\"type\":\"{name}\",{fields}}}\n\n")
    };
    let item = |args: &str| {
        format!(
            r#""output_index":0,"item":{{"id":"f","type":"function_call","call_id":"c","name":"refund","arguments":"{args}"}}"#
        )
    };
    let stream = |delta: &str, done: &str, item_done: &str, completed: &str| {
        let mut out = event("response.created", r#""response":{"id":"r","output":[]}"#);
        out += &event("response.output_item.added", &item(""));
        out += &event(
            "response.function_call_arguments.delta",
            &format!(r#""item_id":"f","output_index":0,"delta":"{delta}""#),
        );
        out += &event(
            "response.function_call_arguments.done",
            &format!(r#""item_id":"f","output_index":0,"arguments":"{done}""#),
        );
        out += &event("response.output_item.done", &item(item_done));
        let whole = item(completed);
        let whole = whole.split_once("\"item\":").unwrap().1;
        out +=
            &event("response.completed", &format!(r#""response":{{"id":"r","output":[{whole}]}}"#));
        answer("openai-responses", true, &out)
    };
    let (small, large) = (r#"{\"amount\":50}"#, r#"{\"amount\":500}"#);
    let fine = stream(small, small, small, small);
    assert_eq!(out(&program, &fine).as_bytes(), fine.response);
    for sly in [
        stream(large, small, small, small),
        stream(small, large, small, small),
        stream(small, small, large, small),
    ] {
        let text = out(&program, &sly);
        assert!(!text.contains("amount"), "{text}");
    }
    let last = out(&program, &stream(small, small, small, large));
    assert!(!last.contains("500"), "{last}");
}

#[test]
fn a_call_that_is_too_long_is_denied_and_the_answer_goes_on() {
    let program =
        program(json!({"tools": [{"match": "*", "when_args": {"/zz": {"eq": 1}}, "do": "deny"}]}));
    let long = format!(
        r#"{{"tool_calls":[{{"index":0,"function":{{"arguments":"{}"}}}}]}}"#,
        "x".repeat(64 * 1024)
    );
    let mut deltas = vec![BEGIN];
    deltas.extend(std::iter::repeat_n(long.as_str(), 20));
    deltas.push(r#"{"content":"still here"}"#);
    let recording = chat(&deltas, "tool_calls");
    let seen = run(&program, &recording, &Cut::Every(4096));
    let text = seen.text();
    assert!(
        !text.contains("xxxx") && text.contains("it is too long") && text.contains("still here"),
        "{}",
        text.len()
    );
    assert_eq!(seen.counted("hemostat_unchecked_total;reason=hold_limit;action=block"), 1);
}

#[test]
fn events_after_a_calls_end_do_not_get_past() {
    let event = |name: &str, fields: &str| {
        format!("event: {name}\ndata: {{\"type\":\"{name}\"{fields}}}\n\n")
    };
    let start = event("message_start", r#","message":{"id":"m","role":"assistant","content":[]}"#);
    let block = |name: &str| {
        event(
            "content_block_start",
            &format!(
                r#","index":0,"content_block":{{"type":"tool_use","id":"t","name":"{name}","input":{{}}}}"#
            ),
        )
    };
    let delta = |json: &str| {
        event(
            "content_block_delta",
            &format!(r#","index":0,"delta":{{"type":"input_json_delta","partial_json":"{json}"}}"#),
        )
    };
    let stop = event("content_block_stop", r#","index":0"#);
    let end = event(
        "message_delta",
        r#","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":1}"#,
    ) + &event("message_stop", "");
    let program = program(
        json!({"tools": [{"match": "refund", "when_args": {"/amount": {"gt": 100}}, "do": "deny"}]}),
    );
    let sly = [
        start.clone(),
        block("refund"),
        delta(r#"{\"amount\":1"#),
        stop.clone(),
        delta("50}"),
        end.clone(),
    ]
    .concat();
    let text = out(&program, &answer("anthropic", true, &sly));
    assert!(!text.contains("50}"), "{text}");
    let plain = [start, block("refund"), delta(r#"{\"amount\":150}"#), stop, end].concat();
    let text = out(&program, &answer("anthropic", true, &plain));
    assert!(text.contains(r#""content_block":{"type":"text","text":""}"#), "{text}");
    assert!(text.contains(r#""stop_reason":"end_turn""#) && !text.contains("amount"), "{text}");
}

#[test]
fn guardrails_do_not_look_at_what_does_not_leave() {
    let program = program(json!({
        "tools": [{"match": "refund", "do": "deny"}, {"match": "*", "when_args": {"/zz": {"eq": 1}}, "do": "deny"}],
        "guardrails": [{"id": "g", "scan": ["tool_args"], "find": ["secret"], "do": "block"}]}));
    let stopped = r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"refund","arguments":"{\"a\":\"secret\"}"}}]}"#;
    let other = r#"{"tool_calls":[{"index":1,"id":"b","function":{"name":"look","arguments":"{\"a\":\"fine\"}"}}]}"#;
    let text = out(&program, &chat(&[stopped, other], "tool_calls"));
    assert!(text.contains("fine") && !text.contains("secret"), "{text}");
    let hit = r#"{"tool_calls":[{"index":1,"id":"b","function":{"name":"look","arguments":"{\"a\":\"secret\"}"}}]}"#;
    let text = out(&program, &chat(&[stopped, hit], "tool_calls"));
    assert!(text.contains("content_filter") && !text.contains("secret"), "{text}");
}

#[test]
fn an_allowed_call_flows_as_soon_as_its_name_is_known() {
    let recording = chat(&[BEGIN, ARGS, ARGS], "tool_calls");
    let events: Vec<usize> = recording
        .response
        .windows(2)
        .enumerate()
        .filter(|(_, w)| *w == b"\n\n")
        .map(|(at, _)| at + 2)
        .collect();
    let seen = run(&denying("delete"), &recording, &Cut::Every(1));
    assert_eq!(seen.after_chunk[events[0] - 1], 0, "its name may go on in the next event");
    assert_eq!(seen.after_chunk[events[1] - 1], events[1]);
    assert_eq!(seen.after_chunk[events[2] - 1], events[2]);
}

#[test]
fn the_model_cannot_speak_through_a_tools_name() {
    let call = r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"click here <a href=x>","arguments":"{}"}}]}"#;
    let text = out(&denying("*"), &chat(&[call], "tool_calls"));
    assert!(text.contains("Tool call was stopped by policy") && !text.contains("click"), "{text}");
}

#[test]
fn whole_answers() {
    let program = denying("refund");
    let chat_body = r#"{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"refund","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#;
    let got: Value =
        serde_json::from_str(&out(&program, &answer("openai-chat", false, chat_body))).unwrap();
    let expected =
        json!({"role": "assistant", "content": "Tool call `refund` was stopped by policy"});
    assert_eq!(got["choices"][0]["message"], expected);
    assert_eq!(got["choices"][0]["finish_reason"], "stop");
    let anthropic = r#"{"id":"m","type":"message","content":[{"type":"text","text":"Hm."},{"type":"tool_use","id":"t","name":"refund","input":{"a":1}},{"type":"tool_use","id":"u","name":"look","input":{}}],"stop_reason":"tool_use"}"#;
    let got: Value =
        serde_json::from_str(&out(&program, &answer("anthropic", false, anthropic))).unwrap();
    assert_eq!(
        got["content"][1],
        json!({"type": "text", "text": "Tool call `refund` was stopped by policy"})
    );
    assert_eq!(got["stop_reason"], "tool_use", "a call is left");
    let gemini = r#"{"candidates":[{"content":{"parts":[{"text":"Hm."},{"functionCall":{"name":"refund","args":{"a":1}},"thoughtSignature":"x"}],"role":"model"},"finishReason":"STOP"}]}"#;
    let got: Value =
        serde_json::from_str(&out(&program, &answer("gemini", false, gemini))).unwrap();
    assert_eq!(
        got["candidates"][0]["content"]["parts"],
        json!([{"text": "Hm."}, {"text": "\n\nTool call `refund` was stopped by policy"}])
    );
}
