//! The model in a request's path (Gemini, Vertex, Bedrock, Azure deployments).

use std::ops::Range;

use crate::{Recognised, recognise};

/// How many candidates from the end of a path are tried. The model is in the third last segment at most
/// (`…/deployments/{model}/chat/completions`), and each segment has up to two candidates.
const DEPTH: usize = 6;

/// The target with another model and no other byte changed; `None` if the path is spelled in a way that makes this
/// uncertain.
///
/// Each of the last segments is tried, and the result must be recognised as the same call except for its model, so that
/// [`recognise()`] remains the only reader of paths.
pub fn with_model(
    method: &str,
    target: &str,
    recognised: &Recognised,
    model: &str,
) -> Option<String> {
    let wanted = Recognised { model: Some(model.to_owned()), ..recognised.clone() };
    let path = target.find(['?', '#']).and_then(|end| target.get(..end)).unwrap_or(target);
    let encoded = encode(model);
    names(path).take(DEPTH).find_map(|at| {
        let (before, after) = (target.get(..at.start)?, target.get(at.end..)?);
        let changed = format!("{before}{encoded}{after}");
        (recognise(method, &changed).as_ref() == Some(&wanted)).then_some(changed)
    })
}

/// The non-empty segments of the path from its end: each without the verb after a model's name, and whole (Bedrock's
/// model ids contain a colon).
fn names(path: &str) -> impl Iterator<Item = Range<usize>> {
    let mut end = path.len();
    let segments = path.rsplit('/').map(move |segment| {
        let at = end - segment.len()..end;
        end = at.start.saturating_sub(1);
        (at, segment)
    });
    segments.filter(|(_, segment)| !segment.is_empty()).flat_map(|(at, segment)| {
        let colon = ["%3A", "%3a", ":"].iter().filter_map(|colon| segment.rfind(colon)).max();
        let name = colon.map(|colon| at.start..at.start + colon);
        name.into_iter().chain(std::iter::once(at))
    })
}

/// Encodes a model as one path segment (RFC 3986 §3.3). Vertex models contain an `@`, which clients send unencoded.
fn encode(model: &str) -> String {
    use std::fmt::Write;
    model.bytes().fold(String::with_capacity(model.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(target: &str, model: &str) -> Option<String> {
        let recognised = recognise("POST", target).unwrap();
        with_model("POST", target, &recognised, model)
    }

    #[test]
    fn the_model_is_changed_and_every_other_byte_stays() {
        for (target, model, expected) in [
            (
                "/v1beta/models/gemini-2.0-flash:streamGenerateContent?alt=sse&key=a%2Fb",
                "gemini-2.5-pro",
                "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse&key=a%2Fb",
            ),
            (
                "/v1beta/models/gemini-2.0-flash%3AgenerateContent",
                "g",
                "/v1beta/models/g%3AgenerateContent",
            ),
            (
                "//openai/deployments/my%20dep/chat/completions/?api-version=2024-10-21",
                "other dep",
                "//openai/deployments/other%20dep/chat/completions/?api-version=2024-10-21",
            ),
            ("/openai/deployments/a/responses", "b", "/openai/deployments/b/responses"),
            (
                "/v1/projects/p/locations/l/publishers/anthropic/models/claude-3@1:rawPredict",
                "claude-4@2",
                "/v1/projects/p/locations/l/publishers/anthropic/models/claude-4@2:rawPredict",
            ),
            (
                "/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse-stream",
                "amazon.nova-lite-v1:0",
                "/model/amazon.nova-lite-v1%3A0/converse-stream",
            ),
            (
                "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.meta.x/invoke",
                "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.y",
                "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.anthropic.y/invoke",
            ),
            ("/model/a.b:0/converse", "c.d", "/model/c.d/converse"),
        ] {
            assert_eq!(changed(target, model).as_deref(), Some(expected), "{target}");
        }
    }

    #[test]
    fn what_cannot_be_written_for_certain_is_not() {
        // A path parameter would be cut off, and a slash would make two segments.
        for (target, model) in [
            ("/openai/deployments/a;v=1/responses", "b;c"),
            ("/v1beta/models/g:generateContent", "models/x"),
            ("/openai\\deployments\\a\\responses", "b"),
        ] {
            assert_eq!(changed(target, model), None, "{target}");
        }
    }
}
