//! The report for a terminal.

use std::collections::HashMap;
use std::io::Write;

use super::count::{Grouping, Sums, VALUES};
use super::finding::Finding;
use super::report::Report;
use super::survey::WHO;
use super::words::{count, counted, moment, percent, usd};
use crate::shared::error::Result;
use crate::shared::table::Table;
use crate::shared::terminal::{Paint, safe};

/// How many characters of a value a table shows.
const SHOWN: usize = 48;

/// Writes the sentences, then the tables that they are based on.
pub(crate) fn write(report: &Report, top: usize, asked: bool, out: &mut dyn Write) -> Result<()> {
    let (survey, paint) = (&report.survey, Paint::for_stdout());
    let sentences = report.sentences();
    match sentences.split_first() {
        None => writeln!(
            out,
            "Nothing turned bad in this log: no outcome became more frequent anywhere.\n"
        )?,
        Some((first, others)) => {
            writeln!(out, "{}", paint.warning(first))?;
            for other in others {
                writeln!(out, "also: {other}")?;
            }
            if let Some(finding) = report.findings.first() {
                whose(finding, out)?;
            }
            writeln!(out)?;
        }
    }
    let all = &survey.all;
    let (first, last) = (all.first.unwrap_or_default(), all.last.unwrap_or_default());
    writeln!(
        out,
        "{} from {} to {}; {} {} ({})",
        counted(all.calls, "call"),
        moment(first),
        moment(last),
        count(all.hit),
        looked_for(report),
        percent(all.rate())
    )?;
    let cost = if all.priced > 0 { format!(", {}", usd(all.micro_usd)) } else { String::new() };
    if all.input + all.output > 0 {
        writeln!(out, "{} tokens in, {} out{cost}", count(all.input), count(all.output))?;
    }
    for group in &survey.groups {
        // A table without any value is shown only if it was asked for.
        if group.says_nothing() && !asked {
            continue;
        }
        writeln!(out)?;
        table(group, all, top, out)?;
    }
    against(report, top, out)?;
    releases(report, out)?;
    footnotes(report, out)
}

/// How many tenants are named below the sentence.
const NAMED: usize = 8;

/// The affected tenants, and the first bad call.
fn whose(finding: &Finding, out: &mut dyn Write) -> Result<()> {
    if finding.who.len() > 1 || finding.label(WHO).is_none() && !finding.who.is_empty() {
        let named = finding.who.iter().take(NAMED);
        let named: Vec<String> =
            named.map(|(name, calls)| format!("{} {}", shown(&[name]), count(*calls))).collect();
        let rest = finding.who.len().saturating_sub(NAMED);
        let more =
            if rest > 0 { format!(", and {rest} more (--by tenant --top)") } else { String::new() };
        writeln!(out, "whose: {}{more}", named.join(", "))?;
    }
    if let Some(decision) = &finding.first_decision {
        writeln!(
            out,
            "first: decision {} at {}; `--calls FILE` writes them all",
            shown(&[decision]),
            moment(finding.since_ms)
        )?;
    }
    Ok(())
}

/// Describes the calls that are looked for.
pub(crate) fn looked_for(report: &Report) -> String {
    match report.survey.conditions.wanted() {
        Some(words) => format!("with {}", safe(&words)),
        None => "that a rule acted on, that failed, or that ended unusually".to_owned(),
    }
}

fn table(group: &Grouping, all: &Sums, top: usize, out: &mut dyn Write) -> Result<()> {
    let name = heads_of(group);
    let heads = [
        name.as_str(),
        "CALLS",
        "SHARE",
        "HIT",
        "RATE",
        "TOKENS IN",
        "OUT",
        "USD",
        "FIRST",
        "LAST",
        "FIRST HIT",
    ];
    let mut table = Table::new(heads);
    let rows = group.rows();
    for (values, sums) in rows.iter().take(top) {
        table.row(row(&shown(values), sums, all));
    }
    let rest = rows.len().saturating_sub(top);
    if group.folded.calls > 0 {
        table.row(row(
            &format!("(values after the first {})", count(VALUES as u64)),
            &group.folded,
            all,
        ));
    }
    table.write(out)?;
    if rest > 0 {
        writeln!(out, "and {rest} more: --top {}", rows.len())?;
    }
    Ok(())
}

