//! Patterns over running text: hits, and how much of the text is decided.
//!
//! A [`Matcher`] is compiled once from the patterns of some rules; a [`TextScan`] is one text that grows. After every
//! [`TextScan::feed`] the text up to [`TextScan::clear`] is decided: every match that begins before it has been
//! reported, and no live partial match begins before it (invariant 6). Nothing depends on how the text was cut into
//! feeds (invariant 7).

/// A pattern as a policy names it, parsed and brought to the ASCII rules of POLICY "Patterns".
#[derive(Debug, Clone)]
pub struct Pattern {}

/// Why a pattern is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    /// Byte offset in the pattern, where there is one.
    pub offset: Option<usize>,
    /// What is wrong: lower case, no final period, the user's words in backticks.
    pub message: String,
    /// What would be accepted.
    pub help: Option<String>,
}

impl Pattern {
    /// Reads `find` entries: a regular expression, or a pack (`pack:secrets`), which stands for several patterns.
    ///
    /// # Errors
    /// Bad syntax, something outside the language (look-around, back-references, `\p`), an unknown pack, a pattern
    /// that matches the empty text, one that compiles too big.
    pub fn parse(_source: &str, _fold: bool) -> Result<Vec<Pattern>, PatternError> {
        Ok(Vec::new())
    }

    /// True if a partial match of it could stay live without bound (`hemostat check` names such patterns).
    #[must_use]
    pub fn unbounded(&self) -> bool {
        false
    }
}

/// One match of one rule's pattern in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Where the match begins: bytes of decoded UTF-8 text since the text's beginning.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// The number that came with the pattern (a rule's index).
    pub tag: u32,
}

/// The patterns of some rules, compiled. Cheap to share (`Rc`) within a thread; lazily built states live inside.
#[derive(Debug)]
pub struct Matcher {}

impl Matcher {
    /// Compiles patterns; each comes with the number that its hits carry.
    ///
    /// # Errors
    /// Together they are too big.
    pub fn new<'a>(
        _patterns: impl IntoIterator<Item = (u32, &'a Pattern)>,
    ) -> Result<Matcher, PatternError> {
        Ok(Matcher {})
    }

    /// True if it can never report a hit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        true
    }
}

/// One text that grows, scanned as it comes.
#[derive(Debug, Default)]
pub struct TextScan {}

impl TextScan {
    /// Takes the next piece of the text; pushes hits that became certain, in order of `(end of decision, start)`.
    /// A hit's start is never before what [`TextScan::clear`] said earlier.
    pub fn feed(&mut self, _matcher: &Matcher, _text: &str, _hits: &mut Vec<Hit>) {}

    /// The text is complete: what was live is decided now. Afterwards `clear() == fed()`.
    pub fn finish(&mut self, _matcher: &Matcher, _hits: &mut Vec<Hit>) {}

    /// Gives up on live partial matches: everything fed so far is decided without them (`on_hold_limit: release`).
    /// Matches that are already complete are still reported. Scanning goes on afresh.
    pub fn release(&mut self, _matcher: &Matcher, _hits: &mut Vec<Hit>) {}

    /// The text before this offset is decided (bytes of decoded text).
    #[must_use]
    pub fn clear(&self) -> u64 {
        0
    }

    /// How much has been fed.
    #[must_use]
    pub fn fed(&self) -> u64 {
        0
    }
}
