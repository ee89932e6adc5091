//! Values ↔ bytes for the memory that workers share: numbers take eight bytes, everything else is preceded by its
//! length. The same module writes and reads them, in one process; they are never sent anywhere.
//!
//! A type names its fields once ([`coded`]), in the order in which they are written and read.

use std::rc::Rc;

use super::digest::Digest;
use crate::base::sorted_map::SortedMap;

/// A value that workers share.
pub(crate) trait Coded {
    /// Adds its bytes.
    fn write(&self, out: &mut Vec<u8>);

    /// Takes it from the front. Of bytes that are none of these comes any value, and the reader knows.
    fn read(from: &mut CodeReader<'_>) -> Self;
}

/// The bytes of a value; `form` is the number of its layout.
pub(crate) fn encode(form: u64, value: &impl Coded) -> Vec<u8> {
    let mut out = Vec::new();
    form.write(&mut out);
    value.write(&mut out);
    out
}

/// The value with these bytes; `None` if they have another layout, end early or go on.
pub(crate) fn decode<T: Coded>(form: u64, bytes: &[u8]) -> Option<T> {
    let mut from = CodeReader { rest: bytes, broken: false };
    if u64::read(&mut from) != form {
        return None;
    }
    let value = T::read(&mut from);
    (!from.broken && from.rest.is_empty()).then_some(value)
}

/// Reads what [`encode`] wrote.
#[derive(Debug)]
pub(crate) struct CodeReader<'a> {
    rest: &'a [u8],
    broken: bool,
}

impl<'a> CodeReader<'a> {
    /// So many bytes; none if there are fewer.
    fn take(&mut self, count: u64) -> &'a [u8] {
        let parts = usize::try_from(count).ok().and_then(|count| self.rest.split_at_checked(count));
        let Some((taken, rest)) = parts else {
            self.fail();
            return &[];
        };
        self.rest = rest;
        taken
    }

    /// The value with this number, in the order of its declaration.
    pub(crate) fn one_of<T: Copy>(&mut self, first: T, others: &[T]) -> T {
        let number = u64::read(self);
        let Some(at) = number.checked_sub(1) else { return first };
        let found = usize::try_from(at).ok().and_then(|at| others.get(at).copied());
        found.unwrap_or_else(|| {
            self.fail();
            first
        })
    }

    #[cold]
    fn fail(&mut self) {
        (self.rest, self.broken) = (&[], true);
    }
}

/// Implements [`Coded`]: for a struct by its fields, for an enum by its variants, in the order of their declaration.
macro_rules! coded {
    ($kind:ident { $($field:ident),* $(,)? }) => {
        impl $crate::bundle::code::Coded for $kind {
            fn write(&self, out: &mut Vec<u8>) {
                $($crate::bundle::code::Coded::write(&self.$field, out);)*
            }

            fn read(from: &mut $crate::bundle::code::CodeReader<'_>) -> Self {
                Self { $($field: $crate::bundle::code::Coded::read(from)),* }
            }
        }
    };
    ($kind:ident: $first:ident $(, $other:ident)*) => {
        // All of them, in that order.
        const _: fn($kind) = |kind| match kind {
            $kind::$first $(| $kind::$other)* => {}
        };
        const _: () = {
            let mut number = $kind::$first as u64;
            assert!(number == 0);
            $(number += 1; assert!($kind::$other as u64 == number);)*
        };

        impl $crate::bundle::code::Coded for $kind {
            fn write(&self, out: &mut Vec<u8>) {
                $crate::bundle::code::Coded::write(&(*self as u64), out);
            }

            fn read(from: &mut $crate::bundle::code::CodeReader<'_>) -> Self {
                from.one_of(Self::$first, &[$(Self::$other),*])
            }
        }
    };
}
pub(crate) use coded;

impl Coded for u64 {
    #[inline(never)]
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    #[inline(never)]
    fn read(from: &mut CodeReader<'_>) -> Self {
        from.take(8).try_into().map_or(0, Self::from_le_bytes)
    }
}

impl Coded for bool {
    fn write(&self, out: &mut Vec<u8>) {
        u64::from(*self).write(out);
    }

    fn read(from: &mut CodeReader<'_>) -> Self {
        from.one_of(false, &[true])
    }
}

impl Coded for Digest {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }

    fn read(from: &mut CodeReader<'_>) -> Self {
        Self::from_bytes(from.take(32).try_into().unwrap_or_default())
    }
}

impl Coded for Rc<[u8]> {
    fn write(&self, out: &mut Vec<u8>) {
        write_bytes(self, out);
    }

    fn read(from: &mut CodeReader<'_>) -> Self {
        read_bytes(from).into()
    }
}

impl Coded for Rc<str> {
    fn write(&self, out: &mut Vec<u8>) {
        write_bytes(self.as_bytes(), out);
    }

