//! Where a match may begin, judged by its first bytes and the one before it, sixteen positions at a time.
//!
//! The live automaton reads one byte at a time, and in most text for nothing: where it is quiet, and no match can begin
//! in the next hundred bytes, it is quiet after them too. A match of `\bAKIA[A-Z2-7]{16}` begins with `AKIA` after a
//! byte that is not part of a word, so that is all that needs to be searched for:
//!
//! ```text
//!   … the quick brown fox jumps over AKIAIOSFODNN7EXAMPLE …
//!     └ quiet: nothing begins here ┘ └ from here on it is read
//! ```
//! The search finds a superset: a position where no match begins may be reported and is then read, but none is missed.
//! Near the end of a text, the bytes that have not arrived may be anything.
//!
//! Positions are found as in Hyperscan's Teddy: prefixes are put into eight buckets, and for each of the first four bytes two
//! tables, indexed by the lower and the upper half of a byte, give the buckets in which it may occur. Of the byte before
//! them, it counts whether it is part of a word. What a bucket lets through is checked again by whole bytes, in smaller
//! buckets.

mod bucket;
mod halves;
mod prefix;
#[cfg(any(test, not(all(target_arch = "wasm32", target_feature = "simd128"))))]
mod steps;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod vectors;

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
use steps as places;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use vectors as places;

use regex_syntax::hir::Hir;

use halves::{BYTES, Buckets};
use prefix::Prefix;

/// The number of smaller buckets in each.
const SMALLER: usize = 4;

/// If more positions than this are expected per thousand bytes of prose, they are not searched for. (The expectation is
/// a guess, as if letters were independent: short frequent words occur more often, and reading on after a near start,
/// `rows.rs`, makes up for it.)
const MANY_IN_THOUSAND: f32 = 12.0;

/// Where matches of some patterns may begin.
#[derive(Debug)]
pub(super) struct Starts {
    buckets: Buckets,
    /// By byte: the smaller buckets in which it may occur.
    whole: Box<[[u32; 256]; BYTES]>,
}

impl Starts {
    /// For these patterns; `None` if their matches begin in too many ways, or nearly everywhere.
    pub(super) fn new<'h>(patterns: impl IntoIterator<Item = &'h Hir>) -> Option<Starts> {
        let mut prefixes = Vec::new();
        for hir in patterns {
            prefixes.extend(prefix::of(hir)?);
        }
        // Those that begin alike are adjacent, and go into the same smaller bucket.
        prefixes.sort_unstable();
        prefixes.dedup();
        if prefixes.iter().map(Prefix::in_thousand).sum::<f32>() > MANY_IN_THOUSAND {
            return None;
        }
        let mut starts = Starts { buckets: Buckets::default(), whole: Box::new([[0; 256]; BYTES]) };
        for (number, bucket) in bucket::choose(&prefixes).into_iter().enumerate() {
            let each = bucket.len().div_ceil(SMALLER).max(1);
            for (smaller, chosen) in bucket.chunks(each).enumerate() {
                let bit = 1 << (number * SMALLER + smaller);
                chosen.iter().for_each(|prefix| starts.add(prefix, 1 << number, bit));
            }
        }
        Some(starts)
    }

    fn add(&mut self, prefix: &Prefix, bucket: u8, smaller: u32) {
        self.buckets.before.add(*prefix.before(), bucket);
        for (halves, set) in self.buckets.first.iter_mut().zip(prefix.first()) {
            halves.add(*set, bucket);
        }
        for (whole, set) in self.whole.iter_mut().zip(prefix.sets()) {
            for byte in set.bytes() {
                if let Some(own) = whole.get_mut(usize::from(byte)) {
                    *own |= smaller;
                }
            }
        }
    }

    /// The first position at or after `from` where a match may begin; the length of `bytes` if there is none.
    pub(super) fn next(&self, bytes: &[u8], from: usize) -> usize {
        places::first(&self.buckets, bytes, from, |at| self.may_begin(bytes, at))
    }

    /// True if some prefix may be there. A byte that has not arrived may be any.
    fn may_begin(&self, bytes: &[u8], at: usize) -> bool {
        let of = |whole: &[u32; 256], byte: u8| whole.get(usize::from(byte)).copied();
        let places = self.whole.iter();
        let from = at.wrapping_sub(1);
        let smaller = match bytes.get(from..).and_then(<[u8]>::first_chunk::<BYTES>) {
            Some(there) => {
                let each = places.zip(there);
                each.fold(u32::MAX, |all, (whole, byte)| all & of(whole, *byte).unwrap_or(u32::MAX))
            }
            None => places.zip(0..).fold(u32::MAX, |all, (whole, place)| {
                let byte = bytes.get(from.wrapping_add(place)).copied();
                all & byte.and_then(|byte| of(whole, byte)).unwrap_or(u32::MAX)
            }),
        };
        smaller != 0
    }
}

