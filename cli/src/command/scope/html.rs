//! The report as one HTML page: the sentences to post, plots, and tables.

use std::collections::BTreeMap;

use super::count::{Grouping, Sums, ratio};
use super::report::Report;
use super::survey::TOGETHER;
use super::words::{count, moment, percent, usd};
use crate::shared::report::page::{self, escape};
use crate::shared::report::plot::{LINES, Line, Mark, Plot};

/// The maximum number of points per line: a screen cannot show more.
const POINTS: usize = 180;

/// The maximum number of rows per table.
const ROWS: usize = 50;

/// The maximum number of releases marked in a plot.
const MARKS: usize = 20;

/// The page.
pub(crate) fn page(report: &Report) -> String {
    page::page(
        "Scope of an incident",
        &format!("<h1>Scope of an incident</h1>\n{}", sections(report)),
    )
}

/// The body of the page, also used in other pages.
pub(crate) fn sections(report: &Report) -> String {
    let mut out = String::new();
    let sentences = report.sentences();
    match sentences.split_first() {
        None => out.push_str("<p class=\"lead\">Nothing turned bad in this log: no outcome became more frequent anywhere.</p>\n"),
        Some((first, others)) => {
            out.push_str(&format!("<p class=\"lead alarm\">{}</p>\n", page::sentence(first)));
            others.iter().for_each(|other| out.push_str(&format!("<p>Also: {}</p>\n", page::sentence(other))));
        }
    }
    out.push_str(&tiles(report));
    out.push_str(&plots(report));
    if report.releases.len() > 1 {
        out.push_str("<h2>Releases</h2>\n");
        out.push_str(&releases(report));
    }
    for group in report.survey.groups.iter().filter(|group| !group.says_nothing()) {
        out.push_str(&format!("<h2>By {}</h2>\n", escape(&group.name().replace(',', " and "))));
        out.push_str(&table(group, &report.survey.all));
    }
    out.push_str(&footnotes(report));
    out
}

fn tiles(report: &Report) -> String {
    let all = &report.survey.all;
    let looked_for = super::text::looked_for(report);
    let mut tiles = vec![
        (count(all.calls), "calls".to_owned()),
        (format!("{} ({})", count(all.hit), percent(all.rate())), looked_for),
        (count(all.input), "tokens in".to_owned()),
        (count(all.output), "tokens out".to_owned()),
    ];
    if all.priced > 0 {
        tiles.push((usd(all.micro_usd), "cost".to_owned()));
    }
    let tile = |(number, what): &(String, String)| {
        format!("<li><b>{}</b>{}</li>", escape(number), escape(what))
    };
    let span = [all.first, all.last].map(|at| moment(at.unwrap_or_default()));
    format!(
        "<ul class=\"tiles\">{}</ul>\n<p class=\"faint\">{} to {} (UTC){}</p>\n",
        tiles.iter().map(tile).collect::<String>(),
        span[0],
        span[1],
        match report.survey.conditions.words() {
            none if none.is_empty() => String::new(),
            words => format!(", where {}", escape(&words.join(" and "))),
        }
    )
}

/// Calls, bad calls and money by value of a dimension, over time.
struct Rows {
    name: String,
    calls: Vec<u32>,
    hit: Vec<u32>,
    money: Vec<u64>,
}

fn rows(report: &Report, dimension: &str, first: i64, per: usize, steps: usize) -> Vec<Rows> {
    let survey = &report.survey;
    let Some(at) = TOGETHER.iter().position(|name| *name == dimension) else { return Vec::new() };
    let mut all: BTreeMap<u32, Rows> = BTreeMap::new();
    for (mix, track) in &survey.mixes {
        let value = mix.get(at).copied().unwrap_or_default();
        let Some(names) = survey.names.get(at).filter(|_| value != 0) else { continue };
        let own = all.entry(value).or_insert_with(|| Rows {
            name: names.name(value).chars().take(60).collect(),
            calls: vec![0; steps],
            hit: vec![0; steps],
            money: vec![0; steps],
        });
        track.calls.add_to(&mut own.calls, first, per);
        track.micro_usd.add_to(&mut own.money, first, per);
        // For the outcome of the first finding; without one, for all outcomes.
        let about = report.findings.first().map(|one| one.outcome.as_str());
        for (outcome, series) in &track.outcomes {
            if about.is_none_or(|about| survey.outcomes.name(*outcome) == about) {
                series.calls.add_to(&mut own.hit, first, per);
            }
        }
    }
    let mut all: Vec<Rows> = all.into_values().collect();
    let key = |rows: &Rows| {
        (
            rows.hit.iter().map(|n| u64::from(*n)).sum::<u64>(),
            rows.calls.iter().map(|n| u64::from(*n)).sum::<u64>(),
        )
    };
    all.sort_by(|a, b| key(b).cmp(&key(a)).then_with(|| a.name.cmp(&b.name)));
    all.truncate(LINES);
    all
}

