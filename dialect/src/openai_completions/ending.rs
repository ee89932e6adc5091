//! What has been sent of a stream of completions, and its rest.

use super::super::number::number;
use super::super::openai::{Finish, is_finished};
use super::super::say::Say;
use super::super::sent_chunks::{SentChunks, finish_reason, tail};
use super::super::write::Json;
use super::super::{Call, Ending};
use super::kind;
use super::own::finish;
use crate::wire::json::Value;
use crate::wire::own::OwnEvents;

/// What the caller has been sent of a stream.
#[derive(Debug, Default)]
pub(super) struct Sent(SentChunks);

impl Sent {
    /// A chunk was sent.
    pub(super) fn frame(&mut self, root: &Value<'_>) {
        for field in root.children() {
            if !field.key_is("choices") {
                self.0.member(field);
                continue;
            }
            for choice in field.children() {
                if let Some(own) = self.0.choice(number(choice.get("index"))) {
                    own.content |= speaks(&choice);
                    own.finish.leaves(is_finished(&choice));
                }
            }
        }
    }

    /// A chunk with this choice was read, whether or not it leaves.
    pub(super) fn was_read(&mut self, choice: &Value<'_>) {
        let finished = is_finished(choice);
        if let Some(own) = self.0.was_read(number(choice.get("index")), finished) {
            own.finish.read(|| speaks(choice), finished);
        }
    }

    /// A frame without JSON was sent.
    pub(super) fn other(&mut self, bytes: &[u8]) {
        self.0.other(bytes);
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
        let head = self.0.head(("cmpl", "text_completion"), call, model, ending);
        let mut out = OwnEvents::default();
        let mut chunk = |index: u32, text: &str, finish: Option<&str>| {
            let mut json = Json::default();
            json.raw(&head).raw(r#"{"text":"#).text(text);
            json.raw(r#","index":"#).number(index.into());
            finish_reason(&mut json, finish);
            json.raw("}").raw(tail(call));
            out.push("", json.as_str());
        };
        let before = ending.before.iter().filter(|(key, _)| key.kind == kind::TEXT);
        for (key, text) in before.filter(|(_, text)| !text.is_empty()) {
            if let Some(own) = self.0.choice(key.a).filter(|own| !own.finish.is_over()) {
                own.content = true;
                chunk(key.a, text, None);
            }
        }
        let say = Say::ending(&ending.how, call, self.0.has_text());
        for choice in self.0.open(call) {
            if let Some(text) = say.text {
                let gap = if choice.content { "\n\n" } else { "" };
                chunk(choice.index, &format!("{gap}{text}"), None);
            }
            chunk(choice.index, "", Some(finish(&say)));
            choice.finish = Finish::OVER;
        }
        self.0.end(call, &head, &mut out);
        out
    }
}

/// True if a choice of a chunk says something.
fn speaks(choice: &Value<'_>) -> bool {
    choice.get("text").is_some_and(|text| text.raw().len() > 2)
}
