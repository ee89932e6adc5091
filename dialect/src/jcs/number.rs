//! Numbers as ECMAScript prints them (ECMA-262, Number::toString).

use crate::base::decimal::{Decimal, double};

/// The canonical form of a JSON number; `None` if the double that readers make of it prints as another value than is
/// written. (`0.1` is fine: a double prints as `0.1`, whatever its binary digits are.)
pub(super) fn canonical(raw: &str) -> Option<String> {
    let bare = raw.strip_prefix('-');
    let number = Decimal::read(bare.unwrap_or(raw))?;
    let value = number.double();
    (value.is_finite() && is_printed_for(&number, value)).then(|| print(&number, bare.is_some()))
}

/// Decimal digits that every double preserves.
const ALWAYS_HELD: usize = 15;
/// Decimal digits that distinguish any two doubles.
const ALWAYS_ENOUGH: usize = 17;

/// True if the digits of this number are those printed for this double: no shorter digits read as the double, and no
/// others of the same length are nearer to it.
fn is_printed_for(number: &Decimal, value: f64) -> bool {
    let count = number.digits.len();
    if count == 0 || count > ALWAYS_ENOUGH || value == 0.0 {
        return count == 0;
    }
    if count <= ALWAYS_HELD && value.is_normal() {
        return true;
    }
    let Ok(digits) = number.digits.parse::<u64>() else { return false };
    let exponent = number.point - count as i64 + 1;
    let is_read_as_it = |digits: u64| double(&format!("{digits}e{exponent}")) == Some(value);
    let shorter = digits / 10;
    !is_read_as_it(shorter) && !is_read_as_it(shorter + 1) && number.is_nearest(value)
}

fn print(number: &Decimal, negative: bool) -> String {
    let digits = number.digits.as_str();
    let count = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
    let sign = if negative { "-" } else { "" };
    if digits.is_empty() {
        return "0".to_owned();
    }
    let split = |at: i64| digits.split_at_checked(usize::try_from(at).unwrap_or(0));
    let text = match number.point {
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
