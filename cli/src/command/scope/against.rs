//! The same counts of another time: an hour before, the same hours of the day before.

use std::collections::HashMap;
use std::io::Write;
use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::Report;
use super::condition::Conditions;
use super::count::{Call, Grouping, Sums};
use super::json::{row, sums};
use super::text::{heads_of, shown};
use super::words::{count, counted, moment, percent};
use crate::shared::access_log::Entry;
use crate::shared::error::{Error, Result};
use crate::shared::table::Table;

/// Counts of another time.
#[derive(Debug)]
pub(crate) struct Against {
    /// Unix milliseconds.
    pub(super) window: RangeInclusive<u64>,
    all: Sums,
    groups: Vec<Grouping>,
}

impl Against {
    /// The time from `since` to `until` (Unix seconds), moved back by `back` seconds.
    ///
    /// # Errors
    /// Both times have calls in common, or there is no beginning that could be moved.
    pub(super) fn new(by: &[String], since: Option<u64>, until: u64, back: u64) -> Result<Self> {
        let since = since.ok_or_else(|| {
            Error::failed("`--against` needs `--since`: how long is the time to compare?")
        })?;
        let lasts = until.saturating_sub(since);
        if back < lasts {
            return Err(Error::failed(format!(
                "`--against` must go back at least as far as the time is long, {lasts} s: else calls would be counted twice"
            )));
        }
        let moved = |at: u64| at.saturating_sub(back).saturating_mul(1000);
        // Where the two touch, the moment between them is of the later one.
        let end =
            moved(until).saturating_add(999).min((since.saturating_mul(1000)).saturating_sub(1));
        let groups = by.iter().map(|names| Grouping::named(names)).collect();
        Ok(Self { window: moved(since)..=end, all: Sums::default(), groups })
    }

    pub(super) fn add(&mut self, conditions: &Conditions, entry: &Entry<'_>) {
        let mut hit = false;
        conditions.outcomes(entry, &mut |_| hit = true);
        let call = Call::of(entry, hit);
        self.all.add(&call);
        self.groups.iter_mut().for_each(|group| group.add(entry, &call));
    }
}

/// A mean, to three digits or so; `-` of nothing.
fn mean(sum: f64, of: u64) -> String {
    let mean = sum / of as f64;
    match of {
        0 => "-".to_owned(),
        _ if mean >= 10.0 => count(mean.round() as u64),
        _ => format!("{mean:.4}").trim_end_matches('0').trim_end_matches('.').to_owned(),
    }
}

/// What a call is like: calls, rate, and of a call dollars, tokens out and milliseconds.
fn cells(sums: Option<&Sums>) -> [String; 5] {
    let none = Sums::default();
    let own = sums.unwrap_or(&none);
    [
        count(own.calls),
        if own.calls == 0 { "-".to_owned() } else { percent(own.rate()) },
        mean(own.micro_usd as f64 / 1e6, own.priced),
        mean(own.output as f64, own.calls),
        mean(own.duration_ms as f64, own.timed),
    ]
}

/// Tables of both times beside each other.
pub(super) fn write(report: &Report, top: usize, out: &mut dyn Write) -> Result<()> {
    let Some(against) = &report.survey.against else { return Ok(()) };
    writeln!(
        out,
        "\nBeside it {} from {} to {}:",
        counted(against.all.calls, "call"),
        moment(*against.window.start()),
        moment(*against.window.end())
    )?;
    for (group, then) in report.survey.groups.iter().zip(&against.groups) {
        if group.says_nothing() && then.says_nothing() {
            continue;
        }
        let (rows, mut known) = (group.rows(), HashMap::new());
        known.extend(then.rows());
        let mut all: Vec<(Vec<&str>, Option<&Sums>, Option<&Sums>)> = Vec::new();
        for (values, now) in rows {
            let then = known.remove(&values);
            all.push((values, Some(now), then));
        }
        // What was there then and is not now is news as well.
        let mut gone: Vec<_> = known.into_iter().collect();
        gone.sort_by(|a, b| b.1.calls.cmp(&a.1.calls).then_with(|| a.0.cmp(&b.0)));
        all.extend(gone.into_iter().map(|(values, then)| (values, None, Some(then))));
        let name = heads_of(group);
        let mut table = Table::new([
            name.as_str(),
            "CALLS",
            "THEN",
            "RATE",
            "THEN",
            "USD A CALL",
            "THEN",
            "OUT A CALL",
            "THEN",
            "MS",
            "THEN",
        ]);
        for (values, now, then) in all.iter().take(top) {
            let [calls, rate, usd, tokens, ms] = cells(*now);
            let [old_calls, old_rate, old_usd, old_tokens, old_ms] = cells(*then);
            table.row([
                shown(values),
                calls,
                old_calls,
                rate,
                old_rate,
                usd,
                old_usd,
                tokens,
                old_tokens,
                ms,
                old_ms,
            ]);
        }
        writeln!(out)?;
        table.write(out)?;
    }
    Ok(())
}

/// The other time for a program.
pub(super) fn document(against: &Against) -> Value {
    let groups: Vec<Value> = against
        .groups
        .iter()
        .map(|group| {
            let rows: Vec<Value> = group
                .rows()
                .iter()
                .map(|(values, own)| row(group, values, own, &against.all))
                .collect();
            json!({"by": group.by.iter().map(|by| &by.name).collect::<Vec<_>>(), "rows": rows})
        })
        .collect();
    json!({
        "since": moment(*against.window.start()), "until": moment(*against.window.end()),
        "all": sums(&against.all), "by": groups,
    })
}
