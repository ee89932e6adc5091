//! Binary `google.protobuf.Struct` → tree.
//!
//! A proxy's own configuration may contain the filter's as a `Struct` (Kubernetes operators and Istio write it like
//! that), and Envoy then passes the message in its wire format, not as JSON. It is read strictly: anything that a
//! serialiser of this message would not write is refused. So JSON can never be mistaken for it: a map entry with a
//! value contains the byte 0x12, which no JSON text does.
//!
//! Sources: protobuf.dev/programming-guides/encoding, and `google/protobuf/struct.proto`.

use super::super::diagnostic::Diagnostic;
use super::duplicates::duplicates;
use super::tree::{MapEntry, Position, SourceNode, SourceValue};
use super::{number, size_check};
use crate::limits;

/// Wire types that the message uses.
const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LENGTH: u8 = 2;

/// `Struct.fields`, and the first field of `ListValue`, are the only fields of their messages.
const MEMBERS: u8 = tag(1, LENGTH);
const ENTRY_KEY: u8 = tag(1, LENGTH);
const ENTRY_VALUE: u8 = tag(2, LENGTH);

/// Fields of `Value`, exactly one of which is set.
const NULL: u8 = tag(1, VARINT);
const NUMBER: u8 = tag(2, FIXED64);
const STRING: u8 = tag(3, LENGTH);
const BOOL: u8 = tag(4, VARINT);
const STRUCT: u8 = tag(5, LENGTH);
const LIST: u8 = tag(6, LENGTH);

/// In a `Struct` all numbers are doubles.
const NUMBERS: &str =
    "a number in a `google.protobuf.Struct` with more than six decimals, or above 2^53";

const fn tag(field: u8, wire_type: u8) -> u8 {
    field << 3 | wire_type
}

/// Nothing in a message has a line.
const NOWHERE: Position = Position { line: 0, column: 0 };

/// Reads one binary `google.protobuf.Struct`.
///
/// # Errors
/// Not this message, duplicate keys, too big, too deep.
pub fn parse_struct(bytes: &[u8]) -> Result<SourceNode, Vec<Diagnostic>> {
    size_check(bytes.len())?;
    let mut reader = StructReader { values: 0, found: Vec::new() };
    match reader.map(bytes, 1) {
        Ok(value) if reader.found.is_empty() => Ok(SourceNode { at: NOWHERE, value }),
        Ok(_) => Err(reader.found),
        Err(reason) => {
            let (code, message) = match reason {
                StructError::Wire => ("syntax", "not a `google.protobuf.Struct`".to_owned()),
                StructError::Number => ("out-of-range", NUMBERS.to_owned()),
                StructError::Deep => {
                    ("too-big", format!("nested deeper than {} levels", limits::POLICY_DEPTH))
                }
                StructError::Many => {
                    ("too-big", format!("more than {} values", limits::POLICY_NODES))
                }
            };
            Err(vec![Diagnostic::error(code, String::new(), NOWHERE, message)])
        }
    }
}

/// Why it is refused.
#[derive(Clone, Copy)]
enum StructError {
    /// No serialiser of the message writes this.
    Wire,
    /// A number that the language accepts nowhere.
    Number,
    Deep,
    Many,
}

struct StructReader {
    values: usize,
    found: Vec<Diagnostic>,
}

impl StructReader {
    /// `Struct`. Recursion ends at [`limits::POLICY_DEPTH`].
    fn map(&mut self, bytes: &[u8], depth: usize) -> Result<SourceValue, StructError> {
        let mut rest = bytes;
        let mut entries = Vec::new();
        while !rest.is_empty() {
            let mut entry = length_delimited(&mut rest, MEMBERS)?;
            let key = text(length_delimited(&mut entry, ENTRY_KEY)?)?;
            let value = self.value(length_delimited(&mut entry, ENTRY_VALUE)?, depth)?;
            if !entry.is_empty() {
                return Err(StructError::Wire);
            }
            entries.push(MapEntry { key, key_at: NOWHERE, value });
        }
        duplicates(&entries, &mut self.found);
        Ok(SourceValue::Map(entries))
    }

