//! Gemini Interactions: how streams end, what the proxy says by itself, and what is billed.

use crate::support::{answer, call, payloads, read, said, send, testdata};
use hemostat_engine::dialect::spend::Usage;
use hemostat_engine::dialect::{
    CannedAnswer, DialectId, Ending, EndingHow, ErrorAnswer, dialect, recognise,
};
use hemostat_engine::wire::edit::apply_to;
use hemostat_engine::wire::frame::Framing;
use hemostat_engine::wire::json::Doc;
use serde_json::{Value, json};

const ID: DialectId = DialectId::GeminiInteractions;
const SAID: &str = "Blocked \"by\" policy.\n\u{1F6E1}";

fn streams() -> Vec<(String, Vec<String>)> {
    let folder = testdata().join("recorded/gemini-interactions");
    let mut all: Vec<(String, Vec<String>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".sse"))
        .map(|path| {
            let bytes = std::fs::read(&path).unwrap();
            (path.to_string_lossy().into_owned(), payloads(&bytes, Framing::Sse))
        })
        .collect();
    all.sort();
    assert!(all.len() >= 3);
    all
}

fn name(event: &Value) -> String {
    let name = event["event_type"].as_str().unwrap_or_default();
    name.replace("content.", "step.")
        .replace("interaction.start", "interaction.created")
        .replace("interaction.completed", "interaction.complete")
}

/// What holds for every stream that a caller has in the end.
fn check(place: &str, before: &[Value], after: &[Value], how: &EndingHow) {
    let (done, rest) = after.split_last().unwrap();
    assert_eq!(done, "[DONE]", "{place}");
    let (mut open, mut created, mut completed) = (None, 0, Vec::new());
    let mut text = String::new();
    for event in before.iter().chain(rest) {
        assert!(completed.is_empty(), "{place}: goes on");
        match name(event).as_str() {
            "interaction.created" => created += 1,
            "step.start" => {
                assert!(open.is_none(), "{place}: a step is open");
                open = Some(event["index"].clone());
                text.clear();
                let parts = event["step"]["content"].as_array().into_iter().flatten();
                parts.for_each(|part| text.push_str(part["text"].as_str().unwrap_or_default()));
            }
            "step.delta" => {
                assert_eq!(open.as_ref(), Some(&event["index"]), "{place}");
                if event["delta"]["type"] == "text" {
                    text.push_str(event["delta"]["text"].as_str().unwrap());
                }
            }
            "step.stop" => assert_eq!(open.take().as_ref(), Some(&event["index"]), "{place}"),
            "interaction.complete" => completed.push(event["interaction"].clone()),
            "interaction.status_update" => {}
            other => panic!("{place}: {other}"),
        }
    }
    assert_eq!((created, completed.len(), &open), (1, 1, &None), "{place}");
    let ids = before.iter().chain(rest).filter_map(|e| e["interaction"]["id"].as_str());
    let ids: std::collections::BTreeSet<&str> = ids.collect();
    assert_eq!(ids.len(), 1, "{place}: {ids:?}");
    if rest.is_empty() {
        return;
    }
    let status = match how {
        EndingHow::Canned { refusal: false, .. } => "completed",
        _ => "incomplete",
    };
    assert_eq!(completed[0]["status"], status, "{place}");
    if matches!(how, EndingHow::Canned { .. }) {
        assert!(text == SAID || text.ends_with(&format!("\n\n{SAID}")), "{place}: {text}");
    }
    // Names are those that the stream had.
    let of_before = before.iter().any(|e| e["event_type"] == "interaction.start");
    let new = rest.iter().any(|e| e["event_type"] == "interaction.completed");
    assert_eq!(new, !of_before, "{place}");
}

