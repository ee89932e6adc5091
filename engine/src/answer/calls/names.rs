//! The names of a call in an answer: everything that a client may take for its name.

use crate::limits;

/// The names of a call.
#[derive(Debug, Default)]
pub(super) struct CallNames {
    /// Pieces of its own name, as they arrived.
    pub(super) pieces: Vec<String>,
    /// Other names of its tool.
    pub(super) aliases: Vec<String>,
    /// Bytes of all of them.
    pub(super) bytes: usize,
    /// More may follow.
    pub(super) open: bool,
}

impl CallNames {
    /// Clients join the pieces of a name, or use one of them: each possibility must be judged.
    pub(super) fn candidates(&self) -> Vec<String> {
        let mut candidates = vec![self.pieces.concat()];
        if self.pieces.len() > 1 {
            candidates.extend(self.pieces.iter().cloned());
        }
        candidates.dedup();
        candidates
    }

    /// The name for display: the model wrote it, so it is shown only if it looks like a name.
    pub(super) fn shown(&self) -> String {
        shown_name(&self.tool())
    }

    /// The tool's name for approvals.
    pub(super) fn tool(&self) -> String {
        let own = self.pieces.concat();
        if own.is_empty() { self.aliases.first().cloned().unwrap_or_default() } else { own }
    }
}

/// A tool's name for use in a text, followed by a blank; empty if it does not look like a name.
pub(crate) fn shown_name(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/');
    let fits = !name.is_empty() && name.len() <= limits::TOOL_NAME_CHARS;
    if fits && name.chars().all(plain) { format!("`{name}` ") } else { String::new() }
}
