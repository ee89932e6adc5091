//! Answers that the proxy writes itself, and the parts that endings of streams share with them.

use super::super::say::Say;
use super::super::write::Json;
use super::super::{Call, EndingHow};

/// Usage of an answer that the proxy made: nothing is billed.
pub(super) const NO_USAGE: &str = concat!(
    r#"{"billed_units":{"input_tokens":0,"output_tokens":0},"#,
    r#""tokens":{"input_tokens":0,"output_tokens":0}}"#
);

/// Why an answer ended. There is no finish reason for a filter.
pub(super) fn finish(say: &Say<'_>) -> &'static str {
    match (say.blocked || say.refusal, say.spent) {
        (true, _) => "ERROR",
        (false, true) => "MAX_TOKENS",
        (false, false) => "COMPLETE",
    }
}

/// A complete answer, not streamed.
pub(super) fn whole(call: &Call, how: &EndingHow, decision: &str) -> String {
    let say = Say::ending(how, call, false);
    let mut out = Json::default();
    out.raw(r#"{"id":"#).text(&format!("hemostat-{decision}"));
    out.raw(r#","finish_reason":"#).text(finish(&say));
    out.raw(r#","message":{"role":"assistant","content":["#);
    if let Some(text) = say.text {
        out.raw(r#"{"type":"text","text":"#).text(text).raw("}");
    }
    out.raw(r#"]},"usage":"#).raw(NO_USAGE).raw("}");
    out.take()
}
