//! What has been sent of a stream, and its rest: one more event, in the framing of the stream.

use super::super::number::number;
use super::super::say::Say;
use super::super::texts::short;
use super::super::write::Json;
use super::super::{Call, Ending};
use super::kind;
use super::own::{candidate, tail};
use crate::limits;
use crate::wire::json::Value;
use crate::wire::own::{ArrayProgress, OwnEvents};

/// What the caller has been sent of a stream.
#[derive(Debug, Default)]
pub(super) struct Sent {
    id: Option<String>,
    model: Option<String>,
    /// Candidates that have begun, and whether text of them was sent.
    candidates: Vec<(u32, bool)>,
    /// The array's opening bracket was sent.
    opened: bool,
    /// An element was sent.
    element: bool,
    done: bool,
}

impl Sent {
    /// An event was sent.
    pub(super) fn frame(&mut self, root: &Value<'_>) {
        self.element = true;
        for field in root.children() {
            match () {
                () if field.key_is("responseId") && self.id.is_none() => {
                    self.id = short(Some(field))
                }
                () if field.key_is("modelVersion") && self.model.is_none() => {
                    self.model = short(Some(field))
                }
                () if field.key_is("candidates") => {
                    for candidate in field.children() {
                        let text = candidate
                            .get("content")
                            .and_then(|content| content.get("parts"))
                            .is_some_and(|parts| parts.children().any(|part| says(&part)));
                        self.candidate(number(candidate.get("index")), text);
                    }
                }
                () => {}
            }
        }
    }

    /// Bytes of an array that are not an element were sent.
    pub(super) fn bracket(&mut self, bytes: &[u8]) {
        let bytes = bytes.trim_ascii();
        self.opened |= bytes.starts_with(b"[");
        self.done |= bytes.ends_with(b"]");
    }

    /// True if text of this candidate was sent.
    pub(super) fn spoke(&self, index: u32) -> bool {
        self.known(index).ok().and_then(|at| self.candidates.get(at)).is_some_and(|(_, said)| *said)
    }

    fn candidate(&mut self, index: u32, text: bool) {
        match self.known(index) {
            Ok(at) => self.candidates.get_mut(at).into_iter().for_each(|own| own.1 |= text),
            Err(at) if self.candidates.len() < limits::OPEN_TEXTS => {
                self.candidates.insert(at, (index, text));
            }
            Err(_) => {}
        }
    }

    /// The position of a candidate, or where it would be inserted.
    fn known(&self, index: u32) -> Result<usize, usize> {
        self.candidates.binary_search_by_key(&index, |(own, _)| *own)
    }

    /// One more event with all candidates: texts that still leave, then the ending's text, then the finish.
    pub(super) fn ending(
        &mut self,
        call: &Call,
        model: Option<&str>,
        ending: &Ending,
    ) -> OwnEvents {
        if self.done {
            return OwnEvents::default();
        }
        self.done = true;
        for index in 0..call.choices.max(1) {
            self.candidate(index, false);
        }
        self.candidates.sort_unstable();
        let begun = self.candidates.iter().any(|(_, said)| *said)
            || ending.before.iter().any(|(key, text)| key.kind == kind::TEXT && !text.is_empty());
        let say = Say::ending(&ending.how, call, begun);
        let mut out = Json::default();
        out.raw(r#"{"candidates":["#);
        let mut comma = "";
        for (index, said) in &self.candidates {
            let before = |kind| {
                let mine =
                    ending.before.iter().filter(move |(k, _)| k.kind == kind && k.a == *index);
                mine.map(|(_, text)| text.as_str()).collect::<String>()
            };
            let (thought, mut text) = (before(kind::THOUGHT), before(kind::TEXT));
            if let Some(said_now) = say.text {
                if *said || !text.is_empty() {
                    text.push_str("\n\n");
                }
                text.push_str(said_now);
            }
            let parts = [(thought.as_str(), true), (text.as_str(), false)];
            let parts: Vec<_> = parts.into_iter().filter(|(text, _)| !text.is_empty()).collect();
            out.raw(comma);
            candidate(&mut out, *index, &parts, &say);
            comma = ",";
        }
        let own_id = format!("hemostat-{}", ending.decision);
        let model = self.model.as_deref().or(model).unwrap_or(&call.model);
        tail(&mut out, model, self.id.as_deref().unwrap_or(&own_id));
        let begun = match (self.element, self.opened) {
            (true, _) => ArrayProgress::Element,
            (false, true) => ArrayProgress::Opened,
            (false, false) => ArrayProgress::Nothing,
        };
        let mut events = OwnEvents::one(out.take());
        (events.crlf, events.begun) = (true, begun);
        events
    }
}

/// True for a part with text of the answer.
pub(super) fn says(part: &Value<'_>) -> bool {
    part.get("text").is_some_and(|text| text.raw().len() > 2)
        && part.get("thought").and_then(|t| t.as_bool()) != Some(true)
}
