//! The proxy's own messages: results of tools, and errors (JSON-RPC 2.0 §5).

use crate::Reply;
use crate::write::{Json, json_reply};

/// The requests that a reply answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyTo<'a> {
    /// No id is known: the reply has `id: null`.
    Nobody,
    /// Each of these requests.
    Each {
        /// Their ids, as they were written.
        ids: &'a [&'a [u8]],
        /// They arrived as a batch, and so does the reply.
        batch: bool,
    },
}

/// JSON-RPC codes of the proxy's errors, in the range that implementations choose from (-32000 to -32019). The SDKs use
/// the first few for errors of their own.
#[must_use]
pub fn code(word: &str) -> i32 {
    match word {
        "mismatch" => -32020,
        "unreadable" => -32600,
        "rate_limit_exceeded" => -32011,
        "no_policy" | "ledger" => -32012,
        _ => -32010,
    }
}

fn id(out: &mut Json, id: &[u8]) {
    // The id comes from JSON that parsed; invalid UTF-8 in it could not be matched by any client.
    out.raw(r#"{"jsonrpc":"2.0","id":"#).raw(&String::from_utf8_lossy(id));
}

/// The result of a tool that did not run, which a model reads like any failed call. `modern`: the revision requires a
/// `resultType`.
#[must_use]
pub fn tool_error(to: &[u8], text: &str, modern: bool) -> String {
    let mut out = Json::default();
    id(&mut out, to);
    out.raw(r#","result":{"#);
    if modern {
        out.raw(r#""resultType":"complete","#);
    }
    out.raw(r#""content":[{"type":"text","text":"#).text(text).raw(r#"}],"isError":true}}"#);
    out.take()
}

/// A call of a tool with this name, without arguments.
#[must_use]
pub fn call(to: &[u8], name: &str) -> String {
    let mut out = Json::default();
    id(&mut out, to);
    out.raw(r#","method":"tools/call","params":{"name":"#).text(name);
    out.raw(r#","arguments":{}}}"#);
    out.take()
}

/// A canned result with structured content, as of an ordinary call.
#[must_use]
pub fn tool_result(to: &[u8], text: &str, json: &str, modern: bool) -> String {
    let mut out = Json::default();
    id(&mut out, to);
    out.raw(r#","result":{"#);
    if modern {
        out.raw(r#""resultType":"complete","#);
    }
    out.raw(r#""content":[{"type":"text","text":"#).text(text);
    out.raw(r#"}],"structuredContent":"#).raw(json).raw(r#","isError":false}}"#);
    out.take()
}

/// An error. `word` is its machine-readable reason.
#[must_use]
pub fn error_message(to: &[u8], code: i32, text: &str, word: &str) -> String {
    let mut out = Json::default();
    id(&mut out, to);
    out.raw(r#","error":{"code":"#).raw(&code.to_string()).raw(r#","message":"#).text(text);
    out.raw(r#","data":{"type":"hemostat","reason":"#).text(word).raw("}}}");
    out.take()
}

/// The same error for each request.
#[must_use]
pub fn error(to: &ReplyTo<'_>, status: u16, code: i32, text: &str, word: &str) -> Reply {
    each(to, status, |id| error_message(id, code, text, word))
}

/// A message for each request.
#[must_use]
pub fn each(to: &ReplyTo<'_>, status: u16, one: impl Fn(&[u8]) -> String) -> Reply {
    let body = match to {
        ReplyTo::Nobody => one(b"null"),
        ReplyTo::Each { ids, batch: false } => one(ids.first().copied().unwrap_or(b"null")),
        ReplyTo::Each { ids, .. } => {
            let all: Vec<String> = ids.iter().map(|id| one(id)).collect();
            format!("[{}]", all.join(","))
        }
    };
    json_reply(status, body)
}

/// The reply to notifications that were stopped: accepted (202), as the transport requires. No client waits for more.
#[must_use]
pub fn accepted() -> Reply {
    Reply { status: 202, headers: Vec::new(), body: Vec::new() }
}

/// One or several messages, with status 200.
#[must_use]
pub fn json(body: String) -> Reply {
    json_reply(200, body)
}
