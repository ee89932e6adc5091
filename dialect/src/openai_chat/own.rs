//! Answers that the proxy writes itself, and the parts that endings of streams share with them.

use super::super::say::Say;
use super::super::sent_chunks::NO_USAGE;
use super::super::write::Json;
use super::super::{Call, EndingHow};

/// A complete answer, not streamed.
pub(super) fn whole(call: &Call, how: &EndingHow, decision: &str, now: u64) -> String {
    let say = Say::ending(how, call, false);
    let mut out = Json::default();
    out.raw(r#"{"id":"#).text(&format!("chatcmpl-hemostat-{decision}"));
    out.raw(r#","object":"chat.completion","created":"#).number(now);
    out.raw(r#","model":"#).text(&call.model).raw(r#","choices":["#);
    for index in 0..call.choices.max(1) {
        if index > 0 {
            out.raw(",");
        }
        out.raw(r#"{"index":"#).number(index.into());
        out.raw(r#","message":{"role":"assistant","content":"#);
        match say.text {
            Some(text) if say.refusal => out.raw(r#"null,"refusal":"#).text(text),
            Some(text) => out.text(text).raw(r#","refusal":null"#),
            None => out.raw(r#"null,"refusal":null"#),
        };
        let finish = if say.blocked { "content_filter" } else { "stop" };
        out.raw(r#"},"logprobs":null,"finish_reason":"#).text(finish).raw("}");
    }
    out.raw(r#"],"usage":"#).raw(NO_USAGE).raw("}");
    out.take()
}
