//! What has been sent of a stream in OpenAI's chunks, of chat and of completions alike, and what ends such a stream.

use super::openai::Finish;
use super::texts::short;
use super::write::Json;
use super::{Call, Ending};
use crate::done;
use crate::limits;
use crate::wire::json::Value;
use crate::wire::own::OwnEvents;

/// Usage of an answer that the proxy made: nothing is billed.
pub(super) const NO_USAGE: &str = r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#;

/// What the caller has been sent of one choice.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct SentChoice {
    pub index: u32,
    /// Its first chunk, the one with the role, was sent.
    pub begun: bool,
    /// Its text was sent: of chat, that of `content`.
    pub content: bool,
    /// Text of `refusal` was sent.
    pub refusal: bool,
    pub finish: Finish,
}

/// What the caller has been sent of a stream.
#[derive(Debug, Default)]
pub(super) struct SentChunks {
    id: Option<String>,
    model: Option<String>,
    created: u64,
    choices: Vec<SentChoice>,
    usage: bool,
    /// `[DONE]` was sent.
    done: bool,
}

impl SentChunks {
    /// A chunk with this member was sent; its `choices` are the caller's to read.
    pub(super) fn member(&mut self, field: Value<'_>) {
        match () {
            () if field.key_is("id") => first(&mut self.id, field),
            () if field.key_is("model") => first(&mut self.model, field),
            () if field.key_is("created") => self.created = field.as_u64().unwrap_or(self.created),
            () if field.key_is("usage") => self.usage |= !field.is_null(),
            () => {}
        }
    }

    /// A frame without JSON was sent.
    pub(super) fn other(&mut self, bytes: &[u8]) {
        self.done |= done::is_in(bytes);
    }

    /// A choice, if it is known.
    pub(super) fn known(&self, index: u32) -> Option<&SentChoice> {
        let at = self.choices.binary_search_by_key(&index, |own| own.index).ok()?;
        self.choices.get(at)
    }

    /// A choice; `None`: there are too many.
    pub(super) fn choice(&mut self, index: u32) -> Option<&mut SentChoice> {
        let at = match self.choices.binary_search_by_key(&index, |own| own.index) {
            Ok(at) => at,
            Err(at) if self.choices.len() < limits::OPEN_TEXTS => {
                self.choices.insert(at, SentChoice { index, ..SentChoice::default() });
                at
            }
            Err(_) => return None,
        };
        self.choices.get_mut(at)
    }

    /// A chunk with this choice was read, whether or not it leaves. Gives the choice, if it is known or has finished.
    pub(super) fn was_read(&mut self, index: u32, finished: bool) -> Option<&mut SentChoice> {
        if finished || self.known(index).is_some() { self.choice(index) } else { None }
    }

    /// True if text of any choice was sent.
    pub(super) fn has_text(&self) -> bool {
        self.choices.iter().any(|choice| choice.content || choice.refusal)
    }

    /// The choices that have not finished, among them those that were requested and have not begun.
    pub(super) fn open(&mut self, call: &Call) -> impl Iterator<Item = &mut SentChoice> {
        for index in 0..call.choices.max(1) {
            self.choice(index);
        }
        self.choices.iter_mut().filter(|choice| !choice.finish.is_over())
    }

    /// True if nothing can follow.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// The start of every chunk of the ending, up to the first of its choices.
    pub(super) fn head(
        &self,
        (prefix, object): (&str, &str),
        call: &Call,
        read_model: Option<&str>,
        ending: &Ending,
    ) -> String {
        let own_id = format!("{prefix}-hemostat-{}", ending.decision);
        let model = self.model.as_deref().or(read_model).unwrap_or(&call.model);
        let created = if self.id.is_some() { self.created } else { ending.now };
        let mut json = Json::default();
        json.raw(r#"{"id":"#).text(self.id.as_deref().unwrap_or(&own_id));
        json.raw(r#","object":"#).text(object).raw(r#","created":"#).number(created);
        json.raw(r#","model":"#).text(model).raw(r#","choices":["#);
        json.take()
    }

    /// Usage, where the caller has asked for it, and `[DONE]`.
    pub(super) fn end(&mut self, call: &Call, head: &str, out: &mut OwnEvents) {
        if call.include_usage && !self.usage {
            out.push("", &format!(r#"{head}],"usage":{NO_USAGE}}}"#));
        }
        out.push("", "[DONE]");
        self.done = true;
    }
}

/// Keeps the first of the values that can be repeated.
fn first(known: &mut Option<String>, value: Value<'_>) {
    if known.is_none() {
        *known = short(Some(value));
    }
}

/// What closes a chunk behind its choices.
pub(super) fn tail(call: &Call) -> &'static str {
    if call.include_usage { r#"],"usage":null}"# } else { "]}" }
}

/// Appends the reason why a choice has finished; `null` if it goes on.
pub(super) fn finish_reason(json: &mut Json, finish: Option<&str>) {
    json.raw(r#","logprobs":null,"finish_reason":"#);
    match finish {
        Some(finish) => json.text(finish),
        None => json.raw("null"),
    };
}
