//! Errors of verbs. To a script, "the answer is no" and "the tool failed" are different things.

use std::fmt;
use std::io;

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

    /// A file cannot be read or written.
    pub(crate) fn file(file: impl AsRef<std::path::Path>, error: &io::Error) -> Self {
        Self::Failed(format!("{}: {}", safe(&file.as_ref().display().to_string()), plain(error)))
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
            _ => Self::Failed(plain(&error)),
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
        assert_eq!(
            Error::file("a\u{1b}b", &error).to_string(),
            "a\\u{1b}b: No such file or directory"
        );
        assert_eq!(Error::from(error).exit(), Exit::Failed);
        assert_eq!(Error::from(io::Error::from(io::ErrorKind::BrokenPipe)).exit(), Exit::Fine);
    }
}
