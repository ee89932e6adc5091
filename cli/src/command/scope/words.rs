//! The sentence to post, and numbers for people.

use hemostat_engine::base::time;

use super::finding::{Dearer, Finding};
use crate::shared::terminal::safe;

/// `4.1 %`; small values get more digits.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        0.0 => "0 %".to_owned(),
        small if small < 0.01 => "< 0.01 %".to_owned(),
        small if small < 1.0 => format!("{small:.2} %"),
        99.95.. if percent < 100.0 => "99.9 %".to_owned(),
        _ => format!("{percent:.1} %").replace(".0 %", " %"),
    }
}

/// A share; 0 of nothing.
pub(crate) fn share(part: u64, of: u64) -> f64 {
    super::count::ratio(part, of)
}

/// `812`, `12,480`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count with its noun, in the singular or plural.
pub(crate) fn counted(number: u64, one: &str) -> String {
    format!("{} {one}{}", count(number), if number == 1 { "" } else { "s" })
}

/// `$0.0042`, `$12.40`.
pub(crate) fn usd(micro: u64) -> String {
    let dollars = micro as f64 / 1e6;
    if micro > 0 && dollars < 0.1 { format!("${dollars:.4}") } else { format!("${dollars:.2}") }
}

/// RFC 3339, to the second.
pub(crate) fn moment(ms: u64) -> String {
    time::format(ms / 1000)
}

/// `03:12`, with the day if `beside` (Unix milliseconds) is on another one.
pub(crate) fn clock(ms: u64, beside: u64) -> String {
    let text = moment(ms);
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
    if ms / 86_400_000 == beside / 86_400_000 {
        part(11, 16)
    } else {
        format!("{} {}", part(0, 10), part(11, 16))
    }
}

/// `03:12 to 03:40`; with seconds if both lie within about a minute.
fn between(from: u64, to: u64, beside: u64) -> String {
    if to.saturating_sub(from) < 120_000 {
        let second = |ms: u64| time::format(ms / 1000).replace('T', " ");
        return format!("{} to {}", second(from), second(to));
    }
    format!("{} to {}", clock(from, beside), clock(to, beside))
}

/// `40 s`, `2 min`, `3 h 5 min`.
pub(crate) fn lasting(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..90 => format!("{seconds} s"),
        90..5400 => format!("{} min", (seconds + 30) / 60),
        _ if seconds % 3600 < 60 => format!("{} h", seconds / 3600),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Quotes a foreign name for running text: nothing in it ends the quotation.
pub(crate) fn quoted(text: &str) -> String {
    format!("`{}`", safe(text).replace('`', "'"))
}

fn plain(text: &str) -> String {
    safe(text).replace('`', "'")
}

/// The calls concerned: "`checkout` on prompt_version 43 (gpt-5)".
pub(crate) fn whose(finding: &Finding) -> String {
    let mut words = finding.label("feature").map_or_else(|| "calls".to_owned(), quoted);
    let version = finding.label("prompt_version");
    if let Some(prompt) = finding.label("prompt") {
        words.push_str(&format!(" with prompt {}", plain(prompt)));
    }
    if let Some(version) = version {
        words.push_str(&format!(" on prompt_version {}", plain(version)));
    }
    match (finding.label("model"), finding.label("served")) {
        (Some(model), Some(served)) if model != served => {
            words.push_str(&format!(" ({}, answered by {})", plain(model), plain(served)));
        }
        (Some(model), _) => words.push_str(&format!(" ({})", plain(model))),
        (None, Some(served)) => words.push_str(&format!(" (answered by {})", plain(served))),
        (None, None) => {}
    }
    let said = ["feature", "prompt", "prompt_version", "model", "served"];
    for (name, value) in finding.labels.iter().filter(|(name, _)| !said.contains(&name.as_str())) {
        words.push_str(&format!(" with {} {}", plain(name), quoted(value)));
    }
    words
}

fn what(outcome: &str) -> String {
    match outcome.split_once(':') {
        _ if outcome.is_empty() => String::new(),
        Some(("status", "5xx")) => " failed (5xx)".to_owned(),
        Some(("finish", reason)) => format!(" ended with {}", quoted(reason)),
        _ => format!(" hit {}", quoted(outcome)),
    }
}

/// The sentence for the incident channel; `now_ms` is the last moment of the log.
pub(crate) fn sentence(finding: &Finding, now_ms: u64) -> String {
    let when = match finding.until_ms {
        None => format!("Since {}", clock(finding.since_ms, now_ms)),
        Some(until) => format!("From {}", between(finding.since_ms, until, now_ms)),
    };
    let more = if finding.tenants_at_least { "at least " } else { "" };
    let tenants = match finding.tenants {
        0 => String::new(),
        // The sentence already names the tenant.
        1 if finding.label(super::survey::WHO).is_some() => String::new(),
        some => format!(", {more}{}", counted(some, "tenant")),
    };
    let mut all = format!(
        "{when}, {} of {}{}: {}{tenants}",
        percent(finding.rate()),
        whose(finding),
        what(&finding.outcome),
        counted(finding.hit, "call")
    );
    if let Some(release) = &finding.release {
        let after = finding.since_ms.saturating_sub(release.since);
        all.push_str(&format!("; began {} after {}", lasting(after), plain(&release.name())));
    } else if let Some(first) = finding.first_seen_ms {
        all.push_str(&format!("; first seen at {}", clock(first, now_ms)));
    }
    all.push_str(&beside(finding));
    all.push('.');
    all
}

fn beside(finding: &Finding) -> String {
    let before = super::count::ratio(finding.hit_before, finding.calls_before);
    match finding.beside.first() {
        Some((value, _, 0)) => format!("; none under {}", plain(value)),
        Some((value, calls, bad)) => {
            format!("; {} under {}", percent(super::count::ratio(*bad, *calls)), plain(value))
        }
        None if finding.calls_before == 0 => String::new(),
        None if finding.hit_before == 0 => "; none before".to_owned(),
        None => format!("; {} before", percent(before)),
    }
}

/// The sentence about spending.
pub(crate) fn spending(dearer: &Dearer, now_ms: u64) -> String {
    let times = match dearer.before {
        0.0 => "none before".to_owned(),
        before => format!("{:.0} times as much as before", dearer.now / before),
    };
    let (when, costs) = match dearer.until_ms {
        None => (format!("Since about {}", clock(dearer.since_ms, now_ms)), "costs"),
        Some(until) => (format!("From about {}", between(dearer.since_ms, until, now_ms)), "cost"),
    };
    format!(
        "{when}, {} {} {costs} ${:.2} an hour, {times}: {}, ${:.2} more than usual.",
        plain(&dearer.label.0),
        quoted(&dearer.label.1),
        dearer.now,
        counted(dearer.calls, "call"),
        dearer.more
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_read_them() {
        assert_eq!(
            [percent(0.0412), percent(0.5), percent(0.0004), percent(0.9999)],
            ["4.1 %", "50 %", "0.04 %", "99.9 %"]
        );
        assert_eq!(
            [count(7), count(812), count(12_480), count(1_000_000)],
            ["7", "812", "12,480", "1,000,000"]
        );
        assert_eq!(
            [lasting(40_000), lasting(125_000), lasting(3 * 3_600_000 + 300_000)],
            ["40 s", "2 min", "3 h 5 min"]
        );
        assert_eq!(quoted("a`b\x1b"), "`a'b\\u{1b}`");
    }
}
