//! What the model was asked: the texts of a request as it is forwarded, message by message.

use super::messages::{CapturedMessage, MessagePart, shorten};
use super::tool::CapturedTool;
use crate::dialect::{Item, RequestView, Role, ValueShape};
use crate::limits::CAPTURE_PARTS;
use crate::wire::json::{Doc, Kind, NodeId, Value};

/// The texts of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CapturedRequest {
    /// Instructions that stand outside the conversation.
    pub system: Vec<MessagePart>,
    /// The conversation.
    pub messages: Vec<CapturedMessage>,
    /// The tool call, where the request is one over MCP.
    pub tool: Option<CapturedTool>,
    /// Something was left out because of its length.
    pub cut: bool,
    /// Bytes of text.
    pub bytes: usize,
}

/// Where a text of a request stands.
struct MessagePlace<'a> {
    /// It is part of the instructions outside the conversation.
    beside: bool,
    /// The message.
    message: NodeId,
    /// The arguments, in an earlier call, that contain it.
    call: Option<Value<'a>>,
}

impl CapturedRequest {
    /// Approximate memory in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        let parts: usize = self.messages.iter().map(|message| message.parts.len()).sum();
        let tool =
            self.tool.as_ref().and_then(|tool| tool.arguments.as_ref()).map_or(0, String::len);
        self.bytes
            + tool
            + self.messages.len() * size_of::<CapturedMessage>()
            + (parts + self.system.len()) * size_of::<MessagePart>()
    }

    /// Reads a request's texts, the last ones first while there is room, since the end of a long conversation says most
    /// about it.
    #[must_use]
    pub fn read(view: &RequestView, doc: &Doc, body: &[u8], room: usize, tool_args: bool) -> Self {
        let mut asked = Self::default();
        let mut left = room;
        let mut parts: Vec<(bool, NodeId, &'static str, MessagePart)> = Vec::new();
        let mut calls = ArgumentValues::default();
        for item in view.texts.iter().rev() {
            let Item::Text { node, shape, role: Role::Input(of), .. } = *item else { continue };
            let Some(value) = doc.value(body, node) else { continue };
            let Some(place) = calls.place(value) else { continue };
            let role = match of {
                _ if of.system => "system",
                _ if of.tool_results => "tool",
                _ if of.user => "user",
                _ => "assistant",
            };
            let mut part = match (&place.call, shape) {
                (Some(call), _) => {
                    if !calls.is_new(call.id()) {
                        continue;
                    }
                    let arguments = tool_args.then(|| match call.as_str() {
                        Some(text) => text.into_owned(),
                        None => String::from_utf8_lossy(call.raw()).into_owned(),
                    });
                    let name = call.parent().and_then(|parent| parent.get("name"));
                    let name = name.and_then(|name| name.as_str().map(|name| name.into_owned()));
                    MessagePart::Call { name: name.unwrap_or_default(), arguments }
                }
                (None, ValueShape::Text) => {
                    let text = value.as_str().unwrap_or_default().into_owned();
                    if of.tool_results {
                        MessagePart::Result(text)
                    } else {
                        MessagePart::Text(text)
                    }
                }
                (None, ValueShape::Number) => {
                    MessagePart::Result(String::from_utf8_lossy(value.raw()).into_owned())
                }
                (
                    None,
                    ValueShape::Json | ValueShape::Key | ValueShape::Seal | ValueShape::File,
                ) => continue,
            };
            if left == 0 || parts.len() >= CAPTURE_PARTS {
                asked.cut = true;
                break;
            }
            if let MessagePart::Call { name, .. } = &mut part {
                asked.cut |= shorten(name, &mut left);
            }
            if let MessagePart::Text(text)
            | MessagePart::Result(text)
            | MessagePart::Call { arguments: Some(text), .. } = &mut part
            {
                asked.cut |= shorten(text, &mut left);
            }
            parts.push((place.beside, place.message, role, part));
        }
        asked.bytes = room - left;
        let mut last = None;
        for (beside, message, role, part) in parts.into_iter().rev() {
            if beside {
                asked.system.push(part);
                continue;
            }
            match asked.messages.last_mut().filter(|_| last == Some((message, role))) {
                Some(known) => known.parts.push(part),
                None => asked.messages.push(CapturedMessage { role, parts: vec![part] }),
            }
            last = Some((message, role));
        }
        asked
    }
}

/// Remembers which values hold call arguments, so that each is examined once however many texts it contains.
#[derive(Default)]
struct ArgumentValues {
    asked: Option<(NodeId, bool)>,
    told: Option<NodeId>,
}

impl ArgumentValues {
    /// Where a text stands; `None` if outside the conversation (tool definitions, for example).
    fn place<'a>(&mut self, value: Value<'a>) -> Option<MessagePlace<'a>> {
        let (mut call, mut below) = (None, None);
        let mut at = value;
        loop {
            let above = at.parent()?;
            if above.parent().is_none() {
                break;
            }
            if ["arguments", "input", "args"].iter().any(|name| at.key_is(name))
                && self.is_call(&at, &above)
            {
                call = Some(at);
            }
            below = Some(at);
            at = above;
        }
        let beside = ["system", "instructions", "systemInstruction", "system_instruction"]
            .iter()
            .any(|name| at.key_is(name));
        let within = ["messages", "input", "contents", "prompt"].iter().any(|name| at.key_is(name));
        let message = match (at.kind(), below) {
            (Kind::Array, Some(element)) => element.id(),
            _ => at.id(),
        };
        (beside || within).then_some(MessagePlace { beside, message, call })
    }

    fn is_call(&mut self, value: &Value<'_>, above: &Value<'_>) -> bool {
        if let Some((_, is)) = self.asked.filter(|(id, _)| *id == value.id()) {
            return is;
        }
        let is = above.get("name").is_some();
        self.asked = Some((value.id(), is));
        is
    }

    fn is_new(&mut self, call: NodeId) -> bool {
        self.told.replace(call) != Some(call)
    }
}
