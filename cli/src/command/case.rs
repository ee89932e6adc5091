//! `hemostat case`: turns an exchange that went wrong into a case that keeps it from happening again.

mod scrub;
mod written;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::rc::Rc;

use hemostat_engine::base::time;
use hemostat_engine::policy::Program;
use serde_json::{Value, json};

use crate::command::test::answer::{readable, told};
use crate::command::test::{case as cases, judge};
use crate::shared::access_log::{self, Field, Sources};
use crate::shared::error::{Error, Result};
use crate::shared::exit::Exit;
use crate::shared::files;
use crate::shared::play::{Cut, Player, Seen, Traffic};
use crate::shared::program;
use crate::shared::recording::{Recording, Recordings};
use crate::shared::terminal::{count, safe};
use crate::shared::when;
use scrub::Scrubber;

/// Labels whose values identify somebody.
const WHO: [&str; 3] = ["tenant", "user", "key"];

/// How many names of exchanges a message shows.
const NAMES: usize = 5;

/// The maximum number of words that the case forbids in the answer.
const WORDS: usize = 3;

/// Arguments of `hemostat case`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat case tap/0017.json --old policy.yaml --new fixed.yaml
      shows the case, and whether it fails under the old policy and holds under the new one
  hemostat case taps/ --access-log access.json --decision mzxw6ytboi --old policy.yaml --new fixed.yaml --out fixed.cases.yaml --yes
      the recording whose answer has the id that the access log gives to this decision
  hemostat case session.har --pick '#3' --new fixed.yaml --never 'pipe bomb'

EXCHANGE is what `hemostat replay` reads: traces of Envoy's tap filter, lines of JSON, HAR, OTLP/JSON spans with messages.
Secrets, mails, tenants and users are replaced by others of their shape; what was replaced is said before anything is
written, and without `--yes` nothing is. Read the case before you keep it: what a person told about themselves in plain
words is not found by any pattern.

Exit codes: 0 the case fails under the old policy and holds under the new one; 1 it does not; 2 nothing could be read.")]
pub(crate) struct Args {
    /// A recorded exchange, or a folder of them
    #[arg(required = true, value_name = "EXCHANGE")]
    exchanges: Vec<String>,
    /// The policy that let it happen
    #[arg(long, value_name = "FILE")]
    old: Option<String>,
    /// The policy that is to keep it from happening: what it does is what the case expects
    #[arg(long, value_name = "FILE")]
    new: Option<String>,
    /// Of several exchanges the one whose name contains this
    #[arg(long, value_name = "TEXT")]
    pick: Option<String>,
    /// The access log in which `--decision` is looked up
    #[arg(long, value_name = "LOG", requires = "decision")]
    access_log: Vec<String>,
    /// The exchange with this decision id
    #[arg(long, value_name = "ID")]
    decision: Option<String>,
    /// A text that the answer must not have
    #[arg(long, value_name = "TEXT")]
    never: Vec<String>,
    /// Another label whose values say who somebody is, beside tenant, user and key
    #[arg(long, value_name = "LABEL")]
    scrub: Vec<String>,
    /// What the case is called
    #[arg(long)]
    name: Option<String>,
    /// Write it to this file of cases; one that is there gets one case more
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write it, and not only show it
    #[arg(long, requires = "out")]
    yes: bool,
    /// Write the case as one JSON document to standard output instead of YAML
    #[arg(long)]
    json: bool,
    /// Recorded traffic: how many of its exchanges would end otherwise under the new policy?
    #[arg(long, value_name = "TRAFFIC", requires_all = ["old", "new"])]
    replay: Vec<String>,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    if args.new.is_none() && args.never.is_empty() {
        return Err(Error::failed("what is to hold? give `--new POLICY`, or `--never TEXT`"));
    }
    let [old, new] = [&args.old, &args.new].map(|file| file.as_deref().map(policy).transpose());
    let (old, new) = (old?, new?);
    let recording = one(args, err)?;
    let made = make(args, &recording, new.as_ref().or(old.as_ref()))?;
    if args.json {
        writeln!(out, "{:#}", json!({"case": made.case, "replaced": made.counts}))?;
    } else {
        writeln!(out, "{}", safe_lines(&written::yaml(&made.case)))?;
    }
    let scrubbed: Vec<String> =
        made.counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
    writeln!(
        err,
        "replaced: {}",
        if scrubbed.is_empty() { "nothing".to_owned() } else { safe(&scrubbed.join(", ")) }
    )?;
    let exit = verdict(&made.case, old.as_ref(), new.as_ref(), err)?;
    if let (Some(old), Some(new)) = (&old, &new)
        && !args.replay.is_empty()
    {
        otherwise(&args.replay, old, new, err)?;
    }
    match (&args.out, args.yes) {
        (Some(path), true) if exit == Exit::Fine => append(path, &made.case, err)?,
        (Some(path), true) => {
            writeln!(err, "nothing was written to {}", safe(&path.display().to_string()))?
        }
        (Some(path), false) => {
            writeln!(err, "`--yes` writes it to {}", safe(&path.display().to_string()))?;
        }
        (None, _) => writeln!(err, "`--out FILE.cases.yaml --yes` keeps it")?,
    }
    Ok(exit)
}

