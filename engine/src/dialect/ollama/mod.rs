//! Ollama's own API: `/api/chat`, and `/api/generate` for one prompt. Answers stream unless a request says no, one JSON
//! document a line. (Its OpenAI-compatible paths are read by those dialects.)

mod answer;
mod request;

use super::openai_chat::OpenaiChat;
use super::recognise::{self, Line};
use super::request::has_member;
use super::say::Say;
use super::spend::{Spending, Usage, insert, some_tokens};
use super::write::{Json, error_reply, json_reply};
use super::{
    Answer, Call, Canned, Dialect, DialectId, Ending, EndingHow, ErrorAnswer, Recognised, Reply,
    RequestView, Speech, Tool, Unreadable,
};
use crate::base::time;
use crate::wire::edit::Edit;
use crate::wire::frame::Framing;
use crate::wire::json::{Doc, Kind, Value};

/// The dialect.
#[derive(Debug)]
pub(super) struct Ollama {
    /// A prompt goes on; if not, it is a chat.
    pub(super) generate: bool,
}

/// What the last line says beside why it is the last: nothing is billed for an answer that the proxy made.
const NO_USAGE: &str = concat!(
    r#""total_duration":0,"load_duration":0,"prompt_eval_count":0,"prompt_eval_duration":0,"#,
    r#""eval_count":0,"eval_duration":0"#
);

impl Dialect for Ollama {
    fn id(&self) -> DialectId {
        if self.generate { DialectId::OllamaGenerate } else { DialectId::Ollama }
    }

    fn name(&self) -> &'static str {
        "ollama"
    }

    fn operation(&self) -> &'static str {
        if self.generate { "text_completion" } else { "chat" }
    }

    fn recognise(&self, line: &Line<'_>) -> Option<Recognised> {
        let word = if self.generate { "generate" } else { "chat" };
        let own = Recognised { json_stream: Framing::NdJson, ..recognise::call(self.id(), None) };
        line.posts(&["api", word]).then_some(own)
    }

    fn shares_its_path(&self) -> bool {
        true
    }

    /// `/api/chat` is anybody's path: Ollama's requests name a model.
    fn takes(&self, root: &Value<'_>) -> bool {
        root.kind() != Kind::Object || has_member(root, "model")
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
        OpenaiChat.tools(doc, body)
    }

    fn without_tools(&self, doc: &Doc, body: &[u8], gone: &[usize]) -> Vec<Edit> {
        OpenaiChat.without_tools(doc, body, gone)
    }

    fn answer(&self, call: &Call, framing: Framing) -> Box<dyn Answer> {
        Box::new(answer::Reading::new(call, framing, self.generate))
    }

    fn canned(&self, call: &Call, canned: &Canned) -> Reply {
        let how = canned.how();
        if !call.stream {
            return json_reply(200, self.whole(call, &how, canned.now));
        }
        let (decision, now) = (canned.decision.clone(), canned.now);
        let ending = Ending { before: Vec::new(), how, decision, now };
        let body = answer::Reading::new(call, Framing::NdJson, self.generate).ending(&ending);
        let content_type = "application/x-ndjson".to_owned();
        Reply { status: 200, headers: vec![("content-type", content_type)], body }
    }

    fn blocked(&self, call: &Call, _decision: &str, now: u64) -> Reply {
        json_reply(200, self.whole(call, &EndingHow::Blocked, now))
    }

    fn error(&self, _call: &Recognised, error: &ErrorAnswer) -> Reply {
        let body = Json::default().raw(r#"{"error":"#).text(&error.message).raw("}").take();
        error_reply(error, body)
    }

    fn spending(&self, root: &Value<'_>) -> Result<Spending, Unreadable> {
        // A negative number is no bound.
        let most = root.get("options").and_then(|options| options.get("num_predict"));
        let max_output = most.and_then(|most| most.as_u64());
        let mut spending = Spending { max_output, ..Spending::default() };
        spending.turns(root.get("messages"));
        spending.tools(root.get("tools"));
        spending.format(root.get("format").filter(|format| format.kind() == Kind::Object));
        Ok(spending)
    }

    fn usage(&self, root: &Value<'_>, usage: &mut Usage) {
        usage.fresh = some_tokens(root, "prompt_eval_count").or(usage.fresh);
        usage.output = some_tokens(root, "eval_count").max(usage.output);
    }

    fn speech(&self, kind: u8) -> Speech {
        if kind == answer::kind::THINKING { Speech::Thinks } else { Speech::Says }
    }

    fn cap(&self, root: &Value<'_>, most: u64) -> Option<Edit> {
        let Some(options) = root.get("options").filter(|options| !options.is_null()) else {
            let options = format!(r#""options":{{"num_predict":{most}}}"#);
            return match root.get("options") {
                Some(null) => Some(Edit {
                    at: null.span(),
                    with: format!(r#"{{"num_predict":{most}}}"#).into_bytes(),
                }),
                None => insert(root, &options),
            };
        };
        match options.get("num_predict") {
            Some(said) => Some(Edit { at: said.span(), with: most.to_string().into_bytes() }),
            None => insert(&options, &format!(r#""num_predict":{most}"#)),
        }
    }
}

impl Ollama {
    /// A complete answer that is not streamed.
    fn whole(&self, call: &Call, how: &EndingHow, now: u64) -> String {
        let say = Say::ending(how, call, false);
        line(self.generate, &call.model, now, say.text.unwrap_or_default(), Some(&say))
    }
}

/// One document: a piece of text, and the end if `last` says how.
fn line(generate: bool, model: &str, now: u64, text: &str, last: Option<&Say<'_>>) -> String {
    let mut out = Json::default();
    out.raw(r#"{"model":"#).text(model).raw(r#","created_at":"#).text(&time::format(now));
    match generate {
        true => out.raw(r#","response":"#).text(text),
        false => {
            out.raw(r#","message":{"role":"assistant","content":"#).text(text);
            out.raw("}")
        }
    };
    let Some(say) = last else { return out.raw(r#","done":false}"#).take() };
    let why = match (say.blocked || say.refusal, say.spent) {
        // Ollama itself filters nothing, and clients take any word.
        (true, _) => "content_filter",
        (false, true) => "length",
        (false, false) => "stop",
    };
    out.raw(r#","done":true,"done_reason":"#).text(why);
    out.raw(",").raw(NO_USAGE).raw("}").take()
}