#[test]
fn streams_end_well_wherever_they_are_cut() {
    let canned = |refusal| EndingHow::Canned { text: SAID.to_owned(), json: None, refusal };
    for (file, frames) in streams() {
        for prefix in 0..frames.len() {
            for how in [canned(false), canned(true), EndingHow::Blocked, EndingHow::Spent] {
                let mut answer = answer(&call(ID, Framing::Sse), Framing::Sse);
                for frame in &frames[..prefix] {
                    read(&mut *answer, frame);
                    send(&mut *answer, frame);
                }
                let ending = Ending {
                    before: Vec::new(),
                    how: how.clone(),
                    decision: "d1".to_owned(),
                    now: 1,
                };
                let bytes = answer.ending(&ending).written(Framing::Sse);
                let text = String::from_utf8(bytes.clone()).unwrap();
                for event in text.split("\n\n").filter(|event| event.contains("event_type")) {
                    let (line, data) = event.split_once('\n').unwrap();
                    let data: Value =
                        serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
                    assert_eq!(line.strip_prefix("event: "), data["event_type"].as_str());
                }
                let before: Vec<Value> =
                    frames[..prefix].iter().map(|f| serde_json::from_str(f).unwrap()).collect();
                check(&format!("{file} after {prefix}, {how:?}"), &before, &said(ID, &bytes), &how);
                assert!(answer.ending(&ending).is_empty(), "once");
            }
        }
    }
}

#[test]
fn canned_answers() {
    let canned = CannedAnswer {
        text: SAID.to_owned(),
        decision: "d1".to_owned(),
        ..CannedAnswer::default()
    };
    let whole = dialect(ID).canned(&call(ID, Framing::Json), &canned);
    let whole: Value = serde_json::from_slice(&whole.body).unwrap();
    assert_eq!(whole["id"], "interaction_hemostat_d1");
    assert_eq!(whole["status"], "completed");
    assert_eq!(whole["steps"][0]["content"][0]["text"], SAID);
    let stream = dialect(ID).canned(&call(ID, Framing::Sse), &canned);
    let how = EndingHow::Canned { text: SAID.to_owned(), json: None, refusal: false };
    check("canned", &[], &said(ID, &stream.body), &how);
    let blocked = dialect(ID).blocked(&call(ID, Framing::Json), "d1", 1);
    let blocked: Value = serde_json::from_slice(&blocked.body).unwrap();
    assert_eq!((&blocked["status"], &blocked["steps"]), (&json!("incomplete"), &json!([])));
    let error =
        ErrorAnswer { status: 403, message: "rule `a`".to_owned(), code: "content_blocked" };
    let error = dialect(ID).error(&call(ID, Framing::Json).recognised, &error);
    let error: Value = serde_json::from_slice(&error.body).unwrap();
    assert_eq!(error["error"]["code"], "permission_denied");
    assert_eq!(error["error"]["message"], "rule `a`");
}

#[test]
fn only_what_asks_a_model_or_an_agent_is_a_call() {
    for (body, takes) in [
        (r#"{"model":"m","input":"x"}"#, true),
        (r#"{"agent":"deep-research","input":"x"}"#, true),
        (r#"{"type":1,"token":"t"}"#, false),
    ] {
        let mut doc = Doc::default();
        doc.parse(body.as_bytes()).unwrap();
        assert_eq!(dialect(ID).takes(&doc.root(body.as_bytes())), takes, "{body}");
    }
    assert!(dialect(ID).shares_its_path());
}

fn usage(events: &[&str]) -> Usage {
    let (mut doc, mut usage) = (Doc::default(), Usage::default());
    for event in events {
        doc.parse(event.as_bytes()).unwrap();
        dialect(ID).usage(&doc.root(event.as_bytes()), &mut usage);
    }
    usage
}

#[test]
fn what_is_billed() {
    let said = usage(&[
        r#"{"event_type":"step.start","index":0,"step":{"type":"google_search_call","id":"s"}}"#,
        r#"{"event_type":"step.start","index":1,"step":{"type":"code_execution_call","id":"c"}}"#,
        r#"{"event_type":"interaction.completed","interaction":{"service_tier":"Flex","usage":{"total_input_tokens":100,
            "total_tool_use_tokens":20,"total_cached_tokens":30,"total_output_tokens":7,"total_thought_tokens":5,
            "output_tokens_by_modality":[{"modality":"audio","tokens":3}],
            "grounding_tool_count":[{"type":"google_search","count":4}]}}}"#,
        r#"{"event_type":"interaction.status_update","usage":{"total_input_tokens":0,"total_output_tokens":0}}"#,
    ]);
    assert_eq!((said.fresh, said.cached, said.output, said.reasoning), (Some(90), 30, Some(12), 5));
    assert_eq!(said.tier.as_deref(), Some("flex"));
    assert_eq!(said.uses, [("web_search".to_owned(), 4), ("code_execution".to_owned(), 1)]);
    assert_eq!(said.modal, [("modality=audio", 0, 3)]);
}

