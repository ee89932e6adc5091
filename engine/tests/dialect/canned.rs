//! What the proxy says by itself has the shape of the canned answers that official SDKs were seen to accept.

use crate::support::{call, messages, payloads, talking, testdata};
use hemostat_engine::dialect::{Call, CannedAnswer, DialectId, ErrorAnswer, Reply, dialect};
use hemostat_engine::wire::frame::Framing;
use serde_json::{Map, Value, json};

const MESSAGE: &str =
    "This response was blocked by policy. \u{1F6E1}\u{FE0F} \u{2014} \u{ab}\u{e9}\u{bb}";

fn canned(refusal: bool) -> CannedAnswer {
    CannedAnswer {
        text: MESSAGE.to_owned(),
        json: None,
        refusal,
        decision: "d1".to_owned(),
        now: 1_760_000_000,
    }
}

/// A value with what differs from answer to answer put aside: ids, models, counts.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| {
                let value = match name.as_str() {
                    "id" | "item_id" | "model" | "modelVersion" | "responseId" => json!("some"),
                    "latencyMs" => json!(0),
                    name if name.ends_with("okens") || name.ends_with("TokenCount") => json!(0),
                    _ => shape(value),
                };
                (name.clone(), value)
            });
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(shape).collect()),
        other => other.clone(),
    }
}

fn shapes(bytes: &[u8], framing: Framing) -> Vec<Value> {
    let parse = |p: &String| serde_json::from_str(p).unwrap_or(Value::String(p.clone()));
    payloads(bytes, framing).iter().map(parse).map(|v| shape(&v)).collect()
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(testdata().join("canned").join(name)).unwrap()
}

fn body(id: DialectId, framing: Framing, refusal: bool) -> Vec<u8> {
    let call = call(id, framing);
    let reply = dialect(id).canned(&call, &canned(refusal));
    assert_eq!(reply.status, 200);
    reply.body
}

#[test]
fn whole_answers_have_the_verified_shapes() {
    let same = |id, refusal, name: &str| {
        let own = shapes(&body(id, Framing::Json, refusal), Framing::Json);
        assert_eq!(own, shapes(&file(name), Framing::Json), "{name}");
    };
    same(DialectId::OpenaiChat, false, "openai-chat/nonstream.stop.json");
    same(DialectId::OpenaiChat, true, "openai-chat/nonstream.refusal.json");
    same(DialectId::OpenaiResponses, false, "openai-responses/nonstream.completed.json");
    same(DialectId::OpenaiResponses, true, "openai-responses/nonstream.refusal.json");
    same(DialectId::Anthropic, false, "anthropic/nonstream.end_turn.json");
    same(DialectId::Gemini, false, "gemini/nonstream.STOP.json");
    same(DialectId::Gemini, true, "gemini/nonstream.SAFETY.json");
    let interactions = DialectId::GeminiInteractions;
    same(interactions, false, "gemini-interactions/nonstream.completed.json");
    same(interactions, true, "gemini-interactions/nonstream.incomplete.json");
    same(DialectId::Bedrock, false, "bedrock/nonstream.end_turn.json");
    same(DialectId::Bedrock, true, "bedrock/nonstream.content_filtered.json");
}

