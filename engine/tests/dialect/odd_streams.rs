//! Endings of streams that are odd but seen: each ends as one well-formed answer, whatever came before.

use crate::support::{answer, call, payloads, read, send};
use hemostat_engine::dialect::{Answer, Call, DialectId, Ending, EndingHow, Item};
use hemostat_engine::wire::frame::Framing;
use serde_json::{Value, json};

const SAID: &str = "Blocked.";

fn after(call: &Call, sent: &[&str], how: EndingHow) -> Vec<Value> {
    let framing = call.recognised.json_stream;
    let mut answer = answer(call, framing);
    for payload in sent {
        read(&mut *answer, payload);
        send(&mut *answer, payload);
    }
    end(&mut *answer, how, framing)
}

fn end(answer: &mut dyn Answer, how: EndingHow, framing: Framing) -> Vec<Value> {
    let ending = Ending { before: Vec::new(), how, decision: "d1".to_owned(), now: 1_760_000_000 };
    let bytes = answer.ending(&ending).written(framing);
    let value = |p: &String| serde_json::from_str(p).unwrap_or_else(|_| Value::from(p.as_str()));
    payloads(&bytes, framing).iter().map(value).collect()
}

fn canned() -> EndingHow {
    EndingHow::Canned { text: SAID.to_owned(), json: None, refusal: false }
}

fn chat(choices: u32, include_usage: bool) -> Call {
    Call { choices, include_usage, ..call(DialectId::OpenaiChat, Framing::Sse) }
}

/// Texts of `delta.content` by choice, and the choices that finish, both as they come.
fn told(chunks: &[Value]) -> (Vec<(u64, String)>, Vec<u64>) {
    let (mut texts, mut finished) = (Vec::new(), Vec::new());
    for choice in chunks.iter().filter_map(|c| c["choices"].as_array()).flatten() {
        let index = choice["index"].as_u64().unwrap();
        if let Some(text) = choice["delta"]["content"].as_str() {
            texts.push((index, text.to_owned()));
        }
        if choice["finish_reason"].is_string() {
            finished.push(index);
        }
    }
    (texts, finished)
}

#[test]
fn chat_done_twice() {
    let call = chat(1, false);
    let mut answer = answer(&call, Framing::Sse);
    for payload in ["[DONE]", " [DONE] "] {
        let items = read(&mut *answer, payload);
        assert_eq!(items, [(Item::AnswerEnd, String::new())], "{payload:?}");
        send(&mut *answer, payload);
        assert!(end(&mut *answer, canned(), Framing::Sse).is_empty());
    }
}

#[test]
fn chat_finish_before_its_text() {
    let sent = [
        r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant"},"finish_reason":"stop"}]}"#,
        r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"late"},"finish_reason":null}]}"#,
    ];
    let chunks = after(&chat(1, false), &sent, canned());
    // It spoke on: what ends it is said, and finishes it.
    let (done, chunks) = chunks.split_last().unwrap();
    assert_eq!(done, "[DONE]");
    assert_eq!(told(chunks), (vec![(0, format!("\n\n{SAID}"))], vec![0]));
    // One that has said nothing since has finished.
    let chunks = after(&chat(1, false), &sent[..1], canned());
    assert_eq!(chunks, [json!("[DONE]")]);
}

#[test]
fn chat_usage_in_every_chunk() {
    let chunk = r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],"usage":{"prompt_tokens":7,"completion_tokens":1,"total_tokens":8}}"#;
    let chunks = after(&chat(1, true), &[chunk, chunk], canned());
    // What was counted stands: no zeros over it.
    assert!(chunks.iter().all(|chunk| !chunk["usage"].is_object()), "{chunks:?}");
    assert_eq!(told(&chunks), (vec![(0, format!("\n\n{SAID}"))], vec![0]));
    // `"usage":null` in every chunk is none.
    let null = r#"{"id":"c","choices":[{"index":0,"delta":{"content":"a"}}],"usage":null}"#;
    let chunks = after(&chat(1, true), &[null, null], canned());
    assert_eq!(chunks.iter().filter(|chunk| chunk["usage"].is_object()).count(), 1);
    assert!(chunks[chunks.len() - 2]["choices"].as_array().unwrap().is_empty());
}

#[test]
fn chat_azure_first_chunk_without_choices() {
    let azure = r#"{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{}}]}"#;
    let chunks = after(&chat(1, false), &[azure], canned());
    let (done, chunks) = chunks.split_last().unwrap();
    assert_eq!(done, "[DONE]");
    for chunk in chunks {
        assert_eq!(chunk["id"], "chatcmpl-hemostat-d1");
        assert_eq!(chunk["created"], 1_760_000_000);
        assert_eq!(chunk["model"], "asked-model");
    }
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(told(chunks), (vec![(0, SAID.to_owned())], vec![0]));
    // The id that comes with the next chunk is kept.
    let next = r#"{"id":"chatcmpl-1","created":5,"model":"gpt","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#;
    let chunks = after(&chat(1, false), &[azure, next], canned());
    assert_eq!(
        (&chunks[0]["id"], &chunks[0]["created"], &chunks[0]["model"]),
        (&json!("chatcmpl-1"), &json!(5), &json!("gpt"))
    );
}

