//! Messages as the GenAI conventions define them: roles with parts.

use crate::written::{Object, list, text};

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CapturedMessage {
    /// `system`, `user`, `assistant`, `tool`.
    pub role: &'static str,
    /// What it says, in order.
    pub parts: Vec<MessagePart>,
}

/// A part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessagePart {
    /// Text.
    Text(String),
    /// The model's reasoning.
    Reasoning(String),
    /// A tool's result.
    Result(String),
    /// A tool call.
    Call {
        /// The tool.
        name: String,
        /// Its arguments as JSON text; `None` if they are not wanted.
        arguments: Option<String>,
    },
}

impl MessagePart {
    /// The part's text, which counts against the room.
    fn text_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Text(text) | Self::Reasoning(text) | Self::Result(text) => Some(text),
            Self::Call { arguments, .. } => arguments.as_mut(),
        }
    }

    fn to_json(&self) -> String {
        let mut out = Object::default();
        match self {
            Self::Text(said) => {
                out.text("type", "text");
                out.text("content", said);
            }
            Self::Reasoning(said) => {
                out.text("type", "reasoning");
                out.text("content", said);
            }
            Self::Result(said) => {
                out.text("type", "tool_call_response");
                out.raw("id", "null");
                out.text("response", said);
            }
            Self::Call { name, arguments } => {
                out.text("type", "tool_call");
                out.raw("id", "null");
                out.text("name", name);
                out.raw("arguments", &arguments.as_deref().map_or("null".to_owned(), text));
            }
        }
        out.end()
    }
}

/// Trims messages to the room that is left, keeping their beginning or (`from_the_end`, for a conversation) their end.
/// True if something was left out.
pub(super) fn trim(messages: &mut [CapturedMessage], room: &mut usize, from_the_end: bool) -> bool {
    let mut cut = false;
    let mut one = |part: &mut MessagePart| {
        if let MessagePart::Call { name, .. } = part {
            cut |= shorten(name, room);
        }
        if let Some(text) = part.text_mut() {
            cut |= shorten(text, room);
        }
    };
    let parts = messages.iter_mut().flat_map(|message| message.parts.iter_mut());
    if from_the_end {
        let mut parts: Vec<&mut MessagePart> = parts.collect();
        parts.iter_mut().rev().for_each(|part| one(part));
    } else {
        parts.for_each(one);
    }
    cut
}

/// Cuts a text to the room that is left, and reduces the room by its length.
pub(super) fn shorten(text: &mut String, room: &mut usize) -> bool {
    let fits = text.floor_char_boundary(*room);
    let cut = fits < text.len();
    text.truncate(fits);
    *room -= fits;
    cut
}

/// The value of `gen_ai.input.messages`, or of `gen_ai.output.messages` if the finish reason is given.
pub(super) fn to_json(messages: &[CapturedMessage], finish: Option<&str>) -> String {
    list(messages, |message| {
        let mut out = Object::default();
        out.text("role", message.role);
        out.raw("parts", &parts_to_json(&message.parts));
        if let Some(finish) = finish {
            out.text("finish_reason", finish);
        }
        out.end()
    })
}

/// The value of `gen_ai.system_instructions`.
pub(super) fn parts_to_json(parts: &[MessagePart]) -> String {
    list(parts, MessagePart::to_json)
}
