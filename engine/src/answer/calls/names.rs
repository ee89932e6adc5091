//! What a call of an answer is called, by whatever a client may take for its name.

use crate::limits;

/// What a call is called.
#[derive(Debug, Default)]
pub(super) struct CallNames {
    /// Pieces of its own name, as they came.
    pub(super) pieces: Vec<String>,
    /// Other names of its tool.
    pub(super) aliases: Vec<String>,
    /// Bytes of all.
    pub(super) bytes: usize,
    /// It may go on.
    pub(super) open: bool,
}

impl CallNames {
    /// Clients join the pieces of a name, or take one of them: each of these must be judged.
    pub(super) fn candidates(&self) -> Vec<String> {
        let mut candidates = vec![self.pieces.concat()];
        if self.pieces.len() > 1 {
            candidates.extend(self.pieces.iter().cloned());
        }
        candidates.dedup();
        candidates
    }

    /// The name to be shown: the model wrote it, so only what looks like a name is.
    pub(super) fn shown(&self) -> String {
        shown_name(&self.tool())
    }

    /// The tool's name as approvals know it.
    pub(super) fn tool(&self) -> String {
        let own = self.pieces.concat();
        if own.is_empty() { self.aliases.first().cloned().unwrap_or_default() } else { own }
    }
}

/// A tool's name in a text, with a blank behind it; nothing where it does not look like a name.
pub(crate) fn shown_name(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/');
    let fits = !name.is_empty() && name.len() <= limits::TOOL_NAME_CHARS;
    if fits && name.chars().all(plain) { format!("`{name}` ") } else { String::new() }
}
