//! Estimates how many tokens a text has without a tokenizer: characters by class, weighted.
//!
//! The weights were fitted to the recorded requests whose answers report a count, by `benches/fit_estimate.py`
//! (`tests/limits_estimate.rs` asserts the error). They err on the high side: an estimate that is too low becomes debt,
//! one that is too high is given back.

use crate::dialect::spend::Spending;
use crate::dialect::{self, DialectId};
use crate::wire::find::{self, Classes};

/// Counts of characters by class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CharacterCounts {
    /// ASCII letters.
    pub letters: u64,
    /// Runs of letters and digits.
    pub words: u64,
    /// ASCII digits.
    pub digits: u64,
    /// Other ASCII except blanks.
    pub signs: u64,
    /// Letters outside ASCII of at most two bytes (Latin with accents, Greek, Cyrillic, Hebrew, Arabic).
    pub alphabets: u64,
    /// All other characters (Chinese, Japanese, Korean, Indic, emoji).
    pub others: u64,
    /// Letters after the twentieth of a run.
    pub long: u64,
    in_word: usize,
}

/// Weights of the parts of a request for a dialect's models, in thousandths of a token.
#[derive(Debug)]
struct Weights {
    /// Factor for the text, in thousandths.
    text: u64,
    /// Every call, whatever is in it.
    call: u64,
    /// Each turn.
    turn: u64,
    /// Any tools at all: models are told how to use them.
    any_tool: u64,
    /// Each tool.
    tool: u64,
    /// Each byte of tool definitions.
    tool_byte: u64,
    /// Any schema for the answer.
    any_format: u64,
    /// Each byte of that schema.
    format_byte: u64,
    /// Each byte of encrypted reasoning.
    sealed_byte: u64,
}

const OPENAI_CHAT: Weights = Weights {
    text: 960,
    call: 1720,
    turn: 5300,
    any_tool: 118_500,
    tool: 6500,
    tool_byte: 150,
    any_format: 1900,
    format_byte: 154,
    sealed_byte: 100,
};
const OPENAI_RESPONSES: Weights = Weights {
    text: 993,
    call: 3180,
    turn: 4090,
    any_tool: 6150,
    tool: 6000,
    tool_byte: 120,
    any_format: 1690,
    format_byte: 126,
    sealed_byte: 75,
};
const ANTHROPIC: Weights = Weights {
    text: 1460,
    call: 2200,
    turn: 4560,
    any_tool: 491_000,
    tool: 8200,
    tool_byte: 280,
    any_format: 2060,
    format_byte: 845,
    sealed_byte: 31,
};
/// Bedrock serves models of many makers: the weights of those with the fewest characters per token, plus room for what
/// some of them add to every call and to every list of tools, so that the estimate is high rather than low.
const BEDROCK: Weights = Weights { call: 66_000, any_tool: 640_000, ..ANTHROPIC };
const GEMINI: Weights = Weights {
    text: 1015,
    call: 980,
    turn: 420,
    any_tool: 1800,
    tool: 6800,
    tool_byte: 176,
    any_format: 1370,
    format_byte: 38,
    sealed_byte: 231,
};

/// Text of any dialect, in thousandths of a token.
const LETTER: u64 = 101;
const LONG_LETTER: u64 = 535;
const WORD: u64 = 518;
const DIGIT: u64 = 851;
const SIGN: u64 = 1188;
const ALPHABET: u64 = 489;
const OTHER: u64 = 1000;

/// A tool that the provider defines (`bash`, `computer`).
const NAMED_TOOL: u64 = 1_200_000;

/// An image, a sound or a file: what a large picture costs.
const MEDIA: u64 = 1_500_000;

/// Letters of a word after this many are not language: keys, hashes, base64.
const LONG_WORD: usize = 20;

fn weights(dialect: DialectId) -> &'static Weights {
    match dialect::dialect(dialect).kin() {
        DialectId::OpenaiChat => &OPENAI_CHAT,
        DialectId::OpenaiResponses => &OPENAI_RESPONSES,
        DialectId::Anthropic => &ANTHROPIC,
        DialectId::Bedrock => &BEDROCK,
        // The weights of Gemini; in MCP no model is asked, so they do not matter.
        _ => &GEMINI,
    }
}

/// What was seen of one text: bytes by class, and runs of letters and digits.
#[derive(Debug, Default)]
struct Seen {
    letters: usize,
    words: usize,
    digits: usize,
    blanks: usize,
    high: usize,
    alphabets: usize,
    others: usize,
    long: usize,
    /// The length of the run that reaches the end.
    run: usize,
}

