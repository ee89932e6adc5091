//! What has been sent of a stream of events, and its rest.

use super::super::fields::string;
use super::super::number::number;
use super::super::say::Say;
use super::super::write::{Json, quoted};
use super::super::{Call, Ending};
use super::kind;
use super::own::stop;
use crate::wire::json::Value;
use crate::wire::own::OwnEvents;
use crate::word::{self, Word};

/// A content block whose start the caller has been sent. Blocks come one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Open {
    index: u32,
    /// [`kind::TEXT`], [`kind::THINKING`]; other blocks contain no text.
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
    output_tokens: u64,
    /// `message_delta` with the stop reason was sent.
    stopped: bool,
    done: bool,
    /// The last event sent was an error, which ends the answer if nothing follows.
    failed: bool,
}

impl Sent {
    /// An event was sent.
    pub(super) fn frame(&mut self, root: &Value<'_>) {
        let index = || number(root.get("index"));
        let event = Word::value(root.get("type"));
        // Nothing should follow an error. If something does, the answer continues.
        self.failed = event == word::error || (self.failed && event == word::ping);
        match event {
            word::message_start => {
                if self.done {
                    // Another message in the same body: the state of the previous one is dropped.
                    *self = Self::default();
                }
                self.started = true;
                self.usage(root.get("message").and_then(|m| m.get("usage")));
            }
            word::content_block_start => {
                let block = root.get("content_block");
                let kind = match Word::value(block.and_then(|b| b.get("type"))) {
                    word::text => Some(kind::TEXT),
                    word::thinking => Some(kind::THINKING),
                    _ => None,
                };
                self.begin(index(), kind);
                self.spoke(block.and_then(|b| b.get("text")));
            }
            word::content_block_delta => {
                self.spoke(root.get("delta").and_then(|d| d.get("text")));
            }
            word::content_block_stop => self.open = None,
            word::message_delta => {
                self.usage(root.get("usage"));
                // Some servers send one for usage alone, before the end.
                let reason = root.get("delta").and_then(|delta| delta.get("stop_reason"));
                self.stopped |= !string(reason).is_empty();
            }
            word::message_stop => self.done = true,
            _ => {}
        }
    }

    fn usage(&mut self, usage: Option<Value<'_>>) {
        let tokens = usage.and_then(|u| u.get("output_tokens")).and_then(|t| t.as_u64());
        self.output_tokens = tokens.unwrap_or(self.output_tokens);
    }

    fn begin(&mut self, index: u32, kind: Option<u8>) {
        self.open = Some(Open { index, kind });
        self.next = self.next.max(index.saturating_add(1));
        self.said_here = false;
    }

    fn spoke(&mut self, text: Option<Value<'_>>) {
        if text.is_some_and(|text| !string(Some(text)).is_empty()) {
            self.said = true;
            self.said_here = true;
        }
    }

    /// The rest of the stream: texts that still leave, the open block's end, the ending's text in a text block, the
    /// stop.
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
        if !self.started {
            message_start(&mut out, model.unwrap_or(&call.model), &ending.decision);
            self.started = true;
        }
        if !self.stopped {
            self.before(&mut out, ending);
            let say = Say::ending(&ending.how, call, self.said);
            if let Some(text) = say.text {
                self.say(&mut out, kind::TEXT, text, true);
            }
            self.close(&mut out);
            let (reason, details) = stop(&say);
            let mut json = Json::default();
            json.raw(r#"{"type":"message_delta","delta":{"stop_reason":"#).text(reason);
            json.raw(r#","stop_sequence":null"#).raw(details);
            json.raw(r#"},"usage":{"output_tokens":"#).number(self.output_tokens).raw("}}");
            out.push("message_delta", json.as_str());
        }
        out.push("message_stop", r#"{"type":"message_stop"}"#);
        self.done = true;
        out
    }

    fn before(&mut self, out: &mut OwnEvents, ending: &Ending) {
        for (text, piece) in ending.before.iter().filter(|(_, piece)| !piece.is_empty()) {
            // A piece of another block does not belong to the open one.
            if text.kind == kind::TEXT && self.open.is_some_and(|open| open.index != text.a) {
                self.close(out);
            }
            match text.kind {
                kind::TEXT => self.say(out, kind::TEXT, piece, false),
                // A thinking block cannot be started here: without its signature it could not be sent back to the
                // provider.
                kind::THINKING if self.open_kind() == Some(kind::THINKING) => {
                    self.say(out, kind::THINKING, piece, false);
                }
                _ => {}
            }
        }
    }

    fn open_kind(&self) -> Option<u8> {
        self.open.and_then(|open| open.kind)
    }

    /// Sends text in the open block if it is of this kind, else in a new one.
    fn say(&mut self, out: &mut OwnEvents, kind: u8, text: &str, paragraph: bool) {
        if self.open_kind() != Some(kind) {
            self.close(out);
            self.begin(self.next, Some(kind));
            let start = format!(
                r#"{{"type":"content_block_start","index":{},"content_block":{{"type":"text","text":""}}}}"#,
                self.next.saturating_sub(1),
            );
            out.push("content_block_start", &start);
        }
        let Some(open) = self.open else { return };
        let (delta, field) = if kind == kind::TEXT {
            ("text_delta", "text")
        } else {
            ("thinking_delta", "thinking")
        };
        let gap = if paragraph && self.said_here { "\\n\\n" } else { "" };
        let text = quoted(text);
        let text = text.strip_prefix('"').unwrap_or(&text);
        let data = format!(
            r#"{{"type":"content_block_delta","index":{},"delta":{{"type":"{delta}","{field}":"{gap}{text}}}}}"#,
            open.index,
        );
        out.push("content_block_delta", &data);
        self.said_here = true;
        self.said |= kind == kind::TEXT;
    }

    fn close(&mut self, out: &mut OwnEvents) {
        if let Some(open) = self.open.take() {
            let stop = format!(r#"{{"type":"content_block_stop","index":{}}}"#, open.index);
            out.push("content_block_stop", &stop);
        }
    }
}

fn message_start(out: &mut OwnEvents, model: &str, decision: &str) {
    let mut json = Json::default();
    json.raw(r#"{"type":"message_start","message":{"id":"#);
    json.text(&format!("msg_hemostat_{decision}"));
    json.raw(r#","type":"message","role":"assistant","model":"#).text(model);
    json.raw(r#","content":[],"stop_reason":null,"stop_sequence":null,"#);
    json.raw(r#""usage":{"input_tokens":0,"output_tokens":0}}}"#);
    out.push("message_start", json.as_str());
}
