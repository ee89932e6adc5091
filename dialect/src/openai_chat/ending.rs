//! What has been sent of a chat stream, and its rest.

use super::super::number::number;
use super::super::openai::{Finish, is_finished};
use super::super::say::Say;
use super::super::sent_chunks::{SentChoice, SentChunks, finish_reason, tail};
use super::super::write::Json;
use super::super::{Call, Ending, TextKey};
use super::kind;
use super::shapes;
use crate::wire::json::Value;
use crate::wire::own::OwnEvents;

/// What the caller has been sent of a stream.
#[derive(Debug, Default)]
pub(super) struct Sent(SentChunks);

/// The members that all chunks of one stream share.
#[derive(Debug)]
struct Chunks<'a> {
    head: String,
    tail: &'a str,
    out: OwnEvents,
}

impl Chunks<'_> {
    fn delta(&mut self, choice: u32, delta: &str, finish: Option<&str>) {
        let mut json = Json::default();
        json.raw(&self.head).raw(r#"{"index":"#).number(choice.into());
        json.raw(r#","delta":"#).raw(delta);
        finish_reason(&mut json, finish);
        json.raw("}").raw(self.tail);
        self.out.push("", json.as_str());
    }
}

impl Sent {
    /// A chunk was sent.
    pub(super) fn frame(&mut self, root: &Value<'_>) {
        for field in shapes::each(root).flat_map(|chunk| chunk.children()) {
            if field.key_is("choices") {
                for choice in shapes::each(&field) {
                    self.choice(&choice);
                }
            } else {
                self.0.member(field);
            }
        }
    }

    /// A frame without JSON was sent.
    pub(super) fn other(&mut self, bytes: &[u8]) {
        self.0.other(bytes);
    }

    fn choice(&mut self, choice: &Value<'_>) {
        let delta = choice.get("delta");
        let text = |name| {
            delta.and_then(|d| d.get(name)).is_some_and(|t| t.raw().len() > 2 && !t.is_null())
        };
        let (content, refusal) = (text("content"), text("refusal"));
        let finished = is_finished(choice);
        let Some(own) = self.0.choice(number(choice.get("index"))) else { return };
        own.begun |= delta.is_some();
        own.content |= content;
        own.refusal |= refusal;
        own.finish.leaves(finished);
    }

    /// A chunk with this choice was read, whether or not it leaves.
    pub(super) fn was_read(&mut self, choice: &Value<'_>, index: u32) {
        let finished = is_finished(choice);
        let Some(own) = self.0.was_read(index, finished) else { return };
        let says = |member: Value<'_>| {
            !member.key_is("role") && !member.is_null() && member.raw().len() > 2
        };
        let speaks = || choice.get("delta").is_some_and(|delta| delta.children().any(says));
        own.finish.read(speaks, finished);
    }

    /// True if text was sent in the `content` of this choice.
    pub(super) fn spoke(&self, index: u32) -> bool {
        self.0.known(index).is_some_and(|own| own.content)
    }

    /// The rest of the stream: texts that still leave, the ending's text, a finish for every choice, usage, `[DONE]`.
    pub(super) fn ending(
        &mut self,
        call: &Call,
        model: Option<&str>,
        ending: &Ending,
    ) -> OwnEvents {
        if self.0.is_done() {
            return OwnEvents::default();
        }
        let head = self.0.head(("chatcmpl", "chat.completion.chunk"), call, model, ending);
        let mut chunks = Chunks { head, tail: tail(call), out: OwnEvents::default() };
        for (text_key, text) in ending.before.iter().filter(|(_, text)| !text.is_empty()) {
            self.before(&mut chunks, *text_key, text);
        }
        let say = Say::ending(&ending.how, call, self.0.has_text());
        // Choices that were requested and have not begun get all of it too.
        for choice in self.0.open(call) {
            if let Some(text) = say.text {
                said(&mut chunks, choice, text, say.refusal);
            } else if !choice.begun {
                chunks.delta(choice.index, r#"{"role":"assistant","content":""}"#, None);
            }
            let finish = match (say.blocked, say.spent) {
                (true, _) => "content_filter",
                (_, true) => "length",
                _ => "stop",
            };
            chunks.delta(choice.index, "{}", Some(finish));
            choice.finish = Finish::OVER;
        }
        self.0.end(call, &chunks.head, &mut chunks.out);
        chunks.out
    }

    fn before(&mut self, chunks: &mut Chunks<'_>, text_key: TextKey, text: &str) {
        let field = match text_key.kind {
            kind::CONTENT => "content",
            kind::REFUSAL => "refusal",
            kind::REASONING_CONTENT => "reasoning_content",
            kind::REASONING => "reasoning",
            _ => return,
        };
        let choice = self.0.choice(text_key.a).filter(|choice| !choice.finish.is_over());
        let Some(choice) = choice else { return };
        chunks.delta(choice.index, &delta(choice, field, text), None);
        choice.content |= field == "content";
        choice.refusal |= field == "refusal";
    }
}

/// The ending's text in one choice: it continues the open text, after a blank line.
fn said(chunks: &mut Chunks<'_>, choice: &mut SentChoice, text: &str, refusal: bool) {
    let refusal = refusal || (choice.refusal && !choice.content);
    let (field, open) =
        if refusal { ("refusal", choice.refusal) } else { ("content", choice.content) };
    let text = if open { format!("\n\n{text}") } else { text.to_owned() };
    let delta = delta(choice, field, &text);
    chunks.delta(choice.index, &delta, None);
}

/// A delta with one text; a choice's first one carries the role, without which SDK helpers reject the stream.
fn delta(choice: &mut SentChoice, field: &str, text: &str) -> String {
    let mut json = Json::default();
    json.raw("{");
    if !choice.begun {
        json.raw(r#""role":"assistant","#);
        if field != "content" {
            json.raw(r#""content":null,"#);
        }
    }
    choice.begun = true;
    json.text(field).raw(":").text(text).raw("}");
    json.take()
}
