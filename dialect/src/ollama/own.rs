//! Answers that the proxy writes itself, and the parts that endings of streams share with them.

use super::super::say::Say;
use super::super::write::Json;
use super::super::{Call, DialectId, EndingHow};
use crate::base::time;

/// Further members of the last line: nothing is billed for an answer that the proxy made.
pub(super) const NO_USAGE: &str = concat!(
    r#""total_duration":0,"load_duration":0,"prompt_eval_count":0,"prompt_eval_duration":0,"#,
    r#""eval_count":0,"eval_duration":0"#
);

/// True for an answer to a single prompt.
pub(super) fn generates(call: &Call) -> bool {
    call.recognised.dialect == DialectId::OllamaGenerate
}

/// A complete answer, not streamed.
pub(super) fn whole(call: &Call, how: &EndingHow, now: u64) -> String {
    let say = Say::ending(how, call, false);
    line(generates(call), &call.model, now, say.text.unwrap_or_default(), Some(&say))
}

/// One document: a piece of text, and the end if `last` says how.
pub(super) fn line(
    generate: bool,
    model: &str,
    now: u64,
    text: &str,
    last: Option<&Say<'_>>,
) -> String {
    let mut out = Json::default();
    out.raw(r#"{"model":"#).text(model).raw(r#","created_at":"#).text(&time::format(now));
    match generate {
        true => out.raw(r#","response":"#).text(text),
        false => {
            out.raw(r#","message":{"role":"assistant","content":"#).text(text);
            out.raw("}")
        }
    };
    let Some(say) = last else { return out.raw(r#","done":false}"#).take() };
    let why = match (say.blocked || say.refusal, say.spent) {
        // Ollama itself filters nothing, and clients accept any word.
        (true, _) => "content_filter",
        (false, true) => "length",
        (false, false) => "stop",
    };
    out.raw(r#","done":true,"done_reason":"#).text(why);
    out.raw(",").raw(NO_USAGE).raw("}").take()
}
