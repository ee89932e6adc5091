//! Removes members and items from a JSON text, and inserts some, by edits of spans: every other byte stays.

use std::ops::Range;

use super::write::{Json, quoted};
use crate::wire::edit::Edit;
use crate::wire::json::Value;

/// The span of a member with its key, or of a list item.
fn full_span(child: &Value<'_>) -> Range<usize> {
    let value = child.span();
    match child.key_span() {
        // The quote before the key.
        Some(key) => key.start.saturating_sub(1)..value.end,
        None => value,
    }
}

/// Removes the children that satisfy `gone`, each with one comma. True if any is left.
pub(super) fn remove(
    container: &Value<'_>,
    gone: impl Fn(&Value<'_>) -> bool,
    edits: &mut Vec<Edit>,
) -> bool {
    remove_each(container, &gone, edits)
}

/// Not generic, so that it is compiled only once for all callers' closures.
fn remove_each(
    container: &Value<'_>,
    gone: &dyn Fn(&Value<'_>) -> bool,
    edits: &mut Vec<Edit>,
) -> bool {
    let mut children = container.children().peekable();
    let mut kept = false;
    let mut before_end = None;
    while let Some(child) = children.next() {
        let span = full_span(&child);
        if gone(&child) {
            let at = match (kept, before_end, children.peek()) {
                (true, Some(end), _) => end..span.end,
                (_, _, Some(next)) => span.start..full_span(next).start,
                _ => span.clone(),
            };
            edits.push(Edit { at, with: Vec::new() });
        } else {
            kept = true;
        }
        before_end = Some(span.end);
    }
    kept
}

/// Inserts a member at the front of an object; `left` tells whether other members follow.
pub(super) fn insert(
    object: &Value<'_>,
    name: &str,
    json: &str,
    left: bool,
    edits: &mut Vec<Edit>,
) {
    let comma = if left { "," } else { "" };
    let at = object.span().start + 1;
    let with = format!("{}:{json}{comma}", quoted(name)).into_bytes();
    edits.push(Edit { at: at..at, with });
}

/// Appends an item to a list; `left` tells whether other items come before it.
pub(super) fn push(list: &Value<'_>, json: &str, left: bool, edits: &mut Vec<Edit>) {
    let comma = if left { "," } else { "" };
    let at = list.span().end.saturating_sub(1);
    edits.push(Edit { at: at..at, with: format!("{comma}{json}").into_bytes() });
}

/// Replaces this value by another.
pub(super) fn replace(value: &Value<'_>, json: &str, edits: &mut Vec<Edit>) {
    if value.raw() != json.as_bytes() {
        edits.push(Edit { at: value.span(), with: json.as_bytes().to_vec() });
    }
}

/// Adds text at one end of a string.
pub(super) fn extend(string: &Value<'_>, text: &str, at_end: bool, edits: &mut Vec<Edit>) {
    let Some(content) = string.content_span() else { return };
    let at = if at_end { content.end } else { content.start };
    let with = Json::default().piece(text).take().into_bytes();
    edits.push(Edit { at: at..at, with });
}

/// True if one of these keys occurs twice in the object.
pub(super) fn twice(object: &Value<'_>, names: &[&str]) -> bool {
    !object.has_plain_keys() && names.iter().any(|name| object.unique(name).is_err())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::edit::apply_to;
    use crate::wire::json::Doc;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_left_is_json_with_the_rest_in_order(
            gone in proptest::collection::vec(any::<bool>(), 0..7),
            object: bool,
        ) {
            let item = |at: usize| if object { format!(" \"k{at}\" : {at} ") } else { format!(" {at}\t") };
            let items: Vec<String> = (0..gone.len()).map(item).collect();
            let (open, close) = if object { ("{", "}") } else { ("[", "]") };
            let text = format!("{open}{}{close}", items.join(","));
            let mut doc = Doc::default();
            doc.parse(text.as_bytes()).unwrap();
            let root = doc.root(text.as_bytes());
            let ids: Vec<u32> = root.children().map(|child| child.id()).collect();
            let mut edits = Vec::new();
            let left = remove(&root, |child| {
                gone[ids.iter().position(|id| *id == child.id()).unwrap()]
            }, &mut edits);
            if object {
                insert(&root, "new", "9", left, &mut edits);
            } else {
                push(&root, "9", left, &mut edits);
            }
            let out = apply_to(text.as_bytes(), &edits);
            let out: serde_json::Value = serde_json::from_slice(&out).unwrap();
            let kept: Vec<u64> = (0..gone.len() as u64).filter(|at| !gone[*at as usize]).collect();
            prop_assert_eq!(left, !kept.is_empty());
            if object {
                let object = out.as_object().unwrap();
                prop_assert_eq!(object.len(), kept.len() + 1);
                let all = kept.iter().all(|at| object[&format!("k{at}")] == *at);
                prop_assert!(all);
            } else {
                let expected: Vec<u64> = kept.into_iter().chain([9]).collect();
                prop_assert_eq!(out, serde_json::json!(expected));
            }
        }
    }
}
