//! Google Gemini, the Gemini API and Vertex AI.

mod answer;
mod ending;
mod request;
mod spend;
mod stopped;
mod tools;

use super::say::Say;
use super::tools::Gone;
use super::write::{Json, error_reply, json_reply};
use super::{
    Answer, Call, Canned, Dialect, DialectId, Ending, EndingHow, ErrorAnswer, Line, Recognised,
    Reply, RequestView, Speech, Tool, Unreadable,
};
use crate::dialect::recognise;
use crate::dialect::spend::{Spending, Usage};
use crate::wire::edit::Edit;
use crate::wire::frame::Framing;
use crate::wire::json::{Doc, Value};

/// The dialect.
#[derive(Debug)]
pub(super) struct Gemini;

impl Dialect for Gemini {
    fn id(&self) -> DialectId {
        DialectId::Gemini
    }

    fn name(&self) -> &'static str {
        "gemini"
    }

    fn provider(&self) -> &'static str {
        "gcp.gemini"
    }

    fn recognise(&self, line: &Line<'_>) -> Option<Recognised> {
        recognise::gemini(line)
    }

    fn operation(&self) -> &'static str {
        "generate_content"
    }

    fn read_request(
        &self,
        recognised: &Recognised,
        doc: &Doc,
        body: &[u8],
    ) -> Result<RequestView, Unreadable> {
        request::read(recognised, doc, body)
    }

    fn tools(&self, doc: &Doc, body: &[u8]) -> Vec<Tool> {
        tools::tools(&doc.root(body))
    }

    fn without_tools(&self, doc: &Doc, body: &[u8], gone: &[usize]) -> Vec<Edit> {
        let root = doc.root(body);
        let tools = tools::tools(&root);
        tools::without(&root, &Gone::new(&tools, gone))
    }

    fn answer(&self, call: &Call, framing: Framing) -> Box<dyn Answer> {
        Box::new(answer::Reading::new(call, framing))
    }

    fn canned(&self, call: &Call, canned: &Canned) -> Reply {
        if !call.stream {
            return json_reply(200, whole(call, &canned.how(), &canned.decision));
        }
        let ending = Ending {
            before: Vec::new(),
            how: canned.how(),
            decision: canned.decision.clone(),
            now: canned.now,
        };
        let framing = call.recognised.json_stream;
        let body = answer::Reading::new(call, framing).ending(&ending);
        let content_type =
            if framing == Framing::Sse { "text/event-stream" } else { "application/json" };
        Reply { status: 200, headers: vec![("content-type", content_type.to_owned())], body }
    }

    fn blocked(&self, call: &Call, decision: &str, _now: u64) -> Reply {
        json_reply(200, whole(call, &EndingHow::Blocked, decision))
    }

    fn error(&self, call: &Recognised, error: &ErrorAnswer) -> Reply {
        let status = match error.status {
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 => "NOT_FOUND",
            408 | 504 => "DEADLINE_EXCEEDED",
            409 => "ABORTED",
            429 => "RESOURCE_EXHAUSTED",
            499 => "CANCELLED",
            502 | 503 => "UNAVAILABLE",
            500.. => "INTERNAL",
            _ => "INVALID_ARGUMENT",
        };
        let mut out = Json::default();
        // `{"error":` first and without blanks: SDKs look for these very bytes.
        out.raw(r#"{"error":{"code":"#).number(error.status.into());
        out.raw(r#","message":"#).text(&error.message);
        out.raw(r#","status":"#).text(status).raw("}}");
        let mut body = out.take();
        if call.json_stream == Framing::JsonArray {
            body = format!("[{body}\n]\n");
        }
        error_reply(error, body)
    }

    fn spending(&self, root: &Value<'_>) -> Result<Spending, Unreadable> {
        spend::spending(root)
    }

    fn speech(&self, kind: u8) -> Speech {
        use answer::kind;
        match kind {
            kind::THOUGHT => Speech::Thinks,
            kind::LOGPROBS => Speech::Repeats,
            _ => Speech::Says,
        }
    }

    fn has_choices(&self) -> bool {
        true
    }

    fn usage(&self, root: &Value<'_>, usage: &mut Usage) {
        spend::usage(root, usage);
    }

    fn cap(&self, root: &Value<'_>, most: u64) -> Option<Edit> {
        spend::cap(root, most)
    }
}

/// One candidate, finished.
fn candidate(out: &mut Json, index: u32, parts: &[(&str, bool)], say: &Say<'_>) {
    out.raw(r#"{"index":"#).number(index.into()).raw(r#","content":{"parts":["#);
    let mut comma = "";
    for (text, thought) in parts {
        out.raw(comma).raw(r#"{"text":"#).text(text);
        out.raw(if *thought { r#","thought":true}"# } else { "}" });
        comma = ",";
    }
    let finish = match (say.blocked || say.refusal, say.spent) {
        (true, _) => "SAFETY",
        (_, true) => "MAX_TOKENS",
        _ => "STOP",
    };
    out.raw(r#"],"role":"model"},"finishReason":"#).text(finish).raw("}");
}

/// What follows the candidates in an event.
fn tail(out: &mut Json, model: &str, id: &str) {
    out.raw(
        r#"],"usageMetadata":{"promptTokenCount":0,"candidatesTokenCount":0,"totalTokenCount":0}"#,
    );
    out.raw(r#","modelVersion":"#).text(model).raw(r#","responseId":"#).text(id).raw("}");
}

/// A complete answer that is not streamed.
fn whole(call: &Call, how: &EndingHow, decision: &str) -> String {
    let say = Say::ending(how, call, false);
    let mut out = Json::default();
    out.raw(r#"{"candidates":["#);
    for index in 0..call.choices.max(1) {
        if index > 0 {
            out.raw(",");
        }
        let text = say.text.map(|text| (text, false));
        candidate(&mut out, index, text.as_slice(), &say);
    }
    tail(&mut out, &call.model, &format!("hemostat-{decision}"));
    out.take()
}