impl Seen {
    /// Adds the first `len` bytes of a block; the bytes after them are of no class.
    #[inline(always)]
    fn block(&mut self, classes: &Classes, len: usize) {
        let count = |bits: u32| bits.count_ones() as usize;
        let in_word = classes.letters | classes.digits;
        let begins = in_word & !(in_word << 1 | u32::from(self.run > 0));
        self.letters += count(classes.letters);
        self.words += count(begins);
        self.digits += count(classes.digits);
        self.blanks += count(classes.blanks);
        if classes.high != 0 {
            self.high += count(classes.high);
            self.alphabets += count(classes.alphabets);
            self.others += count(classes.others);
        }
        // A word that began before the block may be long in it; one that begins in the block is too short for that.
        let lead = in_word.trailing_ones() as usize;
        if self.run + lead > LONG_WORD {
            let bits = |count: usize| (1_u32 << count.min(find::BLOCK)) - 1;
            let long = bits(lead) & !bits(LONG_WORD.saturating_sub(self.run).min(lead));
            self.long += count(long & classes.letters);
        }
        self.run = match lead == len {
            true => self.run + lead,
            false => (in_word << (32 - len)).leading_ones() as usize,
        };
    }
}

impl CharacterCounts {
    /// Adds a text or a piece of one.
    pub fn add(&mut self, text: &str) {
        let (blocks, rest) = text.as_bytes().as_chunks();
        // In local variables, and not loaded and stored for every block.
        let mut seen = Seen { run: self.in_word, ..Seen::default() };
        for block in blocks {
            seen.block(&find::classes(block), block.len());
        }
        // The zeros behind it belong to no class.
        seen.block(&find::classes(&find::begun(rest)), rest.len());
        let Seen { letters, words, digits, blanks, high, alphabets, others, long, run } = seen;
        self.letters += (letters - long) as u64;
        self.long += long as u64;
        self.words += words as u64;
        self.digits += digits as u64;
        self.signs += (text.len() - letters - digits - blanks - high) as u64;
        self.alphabets += alphabets as u64;
        self.others += others as u64;
        self.in_word = run;
    }

    fn thousandths(&self) -> u64 {
        let parts = [
            (self.letters, LETTER),
            (self.long, LONG_LETTER),
            (self.words, WORD),
            (self.digits, DIGIT),
            (self.signs, SIGN),
            (self.alphabets, ALPHABET),
            (self.others, OTHER),
        ];
        parts
            .iter()
            .fold(0, |sum: u64, (count, weight)| sum.saturating_add(count.saturating_mul(*weight)))
    }

    /// Tokens of everything added so far.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.thousandths().div_ceil(1000)
    }

    /// Tokens of a request of this dialect that contains the text added so far.
    #[must_use]
    pub fn request(&self, dialect: DialectId, spending: &Spending) -> u64 {
        let weights = weights(dialect);
        let if_any = |count: u64, weight: u64| if count > 0 { weight } else { 0 };
        let parts = [
            (self.thousandths().saturating_mul(weights.text) / 1000, 1),
            (weights.call, 1),
            (weights.turn, spending.turns),
            (if_any(spending.tool_bytes, weights.any_tool), 1),
            (weights.tool, spending.tools),
            (weights.tool_byte, spending.tool_bytes),
            (if_any(spending.format_bytes, weights.any_format), 1),
            (weights.format_byte, spending.format_bytes),
            (weights.sealed_byte, spending.sealed_bytes),
            (NAMED_TOOL, spending.named_tools),
            (MEDIA, spending.media),
        ];
        let sum = parts
            .iter()
            .fold(0, |sum: u64, (weight, count)| sum.saturating_add(weight.saturating_mul(*count)));
        sum.div_ceil(1000)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same count, character by character.
    fn plainly(text: &str) -> CharacterCounts {
        let (mut own, mut run) = (CharacterCounts::default(), 0);
        for c in text.chars() {
            let in_word = c.is_ascii_alphanumeric();
            own.words += u64::from(in_word && run == 0);
            match c {
                'a'..='z' | 'A'..='Z' if run >= LONG_WORD => own.long += 1,
                'a'..='z' | 'A'..='Z' => own.letters += 1,
                '0'..='9' => own.digits += 1,
                ' ' | '\n' | '\r' | '\t' => {}
                '\0'..='\x7f' => own.signs += 1,
                '\u{80}'..='\u{7ff}' => own.alphabets += 1,
                _ => own.others += 1,
            }
            run = if in_word { run + 1 } else { 0 };
        }
        own.in_word = run;
        own
    }

    proptest! {
        #[test]
        fn characters_are_counted_whatever_the_pieces(
            words in prop::collection::vec(r"[a-zA-Z]{0,45}|[0-9]{1,30}|[a-z0-9]{15,50}|[ \t\r\n.,:{}@\[`/]{1,3}|[é-ж中😀\x00\x7f]{1,3}", 0..12),
            cut in 1_usize..40,
        ) {
            let text = words.concat();
            let mut weigh = CharacterCounts::default();
            let mut rest = text.as_str();
            while !rest.is_empty() {
                let (piece, more) = rest.split_at(rest.ceil_char_boundary(cut.min(rest.len())));
                weigh.add(piece);
                rest = more;
            }
            prop_assert_eq!(weigh, plainly(&text));
        }
    }
}
