//! One tool call over MCP: its arguments as they were forwarded, and the result that the caller got.

use super::messages::shorten;
use crate::dialect::mcp;
use crate::wire::json::{Doc, Kind, Value};

/// A `tools/call` of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CapturedTool {
    /// The JSON-RPC id of the call, as it was written.
    pub id: Vec<u8>,
    /// The tool.
    pub name: String,
    /// Its arguments as JSON text, if they are wanted and it has any.
    pub arguments: Option<String>,
    /// The request makes other calls too: a span describes one call.
    pub more: bool,
}

impl CapturedTool {
    /// The first tool call in a body; `None` if there is none.
    #[must_use]
    pub fn read(doc: &Doc, body: &[u8]) -> Option<Self> {
        let messages = mcp::messages(doc, body).ok()?;
        let mut calls =
            messages.iter().filter_map(|message| Some((message, message.call.as_ref()?)));
        let (message, call) = calls.next()?;
        let name = call.name.clone().unwrap_or_default();
        let more = calls.next().is_some();
        Some(Self { id: message.id.clone(), name, arguments: None, more })
    }

    /// Takes the arguments from the body that is forwarded. True if something was left out.
    pub fn take_arguments(&mut self, body: &[u8], mut room: usize) -> bool {
        let mut doc = Doc::default();
        if doc.parse(body).is_err() {
            return true;
        }
        // A call that was stopped is no longer in the body, or stands there under another name.
        let messages = mcp::messages(&doc, body).unwrap_or_default();
        let own = messages.iter().find(|message| message.id == self.id);
        let call = own.and_then(|message| message.call.as_ref());
        let call = call.filter(|call| call.name.as_deref() == Some(self.name.as_str()));
        let value = call.and_then(|call| doc.value(body, call.arguments?));
        self.arguments = value.map(|value| raw(&value));
        self.arguments.as_mut().is_some_and(|text| shorten(text, &mut room))
    }
}

/// The result of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CapturedResult {
    /// The JSON-RPC id of the call.
    pub id: Vec<u8>,
    /// The `result` or the `error` as JSON text; `None` if it has not arrived.
    pub text: Option<String>,
    /// The conventions' `error.type`, where the call failed: the error's code, or `tool_error`.
    pub error: Option<String>,
}

impl CapturedResult {
    /// Looks for the call's answer among the messages of a frame. True if something of it was left out.
    pub(super) fn look(&mut self, root: &Value<'_>, left: &mut usize) -> bool {
        match root.kind() {
            Kind::Array => root.children().any(|message| self.message(&message, left)),
            _ => self.message(root, left),
        }
    }

    fn message(&mut self, message: &Value<'_>, left: &mut usize) -> bool {
        let answers = message.get("id").is_some_and(|id| id.raw() == self.id);
        let said = |name| message.get(name).filter(|_| answers);
        let Some(said) = said("result").or_else(|| said("error")).filter(|_| self.text.is_none())
        else {
            return false;
        };
        self.error = match said.key_is("error") {
            true => Some(said.get("code").map(|code| raw(&code)).unwrap_or_default()),
            false => {
                let failed = said.get("isError").is_some_and(|failed| failed.raw() == b"true");
                failed.then(|| "tool_error".to_owned())
            }
        };
        let mut text = raw(&said);
        let cut = shorten(&mut text, left);
        self.text = Some(text);
        cut
    }
}

fn raw(value: &Value<'_>) -> String {
    String::from_utf8_lossy(value.raw()).into_owned()
}
