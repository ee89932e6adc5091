//! Answers that the proxy writes itself, and the parts that endings of streams share with them.

use super::super::say::Say;
use super::super::write::Json;
use super::super::{Call, EndingHow};

/// The stop reason and stop details of an answer.
pub(super) fn stop(say: &Say<'_>) -> (&'static str, &'static str) {
    if say.refusal || say.blocked {
        ("refusal", r#","stop_details":null"#)
    } else if say.spent {
        ("max_tokens", "")
    } else {
        ("end_turn", "")
    }
}

/// A complete answer, not streamed.
pub(super) fn whole(call: &Call, how: &EndingHow, decision: &str) -> String {
    let say = Say::ending(how, call, false);
    let mut out = Json::default();
    out.raw(r#"{"id":"#).text(&format!("msg_hemostat_{decision}"));
    out.raw(r#","type":"message","role":"assistant","model":"#).text(&call.model);
    out.raw(r#","content":["#);
    if let Some(text) = say.text {
        out.raw(r#"{"type":"text","text":"#).text(text).raw("}");
    }
    let (reason, details) = stop(&say);
    out.raw(r#"],"stop_reason":"#).text(reason).raw(r#","stop_sequence":null"#).raw(details);
    out.raw(r#","usage":{"input_tokens":0,"output_tokens":0}}"#);
    out.take()
}
