//! Text → a tree of values with their positions, from YAML, from JSON, and from the binary form of a proxy's `Struct`.
//!
//! The tree records what was written and where: keys in order, numbers as written, text with or without quotes. It
//! knows nothing about policies; that is [`super::shape`]'s task.

mod duplicates;
mod json;
mod number;
mod protobuf;
pub(super) mod tree;
#[cfg(feature = "yaml")]
mod yaml;

pub use json::parse_json;
pub use number::{micros, real, whole};
pub use protobuf::parse_struct;
pub use tree::{MapEntry, Position, SourceNode, SourceValue, looks_like_date, to_json};
#[cfg(feature = "yaml")]
pub use yaml::parse_yaml;

use super::diagnostic::Diagnostic;
use crate::jcs::{self, JcsError};
use crate::limits;

/// Reads YAML or JSON: chosen by the file's name if it ends in `.json`, `.yaml` or `.yml`, else by the text: if it
/// begins with `{` and is JSON, it is read as JSON, else as YAML.
///
/// # Errors
/// Everything that keeps the text from being one tree: syntax, duplicate keys, too big, too deep.
#[cfg(feature = "yaml")]
pub fn parse(text: &str, filename: &str) -> Result<SourceNode, Vec<Diagnostic>> {
    let ends = |suffix: &str| filename.len() > suffix.len() && filename.ends_with(suffix);
    if ends(".json") {
        return parse_json(text.as_bytes());
    }
    if !ends(".yaml") && !ends(".yml") && text.trim_start().starts_with('{') {
        // JSON errors are better for text that is nearly JSON; a YAML flow map is not JSON and is read below.
        let json = parse_json(text.as_bytes());
        return if json.is_ok() { json } else { parse_yaml(text).or(json) };
    }
    parse_yaml(text)
}

/// Reads a plugin's configuration as a proxy passes it: JSON text, or a binary `google.protobuf.Struct`.
///
/// # Errors
/// Those of [`parse_json`] and [`parse_struct`]; for input that looks like neither, what is expected.
pub fn parse_handed_over(bytes: &[u8]) -> Result<SourceNode, Vec<Diagnostic>> {
    // A non-empty `Struct` begins with the tag 0x0A, which is a line feed in text; no text is a `Struct`.
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let looks_like_json = text.first() == Some(&b'{');
    if bytes.first() == Some(&b'\n') {
        match parse_struct(bytes) {
            Err(_) if looks_like_json => {}
            read => return read.map_err(expected),
        }
    }
    let read = parse_json(bytes);
    if looks_like_json { read } else { read.map_err(expected) }
}

/// The canonical form of a tree ([`jcs`]).
///
/// # Errors
/// Why it has none.
pub fn canonical(node: &SourceNode) -> Result<String, JcsError> {
    jcs::canonical_text(to_json(node).as_bytes())
}

/// Says what is expected if something else was passed.
fn expected(mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    const FORMS: &str =
        "a configuration is JSON in a `google.protobuf.StringValue`, or a `google.protobuf.Struct`";
    for finding in found.iter_mut().filter(|finding| finding.code == "syntax") {
        finding.help = Some(FORMS.to_owned());
    }
    found
}

/// The findings for a text that is longer than [`limits::POLICY_BYTES`].
fn size_check(bytes: usize) -> Result<(), Vec<Diagnostic>> {
    if bytes <= limits::POLICY_BYTES {
        return Ok(());
    }
    const MIB: usize = limits::POLICY_BYTES >> 20;
    let message =
        format!("bigger than a policy may be: {MIB} MiB ({} bytes)", limits::POLICY_BYTES);
    Err(vec![Diagnostic::error("too-big", String::new(), Position::START, message)])
}

#[cfg(test)]
mod tests;