    fn read(from: &mut CodeReader<'_>) -> Self {
        read_text(from).into()
    }
}

impl Coded for String {
    #[inline(never)]
    fn write(&self, out: &mut Vec<u8>) {
        write_bytes(self.as_bytes(), out);
    }

    #[inline(never)]
    fn read(from: &mut CodeReader<'_>) -> Self {
        read_text(from).to_owned()
    }
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    (bytes.len() as u64).write(out);
    out.extend_from_slice(bytes);
}

fn read_bytes<'a>(from: &mut CodeReader<'a>) -> &'a [u8] {
    let count = u64::read(from);
    from.take(count)
}

fn read_text<'a>(from: &mut CodeReader<'a>) -> &'a str {
    let bytes = read_bytes(from);
    std::str::from_utf8(bytes).unwrap_or_else(|_| {
        from.fail();
        ""
    })
}

impl<T: Coded> Coded for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.is_some().write(out);
        if let Some(value) = self {
            value.write(out);
        }
    }

    fn read(from: &mut CodeReader<'_>) -> Self {
        if bool::read(from) { Some(T::read(from)) } else { None }
    }
}

impl<A: Coded, B: Coded> Coded for (A, B) {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }

    fn read(from: &mut CodeReader<'_>) -> Self {
        (A::read(from), B::read(from))
    }
}

impl<T: Coded> Coded for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) {
        (self.len() as u64).write(out);
        self.iter().for_each(|item| item.write(out));
    }

    fn read(from: &mut CodeReader<'_>) -> Self {
        let mut items = Self::new();
        // Each item takes bytes, so that a wrong count ends with them.
        for _ in 0..u64::read(from) {
            if from.broken {
                break;
            }
            items.push(T::read(from));
        }
        items
    }
}

impl Coded for SortedMap<u64, u64> {
    fn write(&self, out: &mut Vec<u8>) {
        (self.len() as u64).write(out);
        for (key, value) in self.iter() {
            key.write(out);
            value.write(out);
        }
    }

    fn read(from: &mut CodeReader<'_>) -> Self {
        Vec::read(from).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Everything {
        number: u64,
        flag: bool,
        text: String,
        shared: Rc<str>,
        bytes: Rc<[u8]>,
        digest: Digest,
        word: Word,
        list: Vec<(u64, Option<String>)>,
        map: SortedMap<u64, u64>,
    }
    coded!(Everything { number, flag, text, shared, bytes, digest, word, list, map });

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Word {
        First,
        Second,
        Third,
    }
    coded!(Word: First, Second, Third);

    fn everything() -> impl Strategy<Value = Everything> {
        type Lists = (Vec<(u64, Option<String>)>, Vec<(u64, u64)>);
        let word = prop::sample::select(vec![Word::First, Word::Second, Word::Third]);
        (any::<(u64, bool, String, Vec<u8>)>(), any::<Lists>(), word).prop_map(
            |(one, lists, word)| {
                let (number, flag, text, bytes) = one;
                Everything {
                    number,
                    flag,
                    shared: text.as_str().into(),
                    digest: Digest::of(text.as_bytes()),
                    bytes: bytes.into(),
                    text,
                    word,
                    list: lists.0,
                    map: lists.1.into_iter().collect(),
                }
            },
        )
    }

    proptest! {
        /// Of each value come its bytes, and of no other bytes of that length or less the same value.
        #[test]
        fn what_is_written_is_read(value in everything(), cut: prop::sample::Index, more: u8) {
            let mut bytes = encode(7, &value);
            prop_assert_eq!(decode::<Everything>(7, &bytes), Some(value));
            prop_assert_eq!(decode::<Everything>(8, &bytes), None);
            prop_assert_eq!(decode::<Everything>(7, &bytes[..cut.index(bytes.len())]), None);
            bytes.push(more);
            prop_assert_eq!(decode::<Everything>(7, &bytes), None);
        }

        #[test]
        fn changed_bytes_are_read_as_what_they_say(value in everything(), at: prop::sample::Index, byte: u8) {
            let mut bytes = encode(7, &value);
            let at = 8 + at.index(bytes.len() - 8);
            bytes[at] = byte;
            if let Some(other) = decode::<Everything>(7, &bytes) {
                // A map may say a key twice, and in any order.
                prop_assert_eq!(decode::<Everything>(7, &encode(7, &other)), Some(other));
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = decode::<Everything>(7, &[&7_u64.to_le_bytes(), bytes.as_slice()].concat());
        }
    }

    #[test]
    fn a_count_beyond_the_bytes_takes_no_memory() {
        let bytes = [7_u64.to_le_bytes(), u64::MAX.to_le_bytes()].concat();
        assert_eq!(decode::<Vec<u64>>(7, &bytes), None);
    }
}