#[test]
fn chat_three_choices_of_which_one_never_begins() {
    let sent = [
        r#"{"id":"c","model":"m","choices":[{"index":2,"delta":{"role":"assistant","content":"two"}}]}"#,
        r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"zero"}}]}"#,
        r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    ];
    let chunks = after(&chat(3, false), &sent, canned());
    let texts = vec![(1, SAID.to_owned()), (2, format!("\n\n{SAID}"))];
    assert_eq!(told(&chunks), (texts, vec![1, 2]));
    // The one that begins here has a role, and the one that had begun does not get a second.
    let choice = |index: u64| {
        let choices = chunks.iter().filter_map(|c| c["choices"].as_array()).flatten();
        choices.filter(move |c| c["index"] == index).cloned().collect::<Vec<_>>()
    };
    assert_eq!(choice(1)[0]["delta"]["role"], "assistant");
    assert!(choice(2)[0]["delta"].get("role").is_none());
}

const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"model":"claude","stop_reason":null,"usage":{"input_tokens":3,"output_tokens":1}}}"#;

/// Types of events with their block index.
fn outline(events: &[Value]) -> Vec<String> {
    let line = |event: &Value| {
        let kind = event["type"].as_str().unwrap();
        event["index"].as_u64().map_or(kind.to_owned(), |index| format!("{kind} {index}"))
    };
    events.iter().map(line).collect()
}

#[test]
fn anthropic_inside_a_thinking_block() {
    let sent = [
        START,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
    ];
    let events = after(&call(DialectId::Anthropic, Framing::Sse), &sent, canned());
    assert_eq!(
        outline(&events),
        [
            "content_block_stop 0",
            "content_block_start 1",
            "content_block_delta 1",
            "content_block_stop 1",
            "message_delta",
            "message_stop"
        ]
    );
    assert_eq!(events[2]["delta"], json!({"type": "text_delta", "text": SAID}));
    let events = after(&call(DialectId::Anthropic, Framing::Sse), &sent, EndingHow::Blocked);
    assert_eq!(outline(&events), ["content_block_stop 0", "message_delta", "message_stop"]);
    assert_eq!(events[1]["delta"]["stop_reason"], "refusal");
}

#[test]
fn anthropic_inside_a_server_tool_use() {
    let sent = [
        START,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"I look"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"que"}}"#,
    ];
    let events = after(&call(DialectId::Anthropic, Framing::Sse), &sent, canned());
    assert_eq!(
        outline(&events)[..3],
        ["content_block_stop 1", "content_block_start 2", "content_block_delta 2"]
    );
    // A new block needs no blank line before what it says.
    assert_eq!(events[2]["delta"]["text"], SAID);
    // Not `tool_use`: the caller must not carry out what was not finished.
    assert_eq!(events[4]["delta"]["stop_reason"], "end_turn");
}

#[test]
fn anthropic_before_any_block() {
    let ping = r#"{"type":"ping"}"#;
    for sent in [&[START][..], &[START, ping], &[ping], &[]] {
        let events = after(&call(DialectId::Anthropic, Framing::Sse), sent, canned());
        let own = usize::from(!sent.contains(&START));
        assert_eq!(outline(&events[..own]), vec!["message_start"; own]);
        assert_eq!(
            outline(&events[own..]),
            [
                "content_block_start 0",
                "content_block_delta 0",
                "content_block_stop 0",
                "message_delta",
                "message_stop"
            ]
        );
        // What upstream counted stands.
        assert_eq!(events[own + 3]["usage"]["output_tokens"], 1 - own);
    }
}

#[test]
fn gemini_array_of_which_nothing_was_sent() {
    let call = call(DialectId::Gemini, Framing::JsonArray);
    let bytes = |sent: &[&[u8]]| {
        let mut answer = answer(&call, Framing::JsonArray);
        sent.iter().for_each(|bytes| answer.sent_other(bytes));
        let ending =
            Ending { before: Vec::new(), how: canned(), decision: "d1".to_owned(), now: 0 };
        [sent.concat(), answer.ending(&ending).written(Framing::JsonArray)].concat()
    };
    let sent: [&[&[u8]]; 4] = [&[], &[b"["], &[b" [\n"], &[b"\n", b"["]];
    for sent in sent {
        let body: Value = serde_json::from_slice(&bytes(sent)).unwrap();
        assert_eq!(body.as_array().unwrap().len(), 1, "{sent:?}");
        assert_eq!(body[0]["candidates"][0]["content"]["parts"][0]["text"], SAID);
    }
    // An array that is over stays as it is.
    assert_eq!(bytes(&[b"[", b"]"]), b"[]");
}

