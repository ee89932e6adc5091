//! `--calls FILE`: the calls themselves, as lines of the log, so that those affected can be told and each call can be
//! looked up.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::dimension::Dimension;
use super::finding::Finding;
use super::report::Report;
use crate::shared::access_log::{self, Entry, Sources};
use crate::shared::error::{Error, Result};

/// Which calls are written.
enum Which<'a> {
    /// The calls that `--where` looks for.
    Wanted,
    /// The calls of the first finding.
    Of(&'a Finding, Vec<(Dimension, &'a str)>),
}

impl Which<'_> {
    fn takes(&self, report: &Report, entry: &Entry<'_>) -> bool {
        let survey = &report.survey;
        if !survey.is_within(entry.at_ms) || !survey.conditions.looks_at(entry) {
            return false;
        }
        let mut shows = false;
        match self {
            Self::Wanted => survey.conditions.outcomes(entry, &mut |_| shows = true),
            Self::Of(finding, labels) => {
                let end = finding.until_ms.unwrap_or(u64::MAX);
                if (finding.since_ms..end).contains(&entry.at_ms)
                    && labels.iter().all(|(own, value)| own.value(entry) == *value)
                {
                    survey
                        .conditions
                        .outcomes(entry, &mut |outcome| shows |= outcome == finding.outcome);
                }
            }
        }
        shows
    }
}

/// Reads the log again and writes these calls; returns their number.
pub(super) fn write(path: &Path, sources: &Sources, report: &Report) -> Result<u64> {
    let which = match (report.survey.conditions.wanted(), report.findings.first()) {
        (Some(_), _) => Which::Wanted,
        (None, Some(finding)) => {
            let labels = finding.labels.iter();
            Which::Of(
                finding,
                labels.map(|(name, value)| (Dimension::named(name), value.as_str())).collect(),
            )
        }
        (None, None) => {
            return Err(Error::failed(
                "nothing turned bad in this log, so there are no calls to write; name them: `--where rule=…`, \
                 `--where status=5*`"
                    .to_owned(),
            ));
        }
    };
    let named = |error: io::Error| Error::written(path, &error);
    let mut file = BufWriter::new(File::create(path).map_err(named)?);
    let (mut calls, mut fault) = (0, None);
    access_log::read(
        sources,
        |entry| {
            if fault.is_none() && which.takes(report, entry) {
                let put = file.write_all(entry.raw).and_then(|()| file.write_all(b"\n"));
                fault = put.err();
                calls += 1;
            }
        },
        |_| {},
    )?;
    match fault {
        Some(error) => Err(named(error)),
        None => file.flush().map(|()| calls).map_err(named),
    }
}
