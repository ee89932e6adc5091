//! A recorded exchange, whatever format it came from.

use crate::shared::error::Error;
use crate::shared::play::Traffic;

/// A recorded exchange.
#[derive(Debug, Clone)]
pub(crate) struct Recording {
    /// The file, and the line if it has several.
    pub(crate) name: String,
    /// Its time in Unix seconds, if it is known.
    pub(crate) at: Option<u64>,
    pub(crate) traffic: Traffic,
}

/// Why an exchange cannot be read; file and line are reported beside it.
pub(super) fn unreadable(why: impl Into<String>) -> Error {
    Error::failed(why)
}

pub(super) fn default_type(traffic: &mut Traffic, kind: &str) {
    if !kind.is_empty() && !traffic.answer_headers.iter().any(|(name, _)| name == "content-type") {
        traffic.answer_headers.push(("content-type".to_owned(), kind.to_owned()));
    }
}
