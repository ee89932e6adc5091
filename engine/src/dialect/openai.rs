//! What the two OpenAI dialects share.

use super::write::{Json, error_reply};
use super::{ErrorAnswer, Reply};
use crate::wire::json::Value;

/// A list of nothing, in place of one that may not leave.
pub(super) const NO_ITEMS: &str =
    r#"{"object":"list","data":[],"first_id":null,"last_id":null,"has_more":false}"#;

/// True if a choice says that it is finished. Some servers send `""` or `"null"` with every chunk.
pub(super) fn is_finished(choice: &Value<'_>) -> bool {
    choice
        .get("finish_reason")
        .is_some_and(|reason| !reason.is_null() && !matches!(reason.raw(), b"\"\"" | b"\"null\""))
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
