//! Numbers as ECMAScript prints them (ECMA-262, Number::toString).

/// The canonical form of a JSON number; `None` where the double that readers make of it has another value than is
/// written. (`0.1` is what a double prints as `0.1`, whatever its binary digits are: it is held.)
pub(super) fn canonical(raw: &str) -> Option<String> {
    let value: f64 = raw.parse().ok()?;
    if !value.is_finite() {
        return None;
    }
    let written = Decimal::read(raw)?;
    // The fewest digits that mean this double.
    let held = Decimal::read(&format!("{value:e}"))?;
    (written == held).then(|| held.print(value < 0.0))
}

/// 0.DIGITS × 10^point, without zeros at either end; no digits: zero.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    digits: String,
    point: i64,
}

impl Decimal {
    fn read(raw: &str) -> Option<Self> {
        let raw = raw.strip_prefix('-').unwrap_or(raw);
        let (mantissa, exponent) = match raw.find(['e', 'E']) {
            Some(at) => (raw.get(..at)?, raw.get(at + 1..)?),
            None => (raw, "0"),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let trimmed = digits.trim_start_matches('0');
        if trimmed.is_empty() {
            return Some(Self { digits: String::new(), point: 0 });
        }
        let zeros = i64::try_from(digits.len() - trimmed.len()).ok()?;
        // What does not fit is no number that a double holds, unless it is zero.
        let exponent: i64 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
        let point = i64::try_from(whole.len()).ok()?.checked_sub(zeros)?.checked_add(exponent)?;
        Some(Self { digits: trimmed.trim_end_matches('0').to_owned(), point })
    }

    fn print(&self, negative: bool) -> String {
        let digits = self.digits.as_str();
        let count = i64::try_from(digits.len()).unwrap_or(i64::MAX);
        let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
        let sign = if negative { "-" } else { "" };
        if digits.is_empty() {
            return "0".to_owned();
        }
        let split = |at: i64| digits.split_at_checked(usize::try_from(at).unwrap_or(0));
        let text = match self.point {
            point if (count..=21).contains(&point) => format!("{digits}{}", zeros(point - count)),
            point if (1..=21).contains(&point) => {
                let (whole, fraction) = split(point).unwrap_or((digits, ""));
                format!("{whole}.{fraction}")
            }
            point if (-5..=0).contains(&point) => format!("0.{}{digits}", zeros(-point)),
            point => {
                let (first, rest) = split(1).unwrap_or((digits, ""));
                let dot = if rest.is_empty() { "" } else { "." };
                format!("{first}{dot}{rest}e{:+}", point - 1)
            }
        };
        format!("{sign}{text}")
    }
}
