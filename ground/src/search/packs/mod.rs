//! Packs: patterns that come with the product, as data. `testdata/scan/packs.tsv` has examples of each, for and
//! against.
//!
//! Every pattern is written so that ordinary prose cannot keep it alive: unbounded repetitions exclude blanks, and
//! those that include blanks are bounded.

mod checks;
mod packed;
mod pii;
mod prompt_injection;
mod secrets;

use super::pattern_error::PatternError;
pub(super) use packed::{Check, Packed};

const PACKS: [(&str, &[Packed]); 3] = [
    ("secrets", secrets::PATTERNS),
    ("pii", pii::PATTERNS),
    ("prompt-injection", prompt_injection::PATTERNS),
];

/// A pack's name and its patterns, by its name without `pack:`.
///
/// # Errors
/// There is no such pack.
pub(super) fn find(name: &str) -> Result<(&'static str, &'static [Packed]), PatternError> {
    let pack = PACKS.iter().find(|(known, _)| *known == name);
    pack.copied().ok_or_else(|| {
        let known: Vec<String> = PACKS.iter().map(|(known, _)| format!("`pack:{known}`")).collect();
        PatternError {
            offset: None,
            message: format!("there is no pack `pack:{name}`"),
            help: Some(format!("packs are {}", known.join(", "))),
        }
    })
}
