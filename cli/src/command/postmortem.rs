//! `hemostat postmortem`: what the proxies remember of an incident, as the beginning of its report.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};

use hemostat_engine::base::time;
use serde_json::Value;

use crate::shared::error::{Error, Result};
use crate::shared::exit::Exit;
use crate::shared::fleet::FleetArgs;
use crate::shared::terminal::safe;
use crate::shared::when;

/// Arguments of `hemostat postmortem`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat postmortem --title INC-4711 --since 2026-11-24T03:00:00Z -p http://10.0.0.1:9902 > inc-4711.md
  hemostat postmortem --history tonight.json --access-log access.json --since 6h
      from what was saved with `hemostat history --json`; a process remembers nothing from before its start

The access log is the one of the samples: JSON, an entry a line, with `time`, `policy` and `rules`.")]
pub(crate) struct Args {
    /// The heading
    #[arg(long, default_value = "Incident")]
    title: String,
    /// From when on: a time, or `30m`, `6h`, `2d` before now [default: all that is known]
    #[arg(long, value_parser = before, value_name = "TIME")]
    since: Option<u64>,
    /// Until when
    #[arg(long, value_parser = before, value_name = "TIME")]
    until: Option<u64>,
    /// What `hemostat history --json` said, instead of asking proxies
    #[arg(long, value_name = "FILE")]
    history: Option<String>,
    /// The access log, for what rules did
    #[arg(long, value_name = "FILE")]
    access_log: Vec<String>,
    #[command(flatten)]
    fleet: FleetArgs,
}

/// A time: RFC 3339, or before now: `30m`, `6h`, `2d`.
fn before(text: &str) -> Result<u64, String> {
    let now = when::now();
    // The one reader of such times looks forward: as far from now, to the other side.
    when::moment(text).map(|at| match time::parse(text) {
        Ok(_) => at,
        Err(_) => now.saturating_sub(at.saturating_sub(now)),
    })
}

/// What a rule did, by the access log.
#[derive(Debug, Default)]
struct Did {
    requests: u64,
    first: String,
    last: String,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    let mut entries = match &args.history {
        Some(file) => {
            let text = crate::shared::files::read(file)?;
            let all: Value = serde_json::from_str(&text)
                .map_err(|error| Error::failed(format!("{}: {error}", safe(file))))?;
            all.as_array().cloned().ok_or_else(|| {
                Error::failed(format!("{}: `hemostat history --json` writes a list", safe(file)))
            })?
        }
        None => {
            let fleet = args.fleet.some()?;
            let Some(status) = fleet.newest(err)? else { return Ok(Exit::Failed) };
            status.list("history").to_vec()
        }
    };
    // Newest first, as proxies keep it; a report is read from its beginning.
    entries.reverse();
    let at = |entry: &Value| text(entry, "at").and_then(|at| time::parse(at).ok());
    let within = |at: u64| {
        args.since.is_none_or(|since| at >= since) && args.until.is_none_or(|until| at <= until)
    };
    let before = entries
        .iter()
        .rev()
        .find(|entry| at(entry).zip(args.since).is_some_and(|(at, since)| at < since));
    let before = before.cloned();
    entries.retain(|entry| at(entry).is_some_and(within));
    let did = read_log(&args.access_log, within)?;
    report(args, before.as_ref(), &entries, &did, out)?;
    Ok(Exit::Fine)
}

fn text<'a>(entry: &'a Value, key: &str) -> Option<&'a str> {
    entry.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// What rules did, by rule and action.
