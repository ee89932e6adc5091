//! Text → a tree of values with their places, for YAML and JSON alike.
//!
//! The tree knows what a person wrote and where: keys in order, numbers as written, text with or without quotes. It
//! judges nothing that is about policies; [`super::shape`] does.

mod json;
mod number;
mod tree;
#[cfg(feature = "yaml")]
mod yaml;

pub use json::parse_json;
pub use number::{micros, real, whole};
pub(crate) use tree::quote;
pub use tree::{Entry, Node, Position, Value, looks_like_date, to_json};
#[cfg(feature = "yaml")]
pub use yaml::parse_yaml;

use super::diagnostic::Diagnostic;
use crate::limits;

/// Reads YAML or JSON: by the file's name where it ends in `.json`, `.yaml` or `.yml`, else by the text: what begins
/// with `{` and is JSON is read as JSON, all else as YAML.
///
/// # Errors
/// All that keeps the text from being one tree: syntax, duplicate keys, too big, too deep.
#[cfg(feature = "yaml")]
pub fn parse(text: &str, filename: &str) -> Result<Node, Vec<Diagnostic>> {
    let ends = |suffix: &str| filename.len() > suffix.len() && filename.ends_with(suffix);
    if ends(".json") {
        return parse_json(text.as_bytes());
    }
    if !ends(".yaml") && !ends(".yml") && text.trim_start().starts_with('{') {
        // JSON errors speak better of text that is nearly JSON; a YAML flow map is no JSON and is read below.
        let json = parse_json(text.as_bytes());
        return if json.is_ok() { json } else { parse_yaml(text).or(json) };
    }
    parse_yaml(text)
}

/// The findings for a text that is longer than [`limits::POLICY_BYTES`].
fn size_check(bytes: usize) -> Result<(), Vec<Diagnostic>> {
    if bytes <= limits::POLICY_BYTES {
        return Ok(());
    }
    let message = format!("{bytes} bytes; a policy has at most {}", limits::POLICY_BYTES);
    Err(vec![Diagnostic::error("too-big", String::new(), Position::START, message)])
}

#[cfg(test)]
mod tests;
