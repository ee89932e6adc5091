//! Access logs: JSON lines in files, globs, folders or standard input, plain or gz, read in one pass with bounded memory.

mod entry;
mod lines;
mod sources;

use std::io::Write;

use hemostat_engine::wire::json::Doc;

use crate::shared::error::{Result, plain};

pub(crate) use entry::{Entry, Field, milliseconds};
pub(crate) use sources::Sources;

use entry::NoEntry;
use lines::{Line, Lines};

/// How many lines were read, and why some could not be used.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Read {
    /// All lines that are not blank.
    pub(crate) lines: u64,
    /// Not a JSON object: a log in another format, or a truncated line.
    pub(crate) not_json: u64,
    /// Longer than [`lines::LONGEST`].
    pub(crate) too_long: u64,
    /// Without a readable `time`.
    pub(crate) no_time: u64,
    /// A known field appears twice with different values: one of them is forged.
    pub(crate) doubled: u64,
    /// Traffic that is not a call of a model.
    pub(crate) other: u64,
    /// Sources that could not be read to their end, and why: for instance a gz file that was still being written.
    pub(crate) broken_off: Vec<String>,
}

impl Read {
    /// Lines that could not be used.
    pub(crate) fn unusable(&self) -> u64 {
        self.not_json + self.too_long + self.no_time + self.doubled
    }

    /// Names the sources that were not read to their end: a report of a part must not pass for one of all.
    pub(crate) fn tell_broken_off(&self, err: &mut dyn Write) -> Result<()> {
        for why in &self.broken_off {
            writeln!(err, "hemostat: {why}: what came before it is counted")?;
        }
        Ok(())
    }

    /// In words, without zero counts: `3 not a JSON object, 1 longer than 1 MiB`.
    pub(crate) fn troubles(&self) -> String {
        let all = [
            (self.not_json, "not a JSON object"),
            (self.too_long, "longer than 1 MiB"),
            (self.no_time, "without a time that can be read"),
            (self.doubled, "with a field that stands twice"),
        ];
        let some = all.iter().filter(|(count, _)| *count > 0);
        some.map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
    }
}

/// Reads all sources once. `each` is called with every entry that is a call of a model, `tick` with the number of bytes
/// read so far.
///
/// # Errors
/// A source cannot be opened. One that fails later is named in [`Read::broken_off`].
pub(crate) fn read(
    sources: &Sources,
    mut each: impl FnMut(&Entry<'_>),
    mut tick: impl FnMut(u64),
) -> Result<Read> {
    let (mut read, mut doc) = (Read::default(), Doc::default());
    let mut before = 0;
    for source in sources.iter() {
        let opened = source.open()?;
        let counted = opened.counted();
        let mut lines = Lines::new(opened);
        loop {
            let line = match lines.next() {
                Ok(None) => break,
                Ok(Some(line)) => line,
                Err(error) => {
                    read.broken_off.push(format!("{}: {}", source.name(), plain(&error)));
                    break;
                }
            };
            read.lines += 1;
            match line {
                Line::TooLong => read.too_long += 1,
                Line::Whole(bytes) => match Entry::parse(&mut doc, bytes) {
                    Ok(entry) if entry.is_call() => each(&entry),
                    Ok(_) => read.other += 1,
                    Err(NoEntry::NotJson) => read.not_json += 1,
                    Err(NoEntry::NoTime) => read.no_time += 1,
                    Err(NoEntry::Doubled) => read.doubled += 1,
                },
            }
            if read.lines.is_multiple_of(4096) {
                tick(before + counted.get());
            }
        }
        before += counted.get();
        tick(before);
    }
    Ok(read)
}
