//! The report for people: each finding, its line with a caret below it, and what the policy does.

use std::io::Write;

use hemostat_engine::policy::Diagnostic;

use super::report::{FileReport, What};
use crate::shared::error::Result;
use crate::shared::terminal::{Paint, safe};

/// How many characters of a source line are shown.
const WIDTH: usize = 100;

pub(super) fn write(
    report: &FileReport,
    quiet: bool,
    paint: Paint,
    out: &mut dyn Write,
) -> Result<()> {
    for finding in &report.found {
        write_finding(report, finding, paint, out)?;
    }
    let (errors, warnings) = report.counts();
    let what = match report.what {
        What::Policy => "policy",
        What::Configuration => "configuration",
    };
    let verdict = match report.acceptable {
        true => paint.good("acceptable"),
        false => paint.error("not acceptable"),
    };
    let count = |number: usize, word: &str| match number {
        1 => format!("1 {word}"),
        _ => format!("{number} {word}s"),
    };
    let file = safe(&report.file);
    if !quiet || !report.found.is_empty() {
        let (errors, warnings) = (count(errors, "error"), count(warnings, "warning"));
        writeln!(out, "{file}: {what} {verdict}: {errors}, {warnings}")?;
    }
    if let Some(scope) = report.scope.as_deref().filter(|_| !quiet) {
        writeln!(out, "  scope {}: what `hemostat release --scope` takes for it", safe(scope))?;
    }
    if !quiet && errors == 0 {
        for line in &report.explanation {
            writeln!(out, "  {}", safe(line))?;
        }
    }
    Ok(())
}

fn write_finding(
    report: &FileReport,
    finding: &Diagnostic,
    paint: Paint,
    out: &mut dyn Write,
) -> Result<()> {
    let word = match finding.is_error() {
        true => paint.error(finding.severity.word()),
        false => paint.warning(finding.severity.word()),
    };
    let file = safe(&report.file);
    let place = match finding.line {
        0 => file,
        line => format!("{file}:{line}:{}", finding.column),
    };
    let path = match finding.place().as_str() {
        "" => String::new(),
        path => format!("{}: ", safe(path)),
    };
    let code = paint.faint(&format!("[{}]", finding.code));
    writeln!(out, "{place}: {word}: {path}{} {code}", safe(&finding.message))?;
    if let Some((line, caret)) = source_line(&report.text, finding) {
        let number = finding.line.to_string();
        let blank = " ".repeat(number.len());
        writeln!(out, " {} {line}", paint.faint(&format!("{number} |")))?;
        writeln!(out, " {} {caret}", paint.faint(&format!("{blank} |")))?;
    }
    if let Some(help) = &finding.help {
        writeln!(out, "  help: {}", safe(help))?;
    }
    Ok(())
}

/// The source line of a finding, escaped and cut, and a caret for its column.
fn source_line(text: &str, finding: &Diagnostic) -> Option<(String, String)> {
    let number = (finding.line as usize).checked_sub(1)?;
    let column = (finding.column as usize).checked_sub(1)?;
    let line = text.strip_prefix('\u{feff}').unwrap_or(text).lines().nth(number)?;
    // For a policy in one line of JSON, the part around the column is shown.
    let from = column.saturating_sub(WIDTH / 2);
    let from = if column < WIDTH { 0 } else { from };
    let shown: String =
        line.chars().skip(from).take(WIDTH).map(|c| if c == '\t' { ' ' } else { c }).collect();
    let before: String = shown.chars().take(column - from).collect();
    let caret = format!("{}^", " ".repeat(safe(&before).chars().count()));
    Some((safe(&shown), caret))
}
