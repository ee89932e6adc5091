//! Packs: patterns that the product carries, as data. `testdata/scan/packs.tsv` has examples of each, for and against.
//!
//! Every pattern is written so that ordinary prose cannot keep it alive: what repeats without a bound takes no blanks,
//! and what takes blanks is bounded.

mod checks;
mod pii;
mod prompt_injection;
mod secrets;

use super::pattern::{Check, Pattern, PatternError};

/// One pattern of a pack.
struct Packed {
    /// Its name within the pack; operators see `pack:PACK/NAME`.
    name: &'static str,
    source: &'static str,
    /// What a regular expression cannot say.
    check: Option<Check>,
}

const fn plain(name: &'static str, source: &'static str) -> Packed {
    Packed { name, source, check: None }
}

const fn checked(name: &'static str, source: &'static str, check: Check) -> Packed {
    Packed { name, source, check: Some(check) }
}

const PACKS: [(&str, &[Packed]); 3] = [
    ("secrets", secrets::PATTERNS),
    ("pii", pii::PATTERNS),
    ("prompt-injection", prompt_injection::PATTERNS),
];

/// The patterns of a pack, by its name without `pack:`.
///
/// # Errors
/// There is no such pack.
pub(super) fn read(name: &str, fold: bool) -> Result<Vec<Pattern>, PatternError> {
    let Some((pack, patterns)) = PACKS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<String> = PACKS.iter().map(|(known, _)| format!("`pack:{known}`")).collect();
        return Err(PatternError {
            offset: None,
            message: format!("there is no pack `pack:{name}`"),
            help: Some(format!("packs are {}", known.join(", "))),
        });
    };
    patterns
        .iter()
        .map(|packed| {
            let full = format!("pack:{pack}/{}", packed.name);
            Pattern::regex(&full, packed.source, fold, packed.check)
        })
        .collect()
}
