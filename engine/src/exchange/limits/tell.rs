//! What operators are told of limits beside what became of a request.

use crate::event::{Kind, Said};
use crate::exchange::Exchange;
use crate::ledger::Trouble;
use crate::policy::program::limit::Limit;

impl Exchange {
    /// A charge has passed a threshold.
    pub(super) fn tell_warning(&mut self, limit: &Limit, warned: Option<usize>, prefix: &str) {
        let id = &limit.rule.id;
        let threshold = warned.and_then(|passed| limit.warn_at.get(passed.checked_sub(1)?));
        let Some(threshold) = threshold else { return };
        let percent = threshold / 10_000;
        self.cx.record.count(format!("hemostat_limit_warnings_total;rule={id};percent={percent}"));
        self.cx.record.log(format!("limit={id} {prefix}warning: {percent} % of the cap is used"));
        if prefix.is_empty() {
            let percent = Said::Number(percent);
            self.limit_event(Kind::LimitWarning, limit, ("hemostat.limit.percent", percent));
        }
    }

    /// The memory of accounts is full: a new key has the place of one that stands at its start, or none of its own.
    pub(super) fn tell_memory(&mut self, limit: &Limit, overflow: bool, reused: bool) {
        let id = &limit.rule.id;
        let (word, what) = match (overflow, reused) {
            (true, _) => ("overflow", "no room for more accounts, one is shared"),
            (_, true) => ("reused", "no room for more accounts, one at its start gave its place"),
            _ => return,
        };
        self.cx.record.count(format!("hemostat_limit_{word}_total;rule={id}"));
        self.cx.record.log(format!("limit={id} {word}: {what}"));
        self.limit_event(Kind::LimitMemory, limit, ("hemostat.reason", word.into()));
    }

    /// An account could not be read or written.
    pub(super) fn count_trouble(&mut self, trouble: Trouble) {
        let word = trouble.word();
        self.cx.record.count(format!("hemostat_ledger_total;outcome={word}"));
        self.cx.record.log(format!("ledger={word}"));
        self.cx.record.raise(Kind::LimitMemory, || vec![("hemostat.reason", word.into())]);
    }
}
