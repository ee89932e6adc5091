//! Times and lengths of time, as people write and read them.

use std::time::{SystemTime, UNIX_EPOCH};

use hemostat_engine::base::time;

use crate::shared::error::{Error, Result};
use crate::shared::terminal::safe;

/// The current time in Unix seconds.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A length of time in seconds, written `15s`, `30m`, `4h` or `2d`; `None` if it is written in any other way.
pub(crate) fn length(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    Some(number.parse::<u64>().ok()?.saturating_mul(unit))
}

/// A time to come, in Unix seconds: RFC 3339, or a length of time from now.
///
/// # Errors
/// It is neither, or has passed: what ends before it begins does nothing, and nobody means that.
pub(crate) fn moment(text: &str) -> Result<u64> {
    let (now, lengths) = (now(), "`30m`, `4h`, `2d`");
    let at = match length(text) {
        Some(length) => now.saturating_add(length),
        None => time::parse(text).map_err(|_| wrong(text, lengths))?,
    };
    if at > now {
        return Ok(at);
    }
    let (text, now) = (safe(text), time::format(now));
    Err(Error::failed(format!(
        "`{text}` is not a time to come: it is {now} now; {lengths} count from then"
    )))
}

/// A number of seconds, a day at most: `30`, or a length of time.
///
/// # Errors
/// It is neither, or longer.
pub(crate) fn seconds(text: &str) -> Result<u64> {
    const MOST: u64 = 86_400;
    let seconds = text.parse().ok().or_else(|| length(text)).filter(|seconds| *seconds <= MOST);
    seconds.ok_or_else(|| {
        let text = safe(text);
        Error::failed(format!(
            "`{text}` is not a number of seconds such as `30`, `30s` or `2m`, a day at most"
        ))
    })
}

/// A time gone by, in Unix seconds: RFC 3339, or a length of time before now.
///
/// # Errors
/// It is neither.
pub(crate) fn ago(text: &str) -> Result<u64> {
    match length(text) {
        Some(length) => Ok(now().saturating_sub(length)),
        None => time::parse(text).map_err(|_| wrong(text, "`6h`")),
    }
}

fn wrong(text: &str, lengths: &str) -> Error {
    let text = safe(text);
    Error::failed(format!("`{text}` is not a time such as {lengths} or `2026-11-25T06:00:00Z`"))
}

/// The end of an overlay or an activation; `None` is `never`. What is activated in a hurry must not stay for good
/// because nobody thought of its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End(pub(crate) Option<u64>);

/// The default end of overlays and activations.
pub(crate) const END: &str = "4h";

/// A time to come as in [`moment`], or `never`.
///
/// # Errors
/// It is neither.
pub(crate) fn end(text: &str) -> Result<End> {
    if text == "never" { Ok(End(None)) } else { moment(text).map(|at| End(Some(at))) }
}

/// A length of time for people: `40 s`, `3 min`, `2 h 5 min`, `4 d`.
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_a_number_and_one_unit() {
        let read = ["0s", "15s", "30m", "4h", "2d"].map(|text| length(text).unwrap());
        assert_eq!(read, [0, 15, 1800, 14_400, 172_800]);
        for other in
            ["", "s", "5", "5hm", "5mm", "-5m", "1.5h", "5 m", "5M", "é", "2026-11-25T06:00:00Z"]
        {
            assert_eq!(length(other), None, "{other}");
        }
    }

    #[test]
    fn seconds_may_have_a_unit_and_are_bounded() {
        let read = ["0", "30", "30s", "2m", "24h"].map(|text| seconds(text).unwrap());
        assert_eq!(read, [0, 30, 30, 120, 86_400]);
        for other in ["", "s", "-1", "1.5", "86401", "2d", "18446744073709551616"] {
            assert!(seconds(other).is_err(), "{other}");
        }
    }

    #[test]
    fn lengths_reach_to_both_sides_of_now() {
        let about = |at: u64, wanted: u64| at.abs_diff(wanted) <= 2;
        assert!(about(moment("1h").unwrap(), now() + 3600));
        assert!(about(ago("1h").unwrap(), now() - 3600));
        assert_eq!(moment("99999999999999999d").unwrap(), u64::MAX);
        assert_eq!(ago("99999999999999999d").unwrap(), 0);
        assert_eq!(ago("1970-01-01T00:01:00Z").unwrap(), 60);
        assert!(moment("2999-01-01T00:00:00Z").is_ok());
        for gone in ["1970-01-01T00:01:00Z", "0h"] {
            let why = moment(gone).unwrap_err().to_string();
            assert!(why.contains("is not a time to come"), "{why}");
        }
        for read in [moment, ago] {
            assert!(read("soon").unwrap_err().to_string().contains("is not a time such as"));
        }
    }
}
