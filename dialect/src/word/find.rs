//! Finds words.

use super::{ALL, COUNT, LENGTHS, Word};
use crate::fields::string;
use crate::wire::find::same;
use crate::wire::json::{Value, key_hash};

impl Word {
    /// A text that is none of these words.
    pub(crate) const OTHER: Self = Self(0);

    /// How many numbers there are, that of [`Word::OTHER`] included.
    pub(crate) const NUMBERS: usize = COUNT + 1;

    /// Its number, below [`Word::NUMBERS`]: its place in a table with what words tell.
    pub(crate) const fn number(self) -> usize {
        self.0 as usize
    }

    /// The word that is the key of this value.
    #[inline(never)]
    pub(crate) fn key(value: &Value<'_>) -> Self {
        Self::key_in_place(value)
    }

    /// The same, copied into its caller: for what looks at every value.
    #[inline(always)]
    pub(crate) fn key_in_place(value: &Value<'_>) -> Self {
        match value.plain_key() {
            Some(key) => find(key, value.hash()),
            None => escaped(value),
        }
    }

    /// The word that this string is, decoded; [`empty`](super::empty) for an empty string, for other values and for none.
    #[inline(never)]
    pub(crate) fn value(value: Option<Value<'_>>) -> Self {
        Self::of(&string(value))
    }

    /// The word that a text is.
    #[inline(never)]
    pub(crate) fn of(text: &[u8]) -> Self {
        find(text, key_hash(text))
    }
}

/// Slots of the table; a power of two, and more than twice the number of words.
const PLACES: usize = 1024;

/// At the slot of a word's hash, or the next free one: its number, its length and where it begins in [`ALL`], in one
/// number, so that one look tells nearly always; 0 in a free slot.
static TABLE: [u32; PLACES] = table();

/// How many bits a number has, and a length.
const NUMBER_BITS: u32 = 10;
const LENGTH_BITS: u32 = 6;

const fn place(hash: u16) -> usize {
    (hash ^ (hash >> 6)) as usize % PLACES
}

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated when this is compiled: it cannot fail later"
)]
const fn table() -> [u32; PLACES] {
    let mut table = [0; PLACES];
    let (mut at, mut start) = (0, 0);
    while at < COUNT {
        let (_, from) = ALL.as_bytes().split_at(start);
        let (word, _) = from.split_at(LENGTHS[at]);
        let mut here = place(key_hash(word));
        while table[here] != 0 {
            here = (here + 1) % PLACES;
        }
        at += 1;
        assert!(at < 1 << NUMBER_BITS && word.len() < 1 << LENGTH_BITS && start < 1 << 16);
        table[here] =
            ((start as u32) << LENGTH_BITS | word.len() as u32) << NUMBER_BITS | at as u32;
        start += word.len();
    }
    table
}

/// A function of its own, so that the usual case needs no room on the stack.
#[cold]
#[inline(never)]
fn escaped(value: &Value<'_>) -> Word {
    Word::of(value.key())
}

#[inline(always)]
fn find(own: &[u8], hash: u16) -> Word {
    let mut here = place(hash);
    while let Some(&slot) = TABLE.get(here).filter(|slot| **slot != 0) {
        let (number, rest) = (slot % (1 << NUMBER_BITS), slot >> NUMBER_BITS);
        let (length, start) =
            ((rest % (1 << LENGTH_BITS)) as usize, (rest >> LENGTH_BITS) as usize);
        let is_own = |word: &[u8]| same(word, own);
        if length == own.len() && ALL.as_bytes().get(start..start + length).is_some_and(is_own) {
            return Word(number as u16);
        }
        here = (here + 1) % PLACES;
    }
    Word::OTHER
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::wire::json::Doc;

    /// The text of the word with this number.
    fn spelling(number: u16) -> Option<&'static [u8]> {
        let at = usize::from(number).checked_sub(1)?;
        let start: usize = LENGTHS.get(..at)?.iter().sum();
        ALL.as_bytes().get(start..start + LENGTHS.get(at)?)
    }

    #[test]
    fn every_word_is_found_by_its_text_and_stands_once() {
        for number in 1..=COUNT as u16 {
            let text = spelling(number).unwrap();
            assert_eq!(Word::of(text), Word(number), "{}", String::from_utf8_lossy(text));
        }
        assert_eq!(Word::of(b""), crate::word::empty);
    }

    /// Where names are still compared as bytes: it looks at every value of a request, and most are told by their length.
    const BY_BYTES: &str = "spelling.rs";

    fn sources(folder: &std::path::Path, all: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => sources(&path, all),
                false => all.push(path),
            }
        }
    }

    #[test]
    fn no_dialect_matches_names_byte_by_byte() {
        let mut all = Vec::new();
        sources(concat!(env!("CARGO_MANIFEST_DIR"), "/src").as_ref(), &mut all);
        all.retain(|path| !path.ends_with(BY_BYTES));
        assert!(all.len() > 100, "{all:?}");
        for path in all {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            for line in code.lines().map(str::trim_start) {
                let pattern = line.strip_prefix("| ").unwrap_or(line).trim_start_matches('(');
                let arm = line.starts_with("| ") || line.contains("=>");
                assert!(!(arm && pattern.starts_with("b\"")), "{}: {line}", path.display());
            }
        }
    }

    proptest! {
        #[test]
        fn a_text_is_a_word_if_it_is_in_the_list(
            number in 1..=COUNT as u16,
            cut in any::<Index>(),
            more in prop_oneof![Just(String::new()), "[a-zA-Z_.-]{0,3}"],
        ) {
            // Words, their beginnings and ends, and what is nearly one.
            let (head, tail) = spelling(number).unwrap().split_at(cut.index(64).min(LENGTHS[usize::from(number) - 1]));
            for near in [[head, more.as_bytes()].concat(), [more.as_bytes(), tail].concat(), [head, more.as_bytes(), tail].concat()] {
                let listed = (1..=COUNT as u16).find(|own| spelling(*own) == Some(&near));
                prop_assert_eq!(Word::of(&near), listed.map_or(Word::OTHER, Word));
                let json = format!(r#"{{"{}":0}}"#, String::from_utf8(near.clone()).unwrap());
                let mut doc = Doc::default();
                doc.parse(json.as_bytes()).unwrap();
                let member = doc.value(json.as_bytes(), 1).unwrap();
                prop_assert_eq!(Word::key(&member), Word::of(&near));
            }
        }
    }
}
