//! The model in a request's path (Gemini, Vertex, Azure deployments).

use std::ops::Range;

use crate::dialect::{self, Recognised};

/// How many segments from the end of a path the model may stand: `…/deployments/{model}/chat/completions`.
const DEPTH: usize = 3;

/// The target with another model, no other byte changed; `None` where the path is spelled in a way that this cannot be
/// done for certain.
///
/// Each of the last segments is tried, and what comes out must be the same call but for its model: so that there is one
/// reader of paths only, [`dialect::recognise`].
pub(super) fn with_model(
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
        (dialect::recognise(method, &changed).as_ref() == Some(&wanted)).then_some(changed)
    })
}

/// The path's segments from its end, those that are not empty, without the verb behind a model's name.
fn names(path: &str) -> impl Iterator<Item = Range<usize>> {
    let mut end = path.len();
    let segments = path.rsplit('/').map(move |segment| {
        let at = end - segment.len()..end;
        end = at.start.saturating_sub(1);
        (at, segment)
    });
    segments.filter(|(_, segment)| !segment.is_empty()).map(|(at, segment)| {
        let colon = ["%3A", "%3a", ":"].iter().filter_map(|colon| segment.rfind(colon)).max();
        at.start..colon.map_or(at.end, |colon| at.start + colon)
    })
}

/// As one segment of a path (RFC 3986 §3.3). A Vertex model has an `@`, which its clients send as it is.
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
        let recognised = dialect::recognise("POST", target).unwrap();
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
        ] {
            assert_eq!(changed(target, model).as_deref(), Some(expected), "{target}");
        }
    }

    #[test]
    fn what_cannot_be_written_for_certain_is_not() {
        // A path parameter would be cut off, a slash would be two segments.
        for (target, model) in [
            ("/openai/deployments/a;v=1/responses", "b;c"),
            ("/v1beta/models/g:generateContent", "models/x"),
            ("/openai\\deployments\\a\\responses", "b"),
        ] {
            assert_eq!(changed(target, model), None, "{target}");
        }
    }
}
