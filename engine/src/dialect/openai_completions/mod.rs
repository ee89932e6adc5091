//! OpenAI's legacy completions, Azure's, and those of the servers compatible with them (vLLM, llama.cpp): a prompt goes on.

mod answer;
mod ending;
mod request;

use super::openai_chat::OpenaiChat;
use super::recognise::{self, Line};
use super::say::Say;
use super::spend::{Spending, Usage, count, insert};
use super::write::{Json, json_reply, sse_reply};
use super::{
    Answer, Call, Canned, Dialect, DialectId, Ending, EndingHow, ErrorAnswer, Recognised, Reply,
    RequestView, Speech, Tool, Unreadable, openai,
};
use crate::wire::edit::Edit;
use crate::wire::frame::Framing;
use crate::wire::json::{Doc, Value};

/// The dialect.
#[derive(Debug)]
pub(super) struct OpenaiCompletions;

/// Usage of an answer that the proxy made: nothing is billed for it.
const NO_USAGE: &str = r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#;

/// Why a choice ended. There is no word for a refusal but the content filter's.
fn finish(say: &Say<'_>) -> &'static str {
    match (say.blocked || say.refusal, say.spent) {
        (true, _) => "content_filter",
        (false, true) => "length",
        (false, false) => "stop",
    }
}

impl Dialect for OpenaiCompletions {
    fn id(&self) -> DialectId {
        DialectId::OpenaiCompletions
    }

    fn name(&self) -> &'static str {
        "openai-completions"
    }

    fn kin(&self) -> DialectId {
        DialectId::OpenaiChat
    }

    fn operation(&self) -> &'static str {
        "text_completion"
    }

    fn provider(&self) -> &'static str {
        "openai"
    }

    fn recognise(&self, line: &Line<'_>) -> Option<Recognised> {
        let target = line.target;
        if !line.posts(&["completions"]) || target.is(1, "chat") {
            return None;
        }
        // The oldest paths named the model in `…/engines/{model}/`.
        let engine = target.is(2, "engines").then(|| target.nth_last(1).to_owned());
        Some(recognise::call(self.id(), line.deployment(1).or(engine)))
    }

    fn read_request(
        &self,
        recognised: &Recognised,
        doc: &Doc,
        body: &[u8],
    ) -> Result<RequestView, Unreadable> {
        request::read(recognised, doc, body)
    }

    fn tools(&self, _doc: &Doc, _body: &[u8]) -> Vec<Tool> {
        Vec::new()
    }

    fn without_tools(&self, _doc: &Doc, _body: &[u8], _gone: &[usize]) -> Vec<Edit> {
        Vec::new()
    }

    fn answer(&self, call: &Call, framing: Framing) -> Box<dyn Answer> {
        Box::new(answer::Reading::new(call, framing))
    }

    fn canned(&self, call: &Call, canned: &Canned) -> Reply {
        if !call.stream {
            return json_reply(200, whole(call, &canned.how(), &canned.decision, canned.now));
        }
        let ending = Ending {
            before: Vec::new(),
            how: canned.how(),
            decision: canned.decision.clone(),
            now: canned.now,
        };
        sse_reply(answer::Reading::new(call, Framing::Sse).ending(&ending))
    }

    fn blocked(&self, call: &Call, decision: &str, now: u64) -> Reply {
        json_reply(200, whole(call, &EndingHow::Blocked, decision, now))
    }

    fn error(&self, _call: &Recognised, error: &ErrorAnswer) -> Reply {
        openai::error(error)
    }

    fn spending(&self, root: &Value<'_>) -> Result<Spending, Unreadable> {
        let most = count(root, "max_tokens", "/max_tokens")?;
        // All candidates are generated and paid for, though only the best are sent.
        let asked = count(root, "n", "/n")?.unwrap_or(1).max(1);
        let tried = count(root, "best_of", "/best_of")?.unwrap_or(1).max(asked);
        let max_output = most.map(|most| most.saturating_mul(tried).div_ceil(asked));
        Ok(Spending { max_output, ..Spending::default() })
    }

    fn usage(&self, root: &Value<'_>, usage: &mut Usage) {
        OpenaiChat.usage(root, usage);
    }

    fn speech(&self, kind: u8) -> Speech {
        if kind == answer::kind::LOGPROBS { Speech::Repeats } else { Speech::Says }
    }

    fn has_choices(&self) -> bool {
        true
    }

    fn cap(&self, root: &Value<'_>, most: u64) -> Option<Edit> {
        match root.get("max_tokens") {
            Some(null) => Some(Edit { at: null.span(), with: most.to_string().into_bytes() }),
            None => insert(root, &format!(r#""max_tokens":{most}"#)),
        }
    }

    fn ask_usage(&self, root: &Value<'_>) -> Option<Edit> {
        OpenaiChat.ask_usage(root)
    }

    fn is_usage_event(&self, root: &Value<'_>) -> bool {
        OpenaiChat.is_usage_event(root)
    }
}

/// A complete answer that is not streamed.
fn whole(call: &Call, how: &EndingHow, decision: &str, now: u64) -> String {
    let say = Say::ending(how, call, false);
    let mut out = Json::default();
    out.raw(r#"{"id":"#).text(&format!("cmpl-hemostat-{decision}"));
    out.raw(r#","object":"text_completion","created":"#).number(now);
    out.raw(r#","model":"#).text(&call.model).raw(r#","choices":["#);
    for index in 0..call.choices.max(1) {
        out.raw(if index > 0 { "," } else { "" });
        out.raw(r#"{"text":"#).text(say.text.unwrap_or_default());
        out.raw(r#","index":"#).number(index.into());
        out.raw(r#","logprobs":null,"finish_reason":"#).text(finish(&say)).raw("}");
    }
    out.raw(r#"],"usage":"#).raw(NO_USAGE).raw("}");
    out.take()
}
