//! `hemostat replay`: plays recorded traffic through a policy, without a proxy, and reports what each rule would have
//! done, and to whom.

mod tally;

use std::io::Write;

use serde_json::{Value, json};

use crate::shared::error::Result;
use crate::shared::exit::Exit;
use crate::shared::play::{Cut, Player, Traffic};
use crate::shared::program;
use crate::shared::recording::{Recording, Recordings};
use crate::shared::table::Table;
use crate::shared::terminal::safe;
use crate::shared::when;
use tally::{RuleLine, Tally};

/// How many values of a label are shown.
const TOP: usize = 5;

/// Arguments of `hemostat replay`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat replay policy.yaml traffic/                  what would it have done?
  hemostat replay policy.yaml --overlay kill.yaml traffic/ --by feature --by prompt_version
  hemostat replay new.yaml --against old.yaml traffic/  what would have been otherwise?

TRAFFIC is a folder or file of recorded exchanges: traces of Envoy's tap filter (one a file, or one a line), lines of
JSON, HAR files, OTLP/JSON spans with messages, or NAME.meta.json with the bodies beside it. docs/testing.md says how to record them, and what a line holds.
Nothing is sent anywhere.

Exit codes: 0 it was played, whatever came of it; 1 the policy is not acceptable; 2 nothing could be read.")]
pub(crate) struct Args {
    /// A policy, a plugin configuration, or a release
    policy: String,
    /// Recorded exchanges
    #[arg(required = true, value_name = "TRAFFIC")]
    traffic: Vec<String>,
    /// An overlay to put on the policy
    #[arg(long, short, value_name = "FILE")]
    overlay: Vec<String>,
    /// Compare with this policy: name the exchanges that would have ended otherwise
    #[arg(long, value_name = "FILE")]
    against: Option<String>,
    /// Labels to group by [default: those of the policy, and `model`]
    #[arg(long, value_name = "LABEL")]
    by: Vec<String>,
    /// Name every exchange that a rule hit
    #[arg(long)]
    names: bool,
    /// Write one JSON document to standard output instead of words
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    let made = program::from_file(&args.policy, &args.overlay)?;
    let other = args.against.as_deref().map(|file| program::from_file(file, &[])).transpose()?;
    let (program, other) = match (made, other.transpose()) {
        (Ok(program), Ok(other)) => (program, other),
        (Err(why), _) | (_, Err(why)) => {
            writeln!(err, "{why}\nhemostat: nothing was played")?;
            return Ok(Exit::No);
        }
    };
    let mut found = Recordings::default();
    for path in &args.traffic {
        found.look(path)?;
    }
    for (file, why) in &found.wrong {
        writeln!(err, "hemostat: {}: {}", safe(file), safe(why))?;
    }
    if found.recordings.is_empty() {
        writeln!(err, "hemostat: {}", Recordings::none_in(&args.traffic))?;
        return Ok(Exit::Failed);
    }
    found.in_order();
    let mut run = Run::new(&program);
    let mut against = other.as_ref().map(Run::new);
    let mut tally = Tally::new(&args.by);
    for recording in &found.recordings {
        let seen = run.play(recording);
        let other = against.as_mut().map(|other| other.play(recording));
        tally.add(recording, &seen, other.as_ref());
    }
    if args.json {
        writeln!(out, "{:#}", in_json(&tally, &found))?;
    } else {
        write(&tally, &found, args, out)?;
    }
    Ok(Exit::Fine)
}

/// A policy being played.
struct Run<'a> {
    program: &'a std::rc::Rc<hemostat_engine::policy::Program>,
    /// For exchanges with a time: they share accounts.
    timed: Option<Player>,
}

impl<'a> Run<'a> {
    fn new(program: &'a std::rc::Rc<hemostat_engine::policy::Program>) -> Self {
        Self { program, timed: None }
    }

    fn play(&mut self, recording: &Recording) -> crate::shared::play::Seen {
        let new = |at_ns| Player::new(std::rc::Rc::clone(self.program), at_ns);
        match recording.at {
            Some(at) => {
                let at_ns = at.saturating_mul(1_000_000_000);
                let traffic = Traffic { at_ns, ..recording.traffic.clone() };
                self.timed.get_or_insert_with(|| new(at_ns)).play(&traffic, Cut::Whole)
            }
            // The order of such exchanges is unknown: limits are judged as if each came alone.
            None => {
                let at_ns = when::now().saturating_mul(1_000_000_000);
                let traffic = Traffic { at_ns, ..recording.traffic.clone() };
                new(at_ns).play(&traffic, Cut::Whole)
            }
        }
    }
}

