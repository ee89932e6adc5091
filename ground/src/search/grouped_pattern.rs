//! A pattern as part of a group, and what it reports.

use super::Hit;
use super::packs::Check;
use super::view::TextView;
use regex_automata::nfa::thompson::NFA;

/// A pattern as part of a group.
#[derive(Debug)]
pub(super) struct GroupedPattern {
    pub(super) nfa: NFA,
    /// The rules that search for it.
    pub(super) tags: Vec<u32>,
    /// The length of its shortest match, in bytes.
    pub(super) shortest: usize,
    pub(super) check: Option<Check>,
}

impl GroupedPattern {
    /// Reports a candidate, if the pattern's check accepts it. Returns where the pattern's next match may begin.
    // One copy: candidates are rare.
    #[inline(never)]
    pub(super) fn judge(
        &self,
        view: &TextView<'_>,
        start: u64,
        end: u64,
        hits: &mut Vec<Hit>,
    ) -> Option<u64> {
        let end = match self.check {
            None => end,
            Some(check) => {
                let text = std::str::from_utf8(view.slice(start, end)).ok()?;
                let length = check(text)?.clamp(1, text.len());
                start.saturating_add(u64::try_from(length).ok()?)
            }
        };
        self.report(start, end, hits);
        Some(end)
    }

    pub(super) fn report(&self, start: u64, end: u64, hits: &mut Vec<Hit>) {
        hits.extend(self.tags.iter().map(|&tag| Hit { start, end, tag }));
    }
}
