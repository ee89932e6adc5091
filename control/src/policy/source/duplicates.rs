//! Keys that occur twice in one map.

use super::super::diagnostic::Diagnostic;
use super::super::seen::Seen;
use super::tree::MapEntry;
use crate::limits;

/// Reports keys that occur twice in one map.
pub(super) fn duplicates(entries: &[MapEntry], found: &mut Vec<Diagnostic>) {
    let mut seen = Seen::default();
    for (index, entry) in entries.iter().enumerate() {
        if found.len() >= limits::POLICY_DIAGNOSTICS {
            return;
        }
        let first = seen.insert(&entry.key, index).and_then(|first| entries.get(first));
        if let Some(first) = first {
            let message = match first.key_at.line {
                0 => format!("`{}` stands here twice", entry.key),
                line => format!("`{}` stands here twice; the first is on line {line}", entry.key),
            };
            let diagnostic =
                Diagnostic::error("duplicate-key", entry.key.clone(), entry.key_at, message);
            found.push(diagnostic.help("keep one of them"));
        }
    }
}
