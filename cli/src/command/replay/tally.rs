//! The results of all exchanges, added up.

use std::collections::BTreeMap;

use hemostat_engine::base::time;
use hemostat_engine::exchange::HeaderEdit;

use crate::shared::play::Seen;
use crate::shared::recording::Recording;

/// Labels that do not tell who is hit: they are in the first line, or the same for all.
const PLAIN: [&str; 4] = ["dialect", "method", "host", "path"];

/// How many values of a label are counted separately; the others are counted together.
const VALUES: usize = 1000;

/// The totals of all exchanges.
#[derive(Debug, Default)]
pub(super) struct Tally {
    by: Vec<String>,
    pub(super) exchanges: u64,
    pub(super) other: u64,
    pub(super) dialects: BTreeMap<String, u64>,
    pub(super) first: Option<u64>,
    pub(super) last: Option<u64>,
    /// Answered by the proxy: the model would not have been asked.
    pub(super) answered: u64,
    pub(super) changed_in: u64,
    pub(super) changed_out: u64,
    /// What rules did, most first.
    pub(super) lines: Vec<RuleLine>,
    pub(super) unchecked: BTreeMap<String, u64>,
    /// (name, what the other policy did, what this policy did)
    pub(super) otherwise: Vec<(String, String, String)>,
}

/// What one rule did.
#[derive(Debug, Default)]
pub(super) struct RuleLine {
    pub(super) rule: String,
    pub(super) action: String,
    pub(super) exchanges: u64,
    pub(super) first: Option<u64>,
    pub(super) last: Option<u64>,
    /// Exchanges by label and value.
    pub(super) labels: BTreeMap<String, BTreeMap<String, u64>>,
    pub(super) names: Vec<String>,
}

/// A time for people.
pub(super) fn shown(at: u64) -> String {
    time::format(at)
}

impl Tally {
    pub(super) fn new(by: &[String]) -> Self {
        Self { by: by.to_vec(), ..Self::default() }
    }

    /// The number of calls of a model.
    pub(super) fn calls(&self) -> u64 {
        self.exchanges - self.other
    }

    /// Adds one exchange; `other` is what another policy would have done.
    pub(super) fn add(&mut self, recording: &Recording, seen: &Seen, other: Option<&Seen>) {
        self.exchanges += 1;
        widen(&mut self.first, &mut self.last, recording.at);
        if seen.dialect.is_empty() {
            self.other += 1;
        } else {
            *self.dialects.entry(seen.dialect.clone()).or_default() += 1;
        }
        let changed = changed(recording, seen);
        self.answered += u64::from(seen.upstream.is_none());
        self.changed_in += u64::from(changed.in_);
        self.changed_out += u64::from(changed.out);
        for name in seen.counts.iter().filter_map(|name| name.strip_prefix(UNCHECKED)) {
            *self.unchecked.entry(name.replace(";action=", " ")).or_default() += 1;
        }
        for (rule, action) in seen.actions() {
            let line = self.line(rule, action);
            line.exchanges += 1;
            widen(&mut line.first, &mut line.last, recording.at);
            line.names.push(recording.name.clone());
        }
        let labels: Vec<_> = seen.labels.iter().filter(|(name, _)| self.is_wanted(name)).collect();
        for (rule, action) in seen.actions() {
            for (name, value) in &labels {
                let values = self.line(rule, action).labels.entry(name.clone()).or_default();
                let full = values.len() >= VALUES && !values.contains_key(value);
                let value = if full { "(others)" } else { value };
                *values.entry(value.to_owned()).or_default() += 1;
            }
        }
        if let Some(other) = other
            && (other.body != seen.body
                || other.status != seen.status
                || other.upstream != seen.upstream
                || outcome(recording, other) != outcome(recording, seen))
        {
            let both = (outcome(recording, other), outcome(recording, seen));
            self.otherwise.push((recording.name.clone(), both.0, both.1));
        }
        self.lines.sort_by(|a, b| b.exchanges.cmp(&a.exchanges).then(a.rule.cmp(&b.rule)));
    }

    fn is_wanted(&self, label: &str) -> bool {
        match self.by.as_slice() {
            [] => !PLAIN.contains(&label),
            by => by.iter().any(|own| own == label),
        }
    }

    fn line(&mut self, rule: &str, action: &str) -> &mut RuleLine {
        let known = self.lines.iter().position(|line| line.rule == rule && line.action == action);
        let at = known.unwrap_or_else(|| {
            let (rule, action) = (rule.to_owned(), action.to_owned());
            self.lines.push(RuleLine { rule, action, ..RuleLine::default() });
            self.lines.len() - 1
        });
        // The index was just found or pushed.
        #[expect(clippy::indexing_slicing, reason = "the index was found or made above")]
        &mut self.lines[at]
    }
}

const UNCHECKED: &str = "hemostat_unchecked_total;reason=";

fn widen(first: &mut Option<u64>, last: &mut Option<u64>, at: Option<u64>) {
    if let Some(at) = at {
        *first = Some(first.map_or(at, |first| first.min(at)));
        *last = Some(last.map_or(at, |last| last.max(at)));
    }
}

struct Changed {
    in_: bool,
    out: bool,
}

/// What would have differed from the recorded exchange.
fn changed(recording: &Recording, seen: &Seen) -> Changed {
    let traffic = &recording.traffic;
    let body = seen.upstream.as_ref().is_some_and(|upstream| *upstream != traffic.request);
    // A change of `accept-encoding` is visible to nobody but the wire.
    let edit = |edit: &HeaderEdit| {
        let (HeaderEdit::Remove(name) | HeaderEdit::Set(name, _)) = edit;
        name != "accept-encoding" && name != "content-length" && !name.starts_with("x-hemostat-")
    };
    let moved = |edit: &HeaderEdit| matches!(edit, HeaderEdit::Set(name, _) if name == "x-hemostat-upstream");
    let edits = seen.upstream_edits.iter().any(|one| edit(one) || moved(one));
    let out = seen.upstream.is_some()
        && (seen.reset || seen.status != traffic.status || seen.body != traffic.answer);
    Changed { in_: body || (edits && seen.upstream.is_some()), out }
}

/// The result in a few words.
fn outcome(recording: &Recording, seen: &Seen) -> String {
    let changed = changed(recording, seen);
    let what = match (seen.upstream.is_some(), changed.in_, changed.out) {
        (false, ..) => format!("answered {}", seen.status),
        (true, false, false) => "passed".to_owned(),
        (true, true, false) => "request changed".to_owned(),
        (true, false, true) => "answer changed".to_owned(),
        (true, true, true) => "both changed".to_owned(),
    };
    if seen.hits.is_empty() { what } else { format!("{what} by {}", seen.hits) }
}
