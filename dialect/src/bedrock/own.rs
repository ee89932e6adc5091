//! Answers that the proxy writes itself, and the parts that endings of streams share with them.

use super::super::say::Say;
use super::super::write::Json;
use super::super::{Call, EndingHow};

/// The members that clients require in every answer, for one that cost nothing.
pub(super) const USAGE: &str =
    r#""usage":{"inputTokens":0,"outputTokens":0,"totalTokens":0},"metrics":{"latencyMs":0}"#;

/// The stop reason of an answer.
pub(super) fn stop(say: &Say<'_>) -> &'static str {
    match (say.refusal || say.blocked, say.spent) {
        (true, _) => "content_filtered",
        (false, true) => "max_tokens",
        (false, false) => "end_turn",
    }
}

/// A complete answer, not streamed.
pub(super) fn whole(call: &Call, how: &EndingHow) -> String {
    let say = Say::ending(how, call, false);
    let mut out = Json::default();
    out.raw(r#"{"output":{"message":{"role":"assistant","content":["#);
    if let Some(text) = say.text {
        out.raw(r#"{"text":"#).text(text).raw("}");
    }
    out.raw(r#"]}},"stopReason":"#).text(stop(&say)).raw(",").raw(USAGE).raw("}");
    out.take()
}
