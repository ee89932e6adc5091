//! `hemostat scope`: how far an incident reaches, from access logs: which feature, prompt version, model, tenant and
//! rule, since when, after which release.

pub(crate) mod against;
mod calls;
pub(crate) mod condition;
pub(crate) mod count;
pub(crate) mod dimension;
pub(crate) mod finding;
pub(crate) mod html;
mod interned;
mod json;
mod latency;
pub(crate) mod releases;
mod report;
mod series;
pub(crate) mod survey;
mod text;
pub(crate) mod words;

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::shared::access_log::Sources;
use crate::shared::error::{Error, Result};
use crate::shared::exit::Exit;
use crate::shared::files;
use crate::shared::number;
use crate::shared::records::Period;
use crate::shared::terminal::safe;
use crate::shared::when;
use against::Against;
use condition::Conditions;
use survey::{Survey, Wanted};

/// The default of `--by`.
pub(crate) const BY: [&str; 5] = ["feature", "prompt_version", "model", "tenant", "rule"];

/// Arguments of `hemostat scope`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat scope access.json                               what turned bad, for whom, since when, after which release?
  hemostat scope 'logs/access*.json.gz' --since 6h --html incident.html
  kubectl logs deploy/envoy | hemostat scope - --where feature=checkout --by tenant
  hemostat scope access.json --where rule=harmful --by feature,prompt_version
  hemostat scope access.json --history history.json        releases by the second, with who and why
  hemostat scope access.json --calls bad.jsonl             the bad calls themselves, one line each, with decision and trace
  hemostat scope access.json --since 1h --against 1d       this hour beside the same hour of yesterday

LOG is a file, a folder, a glob or `-`; JSON lines with `time` and the keys of the record (docs/scope.md), plain or gz.
`--where` on a label narrows what is looked at; on what became of a call (rule, action, status, finish_reason, unchecked)
it says which calls are looked for. Without it these are calls that a rule acted on, that failed, or that ended unusually.

Exit codes: 0 it was read, whatever it says; 2 nothing could be read.")]
pub(crate) struct Args {
    /// Access logs
    #[arg(required = true, value_name = "LOG")]
    logs: Vec<String>,
    /// Group by this; `a,b` groups by both together [default: feature, prompt_version, model, tenant, rule]
    #[arg(long, value_name = "LABEL")]
    by: Vec<String>,
    #[command(flatten)]
    period: Period,
    /// Only calls with this label, or: calls of which this came; `!GLOB` for all others
    #[arg(long = "where", value_name = "LABEL=GLOB")]
    conditions: Vec<String>,
    /// What `hemostat history --json` said: when releases came, by whom, why
    #[arg(long, value_name = "FILE")]
    history: Option<String>,
    /// Hold the counts against the same length of time so much earlier: `1h` before, `1d`, `7d`; with `--since`
    #[arg(long, value_parser = length, value_name = "TIME")]
    against: Option<u64>,
    /// Write the calls that the first line tells of, or that `--where` looks for, to this file: lines of the log
    #[arg(long, value_name = "FILE")]
    calls: Option<std::path::PathBuf>,
    /// Rows of a table
    #[arg(long, value_parser = number::count, default_value_t = 10, value_name = "N", conflicts_with = "json")]
    top: usize,
    /// Write a report with plots to this file
    #[arg(long, value_name = "FILE")]
    html: Option<std::path::PathBuf>,
    /// Write one JSON document to standard output instead of words
    #[arg(long)]
    json: bool,
}

/// The value of `--against`: a length of time in seconds.
fn length(text: &str) -> Result<u64> {
    when::length(text).ok_or_else(|| {
        let text = safe(text);
        Error::failed(format!("`{text}` is not a length of time such as `1h` or `7d`"))
    })
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    let by = match args.by.as_slice() {
        [] => BY.map(str::to_owned).to_vec(),
        given => given.to_vec(),
    };
    let conditions = Conditions::parse(&args.conditions)?;
    let period = args.period;
    let against = args.against.map(|back| Against::new(&by, period, back)).transpose()?;
    let wanted = Wanted { by, conditions, period, against };
    let sources = Sources::find(&args.logs)?;
    if args.calls.is_some() && sources.are_read_once() {
        return Err(Error::failed(
            "`--calls` reads the log a second time: name files, and not `-`",
        ));
    }
    let mut survey = Survey::new(wanted);
    let mut progress = Progress::new(sources.bytes());
    survey.read(&sources, |bytes| progress.at(bytes))?;
    progress.end();
    if let Some(file) = &args.history {
        survey.releases.tell(file)?;
    }
    survey.read.tell_broken_off(err)?;
    if survey.all.calls == 0 {
        writeln!(err, "hemostat: {}", survey.nothing(&args.logs))?;
        return Ok(if survey.read.lines == survey.read.unusable() {
            Exit::Failed
        } else {
            Exit::Fine
        });
    }
    let report = Report::of(survey);
    if let Some(path) = &args.html {
        files::replace(path, &html::page(&report))?;
    }
    if let Some(path) = &args.calls {
        let calls = calls::write(path, &sources, &report)?;
        writeln!(
            err,
            "hemostat: {} in {}",
            words::counted(calls, "call"),
            safe(&path.display().to_string())
        )?;
    }
    if args.json {
        writeln!(out, "{:#}", json::document(&report))?;
    } else {
        text::write(&report, args.top, !args.by.is_empty(), out)?;
    }
    Ok(Exit::Fine)
}

pub(crate) use html::sections;
pub(crate) use json::document;
pub(crate) use report::Report;

/// A progress bar on a terminal; elsewhere nothing.
#[derive(Debug)]
struct Progress {
    of: Option<u64>,
    shown: Option<Instant>,
    begun: Instant,
    on: bool,
}

/// How often the bar is redrawn.
const EVERY: Duration = Duration::from_millis(100);

impl Progress {
    fn new(of: Option<u64>) -> Self {
        Self { of, shown: None, begun: Instant::now(), on: io::stderr().is_terminal() }
    }

    fn at(&mut self, bytes: u64) {
        let now = Instant::now();
        let soon = self.shown.unwrap_or(self.begun);
        if !self.on || now.duration_since(soon) < EVERY {
            return;
        }
        self.shown = Some(now);
        let mb = bytes as f64 / 1e6;
        let bar = match self.of.filter(|of| *of > 0) {
            Some(of) => {
                let done = (bytes as f64 / of as f64).min(1.0);
                let full = (done * 30.0) as usize;
                format!(
                    "{:█<full$}{:░<rest$} {:3.0} %",
                    "",
                    "",
                    done * 100.0,
                    rest = 30 - full.min(30)
                )
            }
            None => String::new(),
        };
        eprint!(
            "\r\x1b[K{bar} {mb:.0} MB, {:.0} MB/s",
            mb / now.duration_since(self.begun).as_secs_f64()
        );
    }

    fn end(&self) {
        if self.shown.is_some() {
            eprint!("\r\x1b[K");
        }
    }
}
