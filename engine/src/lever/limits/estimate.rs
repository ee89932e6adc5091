//! How many tokens a text has, without a tokenizer: characters by class, weighed.
//!
//! The weights were fitted to the recorded requests whose answers say what was counted, by `benches/fit_estimate.py`
//! (`tests/limits_estimate.rs` asserts the error). They lean upwards: an estimate that is too low becomes debt, one that is
//! too high is given back.

use crate::dialect::spend::Spending;
use crate::dialect::{self, DialectId};

/// Characters by class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Weigh {
    /// ASCII letters.
    pub letters: u64,
    /// Runs of letters and digits.
    pub words: u64,
    /// ASCII digits.
    pub digits: u64,
    /// Other ASCII but blanks.
    pub signs: u64,
    /// Letters of alphabets other than Latin's ASCII part, two or fewer bytes long (Latin with accents, Greek, Cyrillic,
    /// Hebrew, Arabic).
    pub alphabets: u64,
    /// All other characters (Chinese, Japanese, Korean, Indic, emoji).
    pub others: u64,
    /// Letters beyond the twentieth of a run.
    pub long: u64,
    in_word: u64,
}

/// What a dialect's models make of a request, in thousandths of a token.
#[derive(Debug)]
struct Weights {
    /// A thousandth of the text's own weight.
    text: u64,
    /// The call, whatever is in it.
    call: u64,
    /// A turn.
    turn: u64,
    /// Tools at all: models are told how to use them.
    any_tool: u64,
    /// A tool.
    tool: u64,
    /// A byte of tool definitions.
    tool_byte: u64,
    /// A schema for the answer at all.
    any_format: u64,
    /// A byte of that schema.
    format_byte: u64,
    /// A byte of encrypted reasoning.
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
/// Bedrock serves many makers' models: what those of the fewest characters a token count, and room for what some of them
/// add to every call and to every list of tools, so that the estimate is high rather than low.
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

/// An image, a sound, a file: what a large picture costs.
const MEDIA: u64 = 1_500_000;

/// Letters of a word beyond this many are no language: keys, hashes, base64.
const LONG_WORD: u64 = 20;

/// Classes of characters, by the first byte that they are written in.
const LETTERS: u8 = 0;
const DIGITS: u8 = 1;
const SIGNS: u8 = 2;
const ALPHABETS: u8 = 3;
const OTHERS: u8 = 4;
/// Blanks, and the bytes behind the first.
const REST: u8 = 5;
const CLASSES: usize = 6;

const CLASS_OF: [u8; 256] = class_of();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated when this is compiled: it cannot fail later"
)]
const fn class_of() -> [u8; 256] {
    let mut classes = [REST; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => LETTERS,
            b'0'..=b'9' => DIGITS,
            b' ' | b'\n' | b'\r' | b'\t' | 0x80..=0xBF => REST,
            0..=0x7F => SIGNS,
            0xC0..=0xDF => ALPHABETS,
            0xE0..=0xFF => OTHERS,
        };
        byte += 1;
    }
    classes
}

fn weights(dialect: DialectId) -> &'static Weights {
    match dialect::dialect(dialect).kin() {
        DialectId::OpenaiChat => &OPENAI_CHAT,
        DialectId::OpenaiResponses => &OPENAI_RESPONSES,
        DialectId::Anthropic => &ANTHROPIC,
        DialectId::Bedrock => &BEDROCK,
        // Gemini's; no model is asked in MCP, where nothing is weighed.
        _ => &GEMINI,
    }
}

impl Weigh {
    /// Adds a text, or a piece of one.
    pub fn add(&mut self, text: &str) {
        let mut counts = [0_u64; CLASSES];
        let (mut words, mut long, mut in_word) = (0_u64, 0_u64, self.in_word);
        for &byte in text.as_bytes() {
            let class = CLASS_OF.get(usize::from(byte)).copied().unwrap_or(REST);
            if let Some(count) = counts.get_mut(usize::from(class)) {
                *count = count.wrapping_add(1);
            }
            if class > DIGITS {
                in_word = 0;
                continue;
            }
            if in_word == 0 {
                words = words.wrapping_add(1);
            } else if in_word >= LONG_WORD && class == LETTERS {
                long = long.wrapping_add(1);
            }
            in_word = in_word.wrapping_add(1);
        }
        let [letters, digits, signs, alphabets, others, _] = counts;
        self.letters += letters - long;
        self.digits += digits;
        self.signs += signs;
        self.alphabets += alphabets;
        self.others += others;
        self.words += words;
        self.long += long;
        self.in_word = in_word;
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

    /// Tokens of all that was added.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.thousandths().div_ceil(1000)
    }

    /// Tokens of a request of this dialect with these texts.
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