/// The heading for the values of a group.
fn heads_of(group: &Grouping) -> String {
    safe(&group.name()).to_uppercase()
}

/// The values of a row as one cell.
fn shown(values: &[&str]) -> String {
    let one = |value: &&str| match value.chars().count() {
        0 => "-".to_owned(),
        1..=SHOWN => safe(value),
        _ => format!("{}…", safe(&value.chars().take(SHOWN).collect::<String>())),
    };
    values.iter().map(one).collect::<Vec<_>>().join(" · ")
}

fn row(value: &str, sums: &Sums, all: &Sums) -> [String; 11] {
    let at = |at: Option<u64>| at.map_or_else(|| "-".to_owned(), moment);
    let some = |number: u64| if number == 0 { "-".to_owned() } else { count(number) };
    [
        value.to_owned(),
        count(sums.calls),
        percent(super::count::ratio(sums.calls, all.calls)),
        some(sums.hit),
        percent(sums.rate()),
        some(sums.input),
        some(sums.output),
        if sums.priced == 0 { "-".to_owned() } else { usd(sums.micro_usd) },
        at(sums.first),
        at(sums.last),
        at(sums.first_hit),
    ]
}

/// A mean to about three digits; `-` if there is none.
fn mean(sum: f64, of: u64) -> String {
    let mean = sum / of as f64;
    match of {
        0 => "-".to_owned(),
        _ if mean >= 10.0 => count(mean.round() as u64),
        _ => format!("{mean:.4}").trim_end_matches('0').trim_end_matches('.').to_owned(),
    }
}

/// Averages: calls, rate, and per call dollars, output tokens and milliseconds.
fn likeness(sums: Option<&Sums>) -> [String; 5] {
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

/// Tables of both periods side by side.
fn against(report: &Report, top: usize, out: &mut dyn Write) -> Result<()> {
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
        // Values that have disappeared since then are news as well.
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
            let [calls, rate, usd, tokens, ms] = likeness(*now);
            let [old_calls, old_rate, old_usd, old_tokens, old_ms] = likeness(*then);
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

fn releases(report: &Report, out: &mut dyn Write) -> Result<()> {
    if report.releases.len() < 2 {
        return Ok(());
    }
    writeln!(out)?;
    let mut table =
        Table::new(["RELEASE", "VERSION", "SINCE", "CALLS", "HIT", "RATE", "BY", "WHY"]);
    for release in &report.releases {
        let back =
            release.rolls_back.map_or_else(String::new, |serial| format!("rolls back {serial}; "));
        table.row([
            release.serial.map_or_else(|| "-".to_owned(), |serial| serial.to_string()),
            safe(&release.version),
            if release.before { "before".to_owned() } else { moment(release.since) },
            count(release.sums.calls),
            count(release.sums.hit),
            percent(release.sums.rate()),
            safe(&release.issuer),
            safe(&format!("{back}{}", release.reason)).trim_end_matches("; ").to_owned(),
        ]);
    }
    table.write(out)
}

fn footnotes(report: &Report, out: &mut dyn Write) -> Result<()> {
    let (survey, read) = (&report.survey, &report.survey.read);
    let mut notes = Vec::new();
    if read.unusable() > 0 {
        notes.push(format!(
            "{} lines could not be used: {}",
            count(read.unusable()),
            read.troubles()
        ));
    }
    if read.other > 0 {
        notes.push(format!("{} lines are of other traffic", count(read.other)));
    }
    if survey.elsewhen > 0 {
        notes.push(format!("{} calls are outside --since and --until", count(survey.elsewhen)));
    }
    if survey.elsewhere > 0 {
        notes.push(format!("{} calls are others than --where looks at", count(survey.elsewhere)));
    }
    if survey.unfollowed > 0 {
        let many = count(survey.unfollowed);
        notes.push(format!(
            "{many} calls are in the tables, but have no place in the search for what turned bad"
        ));
    }
    if survey.grid.width_ms > 60_000 {
        notes
            .push(format!("times of beginning are right to {} min", survey.grid.width_ms / 60_000));
    }
    if notes.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    for note in notes {
        writeln!(out, "{note}")?;
    }
    Ok(())
}
