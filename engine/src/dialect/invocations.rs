//! Endpoints that serve any model under one path, where they carry a chat: Databricks (`/serving-endpoints/NAME/invocations`)
//! and SageMaker (`/endpoints/NAME/invocations`). A body without `messages` is not read: whatever it asks, it asks in a
//! shape of its own.

use super::openai_chat::OpenaiChat;
use super::recognise::{self, Line};
use super::request::has_member;
use super::{
    Answer, Call, Canned, Dialect, DialectId, ErrorAnswer, Recognised, Reply, RequestView, Speech,
    Tool, Unreadable,
};
use crate::dialect::spend::{Spending, Usage};
use crate::wire::edit::Edit;
use crate::wire::frame::Framing;
use crate::wire::json::{Doc, Kind, Value};

/// The dialect: OpenAI's chat at another path.
#[derive(Debug)]
pub(super) struct Invocations;

impl Dialect for Invocations {
    fn id(&self) -> DialectId {
        DialectId::Invocations
    }

    fn name(&self) -> &'static str {
        OpenaiChat.name()
    }

    fn kin(&self) -> DialectId {
        DialectId::OpenaiChat
    }

    fn provider(&self) -> &'static str {
        "openai"
    }

    fn recognise(&self, line: &Line<'_>) -> Option<Recognised> {
        let target = line.target;
        let endpoint = target.is(2, "serving-endpoints") || target.is(2, "endpoints");
        (endpoint && line.posts(&["invocations"]))
            .then(|| recognise::call(self.id(), Some(target.nth_last(1).to_owned())))
    }

    fn shares_its_path(&self) -> bool {
        true
    }

    fn takes(&self, root: &Value<'_>) -> bool {
        root.kind() == Kind::Object && has_member(root, "messages")
    }

    fn read_request(
        &self,
        recognised: &Recognised,
        doc: &Doc,
        body: &[u8],
    ) -> Result<RequestView, Unreadable> {
        OpenaiChat.read_request(recognised, doc, body)
    }

    fn tools(&self, doc: &Doc, body: &[u8]) -> Vec<Tool> {
        OpenaiChat.tools(doc, body)
    }

    fn without_tools(&self, doc: &Doc, body: &[u8], gone: &[usize]) -> Vec<Edit> {
        OpenaiChat.without_tools(doc, body, gone)
    }

    fn answer(&self, call: &Call, framing: Framing) -> Box<dyn Answer> {
        OpenaiChat.answer(call, framing)
    }

    fn canned(&self, call: &Call, canned: &Canned) -> Reply {
        OpenaiChat.canned(call, canned)
    }

    fn blocked(&self, call: &Call, decision: &str, now: u64) -> Reply {
        OpenaiChat.blocked(call, decision, now)
    }

    fn error(&self, call: &Recognised, error: &ErrorAnswer) -> Reply {
        OpenaiChat.error(call, error)
    }

    fn spending(&self, root: &Value<'_>) -> Result<Spending, Unreadable> {
        OpenaiChat.spending(root)
    }

    fn usage(&self, root: &Value<'_>, usage: &mut Usage) {
        OpenaiChat.usage(root, usage);
    }

    fn cap(&self, root: &Value<'_>, most: u64) -> Option<Edit> {
        OpenaiChat.cap(root, most)
    }

    fn ask_usage(&self, root: &Value<'_>) -> Option<Edit> {
        OpenaiChat.ask_usage(root)
    }

    fn speech(&self, kind: u8) -> Speech {
        OpenaiChat.speech(kind)
    }

    fn has_choices(&self) -> bool {
        OpenaiChat.has_choices()
    }

    fn is_usage_event(&self, root: &Value<'_>) -> bool {
        OpenaiChat.is_usage_event(root)
    }
}
