//! One pattern of a policy: parsed, rewritten to the ASCII rules, and judged.

use super::automaton;
use super::language;
use super::packs::{self, Check};
use super::pattern_error::PatternError;
use crate::limits::PATTERN_BYTES;
use regex_syntax::hir::{Class, Hir, HirKind};

/// A pattern as a policy states it, parsed and rewritten to the ASCII rules of POLICY "Patterns".
#[derive(Debug, Clone)]
pub struct Pattern {
    pub(super) name: String,
    pub(super) hir: Hir,
    pub(super) fold: bool,
    pub(super) check: Option<Check>,
}

impl Pattern {
    /// Reads a `find` entry: a regular expression, or a pack (`pack:secrets`), which stands for several patterns.
    ///
    /// # Errors
    /// Bad syntax, something outside the language (look-around, back-references, `\p`), an unknown pack, a pattern that
    /// matches the empty text, one that is too big when compiled.
    pub fn parse(source: &str, fold: bool) -> Result<Vec<Pattern>, PatternError> {
        match source.strip_prefix("pack:") {
            Some(pack) => {
                let (pack, patterns) = packs::find(pack)?;
                let read = |own: &packs::Packed| {
                    let name = format!("pack:{pack}/{}", own.name);
                    Pattern::regex(&name, own.source, fold, own.check)
                };
                patterns.iter().map(read).collect()
            }
            None => Ok(vec![Pattern::regex(source, source, fold, None)?]),
        }
    }

    fn regex(
        name: &str,
        source: &str,
        fold: bool,
        check: Option<Check>,
    ) -> Result<Pattern, PatternError> {
        let refused = |message: String, help: &str| PatternError {
            offset: None,
            message,
            help: Some(help.to_owned()),
        };
        if source.len() > PATTERN_BYTES {
            return Err(refused(
                format!("the pattern is longer than {PATTERN_BYTES} bytes"),
                "split it into several",
            ));
        }
        let hir = language::read(source, fold)?;
        match hir.properties().minimum_len() {
            Some(0) => Err(refused(
                "the pattern matches the empty text".to_owned(),
                "make one part of it required, for example `+` in place of `*`",
            )),
            None => Err(refused(
                "the pattern can never match".to_owned(),
                "look for an empty class such as `[a&&b]`",
            )),
            Some(_) => {
                automaton::compile(&hir)?;
                Ok(Pattern { name: name.to_owned(), hir, fold, check })
            }
        }
    }

    /// The pattern's name: its source, or `pack:NAME/PATTERN`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// True if a partial match could stay alive on ordinary prose without bound (`hemostat check` reports such
    /// patterns): it repeats without a bound something that matches both letters and blanks, like `.*` and `[^"]*`.
    /// `\s+` and `[A-Za-z0-9]{20,}` are not reported: prose ends them soon, and text that does not is subject to the
    /// bound on held text.
    #[must_use]
    pub fn unbounded(&self) -> bool {
        any(&self.hir, &|hir| match hir.kind() {
            HirKind::Repetition(repetition) => {
                repetition.max.is_none()
                    && any(&repetition.sub, &|hir| takes(hir, ' '))
                    && any(&repetition.sub, &|hir| takes(hir, 'e'))
            }
            _ => false,
        })
    }

    /// The length of its shortest match, in bytes.
    #[must_use]
    pub fn shortest(&self) -> usize {
        self.hir.properties().minimum_len().unwrap_or(usize::MAX)
    }

    /// True if every match begins or ends at a word boundary.
    #[must_use]
    pub fn asks_for_a_boundary(&self) -> bool {
        let properties = self.hir.properties();
        let mut both = properties.look_set_prefix().union(properties.look_set_suffix()).iter();
        both.any(|look| look.as_char() == 'b' || look.as_char() == '𝛃')
    }

    /// True if it repeats lazily, so that its match may end although a longer one could begin there.
    pub(super) fn is_lazy(&self) -> bool {
        any(&self.hir, &|hir| matches!(hir.kind(), HirKind::Repetition(r) if !r.greedy))
    }
}

/// True if `is` holds for `hir` or a part of it. Recursion is as deep as the parser's nest limit.
fn any(hir: &Hir, is: &dyn Fn(&Hir) -> bool) -> bool {
    is(hir) || hir.kind().subs().iter().any(|sub| any(sub, is))
}

/// True if a literal or a class matches this ASCII character.
pub(super) fn takes(hir: &Hir, c: char) -> bool {
    match hir.kind() {
        HirKind::Literal(literal) => literal.0.iter().any(|&byte| char::from(byte) == c),
        HirKind::Class(Class::Unicode(class)) => {
            class.ranges().iter().any(|range| range.start() <= c && c <= range.end())
        }
        HirKind::Class(Class::Bytes(class)) => class
            .ranges()
            .iter()
            .any(|range| char::from(range.start()) <= c && c <= char::from(range.end())),
        _ => false,
    }
}
