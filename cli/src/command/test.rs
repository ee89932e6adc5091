//! `hemostat test`: runs the cases of policies. A case is a request, the answer that upstream would give, and what is
//! expected of both.

pub(crate) mod answer;
pub(crate) mod case;
mod junit;
mod rules;
mod suite;
mod watch;

use std::io::Write;

use serde_json::{Value, json};

use crate::shared::error::Result;
use crate::shared::exit::Exit;
use crate::shared::terminal::{Paint, safe};
use suite::{Ended, Suite};

/// What does not hold of a case under a policy.
pub(crate) fn judge(
    program: &std::rc::Rc<hemostat_engine::policy::Program>,
    case: &case::Case,
) -> Vec<String> {
    suite::tried(program, case).0
}

/// Checks that a text can be read as a file of cases.
///
/// # Errors
/// It cannot.
pub(crate) fn readable(text: &str, path: &std::path::Path) -> Result<()> {
    Suite::parse(text, path).map(drop)
}

/// Arguments of `hemostat test`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat test policies/                              all cases below a folder
  hemostat test policies/overlays/sev1-kill-feature.yaml
      the cases beside it, in sev1-kill-feature.cases.yaml or cases/sev1-kill-feature.cases.yaml
  hemostat test kill.yaml --base policy.yaml           an overlay, on this policy
  hemostat test old.cases.yaml --policy new.yaml       do the old cases hold under the new policy?
  hemostat test policies/ --rules                      which rules does no case try?
  hemostat test policy.yaml --watch                    while you write
  hemostat test policies/ --junit cases.xml            for CI

docs/testing.md says how a case is written.

Exit codes: 0 all cases hold; 1 a case does not hold, or a policy is not acceptable; 2 there are no cases, or they cannot
be read.")]
pub(crate) struct Args {
    /// Policies with cases beside them, files of cases, or folders of both
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// Run the cases on this policy instead
    #[arg(long, value_name = "FILE", conflicts_with = "base")]
    policy: Option<String>,
    /// Put the policy, as an overlay, on this one [default: `base` of the cases]
    #[arg(long, value_name = "FILE")]
    base: Option<String>,
    /// Only cases whose name contains this
    #[arg(long, value_name = "TEXT")]
    case: Option<String>,
    /// Only what fails
    #[arg(long, short, conflicts_with = "json")]
    quiet: bool,
    /// Write one JSON document to standard output instead of words
    #[arg(long)]
    json: bool,
    /// Write a report in JUnit's XML to this file, for CI
    #[arg(long, value_name = "FILE")]
    junit: Option<std::path::PathBuf>,
    /// Name the rules that no case makes act
    #[arg(long)]
    rules: bool,
    /// Run again whenever a policy or its cases change
    #[arg(long, conflicts_with_all = ["json", "junit"])]
    watch: bool,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    if args.watch {
        return watch::run(&watched(args), || once(args, out, err));
    }
    once(args, out, err)
}

/// The files whose changes run the cases again: those named, and the policies named with them.
fn watched(args: &Args) -> Vec<String> {
    let policies = args.policy.iter().chain(&args.base);
    args.paths.iter().chain(policies).cloned().collect()
}

fn once(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    let mut files = Vec::new();
    for path in &args.paths {
        files.extend(suite::find(path)?);
    }
    let (mut exit, mut ran) = (Exit::Fine, Vec::new());
    for file in &files {
        let ended = Suite::read(file)
            .and_then(|suite| suite.run(args.policy.as_deref(), args.base.as_deref(), &args.case));
        match ended {
            Ok(ended) => {
                exit = exit.max(if ended.holds() { Exit::Fine } else { Exit::No });
                ran.push(ended);
            }
            Err(error) => {
                writeln!(err, "hemostat: {error}")?;
                exit = Exit::Failed;
            }
        }
    }
    let cases: usize = ran.iter().map(|suite| suite.cases.len()).sum();
    if cases == 0 && exit == Exit::Fine {
        match &args.case {
            Some(name) => {
                writeln!(err, "hemostat: no case has `{}` in its name", safe(name))?;
            }
            None => writeln!(err, "hemostat: these files have no cases; `cases` lists them")?,
        }
        exit = Exit::Failed;
    }
    if let Some(path) = &args.junit {
        crate::shared::files::replace(path, &junit::report(&ran))?;
    }
    if args.json {
        let suites: Vec<Value> = ran.iter().map(in_json).collect();
        writeln!(out, "{:#}", json!({"ok": exit == Exit::Fine, "suites": suites}))?;
    } else {
        for suite in &ran {
            write(suite, args.quiet, out)?;
        }
        let failed = ran.iter().flat_map(|suite| &suite.cases).filter(|case| !case.holds()).count();
        writeln!(out, "{cases} cases, {failed} do not hold")?;
        if args.rules {
            idle(&ran, out)?;
        }
    }
    Ok(exit)
}

fn idle(ran: &[Ended], out: &mut dyn Write) -> Result<()> {
    for suite in ran.iter().filter(|suite| !suite.idle.is_empty()) {
        let rules: Vec<String> = suite.idle.iter().map(|rule| safe(rule)).collect();
        writeln!(out, "no case tries, of {}: {}", safe(&suite.policy), rules.join(", "))?;
    }
    if ran.iter().all(|suite| suite.idle.is_empty()) {
        writeln!(out, "every rule is tried by a case")?;
    }
    Ok(())
}

fn in_json(suite: &Ended) -> Value {
    let case = |case: &suite::CaseResult| json!({"name": case.name, "ok": case.holds(), "wrong": case.wrong});
    json!({
        "cases_file": suite.file,
        "policy": suite.policy,
        "refused": suite.refused,
        "rules_without_a_case": suite.idle,
        "cases": suite.cases.iter().map(case).collect::<Vec<_>>(),
    })
}

fn write(suite: &Ended, quiet: bool, out: &mut dyn Write) -> Result<()> {
    let paint = Paint::for_stdout();
    if quiet && suite.holds() {
        return Ok(());
    }
    writeln!(out, "{} on {}", safe(&suite.file), safe(&suite.policy))?;
    if let Some(why) = &suite.refused {
        writeln!(out, "  {}  the policy is not acceptable", paint.error("FAIL"))?;
        for line in why.lines() {
            writeln!(out, "        {line}")?;
        }
    }
    for case in &suite.cases {
        if case.holds() {
            if !quiet {
                writeln!(out, "  {}    {}", paint.good("ok"), safe(&case.name))?;
            }
            continue;
        }
        writeln!(out, "  {}  {}", paint.error("FAIL"), safe(&case.name))?;
        for wrong in &case.wrong {
            writeln!(out, "        {}", safe(wrong))?;
        }
    }
    Ok(())
}