#[test]
fn streams_have_the_verified_shapes() {
    let same = |id, refusal, name: &str| {
        let own = shapes(&body(id, Framing::Sse, refusal), Framing::Sse);
        assert_eq!(own, shapes(&file(name), Framing::Sse), "{name}");
    };
    same(DialectId::OpenaiChat, false, "openai-chat/stream.stop.sse");
    same(DialectId::OpenaiChat, true, "openai-chat/stream.refusal.sse");
    same(DialectId::OpenaiResponses, false, "openai-responses/stream.completed.sse");
    same(DialectId::Anthropic, false, "anthropic/stream.end_turn.sse");
    same(DialectId::Gemini, false, "gemini/stream.STOP.sse");
    same(DialectId::Gemini, true, "gemini/stream.SAFETY.sse");
    let interactions = DialectId::GeminiInteractions;
    same(interactions, false, "gemini-interactions/stream.completed.sse");
    same(interactions, true, "gemini-interactions/stream.incomplete.sse");
    for (refusal, name) in [(false, "end_turn"), (true, "content_filtered")] {
        let own = body(DialectId::Bedrock, Framing::EventStream, refusal);
        let file = file(&format!("bedrock/stream.{name}.eventstream"));
        let own_shapes = shapes(&own, Framing::EventStream);
        assert_eq!(own_shapes, shapes(&file, Framing::EventStream), "{name}");
        let headers = |bytes: &[u8]| -> Vec<Vec<(String, String)>> {
            messages::messages(bytes).into_iter().map(|message| message.headers).collect()
        };
        assert_eq!(headers(&own), headers(&file));
    }
    // The recorded refusal has no `in_progress` event; ours has, with its number.
    let own = shapes(&body(DialectId::OpenaiResponses, Framing::Sse, true), Framing::Sse);
    let without: Vec<Value> = own
        .into_iter()
        .filter(|event| event["type"] != "response.in_progress")
        .enumerate()
        .map(|(at, mut event)| {
            event["sequence_number"] = json!(at);
            event
        })
        .collect();
    assert_eq!(without, shapes(&file("openai-responses/stream.refusal.sse"), Framing::Sse));
}

#[test]
fn usage_comes_only_where_it_was_asked_for() {
    let asked = Call { include_usage: true, ..call(DialectId::OpenaiChat, Framing::Sse) };
    let reply = dialect(DialectId::OpenaiChat).canned(&asked, &canned(false));
    let own = shapes(&reply.body, Framing::Sse);
    assert_eq!(own, shapes(&file("openai-chat/stream.usage.sse"), Framing::Sse));
}

#[test]
fn an_array_stream_is_one_json_array() {
    let call = call(DialectId::Gemini, Framing::JsonArray);
    let reply = dialect(DialectId::Gemini).canned(&call, &canned(false));
    assert_eq!(header(&reply, "content-type"), Some("application/json"));
    let list: Vec<Value> = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(
        list.iter().map(shape).collect::<Vec<_>>(),
        shapes(&file("gemini/nonstream.STOP.json"), Framing::Json)
    );
}

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply.headers.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str())
}

#[test]
fn as_many_answers_as_were_asked_for() {
    for framing in [Framing::Json, Framing::Sse] {
        let chat = Call { choices: 3, ..call(DialectId::OpenaiChat, framing) };
        let events =
            shapes(&dialect(DialectId::OpenaiChat).canned(&chat, &canned(false)).body, framing);
        let text = |choice: &Value| {
            let message =
                if framing == Framing::Sse { &choice["delta"] } else { &choice["message"] };
            message["content"] == MESSAGE
        };
        let choices = events.iter().flat_map(|e| e["choices"].as_array().into_iter().flatten());
        assert_eq!(choices.filter(|c| text(c)).count(), 3);
        let gemini = Call { choices: 3, ..call(DialectId::Gemini, framing) };
        let events =
            shapes(&dialect(DialectId::Gemini).canned(&gemini, &canned(false)).body, framing);
        assert_eq!(events[0]["candidates"].as_array().unwrap().len(), 3);
    }
}

#[test]
fn ids_tell_that_the_answer_is_the_proxys() {
    let expected = [
        (DialectId::OpenaiChat, "id", "chatcmpl-hemostat-d1"),
        (DialectId::OpenaiResponses, "id", "resp_hemostat_d1"),
        (DialectId::Anthropic, "id", "msg_hemostat_d1"),
        (DialectId::Gemini, "responseId", "hemostat-d1"),
    ];
    for (id, field, text) in expected {
        let whole: Value = serde_json::from_slice(&body(id, Framing::Json, false)).unwrap();
        assert_eq!(whole[field], text);
        let stream = String::from_utf8(body(id, Framing::Sse, false)).unwrap();
        assert!(stream.contains(&format!("\"{text}\"")), "{stream}");
    }
}