    /// `ListValue`
    fn list(&mut self, bytes: &[u8], depth: usize) -> Result<SourceValue, StructError> {
        let mut rest = bytes;
        let mut items = Vec::new();
        while !rest.is_empty() {
            items.push(self.value(length_delimited(&mut rest, MEMBERS)?, depth)?);
        }
        Ok(SourceValue::Seq(items))
    }

    /// A `Value`, in a container at this depth.
    fn value(&mut self, bytes: &[u8], depth: usize) -> Result<SourceNode, StructError> {
        self.values += 1;
        if self.values >= limits::POLICY_NODES {
            return Err(StructError::Many);
        }
        if depth >= limits::POLICY_DEPTH {
            return Err(StructError::Deep);
        }
        let mut rest = bytes;
        let kind = *bytes.first().ok_or(StructError::Wire)?;
        let value = match kind {
            NULL | BOOL => match (kind, varint(skip(&mut rest)?)?) {
                (NULL, (0, after)) => finish(after, SourceValue::Null),
                (BOOL, (value @ (0 | 1), after)) => finish(after, SourceValue::Bool(value == 1)),
                _ => Err(StructError::Wire),
            },
            NUMBER => {
                let (value, after) =
                    skip(&mut rest)?.split_first_chunk().ok_or(StructError::Wire)?;
                let value =
                    number::written(f64::from_le_bytes(*value)).ok_or(StructError::Number)?;
                finish(after, SourceValue::Number(value))
            }
            STRING => {
                let text = text(length_delimited(&mut rest, STRING)?)?;
                finish(rest, SourceValue::String { text, quoted: true })
            }
            STRUCT => {
                let map = self.map(length_delimited(&mut rest, STRUCT)?, depth + 1)?;
                finish(rest, map)
            }
            LIST => {
                let list = self.list(length_delimited(&mut rest, LIST)?, depth + 1)?;
                finish(rest, list)
            }
            _ => Err(StructError::Wire),
        };
        Ok(SourceNode { at: NOWHERE, value: value? })
    }
}

/// A value, if nothing follows it.
fn finish(rest: &[u8], value: SourceValue) -> Result<SourceValue, StructError> {
    if rest.is_empty() { Ok(value) } else { Err(StructError::Wire) }
}

/// Skips what follows a tag.
fn skip<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], StructError> {
    bytes.split_first().map(|(_, after)| after).ok_or(StructError::Wire)
}

/// A field with this tag: its bytes. `bytes` is left after it.
fn length_delimited<'a>(bytes: &mut &'a [u8], tag: u8) -> Result<&'a [u8], StructError> {
    if bytes.first() != Some(&tag) {
        return Err(StructError::Wire);
    }
    let (length, after) = varint(skip(bytes)?)?;
    let length = usize::try_from(length).map_err(|_| StructError::Wire)?;
    let (field, after) = after.split_at_checked(length).ok_or(StructError::Wire)?;
    *bytes = after;
    Ok(field)
}

/// A number in base 128, low digits first, and the bytes after it. Lengths and words here are below 2^32.
fn varint(bytes: &[u8]) -> Result<(u64, &[u8]), StructError> {
    const MOST: usize = 5;
    let mut value = 0;
    let mut rest = bytes;
    for digit in 0..MOST {
        let (byte, after) = rest.split_first().ok_or(StructError::Wire)?;
        rest = after;
        value |= u64::from(byte & 0x7f) << (7 * digit);
        if byte & 0x80 == 0 {
            return Ok((value, rest));
        }
    }
    Err(StructError::Wire)
}

fn text(bytes: &[u8]) -> Result<String, StructError> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| StructError::Wire)
}
