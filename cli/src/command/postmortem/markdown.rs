//! Writes the report as Markdown.

use super::causes::causes;
use super::known::Known;
use super::sources::{ALERT, Activation};
use crate::command::scope::finding::Finding;
use crate::command::scope::words::{self, count, counted, lasting, moment, percent, quoted, usd};
use crate::shared::terminal::safe;

/// The maximum number of rows in a table.
const ROWS: usize = 200;

/// Escapes foreign text for Markdown: nothing in it ends a cell or becomes markup.
pub(super) fn cell(text: &str) -> String {
    let mut out = String::new();
    for c in safe(text).chars() {
        if matches!(c, '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '!' | '&') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A sentence with foreign names between backticks, which become code. A name that could end a cell, or that Markdown
/// readers treat differently, stays text.
pub(super) fn said(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return cell(text);
    }
    let part = |(at, part): (usize, &&str)| match at % 2 {
        0 => cell(part),
        _ if part.is_empty() || part.contains(['|', '\\', '<', '&']) => cell(&format!("`{part}`")),
        _ => format!("`{}`", safe(part)),
    };
    parts.iter().enumerate().map(part).collect()
}

/// The whole report.
pub(super) fn report(known: &Known<'_>) -> String {
    let mut out = format!("# {}\n\n", cell(&known.args.title));
    summary(known, &mut out);
    timeline(known, &mut out);
    rules(known, &mut out);
    cause(known, &mut out);
    gap(known, &mut out);
    actions(known, &mut out);
    out
}

fn summary(known: &Known<'_>, out: &mut String) {
    match (&known.scope, known.finding()) {
        (Some(scope), Some(finding)) => {
            out.push_str(&format!("{}\n\n", said(&words::sentence(finding, scope.end()))));
        }
        _ => out.push_str("*In one sentence: what callers had, from when to when, and why.*\n\n"),
    }
    out.push_str("## Impact\n\n");
    let (Some(scope), Some(finding)) = (&known.scope, known.finding()) else {
        out.push_str(
            "*Who had what, how many, since when. `hemostat scope ACCESS_LOG` counts it.*\n\n",
        );
        return;
    };
    let more = if finding.tenants_at_least { "at least " } else { "" };
    let begun = known.timeline.symptom.unwrap_or(finding.since_ms);
    let end = known.timeline.resolution.unwrap_or_else(|| scope.end());
    let ended = if known.timeline.resolution.is_some() { "" } else { " so far" };
    let mut row = |what: &str, is: String| out.push_str(&format!("| {what} | {is} |\n"));
    row("what", "how much".to_owned());
    row("---", "---".to_owned());
    row("who", said(&words::whose(finding)));
    row(
        "calls",
        format!("{} of {} ({})", count(finding.hit), count(finding.calls), percent(finding.rate())),
    );
    if finding.tenants > 0 {
        row("tenants", format!("{more}{}{}", count(finding.tenants), whose(finding)));
    }
    row("of all traffic", percent(words::share(finding.hit, scope.survey.all.calls)));
    row(
        "how long",
        format!(
            "{}{ended} ({} to {})",
            lasting(end.saturating_sub(begun)),
            moment(begun),
            moment(end)
        ),
    );
    let money = money(known);
    if let Some(micro) = money {
        row("what bad calls cost", usd(micro));
    }
    if let Some(dearer) = &scope.dearer {
        row("money", said(&words::spending(dearer, scope.end())));
    }
    out.push('\n');
    out.push_str("*What did it mean for them? Who was told, and by whom?*\n\n");
}

/// How many tenants are named; `hemostat scope --calls` writes every call of all of them.
const NAMED: usize = 12;

/// The affected tenants.
fn whose(finding: &Finding) -> String {
    if finding.who.is_empty() {
        return String::new();
    }
    let named = finding.who.iter().take(NAMED);
    let named: Vec<String> =
        named.map(|(name, calls)| format!("{} {}", cell(name), count(*calls))).collect();
    let more = if finding.who.len() > NAMED { " …" } else { "" };
    format!(": {}{more}", named.join(", "))
}

/// The cost of the calls that a rule acted on.
fn money(known: &Known<'_>) -> Option<u64> {
    let (scope, finding) = (known.scope.as_ref()?, known.finding()?);
    let rules = scope.survey.groups.iter().find(|group| group.name() == "rule")?;
    let rows = rules.rows();
    let (_, sums) =
        rows.iter().find(|(values, _)| values.first() == Some(&finding.outcome.as_str()))?;
    (sums.priced > 0).then_some(sums.micro_usd)
}

/// Describes an activation.
fn what(own: &Activation) -> String {
    let version = format!("version {}", cell(&own.version));
    let drill = if own.drill { "(drill) " } else { "" };
    let text = match (own.way.as_str(), own.rolls_back) {
        (_, Some(back)) if own.version.is_empty() => {
            format!("release {} takes {back} back", own.serial)
        }
        (_, Some(back)) => format!("release {} takes {back} back: {version}", own.serial),
        ("baseline", _) => format!("the inline policy: {version}"),
        ("expiry", _) => format!("a release was over: {version} is back"),
        (way, _) => format!(
            "release {}{}: {version}",
            own.serial,
            // The history file does not record the way in which a release came.
            if way.is_empty() || way == "log" {
                String::new()
            } else {
                format!(" ({})", cell(way))
            }
        ),
    };
    format!("{drill}{text}")
}

fn timeline(known: &Known<'_>, out: &mut String) {
    out.push_str("## Timeline (UTC)\n\n| when | what | by | why |\n|---|---|---|---|\n");
    if let Some(own) = &known.before {
        out.push_str(&format!("| before | in force: {} | | |\n", what(own)));
    }
    let mut rows: Vec<(u64, String)> = Vec::new();
    for own in &known.activations {
        let by = cell(&own.issuer);
        let by = if own.keys.is_empty() { by } else { format!("{by} ({})", cell(&own.keys)) };
        rows.push((own.at, format!("{} | {by} | {}", what(own), cell(&own.reason))));
    }
    for own in &known.events {
        let times = if own.count > 1 { format!(" ({} times)", own.count) } else { String::new() };
        let kind =
            if own.kind == ALERT { ALERT.to_owned() } else { format!("event {}", cell(&own.kind)) };
        rows.push((own.at, format!("{kind} {}{times} | | ", cell(&own.what))));
    }
    for own in &known.incidents {
        rows.push((
            own.begins,
            format!(
                "{} reports {} ({}) | | ",
                cell(&own.provider),
                cell(&own.name),
                cell(&own.impact)
            ),
        ));
        rows.extend(own.ends.map(|ends| {
            (ends, format!("{} reports that {} is over | | ", cell(&own.provider), cell(&own.name)))
        }));
    }
    let marks = [
        (known.timeline.symptom, "**symptom**: the first bad call"),
        (known.timeline.detection, "**detection**: the first that told of it"),
        (known.timeline.mitigation, "**mitigation**: the first move against it"),
        (known.timeline.resolution, "**resolution**: the last bad call"),
    ];
    rows.extend(marks.into_iter().filter_map(|(at, words)| Some((at?, format!("{words} | | ")))));
    // Events come before activations of the same moment. Of a flood of events the table has the first; the rest are
    // counted.
    rows.sort_by_key(|row| (row.0, row.1.starts_with("**")));
    let rest = rows.len().saturating_sub(ROWS);
    for (at, row) in rows.into_iter().take(ROWS) {
        out.push_str(&format!("| {} | {row} |\n", moment(at)));
    }
    if rest > 0 {
        out.push_str(&format!("| … | {rest} more | | |\n"));
    }
    out.push_str("| … | *first report, decisions, word to callers* | | |\n\n");
    steps(known, out);
}

/// The five steps from change to resolution, each with its duration.
fn steps(known: &Known<'_>, out: &mut String) {
    let all = &known.timeline;
    if all.symptom.is_none() {
        return;
    }
    let steps = [
        ("change", all.change),
        ("symptom", all.symptom),
        ("detection", all.detection),
        ("mitigation", all.mitigation),
        ("resolution", all.resolution),
    ];
    out.push_str("| step | when | after the one before | after the symptom |\n|---|---|---|---|\n");
    let mut before: Option<u64> = None;
    for (name, at) in steps {
        let Some(at) = at else {
            out.push_str(&format!("| {name} | *not in these logs* | | |\n"));
            continue;
        };
        let after = |from: Option<u64>| match from {
            Some(from) if at >= from => lasting(at - from),
            Some(from) if from - at < 1000 => "at once".to_owned(),
            Some(from) => format!("{} earlier", lasting(from - at)),
            None => String::new(),
        };
        let symptom = if name == "symptom" { String::new() } else { after(all.symptom) };
        out.push_str(&format!("| {name} | {} | {} | {symptom} |\n", moment(at), after(before)));
        before = Some(at);
    }
    out.push('\n');
}

fn rules(known: &Known<'_>, out: &mut String) {
    let Some(scope) = &known.scope else { return };
    let Some(group) = scope.survey.groups.iter().find(|group| group.name() == "rule") else {
        return;
    };
    out.push_str("## What rules did\n\n| rule | requests | first | last |\n|---|---|---|---|\n");
    for (values, sums) in group.rows().into_iter().take(ROWS) {
        let name = values.first().copied().unwrap_or_default();
        let at = |at: Option<u64>| at.map(moment).unwrap_or_default();
        out.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            cell(name),
            sums.calls,
            at(sums.first),
            at(sums.last)
        ));
    }
    out.push('\n');
}

