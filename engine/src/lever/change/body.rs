//! Values in a request's body, by JSON pointer, as edits of single spans.

use crate::dialect::quoted;
use crate::wire::edit::Edit;
use crate::wire::json::{Doc, Duplicate, Kind, NodeId, Value};

use crate::context::labels::step;

/// Where a value is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Spot {
    /// In place of this value.
    Value(NodeId),
    /// As a new member of this object. Of two keys, the first is that of a new object which holds the second.
    Member(NodeId, Vec<String>),
    /// As the only member of a new object that replaces this `null`.
    Null(NodeId, String),
}

/// Why a value cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoSpot;

impl From<Duplicate> for NoSpot {
    fn from(_: Duplicate) -> Self {
        Self
    }
}

/// Finds where the value of a pointer stands or would stand. At most one missing parent is created: a policy that is
/// two levels off was written for other requests.
///
/// # Errors
/// A key on the way occurs twice, or what stands there is neither an object nor an array with that item.
pub(super) fn spot(root: Value<'_>, pointer: &[String]) -> Result<Spot, NoSpot> {
    let mut at = root;
    for (depth, segment) in pointer.iter().enumerate() {
        let missing = pointer.get(depth..).unwrap_or_default();
        at = match (step(at, segment)?, at.kind(), missing) {
            (Some(next), ..) => next,
            (None, Kind::Object, [_] | [_, _]) => {
                return Ok(Spot::Member(at.id(), missing.to_vec()));
            }
            (None, Kind::Null, [key]) if depth > 0 => return Ok(Spot::Null(at.id(), key.clone())),
            _ => return Err(NoSpot),
        };
    }
    Ok(Spot::Value(at.id()))
}

/// A text as JSON of the kind that it replaces: a number stays a number if the text is one.
pub(super) fn alike(there: Option<Kind>, text: &str) -> String {
    let same = match there {
        Some(Kind::Number) => crate::wire::json::is_number(text.as_bytes()),
        Some(Kind::Bool) => matches!(text, "true" | "false"),
        _ => false,
    };
    if same { text.to_owned() } else { quoted(text) }
}

/// Turns the writes into edits; new members of one object become one edit.
pub(super) fn edits(doc: &Doc, body: &[u8], writes: &[(Spot, String)]) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut parents: Vec<NodeId> = Vec::new();
    for (spot, json) in writes {
        match spot {
            Spot::Value(id) => {
                let at = doc.value(body, *id).map(|value| value.span()).unwrap_or_default();
                edits.push(Edit { at, with: json.clone().into_bytes() });
            }
            Spot::Member(parent, _) | Spot::Null(parent, _) if !parents.contains(parent) => {
                parents.push(*parent);
                let Some(value) = doc.value(body, *parent) else { continue };
                edits.push(added(value, &members(*parent, writes)));
            }
            Spot::Member(..) | Spot::Null(..) => {}
        }
    }
    edits
}

/// The new members of this parent as JSON, separated by commas.
fn members(parent: NodeId, writes: &[(Spot, String)]) -> String {
    // A key with its own value, or with the members of the object that is created for it.
    let mut all: Vec<(&str, String, bool)> = Vec::new();
    for (spot, json) in writes {
        let (key, inner) = match spot {
            Spot::Null(id, key) if *id == parent => (key, None),
            Spot::Member(id, keys) if *id == parent => match keys.as_slice() {
                [key] => (key, None),
                [key, inner, ..] => (key, Some(inner)),
                [] => continue,
            },
            _ => continue,
        };
        match (inner, all.iter_mut().find(|(known, ..)| *known == key)) {
            (Some(inner), Some((_, members, _))) => {
                members.push_str(&format!(",{}:{json}", quoted(inner)));
            }
            (Some(inner), None) => all.push((key, format!("{}:{json}", quoted(inner)), true)),
            (None, _) => all.push((key, json.clone(), false)),
        }
    }
    let written = all.iter().map(|(key, value, made)| match made {
        true => format!("{}:{{{value}}}", quoted(key)),
        false => format!("{}:{value}", quoted(key)),
    });
    written.collect::<Vec<_>>().join(",")
}

/// Inserts after the last member, so that all existing members keep their bytes.
fn added(parent: Value<'_>, members: &str) -> Edit {
    let span = parent.span();
    if parent.kind() == Kind::Null {
        return Edit { at: span, with: format!("{{{members}}}").into_bytes() };
    }
    match parent.children().last() {
        Some(last) => {
            let end = last.span().end;
            Edit { at: end..end, with: format!(",{members}").into_bytes() }
        }
        None => Edit { at: span.start + 1..span.start + 1, with: members.as_bytes().to_vec() },
    }
}