/// A compiled policy, and its text.
struct Policy {
    file: String,
    text: String,
    program: Rc<Program>,
}

fn policy(file: &str) -> Result<Policy> {
    let program = program::from_file(file, &[])??;
    Ok(Policy { file: file.to_owned(), text: files::read(file)?.to_ascii_lowercase(), program })
}

/// A case, and what was replaced in it.
pub(crate) struct Made {
    case: Value,
    counts: std::collections::BTreeMap<String, u64>,
}

/// The chosen exchange.
fn one(args: &Args, err: &mut dyn Write) -> Result<Recording> {
    let mut found = Recordings::default();
    for path in &args.exchanges {
        found.look(path)?;
    }
    for (file, why) in &found.wrong {
        writeln!(err, "hemostat: {}: {}", safe(file), safe(why))?;
    }
    found.in_order();
    let all: Vec<String> = found.recordings.iter().map(|own| own.name.clone()).collect();
    let mut fit = found.recordings;
    if let Some(text) = &args.pick {
        fit.retain(|own| own.name.contains(text.as_str()));
    }
    if let Some(decision) = &args.decision {
        let logged = logged(&args.access_log, decision)?;
        fit.retain(|own| is_of(own, decision, logged.as_deref()));
    }
    let none = || Error::failed(Recordings::none_in(&args.exchanges));
    match fit.len() {
        1 => fit.pop().ok_or_else(none),
        0 if all.is_empty() => Err(none()),
        0 => Err(Error::failed(format!(
            "none of {} is meant by `--pick` and `--decision`; they are {}",
            count(all.len(), "exchange", "exchanges"),
            names(&all)
        ))),
        many => {
            let fit: Vec<String> = fit.into_iter().map(|own| own.name).collect();
            Err(Error::failed(format!(
                "{many} exchanges; say which, `--pick TEXT` or `--decision ID`: {}",
                names(&fit)
            )))
        }
    }
}

