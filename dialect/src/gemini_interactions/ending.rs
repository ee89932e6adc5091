//! What has been sent of a stream of events, and its rest.

use super::super::fields::string;
use super::super::number::number;
use super::super::previous;
use super::super::say::Say;
use super::super::texts::short;
use super::super::write::Json;
use super::super::{Call, Ending};
use super::event::{EventNames, StreamEventKind};
use super::kind;
use super::own::{NO_USAGE, OURS, status};
use crate::done;
use crate::wire::json::Value;
use crate::wire::own::OwnEvents;
use crate::word::{self, Word};

/// What the caller has been sent of a stream.
#[derive(Debug, Default)]
pub(super) struct Sent {
    names: EventNames,
    started: bool,
    id: Option<String>,
    /// The step that has begun and not stopped, and the kind of its text, if it has text.
    open: Option<(u32, Option<u8>)>,
    /// The index of the next step.
    next: u32,
    /// Text was sent.
    said: bool,
    /// Text was sent in the open step.
    said_here: bool,
    completed: bool,
    done: bool,
    /// The last event sent was an error, which ends the answer if nothing follows.
    failed: bool,
}

/// A piece of text for a step.
pub(super) fn delta(out: &mut OwnEvents, names: EventNames, index: u32, kind: u8, text: &str) {
    let mut json = Json::default();
    json.raw(r#"{"index":"#).number(index.into());
    match kind {
        kind::THOUGHT => {
            json.raw(r#","delta":{"type":"thought_summary","content":{"type":"text","text":"#);
            json.text(text).raw("}}");
        }
        _ => {
            json.raw(r#","delta":{"type":"text","text":"#).text(text).raw("}");
        }
    }
    event(out, names, StreamEventKind::Delta, json);
}

/// Writes an event; in this format the event's name comes last.
fn event(out: &mut OwnEvents, names: EventNames, event: StreamEventKind, mut json: Json) {
    let name = names.name(event);
    json.raw(r#","event_type":"#).text(name).raw("}");
    out.push(name, json.as_str());
}

impl Sent {
    /// An event was sent.
    pub(super) fn frame(&mut self, root: &Value<'_>) {
        let event = StreamEventKind::of(root);
        self.names = EventNames::of(root).unwrap_or(self.names);
        self.failed = event == StreamEventKind::Error;
        let index = || number(root.get("index"));
        match event {
            StreamEventKind::Created => {
                if self.completed {
                    // Another answer in the same body: the state of the previous one is dropped.
                    *self = Self { names: self.names, ..Self::default() };
                }
                self.started = true;
                let interaction = root.get("interaction");
                self.id = short(interaction.and_then(|own| own.get("id")));
            }
            StreamEventKind::Start => {
                let step = root.get("step").or_else(|| root.get("content"));
                let text = match Word::value(step.and_then(|step| step.get("type"))) {
                    word::model_output | word::text => Some(kind::TEXT),
                    word::thought => Some(kind::THOUGHT),
                    _ => None,
                };
                self.begin(index(), text);
                let parts = step.filter(|_| text == Some(kind::TEXT));
                let says =
                    |part: &Value<'_>| part.key_is("text") && !string(Some(*part)).is_empty();
                if parts.is_some_and(|step| step.descendants().any(|part| says(&part))) {
                    self.spoke();
                }
            }
            StreamEventKind::Delta => {
                let (index, delta) = (index(), root.get("delta"));
                let text = delta.and_then(|delta| delta.get("text"));
                let says = !string(text).is_empty();
                if self.open.is_none_or(|(open, _)| open != index) {
                    self.begin(index, says.then_some(kind::TEXT));
                }
                if says && self.kind() == Some(kind::TEXT) {
                    self.spoke();
                }
            }
            StreamEventKind::Stop => self.open = None,
            StreamEventKind::Completed => self.completed = true,
            StreamEventKind::Error | StreamEventKind::Other => {}
        }
    }

    /// A frame without JSON was sent.
    pub(super) fn other(&mut self, bytes: &[u8]) {
        self.done |= done::is_in(bytes);
    }

    fn begin(&mut self, index: u32, kind: Option<u8>) {
        self.open = Some((index, kind));
        self.next = self.next.max(index.saturating_add(1));
        self.said_here = false;
    }

    fn spoke(&mut self) {
        (self.said, self.said_here) = (true, true);
    }

    fn kind(&self) -> Option<u8> {
        self.open.and_then(|(_, kind)| kind)
    }

    /// The rest of the stream: texts that still leave, the open step's end, the ending's text in a step of its own, the
    /// end.
    pub(super) fn ending(
        &mut self,
        call: &Call,
        model: Option<&str>,
        ending: &Ending,
    ) -> OwnEvents {
        let mut out = OwnEvents::default();
        if self.done || self.failed {
            return out;
        }
        let own_id = previous::canned_id(OURS, call, &ending.decision);
        let id = self.id.clone().unwrap_or(own_id);
        let model = model.unwrap_or(&call.model);
        let head = |status: &str| {
            let mut json = Json::default();
            json.raw(r#"{"interaction":{"id":"#).text(&id);
            json.raw(r#","status":"#).text(status);
            json.raw(r#","object":"interaction","model":"#).text(model);
            json
        };
        if !self.started && !self.completed {
            let mut json = head("in_progress");
            json.raw("}");
            event(&mut out, self.names, StreamEventKind::Created, json);
            self.started = true;
        }
        if !self.completed {
            self.before(&mut out, ending);
            let say = Say::ending(&ending.how, call, self.said);
            if let Some(text) = say.text {
                let gap = self.said_here && self.kind() == Some(kind::TEXT);
                let text = format!("{}{text}", if gap { "\n\n" } else { "" });
                self.say(&mut out, &text);
            }
            self.close(&mut out);
            let mut json = head(status(&say));
            json.raw(r#","usage":"#).raw(NO_USAGE).raw("}");
            event(&mut out, self.names, StreamEventKind::Completed, json);
            self.completed = true;
        }
        out.push("done", "[DONE]");
        self.done = true;
        out
    }

    fn before(&mut self, out: &mut OwnEvents, ending: &Ending) {
        for (text, piece) in ending.before.iter().filter(|(_, piece)| !piece.is_empty()) {
            match (text.kind, self.open) {
                (kind::TEXT, open) => {
                    // A piece of another step does not belong to the open one.
                    if open.is_some_and(|(index, _)| index != text.a) {
                        self.close(out);
                    }
                    self.say(out, piece);
                }
                // A thought cannot be started here: without its signature it could not be sent back to the provider.
                (kind::THOUGHT, Some((index, Some(kind::THOUGHT)))) => {
                    delta(out, self.names, index, kind::THOUGHT, piece);
                }
                _ => {}
            }
        }
    }

    /// Sends text in the open step if that is model output, else in a new one.
    fn say(&mut self, out: &mut OwnEvents, text: &str) {
        if self.kind() != Some(kind::TEXT) {
            self.close(out);
            let (member, step) = self.names.said_step();
            let mut json = Json::default();
            json.raw(r#"{"index":"#).number(self.next.into());
            json.raw(",").text(member).raw(":").raw(step);
            event(out, self.names, StreamEventKind::Start, json);
            self.begin(self.next, Some(kind::TEXT));
        }
        let Some((index, _)) = self.open else { return };
        delta(out, self.names, index, kind::TEXT, text);
        self.spoke();
    }

    fn close(&mut self, out: &mut OwnEvents) {
        if let Some((index, _)) = self.open.take() {
            let mut json = Json::default();
            json.raw(r#"{"index":"#).number(index.into());
            event(out, self.names, StreamEventKind::Stop, json);
        }
    }
}
