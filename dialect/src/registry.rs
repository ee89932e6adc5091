//! From a dialect's id or a request line to its static. The list itself is in [`id`](super::id).

use super::call::Recognised;
use super::contract::Dialect;
use super::id::{DialectId, each_dialect};
use super::path::RequestTarget;
use super::recognise::RequestLine;
use super::{
    a2a, anthropic, bedrock, cohere, gemini, gemini_interactions, invocations, mcp, ollama,
    openai_chat, openai_completions, openai_responses, wordless,
};

macro_rules! constants {
    ($($(#[$doc:meta])* $id:ident => $dialect:path,)*) => {
        /// The dialect with this id.
        #[must_use]
        pub fn dialect(id: DialectId) -> &'static Dialect {
            match id {
                $(DialectId::$id => &$dialect,)*
            }
        }
    };
}

each_dialect!(constants);

impl DialectId {
    /// The value of the label `dialect`.
    #[must_use]
    pub fn name(self) -> &'static str {
        dialect(self).name()
    }

    /// The names of all dialects, each once.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        let mut names = Vec::new();
        for id in Self::ALL {
            if !names.contains(&id.name()) {
                names.push(id.name());
            }
        }
        names
    }
}

/// Recognises a request by its request line; `None` if it is other traffic. `path` is given as the proxy has it, query
/// included, and normalised here (dot segments, double and trailing slashes, percent-encoding, path parameters).
///
/// Any base path is accepted: compatible servers and gateways put theirs anywhere, so the end of the path decides.
#[must_use]
pub fn recognise(method: &str, path: &str) -> Option<Recognised> {
    of_target(method, &RequestTarget::parse(path))
}

/// What one dialect alone recognises in a request line.
#[must_use]
pub fn recognise_as(id: DialectId, method: &str, path: &str) -> Option<Recognised> {
    let (post, target) = (method.eq_ignore_ascii_case("POST"), RequestTarget::parse(path));
    dialect(id).recognise(&RequestLine { post, target: &target })
}

/// The same, with the normalised path ([`super::normalise`]), so that the request line is parsed once for both.
#[must_use]
pub fn read_line(method: &str, path: &str) -> (Option<Recognised>, String) {
    let target = RequestTarget::parse(path);
    (of_target(method, &target), target.normalised())
}

fn of_target(method: &str, target: &RequestTarget<'_>) -> Option<Recognised> {
    let (post, get) = (method.eq_ignore_ascii_case("POST"), method.eq_ignore_ascii_case("GET"));
    if !post && !get {
        return None;
    }
    let line = RequestLine { post, target };
    DialectId::ALL.iter().find_map(|id| dialect(*id).recognise(&line))
}