/// The first names of several, to choose from.
fn names(all: &[String]) -> String {
    let shown: Vec<String> =
        all.iter().take(NAMES).map(|name| format!("`{}`", safe(name))).collect();
    let more = if all.len() > NAMES { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// The id of the answer that an access log has for a decision.
fn logged(logs: &[String], decision: &str) -> Result<Option<String>> {
    if logs.is_empty() {
        return Ok(None);
    }
    let mut found = None;
    access_log::read(
        &Sources::find(logs)?,
        |entry| {
            if entry.text(Field::Decision).is_some_and(|own| own == decision) {
                found = Some(entry.text(Field::ResponseId).map(std::borrow::Cow::into_owned));
            }
        },
        |_| {},
    )?;
    match found {
        Some(id) => Ok(id),
        None => Err(Error::failed(format!(
            "no line of the access log has the decision `{}`",
            safe(decision)
        ))),
    }
}

fn is_of(recording: &Recording, decision: &str, response: Option<&str>) -> bool {
    let traffic = &recording.traffic;
    let header = traffic
        .answer_headers
        .iter()
        .any(|(name, value)| name == "x-hemostat-decision" && value == decision);
    let has = |text: &str| {
        !text.is_empty() && traffic.answer.windows(text.len()).any(|own| own == text.as_bytes())
    };
    header || response.is_some_and(|id| has(&format!("\"{id}\"")))
}

fn make(args: &Args, recording: &Recording, policy: Option<&Policy>) -> Result<Made> {
    let mut scrubber = Scrubber::new()?;
    let mut texts = String::new();
    if let Some(policy) = policy {
        texts.push_str(&policy.text);
        let at = recording.at.unwrap_or_else(when::now).saturating_mul(1_000_000_000);
        let seen = Player::new(Rc::clone(&policy.program), at).play(&recording.traffic, Cut::Whole);
        let who = |name: &str| WHO.contains(&name) || args.scrub.iter().any(|own| own == name);
        for (name, value) in seen.labels.iter().filter(|(name, _)| who(name)) {
            scrubber.name(name, value);
        }
    }
    let request = written::request(&recording.traffic, &texts, &mut scrubber);
    let answer = written::answer(&recording.traffic, &mut scrubber)?;
    let name = args.name.clone().unwrap_or_else(|| "what went wrong does not come back".to_owned());
    let mut case = json!({"name": name, "request": request, "expect": {}});
    let Some(map) = case.as_object_mut() else { return Err(Error::failed("a case is a map")) };
    if let Some((key, value)) = answer {
        map.insert(key.to_owned(), value);
    }
    if recording.traffic.status != 200 {
        map.insert("answer_status".to_owned(), recording.traffic.status.into());
    }
    if let Some(at) = recording.at {
        map.insert("at".to_owned(), time::format(at).into());
    }
    let expect = expect(args, &case, policy.filter(|_| args.new.is_some()))?;
    if let Some(map) = case.as_object_mut() {
        map.insert("expect".to_owned(), expect);
    }
    Ok(Made { case, counts: scrubber.counts })
}

/// What the new policy does with the exchange, as far as a case can express it.
fn expect(args: &Args, case: &Value, new: Option<&Policy>) -> Result<Value> {
    let mut never: BTreeSet<String> = args.never.iter().cloned().collect();
    let Some(new) = new else { return Ok(json!({"never": never})) };
    let read = cases::Case::read(case, 0)?;
    let mut player = Player::new(Rc::clone(&new.program), read.traffic.at_ns);
    let seen = player.play(&read.traffic, Cut::Whole);
    never.extend(gone(&read.traffic, &seen));
    let mut expect = json!({"status": seen.status, "asked": seen.upstream.is_some()});
    let Some(map) = expect.as_object_mut() else { return Ok(expect) };
    let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
    if let Some(action) = seen.header("x-hemostat-action") {
        put("action", action.into());
    }
    if !seen.hits.is_empty() {
        put("hits", seen.hits.split(',').collect());
    }
    if !never.is_empty() {
        put("never", never.into_iter().collect());
    }
    Ok(expect)
}

/// The longest words of upstream's answer that the caller no longer gets.
fn gone(traffic: &Traffic, seen: &Seen) -> Vec<String> {
    let kind = traffic.answer_headers.iter().find(|(name, _)| name == "content-type");
    let answer = readable(kind.map(|(_, kind)| kind.as_str()), &traffic.answer);
    let before = format!("{}{}", told(&answer), whole(&answer));
    let after = readable(seen.header("content-type"), &seen.body);
    let after = format!("{}{after}", told(&after));
    let words = before.split(|c: char| c.is_whitespace() || "\"'`.,;()".contains(c));
    let mut words: Vec<&str> =
        words.filter(|word| word.len() > 3 && word.is_ascii() && !after.contains(word)).collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.dedup();
    words.into_iter().take(WORDS).map(str::to_owned).collect()
}

/// The texts of a whole answer.
fn whole(answer: &str) -> String {
    const TEXTS: [&str; 5] = [
        "/choices/0/message/content",
        "/content/0/text",
        "/output/0/content/0/text",
        "/candidates/0/content/parts/0/text",
        "/output/message/content/0/text",
    ];
    let Ok(body) = serde_json::from_str::<Value>(answer) else { return String::new() };
    TEXTS.iter().filter_map(|at| body.pointer(at)?.as_str()).collect()
}

/// Checks that the case fails under the old policy and holds under the new one.
fn verdict(
    case: &Value,
    old: Option<&Policy>,
    new: Option<&Policy>,
    err: &mut dyn Write,
) -> Result<Exit> {
    let read = || cases::Case::read(case, 0);
    let mut exit = Exit::Fine;
    if let Some(new) = new {
        let wrong = judge(&new.program, &read()?);
        let holds = wrong.is_empty();
        writeln!(
            err,
            "{} under {}",
            if holds { "holds" } else { "does NOT hold" },
            safe(&new.file)
        )?;
        wrong.iter().try_for_each(|why| writeln!(err, "  {}", safe(why)))?;
        exit = if holds { exit } else { Exit::No };
    }
    if let Some(old) = old {
        let wrong = judge(&old.program, &read()?);
        let fails = !wrong.is_empty();
        let words =
            if fails { "fails, as it should," } else { "HOLDS TOO: it would not have caught it," };
        writeln!(err, "{words} under {}", safe(&old.file))?;
        wrong.iter().try_for_each(|why| writeln!(err, "  {}", safe(why)))?;
        exit = if fails { exit } else { Exit::No };
    }
    Ok(exit)
}

/// Counts the recorded exchanges that would end differently under the new policy.
fn otherwise(traffic: &[String], old: &Policy, new: &Policy, err: &mut dyn Write) -> Result<()> {
    let mut found = Recordings::default();
    for path in traffic {
        found.look(path)?;
    }
    found.in_order();
    let mut changed = 0;
    let [mut before, mut after] =
        [old, new].map(|policy| Player::new(Rc::clone(&policy.program), 0));
    for recording in &found.recordings {
        let at_ns = recording.at.unwrap_or_else(when::now).saturating_mul(1_000_000_000);
        let traffic = Traffic { at_ns, ..recording.traffic.clone() };
        let (before, after) = (before.play(&traffic, Cut::Whole), after.play(&traffic, Cut::Whole));
        changed += usize::from(
            before.body != after.body
                || before.status != after.status
                || before.upstream != after.upstream,
        );
    }
    let all = found.recordings.len();
    writeln!(
        err,
        "of {all} recorded exchanges {changed} would end otherwise: `hemostat replay {} … --against {}` names them",
        safe(&new.file),
        safe(&old.file)
    )?;
    Ok(())
}

/// Adds the case to its file, and parses the result first: a file that cannot be read is not written.
fn append(path: &std::path::Path, case: &Value, err: &mut dyn Write) -> Result<()> {
    let before = match path.try_exists() {
        Ok(false) => "cases:\n".to_owned(),
        // What cannot be read must not be replaced.
        _ => files::whole(path)?,
    };
    let gap = if before.ends_with('\n') { "" } else { "\n" };
    let text = format!("{before}{gap}{}", written::yaml(case));
    crate::command::test::readable(&text, path)?;
    files::replace(path, &text)?;
    writeln!(err, "written to {}", safe(&path.display().to_string()))?;
    Ok(())
}

/// Escapes foreign text for a terminal, line by line.
fn safe_lines(text: &str) -> String {
    text.lines().map(safe).collect::<Vec<_>>().join("\n")
}