#[test]
fn structured_output_gets_json_or_a_refusal() {
    let refusals = [
        (DialectId::OpenaiChat, r#""refusal":"This response"#),
        (DialectId::OpenaiResponses, r#""type":"refusal","refusal":"This response"#),
        (DialectId::Anthropic, r#""stop_reason":"refusal""#),
        (DialectId::Gemini, r#""finishReason":"SAFETY""#),
        (DialectId::Bedrock, r#""stopReason":"content_filtered""#),
    ];
    for framing in [Framing::Json, Framing::Sse] {
        for (id, refusal) in refusals {
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            let call = Call { structured: true, ..call(id, framing) };
            let with = CannedAnswer { json: Some("{\"a\":1}".to_owned()), ..canned(false) };
            let with = text(dialect(id).canned(&call, &with).body);
            assert!(with.contains(r#""{\"a\":1}""#) && !with.contains("blocked by"), "{with}");
            assert!(!with.contains(r#""stop_reason":"refusal""#));
            let without = text(dialect(id).canned(&call, &canned(false)).body);
            assert!(without.contains(refusal), "{without}");
        }
    }
}

#[test]
fn blocked_answers_stop_as_the_dialect_stops_them() {
    let stops = [
        (DialectId::OpenaiChat, "/choices/0/finish_reason", "content_filter"),
        (DialectId::OpenaiResponses, "/incomplete_details/reason", "content_filter"),
        (DialectId::Anthropic, "/stop_reason", "refusal"),
        (DialectId::Gemini, "/candidates/0/finishReason", "SAFETY"),
        (DialectId::Bedrock, "/stopReason", "content_filtered"),
    ];
    for (id, place, stop) in stops {
        let reply = dialect(id).blocked(&call(id, Framing::Json), "d1", 1);
        assert_eq!(reply.status, 200);
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(body.pointer(place).unwrap(), stop);
    }
}

#[test]
fn errors_have_the_dialects_shape() {
    let files = [
        (DialectId::OpenaiChat, "errors/openai.400.json"),
        (DialectId::OpenaiResponses, "errors/openai.400.json"),
        (DialectId::Anthropic, "errors/anthropic.400.json"),
        (DialectId::Gemini, "errors/gemini.400.json"),
    ];
    for (id, name) in files {
        for status in [400, 403, 408, 413, 429, 500, 502, 503, 504] {
            let error =
                ErrorAnswer { status, message: "rule `a\"b`".to_owned(), code: "unreadable" };
            let reply = dialect(id).error(&call(id, Framing::Json).recognised, &error);
            assert_eq!(reply.status, status);
            assert_eq!(header(&reply, "content-type"), Some("application/json"));
            let again = !matches!(status, 400 | 403 | 413);
            assert_eq!(header(&reply, "x-should-retry").is_none(), again, "{status}");
            let body: Value = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!(body["error"]["message"], "rule `a\"b`");
            let verified: Value = serde_json::from_slice(&file(name)).unwrap();
            let keys =
                |v: &Value| v["error"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(&body), keys(&verified), "{name}");
        }
    }
    let blocked = ErrorAnswer { status: 503, message: String::new(), code: "content_blocked" };
    let reply = dialect(DialectId::OpenaiChat)
        .error(&call(DialectId::OpenaiChat, Framing::Json).recognised, &blocked);
    assert_eq!(header(&reply, "x-should-retry"), Some("false"));
}

#[test]
fn every_text_survives_its_way_into_json() {
    let text: String = (0_u32..0x300)
        .chain([0x2028, 0x2029, 0xFFFD, 0x1F600])
        .filter_map(char::from_u32)
        .collect();
    for id in talking() {
        let canned = CannedAnswer { text: text.clone(), ..canned(false) };
        let reply = dialect(id).canned(&call(id, Framing::Json), &canned);
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        let mut found = Vec::new();
        crate::support::strings(&body, "", &mut found);
        assert!(found.iter().any(|(_, own)| *own == text), "{id:?}");
    }
}
