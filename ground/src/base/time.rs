//! Times as people write them (RFC 3339) ↔ Unix seconds.

/// Reads an RFC 3339 date-time.
///
/// # Errors
/// What is wrong and, if that can be told, how to write it.
pub fn parse(text: &str) -> Result<u64, String> {
    let wanted = || format!("`{}` is not a time such as `2026-11-25T06:00:00Z`", text.trim());
    let bytes = text.as_bytes();
    let number = |range: std::ops::Range<usize>| {
        let digits = bytes.get(range)?;
        digits.iter().try_fold(0_u64, |sum, byte| {
            byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0'))
        })
    };
    let is = |at: usize, set: &[u8]| bytes.get(at).is_some_and(|byte| set.contains(byte));
    let date = (number(0..4), number(5..7), number(8..10));
    let (Some(year), Some(month), Some(day)) = date else { return Err(wanted()) };
    if !is(4, b"-") || !is(7, b"-") {
        return Err(wanted());
    }
    if bytes.len() == 10 {
        return Err(format!("`{text}` is a day, not a time; write `{text}T00:00:00Z`"));
    }
    let clock = (number(11..13), number(14..16), number(17..19));
    let (Some(hour), Some(minute), Some(second)) = clock else { return Err(wanted()) };
    if !is(10, b"Tt") || !is(13, b":") || !is(16, b":") {
        return Err(wanted());
    }
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return Err(format!("`{text}` names a day that does not exist"));
    }
    if hour > 23 || minute > 59 || second > 60 {
        return Err(format!("`{text}` names a time of day that does not exist"));
    }
    let mut at = 19;
    if is(at, b".") {
        at += 1;
        let digits = bytes.iter().skip(at).take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return Err(wanted());
        }
        at += digits;
    }
    let offset = match bytes.get(at..) {
        Some([b'Z' | b'z']) => 0,
        Some([]) => return Err(format!("`{text}` names no time zone; write `{text}Z` for UTC")),
        Some([sign @ (b'+' | b'-'), _, _, b':', _, _]) => {
            let zone = (number(at + 1..at + 3), number(at + 4..at + 6));
            let (Some(hours @ 0..=23), Some(minutes @ 0..=59)) = zone else { return Err(wanted()) };
            let seconds = (hours * 3600 + minutes * 60) as i64;
            if *sign == b'+' { -seconds } else { seconds }
        }
        _ => return Err(wanted()),
    };
    let seconds = (hour * 3600 + minute * 60 + second.min(59)) as i64;
    let unix = days_from_civil(year as i64, month as i64, day as i64) * 86_400 + seconds + offset;
    u64::try_from(unix).map_err(|_| format!("`{text}` is before 1970"))
}

/// Writes Unix seconds as RFC 3339 in UTC.
#[must_use]
pub fn format(unix: u64) -> String {
    let (days, rest) = (unix / 86_400, unix % 86_400);
    let (year, month, day) = civil_from_days(days as i64);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The month in UTC that contains this moment: its beginning and that of the next one (Unix seconds).
#[must_use]
pub fn month(unix: u64) -> (u64, u64) {
    let (year, month, _) = civil_from_days((unix / 86_400) as i64);
    let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    let seconds = |year, month| {
        let days = days_from_civil(year, month, 1);
        u64::try_from(days).unwrap_or(0).saturating_mul(86_400)
    };
    (seconds(year, month), seconds(next_year, next))
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar; years begin in March, so that the leap day is last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::{format, parse};

    #[test]
    fn reads_rfc_3339() {
        assert_eq!(parse("1970-01-01T00:00:00Z"), Ok(0));
        assert_eq!(parse("2026-11-25T06:00:00Z"), Ok(1_795_586_400));
        assert_eq!(parse("2026-11-25t07:00:00.25+01:00"), Ok(1_795_586_400));
        assert_eq!(parse("2000-02-29T23:59:60Z"), Ok(951_868_799));
        for bad in [
            "",
            "tomorrow",
            "2026-11-25",
            "2026-11-25T06:00:00",
            "2026-02-29T00:00:00Z",
            "2026-11-25T24:00:00Z",
            "2026-11-25 06:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-11-25T06:00:00.Z",
            "2026-11-25T06:00:00+1:00",
            "2026-13-01T00:00:00Z",
            "2026-11-25T06:00:00Z ",
            "２026-11-25T06:00:00Z",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for unix in (0..4_102_444_800_u64).step_by(7_654_321) {
            assert_eq!(parse(&format(unix)), Ok(unix));
        }
    }
}
