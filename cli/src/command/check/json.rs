//! The report as JSON. Its shape is a contract, documented in docs/policy-language.md.

use std::io::Write;

use hemostat_engine::policy::Diagnostic;
use serde_json::{Value, json};

use super::report::{FileReport, What};
use crate::shared::error::Result;
use crate::shared::exit::Exit;

pub(super) fn write(reports: &[FileReport], exit: Exit, out: &mut dyn Write) -> Result<()> {
    let files: Vec<Value> = reports.iter().map(file).collect();
    let all = json!({ "ok": exit == Exit::Fine, "files": files });
    writeln!(out, "{all:#}")?;
    Ok(())
}

fn file(report: &FileReport) -> Value {
    let (errors, warnings) = report.counts();
    let what = match report.what {
        What::Policy => "policy",
        What::Configuration => "configuration",
    };
    // A document with errors would not run, so it is not explained.
    let explanation = if errors == 0 { report.explanation.as_slice() } else { &[] };
    json!({
        "file": report.file,
        "what": what,
        "scope": report.scope,
        "ok": report.acceptable,
        "errors": errors,
        "warnings": warnings,
        "diagnostics": report.found.iter().map(diagnostic).collect::<Vec<_>>(),
        "explanation": explanation,
    })
}

fn diagnostic(finding: &Diagnostic) -> Value {
    json!({
        "severity": finding.severity.word(),
        "code": finding.code,
        "path": finding.path,
        "rule": finding.rule,
        "line": finding.line,
        "column": finding.column,
        "message": finding.message,
        "help": finding.help,
    })
}
