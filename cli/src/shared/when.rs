//! Times as people write them.

use std::time::{SystemTime, UNIX_EPOCH};

use hemostat_engine::base::time;

use crate::shared::error::{Error, Result};
use crate::shared::terminal::safe;

/// Unix seconds.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A time: RFC 3339, or from now on: `15s`, `30m`, `4h`, `2d`.
///
/// # Errors
/// It is neither.
pub(crate) fn moment(text: &str) -> Result<u64> {
    let wrong = || {
        let text = safe(text);
        Error::failed(format!(
            "`{text}` is no time such as `30m`, `4h`, `2d` or `2026-11-25T06:00:00Z`"
        ))
    };
    let cut = text.split_at_checked(text.len().saturating_sub(1));
    let (number, seconds) = match cut {
        Some((number, "s")) => (number, 1),
        Some((number, "m")) => (number, 60),
        Some((number, "h")) => (number, 3600),
        Some((number, "d")) => (number, 86_400),
        _ => return time::parse(text).map_err(|_| wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    Ok(now().saturating_add(number.saturating_mul(seconds)))
}

/// When something stops by itself, or `never`. What is put in force in a hurry must not stay for good because nobody
/// thought of its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End(pub(crate) Option<u64>);

/// How long overlays and activations last where nobody says otherwise.
pub(crate) const END: &str = "4h";

/// A time as [`moment`] reads it, or `never`.
///
/// # Errors
/// It is none.
pub(crate) fn end(text: &str) -> Result<End> {
    if text == "never" { Ok(End(None)) } else { moment(text).map(|at| End(Some(at))) }
}

/// A stretch of time as people say it: `40 s`, `3 min`, `2 h 5 min`, `4 d`.
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d", seconds / 86_400),
    }
}
