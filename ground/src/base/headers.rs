//! A header map in one block of bytes, as hosts pass it: nothing is copied to read it.

use std::ops::Range;

use super::short::{SHORT, same_short};

/// Headers in order, pseudo-headers included; names in lower case, as hosts pass them. Names and values are bytes:
/// nothing in HTTP makes them UTF-8.
#[derive(Debug, Clone, Default)]
pub struct Headers {
    block: Vec<u8>,
    fields: Vec<HeaderField>,
    /// The [`mark`]s of all names: most names that are looked up are not present.
    marks: u64,
}

/// The position of one header in a block.
#[derive(Debug, Clone)]
pub struct HeaderField {
    name: Range<usize>,
    value: Range<usize>,
    /// The name's [`number`].
    number: u32,
}

impl HeaderField {
    /// A header with its name and value at these ranges of a block. A range outside of it is empty.
    #[must_use]
    pub fn at(block: &[u8], name: Range<usize>, value: Range<usize>) -> Self {
        let number = number(at(block, &name));
        Self { name, value, number }
    }
}

/// Names with different numbers are different names; case is ignored. A request is searched for about twenty headers by
/// name, and most of its own headers have other numbers than those.
#[inline]
fn number(name: &[u8]) -> u32 {
    // Upper and lower case differ in this bit.
    let byte = |at: Option<&u8>| at.map_or(0, |byte| u32::from(*byte | 0x20));
    let middle = name.get(name.len() / 2);
    (name.len() as u32) << 24 | byte(middle) << 16 | byte(name.first()) << 8 | byte(name.last())
}

/// One bit of 64: a name whose bit no header has set is not present.
#[inline]
fn mark(number: u32) -> u64 {
    // The golden ratio of 2^32 spreads numbers over the six bits that are used.
    1 << (number.wrapping_mul(0x9E37_79B9) >> 26)
}

impl Headers {
    /// Headers within a block.
    #[must_use]
    pub fn in_block(block: Vec<u8>, fields: Vec<HeaderField>) -> Self {
        let marks = fields.iter().fold(0, |marks, own| marks | mark(own.number));
        Self { block, fields, marks }
    }

    /// Adds one at the end.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        let mut add = |bytes: &[u8]| {
            let start = self.block.len();
            self.block.extend_from_slice(bytes);
            start..self.block.len()
        };
        let (name, value) = (add(name), add(value));
        let field = HeaderField::at(&self.block, name, value);
        self.marks |= mark(field.number);
        self.fields.push(field);
    }

    /// Replaces all values of this header with one.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        let (block, fields) = (&self.block, &mut self.fields);
        fields.retain(|own| !at(block, &own.name).eq_ignore_ascii_case(name));
        self.push(name, value);
    }

    /// All headers, by name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|own| (at(&self.block, &own.name), at(&self.block, &own.value)))
    }

    /// The values of one header, whose name matches in any case.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let mut from = 0;
        std::iter::from_fn(move || {
            let (next, value) = self.find(name, from)?;
            from = next;
            Some(value)
        })
    }

    /// The first value of a header.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&[u8]> {
        self.find(name, 0).map(|(_, value)| value)
    }

    /// The value of the first header with this name at or after this index, and the index after it.
    // One copy, built for speed as this crate is.
    #[inline(never)]
    fn find(&self, name: &str, from: usize) -> Option<(usize, &[u8])> {
        let number = number(name.as_bytes());
        if self.marks & mark(number) == 0 {
            return None;
        }
        for (offset, own) in self.fields.get(from..)?.iter().enumerate() {
            if own.number == number && same(at(&self.block, &own.name), name.as_bytes()) {
                return Some((from + offset + 1, at(&self.block, &own.value)));
            }
        }
        None
    }

    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

fn at<'a>(block: &'a [u8], place: &Range<usize>) -> &'a [u8] {
    block.get(place.clone()).unwrap_or_default()
}

/// True for names that are equal except for case. Nearly always they are fully equal, which is checked first.
fn same(own: &[u8], name: &[u8]) -> bool {
    let equal = if own.len() <= SHORT { same_short(own, name) } else { own == name };
    equal || own.eq_ignore_ascii_case(name)
}

impl PartialEq for Headers {
    /// Compares names and values in order, wherever they are stored.
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut headers = Self::default();
        pairs.into_iter().for_each(|(name, value)| headers.push(name.as_ref(), value.as_ref()));
        headers
    }
}

impl From<Vec<(Vec<u8>, Vec<u8>)>> for Headers {
    fn from(pairs: Vec<(Vec<u8>, Vec<u8>)>) -> Self {
        pairs.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_found_in_any_case_and_set_once() {
        let mut headers: Headers = [("X-A", "1"), ("b", "2"), ("x-a", "3")].into_iter().collect();
        assert_eq!(headers.values("x-a").collect::<Vec<_>>(), [b"1", b"3"]);
        assert_eq!((headers.value("B"), headers.value("x")), (Some(&b"2"[..]), None));
        headers.set(b"x-a", b"4");
        assert_eq!(headers, [("b", "2"), ("x-a", "4")].into_iter().collect());
    }

    #[test]
    fn places_outside_the_block_are_empty() {
        let fields = vec![HeaderField::at(b"ab", 0..1, 1..2), HeaderField::at(b"ab", 1..9, 5..6)];
        let headers = Headers::in_block(b"ab".to_vec(), fields);
        assert_eq!(headers.iter().collect::<Vec<_>>(), [(&b"a"[..], &b"b"[..]), (b"", b"")]);
    }
}
