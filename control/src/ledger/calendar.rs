//! Calendar windows in UTC.

use crate::base::time;

const DAY: u64 = 86_400;

/// A calendar window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalendarSpan {
    /// A day in UTC.
    Day,
    /// A month in UTC.
    Month,
}

/// The window that contains this moment (Unix seconds): its beginning, and the beginning of the next.
pub(super) fn window(span: CalendarSpan, now: u64) -> (u64, u64) {
    let day = now / DAY;
    match span {
        CalendarSpan::Day => (day.saturating_mul(DAY), day.saturating_add(1).saturating_mul(DAY)),
        CalendarSpan::Month => {
            let (first, next) = time::month(now);
            (first, next)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> u64 {
        time::parse(text).unwrap()
    }

    #[test]
    fn days_and_months_begin_at_midnight_utc() {
        for (now, day, month, next) in [
            (
                "2026-11-24T23:59:59Z",
                "2026-11-24T00:00:00Z",
                "2026-11-01T00:00:00Z",
                "2026-12-01T00:00:00Z",
            ),
            (
                "2026-12-31T00:00:00Z",
                "2026-12-31T00:00:00Z",
                "2026-12-01T00:00:00Z",
                "2027-01-01T00:00:00Z",
            ),
            (
                "2028-02-29T12:00:00Z",
                "2028-02-29T00:00:00Z",
                "2028-02-01T00:00:00Z",
                "2028-03-01T00:00:00Z",
            ),
        ] {
            assert_eq!(window(CalendarSpan::Day, at(now)), (at(day), at(day) + DAY), "{now}");
            assert_eq!(window(CalendarSpan::Month, at(now)), (at(month), at(next)), "{now}");
        }
    }
}
