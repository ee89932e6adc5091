//! Numbers, as people write them on a command line.

use hemostat_engine::limits::SERIALS;

use crate::shared::error::{Error, Result};
use crate::shared::terminal::safe;

/// The serial of a release.
///
/// # Errors
/// It is not one.
pub(crate) fn serial(text: &str) -> Result<u64> {
    let number = text.parse().ok().filter(|number| (1..SERIALS).contains(number));
    let most = SERIALS - 1;
    number.ok_or_else(|| wrong(text, &format!("a serial: a whole number from 1 to {most}")))
}

/// How many.
///
/// # Errors
/// It is not a whole number.
pub(crate) fn count(text: &str) -> Result<usize> {
    text.parse().map_err(|_| wrong(text, "a whole number such as `10`"))
}

fn wrong(text: &str, what: &str) -> Error {
    Error::failed(format!("`{}` is not {what}", safe(text)))
}