#[test]
fn responses_ending_repeats_the_settings_of_its_response() {
    let created = json!({"type": "response.created", "sequence_number": 0, "response": {
        "id": "resp_1", "object": "response", "created_at": 5, "status": "in_progress", "model": "gpt",
        "output": [], "usage": null, "error": null, "metadata": {"team": "blue"}, "temperature": 0.3,
        "tools": [{"type": "function", "name": "f"}], "previous_response_id": "resp_0", "incomplete_details": null,
    }});
    let responses = call(DialectId::OpenaiResponses, Framing::Sse);
    let events = after(&responses, &[&created.to_string()], EndingHow::Blocked);
    let last = &events.last().unwrap()["response"];
    for field in
        ["id", "created_at", "model", "metadata", "temperature", "tools", "previous_response_id"]
    {
        assert_eq!(last[field], created["response"][field], "{field}");
    }
    assert_eq!(last["status"], "incomplete");
    assert_eq!(last["incomplete_details"]["reason"], "content_filter");
    assert!(last["usage"]["total_tokens"].is_u64());
    // One that is too long is replaced by the fields that a client needs.
    let mut long = created.clone();
    long["response"]["instructions"] = Value::from("x".repeat(100_000));
    let events = after(&responses, &[&long.to_string()], EndingHow::Blocked);
    let last = &events.last().unwrap()["response"];
    assert_eq!((&last["id"], &last["model"]), (&json!("resp_1"), &json!("gpt")));
    assert_eq!((&last["instructions"], &last["tools"]), (&Value::Null, &json!([])));
}

#[test]
fn responses_two_in_one_body_end_each() {
    let mut answer = answer(&call(DialectId::OpenaiResponses, Framing::Sse), Framing::Sse);
    for id in ["resp_1", "resp_2"] {
        let event = |kind: &str| {
            json!({"type": kind, "response": {"id": id, "object": "response", "output": []}})
                .to_string()
        };
        for (kind, ends) in [("response.created", false), ("response.completed", true)] {
            let items = read(&mut *answer, &event(kind));
            assert_eq!(items.contains(&(Item::AnswerEnd, String::new())), ends, "{id} {kind}");
            send(&mut *answer, &event(kind));
        }
    }
    let next = json!({"type": "response.created", "response": {"id": "resp_3"}}).to_string();
    send(&mut *answer, &next);
    let events = end(&mut *answer, EndingHow::Blocked, Framing::Sse);
    assert_eq!(events.last().unwrap()["response"]["id"], "resp_3");
}

/// The end of a text repeats it; what the ending repeats must hold it once, and be what was sent.
#[test]
fn responses_text_that_is_done_is_repeated_once() {
    let sent = [
        r#"{"type":"response.created","response":{"id":"resp_1"}}"#,
        r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"msg_1","type":"message","role":"assistant","content":[]}}"#,
        r#"{"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"a\u00e9"}"#,
        r#"{"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"b"}"#,
        r#"{"type":"response.output_text.done","item_id":"msg_1","output_index":0,"content_index":0,"text":"aéb"}"#,
    ];
    let responses = call(DialectId::OpenaiResponses, Framing::Sse);
    let events = after(&responses, &sent, EndingHow::Blocked);
    assert_eq!(events.last().unwrap()["response"]["output"][0]["content"][0]["text"], "aéb");
    // A `done` that says something else is what clients keep.
    let other = sent[4].replace("aéb", "other");
    let events = after(&responses, &[sent[0], sent[1], sent[2], &other], EndingHow::Blocked);
    assert_eq!(events.last().unwrap()["response"]["output"][0]["content"][0]["text"], "other");
}

/// A prompt router's ARN says nothing of the price; the model that it chose does.
#[test]
fn bedrock_names_the_model_that_a_prompt_router_chose() {
    let trace = r#""trace":{"promptRouter":{"invokedModelId":"arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-1-8b-instruct-v1:0"}}"#;
    let model = "meta.llama3-1-8b-instruct-v1:0";
    let mut whole = answer(&call(DialectId::Bedrock, Framing::Json), Framing::Json);
    read(
        &mut *whole,
        &format!(r#"{{"output":{{"message":{{"content":[{{"text":"a"}}]}}}},{trace}}}"#),
    );
    assert_eq!(whole.model(), Some(model));
    let framing = Framing::EventStream;
    let mut stream = answer(&call(DialectId::Bedrock, framing), framing);
    stream.named(b"contentBlockDelta");
    read(&mut *stream, r#"{"contentBlockIndex":0,"delta":{"text":"a"}}"#);
    assert_eq!(stream.model(), None);
    stream.named(b"metadata");
    read(&mut *stream, &format!(r#"{{"usage":{{"inputTokens":1,"outputTokens":1}},{trace}}}"#));
    assert_eq!(stream.model(), Some(model));
}
