//! `--where LABEL=GLOB`: which calls are examined, and which of them are looked for.

use hemostat_engine::policy::program::glob;

use super::dimension::Dimension;
use crate::shared::access_log::{Entry, Field};
use crate::shared::error::{Error, Result};
use crate::shared::terminal::safe;

/// All conditions of a command line. Those on labels limit which calls are examined; those on outcomes (rule, action,
/// status, finish_reason, unchecked) say which calls are looked for.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    narrow: Vec<Condition>,
    wanted: Vec<Condition>,
}

/// A dimension, and the globs for its values: one of the plain ones must match, and none of the negated ones.
#[derive(Debug)]
struct Condition {
    dimension: Dimension,
    plain: Vec<String>,
    negated: Vec<String>,
}

impl Conditions {
    /// Parses `LABEL=GLOB` and `LABEL=!GLOB`. The same label again adds an alternative.
    pub(crate) fn parse(words: &[String]) -> Result<Self> {
        let mut all = Self::default();
        for word in words {
            let (name, glob) =
                word.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
                    let word = safe(word);
                    Error::failed(format!("`{word}` is not a condition such as `feature=checkout`"))
                })?;
            let dimension = Dimension::named(name);
            let list = if dimension.is_outcome() { &mut all.wanted } else { &mut all.narrow };
            let at = list.iter().position(|own| own.dimension == dimension).unwrap_or(list.len());
            if at == list.len() {
                list.push(Condition { dimension, plain: Vec::new(), negated: Vec::new() });
            }
            let Some(own) = list.get_mut(at) else { continue };
            match glob.strip_prefix('!') {
                Some(glob) => own.negated.push(glob.to_owned()),
                None => own.plain.push(glob.to_owned()),
            }
        }
        Ok(all)
    }

    /// True if this call is examined.
    pub(crate) fn looks_at(&self, entry: &Entry<'_>) -> bool {
        self.narrow.iter().all(|one| one.holds(entry))
    }

    /// What is looked for, in words; `None`: whatever rules acted on, and whatever failed.
    pub(crate) fn wanted(&self) -> Option<String> {
        (!self.wanted.is_empty())
            .then(|| self.wanted.iter().map(Condition::words).collect::<Vec<_>>().join(" and "))
    }

    /// All conditions in words, for the head of a report.
    pub(crate) fn words(&self) -> Vec<String> {
        self.narrow.iter().chain(&self.wanted).map(Condition::words).collect()
    }

    /// Calls `each` with every outcome of this call that is looked for.
    pub(crate) fn outcomes(&self, entry: &Entry<'_>, each: &mut dyn FnMut(&str)) {
        if !self.wanted.is_empty() {
            if self.wanted.iter().all(|one| one.holds(entry)) {
                each("");
            }
            return;
        }
        let hits = entry.hits();
        for hit in &hits {
            let action = action(hit);
            // These move traffic where somebody wants it, which is no sign of a problem.
            let steers = ["rollback", "switch", "downgrade"];
            let spared = action.strip_prefix("shadow-").is_some_and(|watched| {
                hits.iter().any(|other| prevents(self::action(other), watched))
            });
            if !steers.contains(&action.trim_start_matches("shadow-")) && !spared {
                each(hit);
            }
        }
        if entry.whole(Field::Status).is_some_and(|status| status >= 500) {
            each("status:5xx");
        }
        for reason in entry.several(Field::Finish) {
            if !ORDINARY.contains(&reason.to_ascii_lowercase().as_str()) {
                each(&format!("finish:{reason}"));
            }
        }
    }
}

fn action(hit: &str) -> &str {
    hit.rsplit_once(':').map_or("", |(_, action)| action)
}

/// True if the action `done` of an enforced rule has kept from the caller what a rule in shadow would have met with
/// `watched`: the call shows that the guard works, not that somebody was harmed.
fn prevents(done: &str, watched: &str) -> bool {
    let enough: &[&str] = match watched {
        "redact" => &["redact", "block", "fallback"],
        "block" | "fallback" => &["block", "fallback"],
        "deny" | "approve" => &["deny", "approve", "block", "fallback"],
        "reject" => &["reject", "fallback"],
        _ => &[],
    };
    enough.contains(&done)
}

/// Reasons with which answers end ordinarily, including at their maximum length.
const ORDINARY: [&str; 12] = [
    "stop",
    "end_turn",
    "stop_sequence",
    "tool_calls",
    "tool_use",
    "function_call",
    "completed",
    "length",
    "max_tokens",
    "incomplete",
    "pause_turn",
    "max_output_tokens",
];

impl Condition {
    fn holds(&self, entry: &Entry<'_>) -> bool {
        let (mut plain, mut negated) = (self.plain.is_empty(), false);
        self.dimension.values(entry, &mut |value| {
            // `rule=harmful` matches the rule with any action.
            let bare = value.rsplit_once(':').map_or(value, |(rule, _)| rule);
            let fits = |glob: &String| {
                glob::matches(glob, value)
                    || (self.dimension.name == "rule" && glob::matches(glob, bare))
            };
            plain |= self.plain.iter().any(fits);
            negated |= self.negated.iter().any(fits);
        });
        plain && !negated
    }

    fn words(&self) -> String {
        let negated = self.negated.iter().map(|glob| format!("!{glob}"));
        let all: Vec<String> = self.plain.iter().cloned().chain(negated).collect();
        format!("{}={}", self.dimension.name, all.join("|"))
    }
}