#[cfg(test)]
mod tests {
    use super::super::language::read;
    use super::*;
    use proptest::prelude::*;

    fn starts(sources: &[&str]) -> Option<Starts> {
        let hirs: Vec<Hir> = sources.iter().map(|source| read(source, false).unwrap()).collect();
        Starts::new(&hirs)
    }

    fn all(starts: &Starts, text: &str) -> Vec<usize> {
        let from = |at| starts.next(text.as_bytes(), at);
        std::iter::successors(Some(from(0)), |at| Some(from(at + 1)))
            .take_while(|at| *at < text.len())
            .collect()
    }

    #[test]
    fn a_place_is_told_by_the_byte_before_and_four_more() {
        let own = starts(&[r"\bAK[IJ]A\d", "(?i)xylo", r"\B\+[1-9]+"]).unwrap();
        let text = "AKIA xAKJA AKJA, XyLo; +1234 a+1234 and many more words of prose -AKIX.";
        let found = all(&own, text);
        let words: Vec<&str> = found.iter().map(|at| text.get(*at..at + 4).unwrap()).collect();
        assert_eq!(words, ["AKIA", "AKJA", "XyLo", "+123"]);
    }

    #[test]
    fn what_has_not_come_yet_may_be_anything() {
        let own = starts(&[r"\bAKIA", "xylo"]).unwrap();
        for end in ["A", "AK", "AKI", "AKIA", "x", "xy", "xyl"] {
            let text = format!("and so many words come before it {end}");
            assert_eq!(all(&own, &text), [33], "{end}");
        }
        assert_eq!(all(&own, "and so many words come before it AKy"), Vec::<usize>::new());
    }

    #[test]
    fn patterns_that_begin_nearly_everywhere_are_not_looked_for() {
        for broad in [r"\w+x", "(?s).abc", r"[a-z]{3}", r"\s?[a-z]+ing", "e"] {
            assert!(starts(&[broad]).is_none(), "{broad}");
        }
    }

    #[test]
    fn packs_are_looked_for() {
        for pack in ["secrets", "prompt-injection"] {
            let patterns = crate::search::Pattern::parse(&format!("pack:{pack}"), false).unwrap();
            let hirs = patterns.iter().map(|pattern| &pattern.hir);
            assert!(Starts::new(hirs).is_some(), "{pack}");
        }
    }

    #[test]
    fn few_places_are_looked_at_twice() {
        let find = ["pack:secrets", "pack:pii", "(?i)xylographic quagga"];
        let parsed =
            find.iter().flat_map(|find| crate::search::Pattern::parse(find, false).unwrap());
        let hirs: Vec<Hir> = parsed.map(|pattern| pattern.hir).collect();
        let hirs = hirs.iter().filter(|hir| !super::super::sparse::begins_in_words(hir));
        let own = Starts::new(hirs).unwrap();
        let code = include_str!("starts.rs").as_bytes();
        let prose = include_str!("../../../docs/ARCHITECTURE.md").as_bytes();
        for text in [code, prose] {
            let next = |from| places::first(&own.buckets, text, from, |_| true);
            let all = std::iter::successors(Some(next(0)), |at| Some(next(at + 1)));
            let places = all.take_while(|at| *at < text.len()).count();
            assert!(places < text.len() / 32, "{places} of {}", text.len());
        }
    }

    proptest! {
        #[test]
        fn no_start_is_left_out(text in "[AKIx yl1+\u{e9}]{0,80}", from in 0_usize..80) {
            let sources = [r"\bAK[IJ]A\d", "xyl", r"\B\+[1-9]{2}", r"lé\w", r"\b1(?:K|  )?A"];
            let own = starts(&sources).unwrap();
            let bytes = text.as_bytes();
            let prefixes: Vec<Prefix> =
                sources.iter().flat_map(|own| prefix::of(&read(own, false).unwrap()).unwrap()).collect();
            let is = |at: &usize| {
                let before = at.checked_sub(1).map(|before| bytes[before]);
                prefixes.iter().any(|prefix| prefix.is_at(before, &bytes[*at..]))
            };
            // With this few prefixes, each has a smaller bucket of its own.
            let plain = (from..bytes.len()).find(is).unwrap_or(bytes.len().max(from));
            prop_assert_eq!(own.next(bytes, from), plain);
        }
    }
}
