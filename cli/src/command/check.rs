//! `hemostat check`: judges policies and plugin configurations, and says what they do.

mod json;
mod manifest;
mod report;
mod text;

use std::io::Write;

use hemostat_engine::policy::config::Config;
use hemostat_engine::policy::{Diagnostic, Document, explain, judge, schema, source};

use crate::shared::error::{Error, Result};
use crate::shared::exit::Exit;
use crate::shared::files;
use crate::shared::policy_file;
use crate::shared::settings::without_cases;
use crate::shared::terminal::{Paint, safe};
use crate::shared::when;
use report::{FileReport, What};

/// Arguments of `hemostat check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat check policy.yaml                       what it does, in words, and what is wrong with it
  hemostat check policy.yaml --overlay kill.yaml   the same of both together
  hemostat check --strict --quiet policies/*.yaml  for CI: findings alone, and warnings count
  hemostat check plugin.json                       the configuration of a proxy's filter, and its scope
  hemostat check envoy.yaml istio.yaml             those that stand in what a proxy is configured with
  hemostat check --schema > policy.schema.json     for editors")]
pub(crate) struct Args {
    /// Policies or plugin configurations in YAML or JSON; `-` reads standard input
    #[arg(required_unless_present = "schema", value_name = "FILE")]
    files: Vec<String>,
    /// Write one JSON document to standard output instead of words
    #[arg(long)]
    json: bool,
    /// An overlay: what is judged is the policy with it
    #[arg(long, short, value_name = "FILE")]
    overlay: Vec<String>,
    /// Only findings, no explanation
    #[arg(long, short)]
    quiet: bool,
    /// Warnings count as errors
    #[arg(long)]
    strict: bool,
    /// Write the JSON Schema of the policy language instead
    #[arg(long, conflicts_with_all = ["files", "json", "quiet", "strict"])]
    schema: bool,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    if args.schema {
        out.write_all(schema::policy_schema().as_bytes())?;
        return Ok(Exit::Fine);
    }
    let mut exit = Exit::Fine;
    let mut reports = Vec::new();
    // `overlays/*.yaml` matches the files of cases beside overlays too; those are for `hemostat test`.
    let files = without_cases(&args.files);
    if let (true, Some(file)) = (files.is_empty(), args.files.first()) {
        let file = safe(file);
        return Err(Error::failed(format!("{file}: these are cases; `hemostat test` runs them")));
    }
    for file in &files {
        match files::read(file) {
            Ok(text) => {
                let found = match args.overlay.as_slice() {
                    [] => match manifest::find(&text, file) {
                        Some(found) => reports_of(found, file, args.strict)?,
                        None => vec![report(file, text, args.strict)],
                    },
                    overlays => vec![report_of_all(file, &text, overlays, args.strict)?],
                };
                for report in found {
                    exit = exit.max(if report.acceptable { Exit::Fine } else { Exit::No });
                    reports.push(report);
                }
            }
            Err(error) => {
                writeln!(err, "hemostat: {error}")?;
                exit = Exit::Failed;
            }
        }
    }
    if args.json {
        json::write(&reports, exit, out)?;
    } else {
        for report in &reports {
            text::write(report, args.quiet, Paint::for_stdout(), out)?;
        }
    }
    Ok(exit)
}

fn report(file: &str, text: String, strict: bool) -> FileReport {
    let tree = source::parse(&text, file);
    judged(file.to_owned(), text, tree, Vec::new(), strict)
}

/// Reports on the plugin configurations inside a proxy's own configuration.
fn reports_of(found: Vec<manifest::Plugin>, file: &str, strict: bool) -> Result<Vec<FileReport>> {
    if found.is_empty() {
        return Err(Error::no(format!(
            "{}: no configuration of the filter stands in it",
            safe(file)
        )));
    }
    let reports = found.into_iter().map(|one| {
        let mut report = judged(file.to_owned(), one.text, one.tree, one.beside, strict);
        report.explanation.insert(0, format!("stands at {}", one.path));
        report
    });
    Ok(reports.collect())
}

fn judged(
    file: String,
    text: String,
    tree: Result<source::SourceNode, Vec<Diagnostic>>,
    beside: Vec<Diagnostic>,
    strict: bool,
) -> FileReport {
    let now = Some(when::now());
    let (what, document, mut found, scope) = match tree {
        Err(found) => (What::Policy, None, found, None),
        Ok(tree) if policy_file::is_configuration(&tree) => {
            let (config, found) = Config::judge(&tree, now);
            (What::Configuration, Some(config.policy), found, policy_file::scope_of(&tree))
        }
        Ok(tree) => {
            let (document, found): (Document, _) = judge(&tree, now);
            (What::Policy, Some(document.into()), found, None)
        }
    };
    found.extend(beside);
    let acceptable = !found.iter().any(|finding| strict || finding.is_error());
    let explanation = document.map(|document| explain::explain(&document)).unwrap_or_default();
    FileReport { file, text, what, found, scope, explanation, acceptable }
}

/// Reports on a policy with overlays. Findings name places only, since lines could be those of any of the files.
fn report_of_all(file: &str, text: &str, overlays: &[String], strict: bool) -> Result<FileReport> {
    let base = source::parse(text, file)
        .map_err(|found| Error::failed(policy_file::lines(&found, file)))?;
    let policy = policy_file::with_overlays(&base, overlays, when::End(None))?;
    let (document, mut found) = judge(&policy, Some(when::now()));
    found.iter_mut().for_each(|finding| (finding.line, finding.column) = (0, 0));
    let acceptable = !found.iter().any(|finding| strict || finding.is_error());
    let (file, explanation) = (policy_file::together(file, overlays), explain::explain(&document));
    Ok(FileReport {
        file,
        text: String::new(),
        what: What::Policy,
        found,
        scope: None,
        explanation,
        acceptable,
    })
}