fn write(tally: &Tally, found: &Recordings, args: &Args, out: &mut dyn Write) -> Result<()> {
    let dialects: Vec<String> =
        tally.dialects.iter().map(|(dialect, count)| format!("{dialect} {count}")).collect();
    writeln!(
        out,
        "{} exchanges{}: {} calls of a model{}, {} other",
        tally.exchanges,
        span(tally),
        tally.calls(),
        if dialects.is_empty() { String::new() } else { format!(" ({})", dialects.join(", ")) },
        tally.other
    )?;
    writeln!(
        out,
        "would have been answered by the proxy: {}; changed on the way in: {}, on the way out: {}",
        tally.answered, tally.changed_in, tally.changed_out
    )?;
    if found.untimed() > 0 {
        writeln!(out, "{} say no time: limits were judged as if each came alone", found.untimed())?;
    }
    if tally.lines.is_empty() {
        writeln!(out, "no rule did anything")?;
    } else {
        writeln!(out)?;
        rules(tally, args, out)?;
    }
    if !tally.unchecked.is_empty() {
        let all: Vec<_> =
            tally.unchecked.iter().map(|(why, count)| format!("{why} {count}")).collect();
        writeln!(out, "\nnot checked: {}", all.join(", "))?;
    }
    if args.against.is_some() {
        writeln!(
            out,
            "\nwould have ended otherwise: {} of {}",
            tally.otherwise.len(),
            tally.exchanges
        )?;
        for (name, before, now) in &tally.otherwise {
            writeln!(out, "  {}: {} → {}", safe(name), safe(before), safe(now))?;
        }
    }
    Ok(())
}

fn span(tally: &Tally) -> String {
    match (tally.first.map(tally::shown), tally.last.map(tally::shown)) {
        (Some(first), Some(last)) => format!(" from {first} to {last}"),
        _ => String::new(),
    }
}

fn rules(tally: &Tally, args: &Args, out: &mut dyn Write) -> Result<()> {
    let mut table = Table::new(["RULE", "ACTION", "EXCHANGES", "FIRST", "LAST"]);
    for line in &tally.lines {
        let time = |at: Option<u64>| at.map_or_else(|| "-".to_owned(), tally::shown);
        table.row([
            safe(&line.rule),
            safe(&line.action),
            line.exchanges.to_string(),
            time(line.first),
            time(line.last),
        ]);
    }
    table.write(out)?;
    for line in &tally.lines {
        let mut told = false;
        for (label, values) in &line.labels {
            let shown: Vec<String> =
                top(values).map(|(value, count)| format!("{}={count}", safe(value))).collect();
            let more = values.len().saturating_sub(TOP);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            if !told {
                writeln!(out, "\n{}:{}", safe(&line.rule), safe(&line.action))?;
                told = true;
            }
            writeln!(out, "  {}: {}{more}", safe(label), shown.join(" "))?;
        }
        if args.names {
            for name in &line.names {
                writeln!(out, "  - {}", safe(name))?;
            }
        }
    }
    Ok(())
}

/// The values of a label with the most exchanges, most first.
fn top(values: &std::collections::BTreeMap<String, u64>) -> impl Iterator<Item = (&String, &u64)> {
    let mut all: Vec<_> = values.iter().collect();
    all.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    all.into_iter().take(TOP)
}

fn in_json(tally: &Tally, found: &Recordings) -> Value {
    let time = |at: Option<u64>| at.map(tally::shown);
    let rule = |line: &RuleLine| {
        json!({
            "rule": line.rule, "action": line.action, "exchanges": line.exchanges,
            "first": time(line.first), "last": time(line.last), "labels": line.labels,
            "names": line.names,
        })
    };
    let otherwise = |(name, before, now): &(String, String, String)| json!({"name": name, "against": before, "policy": now});
    json!({
        "exchanges": tally.exchanges, "calls": tally.calls(), "other": tally.other,
        "dialects": tally.dialects, "first": time(tally.first), "last": time(tally.last),
        "answered": tally.answered, "changed_in": tally.changed_in,
        "changed_out": tally.changed_out, "untimed": found.untimed(),
        "rules": tally.lines.iter().map(rule).collect::<Vec<_>>(),
        "unchecked": tally.unchecked,
        "otherwise": tally.otherwise.iter().map(otherwise).collect::<Vec<_>>(),
        "not_read": found.wrong.iter().map(|(file, why)| json!({"file": file, "why": why})).collect::<Vec<_>>(),
    })
}
