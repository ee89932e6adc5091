//! One recorded exchange, whatever its form.

use crate::shared::error::Error;
use crate::shared::play::Traffic;

/// A recorded exchange.
#[derive(Debug, Clone)]
pub(crate) struct Recording {
    /// The file, and the line where it has several.
    pub(crate) name: String,
    /// When (Unix seconds), where it says so.
    pub(crate) at: Option<u64>,
    pub(crate) traffic: Traffic,
}

/// What keeps an exchange from being read; the file and the line are told beside it.
pub(super) fn unreadable(why: impl Into<String>) -> Error {
    Error::failed(why)
}

pub(super) fn default_type(traffic: &mut Traffic, kind: &str) {
    if !kind.is_empty() && !traffic.answer_headers.iter().any(|(name, _)| name == "content-type") {
        traffic.answer_headers.push(("content-type".to_owned(), kind.to_owned()));
    }
}
