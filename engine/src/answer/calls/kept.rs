//! The arguments of a call as shown to the person who decides about it (`capture`): complete, and after redaction.

use crate::policy::Program;
use crate::policy::program::tools::Args;
use crate::search::{Matcher, StreamSearch};
use crate::wire::edit::{self, Edit};
use crate::wire::json::{Doc, Kind};

/// Replaces a value in which a guardrail's pattern was found.
const REDACTED: &str = "\"[REDACTED]\"";

/// The arguments as JSON. A value in which any guardrail of the policy finds something, whatever else it scans, is left
/// out entirely: a reader of this must see less than the caller, never more. `None` if they are not to be kept, or if a
/// key contains what must not be shown.
pub(crate) fn kept(program: &Program, args: &[Args]) -> Option<String> {
    if !program.capture_tool_args {
        return None;
    }
    let json = args.first()?.canonical(&[]).ok()?;
    let rules: Vec<usize> = (0..program.guards.rules.len()).collect();
    let Some(matcher) = program.guards.matcher(&rules) else { return Some(json) };
    let mut doc = Doc::default();
    doc.parse(json.as_bytes()).ok()?;
    let root = doc.root(json.as_bytes());
    let mut edits: Vec<Edit> = Vec::new();
    for value in std::iter::once(root).chain(root.descendants()) {
        if finds(&matcher, &String::from_utf8_lossy(value.key())) {
            return None;
        }
        let text = match value.kind() {
            Kind::String => value.as_str().unwrap_or_default(),
            Kind::Number => String::from_utf8_lossy(value.raw()),
            _ => continue,
        };
        if finds(&matcher, &text) {
            edits.push(Edit { at: value.span(), with: REDACTED.into() });
        }
    }
    String::from_utf8(edit::apply_to(json.as_bytes(), &edits)).ok()
}

fn finds(matcher: &Matcher, text: &str) -> bool {
    let (mut scan, mut hits) = (StreamSearch::default(), Vec::new());
    scan.feed(matcher, text, &mut hits);
    scan.finish(matcher, &mut hits);
    !hits.is_empty()
}