fn capped(body: &str) -> Value {
    let mut doc = Doc::default();
    doc.parse(body.as_bytes()).unwrap();
    let edit = dialect(ID).cap(&doc.root(body.as_bytes()), 7);
    let edits: Vec<_> = edit.into_iter().collect();
    serde_json::from_slice(&apply_to(body.as_bytes(), &edits)).unwrap()
}

#[test]
fn a_maximum_is_written_where_none_is() {
    for config in ["", r#","generation_config":null"#, r#","generation_config":{}"#] {
        let body = capped(&format!(r#"{{"model":"m"{config}}}"#));
        assert_eq!(body["generation_config"]["max_output_tokens"], 7, "{config}");
    }
    let body = capped(r#"{"generation_config":{"seed":1,"max_output_tokens":null}}"#);
    assert_eq!(body["generation_config"], json!({"seed": 1, "max_output_tokens": 7}));
}

#[test]
fn tools_go_out_of_a_request() {
    let body = r#"{"model":"m","input":[{"type":"tool_search_result","call_id":"t","result":[{"type":"function","name":"rm"}]}],
        "tools":[{"type":"function","name":"rm"},{"type":"function","name":"ls"},{"type":"google_search"},
         {"type":"mcp_server","name":"shop","url":"u","allowed_tools":[{"mode":"auto","tools":["rm","buy"]}]}],
        "generation_config":{"tool_choice":{"allowed_tools":{"mode":"any","tools":["rm"]}}}}"#;
    let mut doc = Doc::default();
    doc.parse(body.as_bytes()).unwrap();
    let tools = dialect(ID).tools(&doc, body.as_bytes());
    let without = |gone: &dyn Fn(&str) -> bool| -> Value {
        let gone: Vec<usize> =
            (0..tools.len()).filter(|at| tools[*at].names.iter().any(|name| gone(name))).collect();
        let edits = dialect(ID).without_tools(&doc, body.as_bytes(), &gone);
        serde_json::from_slice(&apply_to(body.as_bytes(), &edits)).unwrap()
    };
    let left = without(&|name| name == "rm" || name == "web_search");
    assert!(
        !left.to_string().contains("rm\"") && !left.to_string().contains("google_search"),
        "{left}"
    );
    assert_eq!(left["tools"].as_array().unwrap().len(), 2);
    assert_eq!(left["generation_config"]["tool_choice"], "none");
    let left = without(&|name| name == "mcp");
    assert!(!left.to_string().contains("shop"));
    assert_eq!(left["generation_config"]["tool_choice"]["allowed_tools"]["tools"], json!(["rm"]));
    let left = without(&|_| true);
    assert!(left.get("tools").is_none() && left["generation_config"] == json!({}), "{left}");
}

#[test]
fn a_stored_answer_is_an_answer() {
    let recognised = recognise("GET", "/v1beta/interactions/v1_a?stream=true").unwrap();
    assert!(recognised.kind.is_stored() && recognised.stream);
}
