//! A header map in one block of bytes, as hosts give it: nothing is copied to read it.

use std::ops::Range;

/// Headers in order, pseudo-headers included; names in lower case, as hosts give them. Names and values are bytes:
/// nothing in HTTP makes them UTF-8.
#[derive(Debug, Clone, Default)]
pub struct Headers {
    block: Vec<u8>,
    /// Where name and value of each stand in the block.
    fields: Vec<(Range<usize>, Range<usize>)>,
}

impl Headers {
    /// Headers whose names and values stand in a block at these places. A place outside of it is empty.
    #[must_use]
    pub fn in_block(block: Vec<u8>, fields: Vec<(Range<usize>, Range<usize>)>) -> Self {
        Self { block, fields }
    }

    /// Adds one behind the others.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        let mut add = |bytes: &[u8]| {
            let start = self.block.len();
            self.block.extend_from_slice(bytes);
            start..self.block.len()
        };
        let field = (add(name), add(value));
        self.fields.push(field);
    }

    /// Puts one value in place of all of this header's.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        let (block, fields) = (&self.block, &mut self.fields);
        fields.retain(|(own, _)| !at(block, own).eq_ignore_ascii_case(name));
        self.push(name, value);
    }

    /// All of them, by name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|(name, value)| (at(&self.block, name), at(&self.block, value)))
    }

    /// The values of one header; its name is found in any case.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let of_name = |(own, _): &(&[u8], &[u8])| own.eq_ignore_ascii_case(name.as_bytes());
        self.iter().filter(of_name).map(|(_, value)| value)
    }

    /// The first value of a header.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&[u8]> {
        // Written out: `values` would tie the value to the name's life.
        let named = |(own, _): &(&[u8], &[u8])| own.eq_ignore_ascii_case(name.as_bytes());
        self.iter().find(named).map(|(_, value)| value)
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

impl PartialEq for Headers {
    /// The same names and values in the same order, wherever they stand.
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
        let headers = Headers::in_block(b"ab".to_vec(), vec![(0..1, 1..2), (1..9, 5..6)]);
        assert_eq!(headers.iter().collect::<Vec<_>>(), [(&b"a"[..], &b"b"[..]), (b"", b"")]);
    }
}
