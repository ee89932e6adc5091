//! Answers that the proxy writes itself, and the parts that endings of streams share with them.

use super::super::say::Say;
use super::super::sent_chunks::NO_USAGE;
use super::super::write::Json;
use super::super::{Call, EndingHow};

/// Why a choice ended. A refusal has no other finish reason than the content filter's.
pub(super) fn finish(say: &Say<'_>) -> &'static str {
    match (say.blocked || say.refusal, say.spent) {
        (true, _) => "content_filter",
        (false, true) => "length",
        (false, false) => "stop",
    }
}

/// A complete answer, not streamed.
pub(super) fn whole(call: &Call, how: &EndingHow, decision: &str, now: u64) -> String {
    let say = Say::ending(how, call, false);
    let mut out = Json::default();
    out.raw(r#"{"id":"#).text(&format!("cmpl-hemostat-{decision}"));
    out.raw(r#","object":"text_completion","created":"#).number(now);
    out.raw(r#","model":"#).text(&call.model).raw(r#","choices":["#);
    for index in 0..call.choices.max(1) {
        out.raw(if index > 0 { "," } else { "" });
        out.raw(r#"{"text":"#).text(say.text.unwrap_or_default());
        out.raw(r#","index":"#).number(index.into());
        out.raw(r#","logprobs":null,"finish_reason":"#).text(finish(&say)).raw("}");
    }
    out.raw(r#"],"usage":"#).raw(NO_USAGE).raw("}");
    out.take()
}
