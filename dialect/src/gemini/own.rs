//! Answers that the proxy writes itself, and the parts that endings of streams share with them.

use super::super::say::Say;
use super::super::write::Json;
use super::super::{Call, EndingHow};

/// One candidate, finished.
pub(super) fn candidate(out: &mut Json, index: u32, parts: &[(&str, bool)], say: &Say<'_>) {
    out.raw(r#"{"index":"#).number(index.into()).raw(r#","content":{"parts":["#);
    let mut comma = "";
    for (text, thought) in parts {
        out.raw(comma).raw(r#"{"text":"#).text(text);
        out.raw(if *thought { r#","thought":true}"# } else { "}" });
        comma = ",";
    }
    let finish = match (say.blocked || say.refusal, say.spent) {
        (true, _) => "SAFETY",
        (_, true) => "MAX_TOKENS",
        _ => "STOP",
    };
    out.raw(r#"],"role":"model"},"finishReason":"#).text(finish).raw("}");
}

/// The members after the candidates in an event.
pub(super) fn tail(out: &mut Json, model: &str, id: &str) {
    out.raw(
        r#"],"usageMetadata":{"promptTokenCount":0,"candidatesTokenCount":0,"totalTokenCount":0}"#,
    );
    out.raw(r#","modelVersion":"#).text(model).raw(r#","responseId":"#).text(id).raw("}");
}

/// A complete answer, not streamed.
pub(super) fn whole(call: &Call, how: &EndingHow, decision: &str) -> String {
    let say = Say::ending(how, call, false);
    let mut out = Json::default();
    out.raw(r#"{"candidates":["#);
    for index in 0..call.choices.max(1) {
        if index > 0 {
            out.raw(",");
        }
        let text = say.text.map(|text| (text, false));
        candidate(&mut out, index, text.as_slice(), &say);
    }
    tail(&mut out, &call.model, &format!("hemostat-{decision}"));
    out.take()
}