fn as_percent(value: f64) -> String {
    percent(value)
}

fn as_dollars(value: f64) -> String {
    // The axis has no room for cents beside large numbers.
    match value {
        0.0 => "$0/h".to_owned(),
        ..1.0 => format!("${value:.3}/h"),
        ..100.0 => format!("${value:.2}/h"),
        _ => format!("${value:.0}/h"),
    }
}

fn as_time(value: f64) -> String {
    if value < 1000.0 { format!("{value:.0} ms") } else { format!("{:.1} s", value / 1000.0) }
}

fn plots(report: &Report) -> String {
    let survey = &report.survey;
    let (first, many) = survey.grid.span();
    let per = many.div_ceil(POINTS).max(1);
    let steps = many.div_ceil(per);
    let (from, to) = (survey.grid.begins(first), survey.grid.begins(first + (steps * per) as i64));
    let mut marks: Vec<Mark> = report
        .releases
        .iter()
        .rev()
        .filter(|own| !own.before)
        .take(MARKS)
        .map(|own| Mark { at: own.since, name: own.name(), begin: false })
        .collect();
    marks.extend(report.findings.first().map(|one| Mark {
        at: one.since_ms,
        name: "it began".to_owned(),
        begin: true,
    }));
    marks.sort_by_key(|mark| (mark.at, mark.begin));
    let mut all = vec![0_u32; steps];
    survey.mixes.values().for_each(|track| track.calls.add_to(&mut all, first, per));
    let hours = (survey.grid.width_ms * per as u64) as f64 / 3_600_000.0;
    let plot = |title: &str, lines: Vec<Line>, unit: fn(f64) -> String| {
        let said = lines.iter().any(|line| line.values.iter().flatten().any(|value| *value > 0.0));
        let plot = Plot { title, from, to, lines, marks: &marks, unit };
        if said { plot.figure() } else { String::new() }
    };
    let share = |part: u32, of: u32| (of > 0).then(|| ratio(part.into(), of.into()));
    let what =
        report.findings.first().map(|one| one.outcome.as_str()).filter(|one| !one.is_empty());
    let what = what.map_or_else(|| super::text::looked_for(report), |one| format!("hit by {one}"));
    let mut out = String::from("<h2>Over time</h2>\n");
    for (dimension, label) in [("feature", "feature"), ("prompt_version", "prompt version")] {
        let found = rows(report, dimension, first, per, steps);
        let line = |values: &dyn Fn(&Rows, usize) -> Option<f64>| -> Vec<Line> {
            found
                .iter()
                .map(|rows| Line {
                    name: rows.name.clone(),
                    values: (0..steps).map(|at| values(rows, at)).collect(),
                })
                .collect()
        };
        let get = |row: &[u32], at: usize| row.get(at).copied().unwrap_or_default();
        let title = format!("Share of calls {what}, by {label}");
        out.push_str(&plot(
            &title,
            line(&|rows, at| share(get(&rows.hit, at), get(&rows.calls, at))),
            as_percent,
        ));
        let title = format!("Share of traffic, by {label}");
        out.push_str(&plot(
            &title,
            line(&|rows, at| share(get(&rows.calls, at), get(&all, at))),
            as_percent,
        ));
        if dimension == "feature" {
            let money = |rows: &Rows, at: usize| {
                rows.money.get(at).map(|micro| *micro as f64 / 1e6 / hours)
            };
            out.push_str(&plot("Cost an hour, by feature", line(&money), as_dollars));
        }
    }
    let mut lines = Vec::new();
    for (name, latency, percentile) in [
        ("whole answer, median", &survey.latency, 0.5),
        ("whole answer, 95th percentile", &survey.latency, 0.95),
        ("first chunk, median", &survey.first_chunk, 0.5),
        ("first chunk, 95th percentile", &survey.first_chunk, 0.95),
    ] {
        if latency.is_empty() {
            continue;
        }
        let buckets = |at: usize| first + (at * per) as i64..first + ((at + 1) * per) as i64;
        let values = (0..steps).map(|at| latency.percentile(buckets(at), percentile)).collect();
        lines.push(Line { name: name.to_owned(), values });
    }
    out.push_str(&plot("Time that calls took", lines, as_time));
    out
}