fn read_log(files: &[String], within: impl Fn(u64) -> bool) -> Result<BTreeMap<String, Did>> {
    let mut did: BTreeMap<String, Did> = BTreeMap::new();
    for file in files {
        let named = |error: io::Error| Error::file(file, &error);
        for line in io::BufReader::new(std::fs::File::open(file).map_err(named)?).lines() {
            // Other lines stand in the same file; what is no entry says nothing.
            let Ok(entry) = serde_json::from_str::<Value>(&line.map_err(named)?) else { continue };
            let (Some(at), Some(rules)) = (text(&entry, "time"), text(&entry, "rules")) else {
                continue;
            };
            // Envoy's times have milliseconds, which change nothing here.
            let whole =
                at.split_once('.').map_or_else(|| at.to_owned(), |(at, _)| format!("{at}Z"));
            if !time::parse(&whole).is_ok_and(&within) {
                continue;
            }
            for rule in rules.split(',') {
                let one = did.entry(rule.to_owned()).or_default();
                one.requests += 1;
                if one.first.is_empty() || whole < one.first {
                    one.first.clone_from(&whole);
                }
                if whole > one.last {
                    one.last.clone_from(&whole);
                }
            }
        }
    }
    Ok(did)
}

/// A cell of a Markdown table: of others' words nothing ends the cell or becomes markup.
fn cell(text: &str) -> String {
    let mut out = String::new();
    for c in safe(text).chars() {
        if matches!(c, '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '!' | '&') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// What an activation was, in words.
fn what(entry: &Value) -> String {
    let version = format!("version {}", cell(text(entry, "version").unwrap_or("-")));
    let serial = entry.get("serial").and_then(Value::as_u64).unwrap_or_default();
    match (text(entry, "source"), entry.get("rolls_back").and_then(Value::as_u64)) {
        (_, Some(back)) => format!("release {serial} takes {back} back: {version}"),
        (Some("baseline"), _) => format!("the inline policy: {version}"),
        (Some("expiry"), _) => format!("a release was over: {version} is back"),
        (way, _) => format!("release {serial} ({}): {version}", cell(way.unwrap_or("-"))),
    }
}

fn report(
    args: &Args,
    before: Option<&Value>,
    entries: &[Value],
    did: &BTreeMap<String, Did>,
    out: &mut dyn Write,
) -> Result<()> {
    writeln!(out, "# {}\n", cell(&args.title))?;
    writeln!(out, "*In one sentence: what callers had, from when to when, and why.*\n")?;
    writeln!(out, "## Timeline (UTC)\n\n| when | what | by | why |\n|---|---|---|---|")?;
    if let Some(entry) = before {
        writeln!(out, "| before | in force: {} | | |", what(entry))?;
    }
    for entry in entries {
        let keys: Vec<&str> = entry
            .get("key_ids")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let by = text(entry, "issuer").map(cell).unwrap_or_default();
        let by = if keys.is_empty() { by } else { format!("{by} ({})", cell(&keys.join(", "))) };
        let (at, why) = (text(entry, "at").unwrap_or("-"), text(entry, "reason").unwrap_or(""));
        writeln!(out, "| {} | {} | {by} | {} |", cell(at), what(entry), cell(why))?;
    }
    writeln!(out, "| … | *first report, decisions, word to callers* | | |\n")?;
    if !args.access_log.is_empty() {
        writeln!(
            out,
            "## What rules did\n\n| rule | requests | first | last |\n|---|---|---|---|"
        )?;
        for (rule, did) in did {
            let Did { requests, first, last } = did;
            writeln!(out, "| {} | {requests} | {} | {} |", cell(rule), cell(first), cell(last))?;
        }
        writeln!(out)?;
    }
    out.write_all(REST.as_bytes())?;
    Ok(())
}

/// What only people know.
const REST: &str = "\
## Impact

*Who had what, how many, since when. `hemostat replay POLICY TRAFFIC --by feature --by prompt_version` counts on recorded traffic.*

## Causes

*What made it possible, and what made it last.*

## What worked, and what did not

*What told us? How long from the first sign to the first move, from the move to its effect?*

## Afterwards

- [ ] what is to stay is in the policy itself: overlays and activations end
- [ ] a case that fails without the new rule: `hemostat test`
- [ ] an alert that would have come first
- [ ] an overlay is prepared for the next time: `hemostat release --prepare`
- [ ] the prompt, model or configuration that was taken back is mended
";
