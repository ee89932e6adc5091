//! What has been sent of a stream of events, and its rest.

use super::super::number::number;
use super::super::say::Say;
use super::super::write::Json;
use super::super::{Call, Ending};
use super::kind;
use super::own::{NO_USAGE, finish};
use crate::done;
use crate::wire::json::Value;
use crate::wire::own::OwnEvents;
use crate::word::{self, Word};

/// What the caller has been sent of a stream.
#[derive(Debug, Default)]
pub(super) struct Sent {
    started: bool,
    /// The content that has begun and not ended.
    open: Option<u32>,
    /// The call that has begun and not ended.
    call: Option<u32>,
    /// The index of the next content.
    next: u32,
    /// Text was sent.
    said: bool,
    finished: bool,
    done: bool,
}

/// An event with a part of the message.
fn part(out: &mut OwnEvents, name: &str, index: u32, message: &str) {
    let mut json = Json::default();
    json.raw(r#"{"type":"#).text(name).raw(r#","index":"#).number(index.into());
    if !message.is_empty() {
        json.raw(r#","delta":{"message":"#).raw(message).raw("}");
    }
    out.push(name, json.raw("}").as_str());
}

fn delta(out: &mut OwnEvents, index: u32, text: &str) {
    let mut json = Json::default();
    json.raw(r#"{"content":{"text":"#).text(text).raw("}}");
    part(out, "content-delta", index, json.as_str());
}

fn start(out: &mut OwnEvents, index: u32) {
    part(out, "content-start", index, r#"{"content":{"type":"text","text":""}}"#);
}

/// A content from its start to its end.
pub(super) fn content(out: &mut OwnEvents, index: u32, text: &str) {
    start(out, index);
    delta(out, index, text);
    part(out, "content-end", index, "");
}

impl Sent {
    /// An event was sent.
    pub(super) fn frame(&mut self, root: &Value<'_>) {
        let index = number(root.get("index"));
        match Word::value(root.get("type")) {
            word::message__start => self.started = true,
            word::content__start => {
                self.open = Some(index);
                self.next = self.next.max(index.saturating_add(1));
            }
            word::content__delta => self.said = true,
            word::content__end => self.open = None,
            word::tool__call__start => self.call = Some(index),
            word::tool__call__end => self.call = None,
            word::message__end => self.finished = true,
            _ => {}
        }
    }

    /// A frame without JSON was sent.
    pub(super) fn other(&mut self, bytes: &[u8]) {
        self.done |= done::is_in(bytes);
    }

    /// The rest of the stream: texts that still leave, the ending's text, the end.
    pub(super) fn ending(&mut self, call: &Call, ending: &Ending) -> OwnEvents {
        let mut out = OwnEvents::default();
        if self.done {
            return out;
        }
        if !self.started {
            let mut json = Json::default();
            json.raw(r#"{"id":"#).text(&format!("hemostat-{}", ending.decision));
            json.raw(
                r#","type":"message-start","delta":{"message":{"role":"assistant","content":[],"#,
            );
            json.raw(r#""tool_plan":"","tool_calls":[],"citations":[]}}}"#);
            out.push("message-start", json.as_str());
            self.started = true;
        }
        if !self.finished {
            if let Some(index) = self.call.take() {
                part(&mut out, "tool-call-end", index, "");
            }
            let before = ending.before.iter().filter(|(key, _)| key.kind == kind::TEXT);
            for (_, text) in before.filter(|(_, text)| !text.is_empty()) {
                self.say(&mut out, text);
            }
            let say = Say::ending(&ending.how, call, self.said);
            if let Some(text) = say.text {
                let gap = if self.open.is_some() && self.said { "\n\n" } else { "" };
                self.say(&mut out, &format!("{gap}{text}"));
            }
            if let Some(index) = self.open.take() {
                part(&mut out, "content-end", index, "");
            }
            let mut json = Json::default();
            json.raw(r#"{"type":"message-end","delta":{"finish_reason":"#).text(finish(&say));
            json.raw(r#","usage":"#).raw(NO_USAGE).raw("}}");
            out.push("message-end", json.as_str());
        }
        out.push("", "[DONE]");
        self.done = true;
        out
    }

    fn say(&mut self, out: &mut OwnEvents, text: &str) {
        let index = match self.open {
            Some(index) => index,
            None => {
                let index = self.next;
                start(out, index);
                self.next = index.saturating_add(1);
                self.open = Some(index);
                index
            }
        };
        delta(out, index, text);
        self.said = true;
    }
}
