//! Where a piece of text is written in a payload, and how changes of it are written.

use std::ops::Range;

use crate::dialect;
use crate::wire::edit::Edit;
use crate::wire::text::{Decoded, TextMap, encode};
use crate::wire::{find, json};

/// Where a piece of text is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// The content of a JSON string or key: the range between the quotes.
    Content(Range<usize>),
    /// A number: a rule's replacement turns all of it into a string.
    Number(Range<usize>),
    /// A piece of tool arguments, JSON text in a JSON string: the range between the quotes.
    Args(Range<usize>),
    /// A text in base64 or a `data:` URL: the range between the quotes.
    File(Range<usize>),
    /// A signature: emptied if its text was changed.
    Seal(Range<usize>),
}

/// A part of a text, and its replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextEdit<'a> {
    /// Bytes of the text.
    pub at: Range<usize>,
    /// The new text.
    pub with: &'a str,
}

/// A change of the arguments' text: a range of it, and the content of the outer string that replaces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgsChange {
    /// Bytes of the arguments' text from its beginning.
    pub at: Range<u64>,
    /// Encoded for the outer string.
    pub with: Vec<u8>,
    /// The rule.
    pub rule: usize,
}

impl Location {
    fn span(&self) -> &Range<usize> {
        let (Self::Content(span)
        | Self::Number(span)
        | Self::Args(span)
        | Self::File(span)
        | Self::Seal(span)) = self;
        span
    }

    /// Where it begins in the payload.
    #[must_use]
    pub fn start(&self) -> usize {
        self.span().start
    }

    /// The text at this location; borrowed if nothing is escaped.
    #[must_use]
    pub fn text<'a>(&self, payload: &'a [u8], decoded: &'a mut Decoded) -> &'a str {
        let raw = payload.get(self.span().clone()).unwrap_or_default();
        if let Self::File(_) = self {
            decoded.hold(dialect::file_text(json::decode(raw).as_bytes()));
            return decoded.text();
        }
        if find::backslash(raw).is_none()
            && let Ok(text) = std::str::from_utf8(raw)
        {
            return text;
        }
        decoded.read(raw);
        decoded.text()
    }

    fn edit(&self, raw: Range<usize>, with: Vec<u8>) -> Edit {
        let start = self.span().start;
        Edit { at: start + raw.start..start + raw.end, with }
    }

    /// Writes the changes (in order, without overlaps) as edits of the payload.
    pub fn write(&self, payload: &[u8], changes: &[TextEdit<'_>], edits: &mut Vec<Edit>) {
        if let Self::Number(span) = self {
            let number = payload.get(span.clone()).unwrap_or_default();
            let mut with = vec![b'"'];
            encode(&changed(&String::from_utf8_lossy(number), changes), &mut with);
            with.push(b'"');
            edits.push(Edit { at: span.clone(), with });
            return;
        }
        let map = TextMap::of(payload.get(self.span().clone()).unwrap_or_default());
        for change in changes {
            let mut with = Vec::with_capacity(change.with.len());
            encode(change.with, &mut with);
            edits.push(self.edit(map.raw_range(change.at.clone()), with));
        }
    }

    /// Writes changes of tool arguments, of which this location contains `part`. A change that began in an earlier part
    /// was replaced there; here only its remainder is removed.
    pub fn write_args(
        &self,
        payload: &[u8],
        part: Range<u64>,
        changes: Vec<ArgsChange>,
        edits: &mut Vec<Edit>,
    ) {
        let map = TextMap::of(payload.get(self.span().clone()).unwrap_or_default());
        let local = |offset: u64| {
            let within = offset.clamp(part.start, part.end) - part.start;
            usize::try_from(within).unwrap_or(usize::MAX)
        };
        for change in changes {
            let with = if change.at.start >= part.start { change.with } else { Vec::new() };
            let raw = map.raw_range(local(change.at.start)..local(change.at.end));
            edits.push(self.edit(raw, with));
        }
    }

    /// Empties the string.
    pub fn empty(&self, edits: &mut Vec<Edit>) {
        edits.push(Edit { at: self.span().clone(), with: Vec::new() });
    }
}

/// A text with its changes applied.
#[must_use]
pub fn changed(text: &str, changes: &[TextEdit<'_>]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for change in changes {
        out.push_str(text.get(at..change.at.start).unwrap_or_default());
        out.push_str(change.with);
        at = change.at.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_changed_where_it_is_told() {
        let change = |at, with| TextEdit { at, with };
        assert_eq!(changed("abcdef", &[change(0..2, "X"), change(4..4, "Y")]), "XcdYef");
        assert_eq!(changed("abc", &[]), "abc");
    }

    #[test]
    fn only_the_named_characters_are_written_anew() {
        let payload = br#"{"a":"x\u0041\"y","n":12345}"#;
        let mut edits = Vec::new();
        Location::Content(6..16).write(payload, &[TextEdit { at: 1..3, with: "\n" }], &mut edits);
        Location::Number(22..27).write(payload, &[TextEdit { at: 1..4, with: "#" }], &mut edits);
        let out = crate::wire::edit::apply_to(payload, &edits);
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"a":"x\ny","n":"1#5"}"#);
    }
}