fn releases(report: &Report) -> String {
    let row = |own: &super::releases::Release| {
        vec![
            own.serial.map_or_else(|| "-".to_owned(), |serial| serial.to_string()),
            own.version.clone(),
            if own.before { "before".to_owned() } else { moment(own.since) },
            count(own.sums.calls),
            count(own.sums.hit),
            percent(own.sums.rate()),
            own.issuer.clone(),
            own.reason.clone(),
        ]
    };
    page::table(
        &["Release", "Version", "Since", "Calls", "Hit", "Rate", "By", "Why"],
        &report.releases.iter().map(row).collect::<Vec<_>>(),
    )
}

fn table(group: &Grouping, all: &Sums) -> String {
    let at = |at: Option<u64>| at.map_or_else(|| "-".to_owned(), moment);
    let cells = |(values, sums): &(Vec<&str>, &Sums)| {
        let name: Vec<String> = values
            .iter()
            .map(|value| match *value {
                "" => "-".to_owned(),
                value => value.chars().take(200).collect(),
            })
            .collect();
        vec![
            name.join(" · "),
            count(sums.calls),
            percent(ratio(sums.calls, all.calls)),
            count(sums.hit),
            percent(sums.rate()),
            count(sums.input),
            count(sums.output),
            if sums.priced == 0 { "-".to_owned() } else { usd(sums.micro_usd) },
            at(sums.first),
            at(sums.last),
            at(sums.first_hit),
        ]
    };
    let rows = group.rows();
    let mut out = page::table(
        &[
            &group.name(),
            "Calls",
            "Share",
            "Hit",
            "Rate",
            "Tokens in",
            "Tokens out",
            "Cost",
            "First",
            "Last",
            "First hit",
        ],
        &rows.iter().take(ROWS).map(cells).collect::<Vec<_>>(),
    );
    let rest = rows.len().saturating_sub(ROWS);
    if rest > 0 || group.folded.calls > 0 {
        out.push_str(&format!("<p class=\"faint\">And {} more values", count(rest as u64)));
        if group.folded.calls > 0 {
            out.push_str(&format!(
                ", beside {} calls whose values had no room",
                count(group.folded.calls)
            ));
        }
        out.push_str(".</p>\n");
    }
    out
}

fn footnotes(report: &Report) -> String {
    let (read, survey) = (&report.survey.read, &report.survey);
    let mut notes = vec![format!("{} lines were read", count(read.lines))];
    if read.unusable() > 0 {
        notes.push(format!("{} could not be used: {}", count(read.unusable()), read.troubles()));
    }
    if read.other > 0 {
        notes.push(format!("{} are of other traffic", count(read.other)));
    }
    notes.push("counts are exact".to_owned());
    if !survey.latency.is_empty() {
        notes.push("times that calls took are right to 9 %".to_owned());
    }
    notes.push(format!("a bucket of time is {}", width(survey.grid.width_ms)));
    format!("<p class=\"faint\">{}.</p>\n", escape(&notes.join("; ")))
}

/// A width of time in words.
fn width(ms: u64) -> String {
    match ms {
        0..60_000 => format!("{} s", ms as f64 / 1000.0),
        _ => format!("{} min", ms / 60_000),
    }
}
