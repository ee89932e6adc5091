//! What has been sent of a stream of Converse events, and its rest.

use super::super::fields::string;
use super::super::number::number;
use super::super::say::Say;
use super::super::write::{Json, quoted};
use super::super::{Call, Ending};
use super::kind;
use super::own::{USAGE, stop};
use crate::wire::json::Value;
use crate::wire::own::OwnEvents;

/// A content block whose start the caller has been sent. Blocks come one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Open {
    index: u32,
    /// [`kind::TEXT`], [`kind::REASONING`]; other blocks contain no text.
    kind: Option<u8>,
}

/// What the caller has been sent of a stream.
#[derive(Debug, Default)]
pub(super) struct Sent {
    started: bool,
    open: Option<Open>,
    /// The index of the next block.
    next: u32,
    /// Text was sent in a text block.
    said: bool,
    /// Text was sent in the open block.
    said_here: bool,
    /// `messageStop` was sent.
    stopped: bool,
    /// The last event was sent.
    done: bool,
}

impl Sent {
    /// An event was sent.
    pub(super) fn frame(&mut self, root: &Value<'_>) {
        let index = root.get("contentBlockIndex").map(|index| number(Some(index)));
        if root.get("role").is_some() {
            self.started = true;
        } else if root.get("stopReason").is_some() {
            self.stopped = true;
            self.open = None;
        } else if root.get("usage").is_some() || root.get("message").is_some() {
            // `metadata`, or an exception.
            self.done = true;
        } else if let Some(index) = index {
            match root.get("delta") {
                Some(delta) => self.delta(index, &delta),
                None if root.get("start").is_some() => self.begin(index, None),
                None => self.open = None,
            }
        }
    }

    fn delta(&mut self, index: u32, delta: &Value<'_>) {
        let text = delta.get("text");
        if self.open.is_none_or(|open| open.index != index) {
            let kind = match () {
                () if text.is_some() => Some(kind::TEXT),
                () if delta.get("reasoningContent").is_some() => Some(kind::REASONING),
                () => None,
            };
            self.begin(index, kind);
        }
        if text.is_some_and(|text| !string(Some(text)).is_empty()) {
            self.said = true;
            self.said_here = true;
        }
    }

    fn begin(&mut self, index: u32, kind: Option<u8>) {
        self.open = Some(Open { index, kind });
        self.next = self.next.max(index.saturating_add(1));
        self.said_here = false;
    }

    /// The rest of the stream: texts that still leave, the open block's end, the ending's text in a text block, the
    /// stop.
    pub(super) fn ending(&mut self, call: &Call, ending: &Ending) -> OwnEvents {
        let mut out = OwnEvents::default();
        if self.done {
            return out;
        }
        if !self.started {
            out.push("messageStart", r#"{"role":"assistant"}"#);
            self.started = true;
        }
        if !self.stopped {
            for (text, piece) in ending.before.iter().filter(|(_, piece)| !piece.is_empty()) {
                // A piece of another block does not belong to the open one.
                if text.kind == kind::TEXT && self.open.is_some_and(|open| open.index != text.a) {
                    self.close(&mut out);
                }
                // A reasoning block cannot be started here: without its signature it could not be sent back to the
                // model.
                let open = self.open.and_then(|open| open.kind) == Some(kind::REASONING);
                if text.kind == kind::TEXT || (text.kind == kind::REASONING && open) {
                    self.say(&mut out, text.kind, piece, false);
                }
            }
            let say = Say::ending(&ending.how, call, self.said);
            if let Some(text) = say.text {
                self.say(&mut out, kind::TEXT, text, true);
            }
            self.close(&mut out);
            let mut json = Json::default();
            json.raw(r#"{"stopReason":"#).text(stop(&say)).raw("}");
            out.push("messageStop", json.as_str());
            self.stopped = true;
        }
        out.push("metadata", &format!("{{{USAGE}}}"));
        self.done = true;
        out
    }

    /// Sends text in the open block if it is of this kind, else in a new one.
    fn say(&mut self, out: &mut OwnEvents, kind: u8, text: &str, paragraph: bool) {
        let index = match self.open.filter(|open| open.kind == Some(kind)) {
            Some(open) => open.index,
            None => {
                self.close(out);
                let index = self.next;
                self.begin(index, Some(kind));
                index
            }
        };
        let gap = if paragraph && self.said_here { "\n\n" } else { "" };
        let text = quoted(&format!("{gap}{text}"));
        let delta = match kind {
            kind::REASONING => format!(r#"{{"reasoningContent":{{"text":{text}}}}}"#),
            _ => format!(r#"{{"text":{text}}}"#),
        };
        out.push("contentBlockDelta", &block(index, Some(&delta)));
        self.said_here = true;
        self.said |= kind == kind::TEXT;
    }

    fn close(&mut self, out: &mut OwnEvents) {
        if let Some(open) = self.open.take() {
            out.push("contentBlockStop", &block(open.index, None));
        }
    }
}

/// The payload of a `contentBlockDelta`, or of a `contentBlockStop` if there is no delta.
pub(super) fn block(index: u32, delta: Option<&str>) -> String {
    let mut json = Json::default();
    json.raw(r#"{"contentBlockIndex":"#).number(index.into());
    if let Some(delta) = delta {
        json.raw(r#","delta":"#).raw(delta);
    }
    json.raw("}").take()
}
