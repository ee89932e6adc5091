//! Errors of verbs. To a script, "the answer is no" and "the tool failed" are different things.

use std::fmt;
use std::io;
use std::path::Path;

use crate::shared::exit::Exit;
use crate::shared::terminal::safe;

/// The result of a verb or of a part of one.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a verb ended early. The message is for people, may have several lines, and is already escaped for a terminal.
#[derive(Debug)]
pub(crate) enum Error {
    /// The answer is no: the input is not acceptable, or the step should not be taken.
    No(String),
    /// The tool could not do its work.
    Failed(String),
    /// The reader of our output has gone away (`| head`), which is not an error.
    ReaderGone,
}

impl Error {
    /// The answer is no.
    pub(crate) fn no(message: impl Into<String>) -> Self {
        Self::No(message.into())
    }

    /// The tool could not do its work.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    /// A file cannot be read.
    pub(crate) fn file(file: impl AsRef<Path>, error: &io::Error) -> Self {
        let name = safe(&file.as_ref().display().to_string());
        Self::Failed(match error.kind() {
            // An unset variable of a script.
            _ if name.is_empty() => "the name of a file is empty".to_owned(),
            io::ErrorKind::NotFound => format!("{name}: there is no such file"),
            io::ErrorKind::IsADirectory => format!("{name}: it is a folder; a file is expected"),
            io::ErrorKind::PermissionDenied => format!("{name}: {}", not_permitted("read")),
            _ => format!("{name}: {}", plain(error)),
        })
    }

    /// A file cannot be written.
    pub(crate) fn written(file: impl AsRef<Path>, error: &io::Error) -> Self {
        let (name, folder) = (file.as_ref(), file.as_ref().parent());
        let shown = |path: &Path| safe(&path.display().to_string());
        let missing = folder.filter(|own| !own.as_os_str().is_empty() && !own.is_dir());
        Self::Failed(match (missing, error.kind()) {
            (Some(folder), _) => format!("{}: there is no folder `{}`", shown(name), shown(folder)),
            (None, io::ErrorKind::PermissionDenied) => {
                format!("{}: {}", shown(name), not_permitted("write"))
            }
            (None, _) => format!("{}: {}", shown(name), plain(error)),
        })
    }

    /// Its exit code.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::No(_) => Exit::No,
            Self::Failed(_) => Exit::Failed,
            Self::ReaderGone => Exit::Fine,
        }
    }
}

/// Why bytes are not JSON, in words that do not name types of a program.
pub(crate) fn not_json(error: &serde_json::Error) -> String {
    match (error.is_eof(), error.line()) {
        (true, _) => "not JSON: it ends too early".to_owned(),
        // A line of a file, mostly, whose number is told beside it.
        (false, 1) => format!("not JSON (column {})", error.column()),
        (false, line) => format!("not JSON (line {line}, column {})", error.column()),
    }
}

fn not_permitted(what: &str) -> String {
    format!("this user may not {what} it")
}

/// An error of the operating system without its number, which helps nobody.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error ") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::No(message) | Self::Failed(message) => f.write_str(message),
            Self::ReaderGone => f.write_str("the reader went away"),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderGone,
            // Whatever reads or writes a file names it ([`Error::file`]).
            _ => Self::Failed(format!("what is to be shown cannot be written: {}", plain(&error))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_and_failure_are_told_apart() {
        assert_eq!(Error::no("x").exit(), Exit::No);
        let error = io::Error::from_raw_os_error(2);
        assert_eq!(Error::file("a\u{1b}b", &error).to_string(), "a\\u{1b}b: there is no such file");
        assert_eq!(Error::from(error).exit(), Exit::Failed);
        assert_eq!(Error::from(io::Error::from(io::ErrorKind::BrokenPipe)).exit(), Exit::Fine);
    }
}
