//! Answers that the proxy writes itself, and the parts that endings of streams share with them.

use super::super::previous;
use super::super::say::Say;
use super::super::write::Json;
use super::super::{Call, EndingHow};

/// Prefix of the ids of canned answers.
pub(super) const OURS: &str = "interaction_hemostat_";

/// Nothing is billed for the proxy's own answers.
pub(super) const NO_USAGE: &str = concat!(
    r#"{"total_input_tokens":0,"total_cached_tokens":0,"total_output_tokens":0,"#,
    r#""total_thought_tokens":0,"total_tool_use_tokens":0,"total_tokens":0}"#
);

/// The status of an interaction. There is none for a filter.
pub(super) fn status(say: &Say<'_>) -> &'static str {
    if say.blocked || say.refusal || say.spent { "incomplete" } else { "completed" }
}

/// A step of model output.
pub(super) fn model_output(out: &mut Json, text: &str) {
    out.raw(r#"{"type":"model_output","content":[{"type":"text","text":"#).text(text).raw("}]}");
}

/// A complete answer, not streamed.
pub(super) fn whole(call: &Call, how: &EndingHow, decision: &str) -> String {
    let say = Say::ending(how, call, false);
    let mut out = Json::default();
    out.raw(r#"{"id":"#).text(&previous::canned_id(OURS, call, decision));
    out.raw(r#","object":"interaction","model":"#).text(&call.model);
    out.raw(r#","status":"#).text(status(&say)).raw(r#","steps":["#);
    if let Some(text) = say.text {
        model_output(&mut out, text);
    }
    out.raw(r#"],"usage":"#).raw(NO_USAGE).raw("}");
    out.take()
}
