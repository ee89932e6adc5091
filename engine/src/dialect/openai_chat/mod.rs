//! OpenAI Chat Completions, and the servers compatible with it.

mod answer;
mod ending;
mod request;
mod spend;
pub(super) mod stopped;
mod tools;

use super::tools::Gone;
use super::write::{Json, json_reply, sse_reply};
use super::{
    Answer, Call, CallKind, Canned, Dialect, DialectId, Ending, EndingHow, ErrorAnswer, Line,
    Recognised, Reply, RequestView, Speech, Tool, Unreadable, openai,
};
use crate::dialect::recognise;
use crate::dialect::say::Say;
use crate::dialect::spend::{Spending, Usage};
use crate::wire::edit::Edit;
use crate::wire::frame::Framing;
use crate::wire::json::{Doc, Value};

/// The dialect.
#[derive(Debug)]
pub(super) struct OpenaiChat;

/// Usage of an answer that the proxy made: nothing is billed for it.
const NO_USAGE: &str = r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#;

impl Dialect for OpenaiChat {
    fn id(&self) -> DialectId {
        DialectId::OpenaiChat
    }

    fn name(&self) -> &'static str {
        "openai-chat"
    }

    fn provider(&self) -> &'static str {
        "openai"
    }

    fn recognise(&self, line: &Line<'_>) -> Option<Recognised> {
        recognise::openai_chat(line)
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
        if call.recognised.kind == CallKind::StoredList {
            return json_reply(200, openai::NO_ITEMS.to_owned());
        }
        if call.stream {
            let ending = Ending {
                before: Vec::new(),
                how: canned.how(),
                decision: canned.decision.clone(),
                now: canned.now,
            };
            return sse_reply(answer::Reading::new(call, Framing::Sse).ending(&ending));
        }
        json_reply(200, whole(call, &canned.how(), &canned.decision, canned.now))
    }

    fn blocked(&self, call: &Call, decision: &str, now: u64) -> Reply {
        if call.recognised.kind == CallKind::StoredList {
            return json_reply(200, openai::NO_ITEMS.to_owned());
        }
        json_reply(200, whole(call, &EndingHow::Blocked, decision, now))
    }

    fn error(&self, _call: &Recognised, error: &ErrorAnswer) -> Reply {
        openai::error(error)
    }

    fn spending(&self, root: &Value<'_>) -> Result<Spending, Unreadable> {
        spend::spending(root)
    }

    fn speech(&self, kind: u8) -> Speech {
        use answer::kind;
        match kind {
            kind::REASONING_CONTENT
            | kind::REASONING
            | kind::REASONING_DETAILS
            | kind::THINKING => Speech::Thinks,
            // A tool is named beside what is said.
            kind::LOGPROBS | kind::NAME => Speech::Repeats,
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

    fn ask_usage(&self, root: &Value<'_>) -> Option<Edit> {
        spend::ask_usage(root)
    }

    fn is_usage_event(&self, root: &Value<'_>) -> bool {
        spend::is_usage_event(root)
    }
}

/// A complete answer that is not streamed.
fn whole(call: &Call, how: &EndingHow, decision: &str, now: u64) -> String {
    let say = Say::ending(how, call, false);
    let mut out = Json::default();
    out.raw(r#"{"id":"#).text(&format!("chatcmpl-hemostat-{decision}"));
    out.raw(r#","object":"chat.completion","created":"#).number(now);
    out.raw(r#","model":"#).text(&call.model).raw(r#","choices":["#);
    for index in 0..call.choices.max(1) {
        if index > 0 {
            out.raw(",");
        }
        out.raw(r#"{"index":"#).number(index.into());
        out.raw(r#","message":{"role":"assistant","content":"#);
        match say.text {
            Some(text) if say.refusal => out.raw(r#"null,"refusal":"#).text(text),
            Some(text) => out.text(text).raw(r#","refusal":null"#),
            None => out.raw(r#"null,"refusal":null"#),
        };
        let finish = if say.blocked { "content_filter" } else { "stop" };
        out.raw(r#"},"logprobs":null,"finish_reason":"#).text(finish).raw("}");
    }
    out.raw(r#"],"usage":"#).raw(NO_USAGE).raw("}");
    out.take()
}