fn cause(known: &Known<'_>, out: &mut String) {
    out.push_str(
        "## Causes\n\n*Choose, and say what made it possible, and what made it last.*\n\n",
    );
    for cause in causes(known) {
        out.push_str(&format!("- [ ] **{}**\n", cause.name));
        cause
            .speaks_for
            .iter()
            .for_each(|text| out.push_str(&format!("  - for: {}\n", said(text))));
        cause
            .against
            .iter()
            .for_each(|text| out.push_str(&format!("  - against: {}\n", said(text))));
        out.push_str(&format!("  - *{}*\n", cause.ask));
    }
    out.push('\n');
}

fn gap(known: &Known<'_>, out: &mut String) {
    out.push_str("## What worked, and what did not\n\n");
    let all = &known.timeline;
    if let Some(symptom) = all.symptom {
        let gap = match (all.detection, all.mitigation) {
            (Some(detection), _) if detection < symptom => format!(
                "The first alert came {} before the first call that these logs show as bad.",
                lasting(symptom - detection)
            ),
            (Some(detection), _) => format!(
                "The first alert or event came {} after the first bad call.",
                lasting(detection.saturating_sub(symptom))
            ),
            (None, Some(moved)) => format!(
                "No alert and no event told of it; the first move came {} after the first bad call.",
                lasting(moved.saturating_sub(symptom))
            ),
            (None, None) => "Neither an event nor a move against it is in these logs.".to_owned(),
        };
        out.push_str(&format!("{gap} "));
        if let (Some(moved), Some(last)) = (all.mitigation, all.resolution) {
            let words = match last.checked_sub(moved) {
                Some(after) => {
                    format!("From the first move to the last bad call it took {}.", lasting(after))
                }
                None => "The last bad call was before the first move.".to_owned(),
            };
            out.push_str(&words);
        }
        out.push_str("\n\n");
    }
    out.push_str("*What told us? What would have told us earlier? How long from the first sign to the first move, from the move to its effect?*\n\n");
}

fn actions(known: &Known<'_>, out: &mut String) {
    out.push_str("## Afterwards\n\n| done | what | owner | by |\n|---|---|---|---|\n");
    let case = match &known.args.case {
        Some(file) => format!("the case {} is in CI: `hemostat test`", said(&quoted(file))),
        None => {
            "a case that fails without the new rule: `hemostat case`, `hemostat test`".to_owned()
        }
    };
    let alert = match &known.args.alert {
        Some(path) => {
            format!("the alert in {} is in Prometheus", cell(&path.display().to_string()))
        }
        None => "an alert that would have come first".to_owned(),
    };
    let rows = [
        "what is to stay is in the policy itself: overlays and activations end",
        case.as_str(),
        alert.as_str(),
        "an overlay is prepared for the next time: `hemostat release --prepare`",
        "the prompt, model or configuration that was taken back is mended",
    ];
    rows.iter().for_each(|row| out.push_str(&format!("| [ ] | {row} | | |\n")));
    let drills = known.activations.iter().filter(|own| own.drill).count() as u64;
    if drills > 0 {
        out.push_str(&format!(
            "\n{} in this time: part of a drill, and not of the incident.\n",
            counted(drills, "activation")
        ));
    }
}
