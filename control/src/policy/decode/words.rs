//! Small values.

use super::super::document::Window;
use super::super::source::{Position, SourceNode, SourceValue};

/// The text of a field.
#[inline(never)]
pub(super) fn text(node: &SourceNode, name: &str) -> Option<String> {
    node.get(name)?.text().map(str::to_owned)
}

/// The texts of a list.
#[inline(never)]
pub(in super::super) fn texts(node: &SourceNode, name: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for text in node
        .get(name)
        .map(SourceNode::items)
        .unwrap_or_default()
        .iter()
        .filter_map(SourceNode::text)
    {
        texts.push(text.to_owned());
    }
    texts
}

/// The text of an action's argument; empty if there is none.
#[inline(never)]
pub(super) fn argument(node: Option<&SourceNode>) -> String {
    node.and_then(SourceNode::text).unwrap_or_default().to_owned()
}

/// A field that is `true`.
#[inline(never)]
pub(super) fn flag(node: &SourceNode, name: &str) -> bool {
    node.get(name).and_then(SourceNode::bool).unwrap_or_default()
}

/// The number of a field, read by `read`.
pub(super) fn number<T>(node: &SourceNode, name: &str, read: fn(&str) -> Option<T>) -> Option<T> {
    read(node.get(name)?.number()?)
}

/// `do`, `over`: the word, and its argument in a map.
#[inline(never)]
pub(super) fn action<'a>(node: &'a SourceNode, name: &str) -> (&'a str, Option<&'a SourceNode>) {
    let Some(node) = node.get(name) else { return ("", None) };
    match (node.text(), node.entries()) {
        (Some(word), _) => (word, None),
        (None, [entry]) => (&entry.key, Some(&entry.value)),
        _ => ("", None),
    }
}

/// `1s`, `5m`, `1h`, `day`, `month`.
pub(in super::super) fn window(text: &str) -> Option<Window> {
    match text {
        "day" => return Some(Window::Day),
        "month" => return Some(Window::Month),
        _ => {}
    }
    let unit = match text.as_bytes().last()? {
        b's' => 1,
        b'm' => 60,
        b'h' => 3600,
        _ => return None,
    };
    let count: u64 = text.get(..text.len() - 1)?.parse().ok()?;
    // A day given in seconds is meant as `day`, which is a calendar window.
    let seconds = count.checked_mul(unit).filter(|seconds| (1..86_400).contains(seconds))?;
    Some(Window::Seconds(seconds))
}

/// `500ms`, `2s` in milliseconds: 50 ms to a minute.
pub(in super::super) fn span(text: &str) -> Option<u64> {
    let ms = match text.strip_suffix("ms") {
        Some(count) => count.parse::<u64>().ok()?,
        None => text.strip_suffix('s')?.parse::<u64>().ok()?.checked_mul(1000)?,
    };
    (50..=60_000).contains(&ms).then_some(ms)
}

/// A section, or an empty one if it is missing.
pub(super) fn section<'a>(tree: &'a SourceNode, name: &str) -> &'a SourceNode {
    static NOTHING: SourceNode =
        SourceNode { at: Position { line: 0, column: 0 }, value: SourceValue::Null };
    tree.get(name).unwrap_or(&NOTHING)
}
