//! What the two OpenAI dialects share.

use super::fields::string;
use super::write::{Json, error_reply};
use super::{ErrorAnswer, Reply, Unreadable, request};
use crate::wire::json::{Kind, Value};

/// True if a choice says that it is finished. Some servers say in every chunk that it is not, each in its own way.
pub(super) fn is_finished(choice: &Value<'_>) -> bool {
    let reason = string(choice.get("finish_reason").filter(|reason| reason.kind() == Kind::String));
    let reason = reason.trim_ascii();
    let none = ["", "null", "none", "continue"];
    !none.iter().any(|word| reason.eq_ignore_ascii_case(word.as_bytes()))
}

/// True if a choice of this chunk says that it is finished.
pub(super) fn finishes(chunk: &Value<'_>) -> bool {
    chunk.get("choices").is_some_and(|choices| choices.children().any(|one| is_finished(&one)))
}

/// Whether a choice has finished. Some servers send a reason with every chunk: a choice that continues after one has
/// not finished.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Finish {
    /// A reason was sent.
    sent: bool,
    /// A reason was read, in a chunk that may wait.
    read: bool,
    /// Text arrived after a reason.
    goes_on: bool,
}

impl Finish {
    /// The proxy has finished the choice.
    pub(super) const OVER: Self = Self { sent: true, read: true, goes_on: false };

    /// A chunk was read.
    pub(super) fn read(&mut self, speaks: impl FnOnce() -> bool, finished: bool) {
        self.goes_on = self.goes_on || (self.read && speaks());
        self.read |= finished;
    }

    /// A chunk was sent.
    pub(super) fn leaves(&mut self, finished: bool) {
        self.sent |= finished;
    }

    /// True if nothing more follows of this choice.
    pub(super) fn is_over(self) -> bool {
        self.sent && !self.goes_on
    }
}

/// True if a request's `response_format` asks for structured output. Compatible servers have more types (`json`,
/// `regex`, `grammar`): all except plain text are structured.
///
/// # Errors
/// It cannot be read.
pub(super) fn is_structured(root: &Value<'_>) -> Result<bool, Unreadable> {
    match request::object(root, "response_format", "/response_format")? {
        Some(format) => {
            let kind = request::text(&format, "type", "/response_format/type")?;
            Ok(!matches!(kind.as_str(), "text" | ""))
        }
        None => Ok(false),
    }
}

/// True if a request asks for the event with the usage of its stream.
///
/// # Errors
/// `stream_options` cannot be read.
pub(super) fn includes_usage(root: &Value<'_>) -> Result<bool, Unreadable> {
    match request::object(root, "stream_options", "/stream_options")? {
        Some(options) => request::flag(&options, "include_usage", "/stream_options/include_usage"),
        None => Ok(false),
    }
}

/// `{"error": {message, type, param, code}}`.
pub(super) fn error(error: &ErrorAnswer) -> Reply {
    let kind = match error.status {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    };
    let mut out = Json::default();
    out.raw(r#"{"error":{"message":"#).text(&error.message);
    out.raw(r#","type":"#).text(kind);
    out.raw(r#","param":null,"code":"#).text(error.code).raw("}}");
    error_reply(error, out.take())
}
