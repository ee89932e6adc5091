//! One event that is wide, with so many of something, or that says one thing again and again: every dialect's reader goes
//! through it in one pass. Steps are counted (fuel), so that a machine that is busy says the same.

use host_tests::{Chunking, Request, UpstreamAnswer};

use crate::shapes::{Case, OfSize, acting, check_all, many};

/// Where each dialect is asked for a stream, and with what.
const DOORS: [(&str, &str); 8] = [
    ("/v1/chat/completions", r#"{"model":"m","stream":true,"messages":[]}"#),
    ("/v1/completions", r#"{"model":"m","stream":true,"prompt":"hi"}"#),
    ("/v1/responses", r#"{"model":"m","stream":true,"input":"hi"}"#),
    ("/v1/messages", r#"{"model":"m","stream":true,"max_tokens":9,"messages":[]}"#),
    ("/v1beta/models/m:streamGenerateContent?alt=sse", r#"{"contents":[]}"#),
    ("/v1beta/interactions", r#"{"model":"m","stream":true,"input":"hi"}"#),
    ("/v2/chat", r#"{"model":"m","stream":true,"messages":[]}"#),
    ("/mcp", r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}"#),
];

/// Events of a size.
const EVENTS: [(&str, OfSize); 6] = [
    ("one choice's content", |size| {
        let fields = many(size, ",", |_| r#""content":"x""#.into());
        format!(r#"{{"choices":[{{"delta":{{{fields}}}}}]}}"#)
    }),
    ("one block's text", |size| {
        let fields = many(size, ",", |_| r#""text":"x""#.into());
        format!(r#"{{"type":"content_block_delta","delta":{{{fields}}}}}"#)
    }),
    ("names in names", |size| {
        format!("{{{}}}", many(size, ",", |_| r#""name":{"name":"x"}"#.into()))
    }),
    ("parts", |size| {
        let parts = many(size, ",", |_| r#"{"data":"x"}"#.into());
        format!(r#"{{"candidates":[{{"content":{{"parts":[{parts}]}}}}]}}"#)
    }),
    ("items of output", |size| {
        let items = many(size, ",", |_| r#"{"type":"function_call"}"#.into());
        format!(r#"{{"type":"response.completed","response":{{"output":[{items}]}}}}"#)
    }),
    ("calls", |size| {
        let calls = many(size, ",", |_| "{}".into());
        format!(r#"{{"choices":[{{"delta":{{"tool_calls":[{calls}]}}}}]}}"#)
    }),
];

#[test]
fn work_on_wide_events_grows_with_their_bytes() {
    let mut cases: Vec<Case> = Vec::new();
    for (path, body) in DOORS {
        for (name, event) in EVENTS {
            cases.push((
                format!("{path}, {name}"),
                acting(),
                Box::new(move |proxy, size| {
                    let answer = UpstreamAnswer::events([format!("data: {}\n\n", event(size))]);
                    proxy.run(Request::post(path, body), answer, &Chunking::Whole)
                }),
            ));
        }
    }
    check_all(cases);
}
