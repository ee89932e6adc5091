//! MCP through an exchange: the recorded corpus and made-up traffic, every cut.

mod approvals;
mod calls;
mod levers;
mod scanned;
mod today;

use std::rc::Rc;

use crate::support::{
    Caller, Cut, Recording, Seen, mcp_recordings, program, program_under, run_as,
};
use hemostat_engine::dsse::SecretKey;
use hemostat_engine::grant::used::LocalSlots;
use hemostat_engine::grant::{Grant, GrantTarget, LIFE_S};
use hemostat_engine::policy::Program;
use hemostat_engine::policy::config::Config;
use proptest::prelude::*;
use serde_json::{Value, json};

/// When the tests' exchanges happen.
pub(crate) const NOW: u64 = 1_764_000_000;

pub(crate) fn cuts() -> [Cut; 4] {
    [Cut::Whole, Cut::Every(1), Cut::Every(7), Cut::Random(99)]
}

pub(crate) fn made(path: &str, request: &str, response: &str) -> Recording {
    let stream = !response.starts_with(['{', '[']);
    Recording {
        name: "made".to_owned(),
        dialect: "mcp".to_owned(),
        method: "POST".to_owned(),
        path: path.to_owned(),
        status: 200,
        content_type: if stream { "text/event-stream" } else { "application/json" }.to_owned(),
        request: request.as_bytes().to_vec(),
        response: response.as_bytes().to_vec(),
    }
}

/// What clients of the sessions' revisions send.
pub(crate) fn client() -> Caller {
    Caller {
        headers: vec![
            ("accept", "application/json, text/event-stream".to_owned()),
            ("mcp-protocol-version", "2025-11-25".to_owned()),
        ],
        ..Caller::default()
    }
}

/// An approval to call `refund` once, with any arguments, signed as the header of a request has it.
pub(crate) fn approval_of_refund(key: &SecretKey) -> String {
    let grant = Grant {
        scope: None,
        what: GrantTarget::AnyArgsOf("refund".to_owned()),
        tenant: None,
        issued_at: NOW,
        expires: NOW + LIFE_S,
        nonce: "n".to_owned(),
    };
    grant.sign(key, "ops")
}

pub(crate) fn send(program: &Rc<Program>, request: &str, response: &str) -> Seen {
    run_as(program, &made("/mcp", request, response), &Cut::Whole, &client())
}

pub(crate) fn call(name: &str, arguments: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"{name}","arguments":{arguments}}}}}"#
    )
}

pub(crate) const DONE: &str =
    r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"done"}]}}"#;

pub(crate) fn body(seen: &Seen) -> Value {
    serde_json::from_slice(&seen.body).unwrap_or_else(|_| panic!("{}", seen.text()))
}

pub(crate) fn said(message: &Value) -> &str {
    assert_eq!(message["result"]["isError"], true, "{message}");
    message["result"]["content"][0]["text"].as_str().unwrap()
}

/// The messages of an answer, streamed or whole.
pub(crate) fn messages(body: &[u8]) -> Vec<Value> {
    let text = String::from_utf8(body.to_vec()).unwrap();
    if text.trim_start().starts_with(['{', '[']) {
        return vec![serde_json::from_str(&text).unwrap()];
    }
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    data.filter(|data| !data.trim().is_empty())
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

pub(crate) fn guard(scan: &str, action: Value) -> Value {
    json!({"guardrails": [{"id": "g", "scan": [scan], "find": ["s3cr3t"], "do": action}],
           "fallbacks": {"sorry": {"text": "Sorry."}}})
}
