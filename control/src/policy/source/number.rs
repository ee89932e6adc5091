//! Numbers as written → values. Counts and money are never converted to floats.

use crate::base::decimal::double;

/// Decimal digits after the point that count: money is kept in millionths.
const SCALE: usize = 6;

/// A number in millionths, exactly; `None` for negative numbers, more than six decimals, or what does not fit.
#[must_use]
pub fn micros(raw: &str) -> Option<u64> {
    let raw = raw.strip_prefix('+').unwrap_or(raw);
    if let Some(value) = radix(raw) {
        return value.checked_mul(1_000_000);
    }
    let (mantissa, exponent) = match raw.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (raw, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value: u64 = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    // value × 10^(exponent − decimals), in millionths.
    let decimals = i32::try_from(fraction.len()).ok()?;
    let mut shift = exponent.checked_sub(decimals)?.checked_add(SCALE as i32)?;
    while value != 0 && shift != 0 {
        if shift > 0 {
            value = value.checked_mul(10)?;
            shift -= 1;
        } else if value.is_multiple_of(10) {
            value /= 10;
            shift += 1;
        } else {
            return None;
        }
    }
    Some(value)
}

/// An integer, however it is written (`5`, `5.0`, `2e5`, `0x10`): a proxy that stores a policy's numbers as doubles may
/// print it like that. `None` for fractions, negative numbers, or what does not fit.
#[must_use]
pub fn whole(raw: &str) -> Option<u64> {
    if let Ok(value) = raw.parse() {
        return Some(value);
    }
    let value = micros(raw)?;
    value.is_multiple_of(1_000_000).then_some(value / 1_000_000)
}

/// A number as a double; `None` if it is not finite.
#[must_use]
pub fn real(raw: &str) -> Option<f64> {
    match radix(raw) {
        Some(value) => Some(value as f64),
        None => double(raw).filter(|value| value.is_finite()),
    }
}

/// The exact decimal form of a double, if it is an integer or has at most [`SCALE`] decimals. `None` for all others,
/// which the language accepts nowhere; the general case would add 20 KB of tables and code.
pub(super) fn written(value: f64) -> Option<String> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53: up to here a double represents every integer
    const MILLION: f64 = 1_000_000.0;
    let magnitude = value.abs();
    let sign = if value < 0.0 { "-" } else { "" };
    if magnitude <= EXACT && magnitude.trunc() == magnitude {
        return Some(format!("{sign}{}", magnitude as u64));
    }
    let scaled = (magnitude * MILLION).round();
    // Division is correctly rounded: the decimal number reads as this double if and only if this holds.
    if scaled > EXACT || scaled / MILLION != magnitude {
        return None;
    }
    let scaled = scaled as u64;
    let digits = format!("{sign}{}.{:06}", scaled / 1_000_000, scaled % 1_000_000);
    Some(digits.trim_end_matches('0').to_owned())
}

/// `0x1F`, `0o17` of YAML 1.2.
fn radix(raw: &str) -> Option<u64> {
    if let Some(digits) = raw.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok();
    }
    u64::from_str_radix(raw.strip_prefix("0o")?, 8).ok()
}

/// The number as JSON writes it; a number from JSON is unchanged.
#[cfg(not(feature = "yaml"))]
pub(super) fn json(raw: &str) -> String {
    raw.to_owned()
}

/// The number as JSON writes it; `null` if JSON cannot.
#[cfg(feature = "yaml")]
pub(super) fn json(raw: &str) -> String {
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    let (integer, rest) = digits
        .split_at_checked(digits.bytes().take_while(u8::is_ascii_digit).count())
        .unwrap_or_default();
    let plain = !integer.is_empty() && (integer == "0" || !integer.starts_with('0'));
    if plain && (rest.is_empty() || fraction(rest)) {
        return raw.to_owned();
    }
    match (radix(raw), real(raw)) {
        (Some(value), _) => value.to_string(),
        (None, Some(value)) => value.to_string(),
        _ => "null".to_owned(),
    }
}

/// `.5`, `.5e3`, `e3`: what may follow the integer part in JSON.
#[cfg(feature = "yaml")]
fn fraction(rest: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (decimals, exponent) = match rest.split_once(['e', 'E']) {
        Some((decimals, exponent)) => (decimals, Some(exponent)),
        None => (rest, None),
    };
    let decimals_fine = decimals.is_empty() || decimals.strip_prefix('.').is_some_and(digits);
    let exponent_fine =
        exponent.is_none_or(|text| digits(text.strip_prefix(['+', '-']).unwrap_or(text)));
    decimals_fine && exponent_fine
}

/// True if YAML 1.2's core schema reads this plain text as a number (YAML 1.2.2 §10.3.2).
#[cfg(feature = "yaml")]
pub(super) fn is_number(text: &str) -> bool {
    if radix(text).is_some() {
        return true;
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let some = !whole.is_empty() || !decimals.is_empty();
    let exponent_fine = exponent.is_none_or(|text| {
        let text = text.strip_prefix(['+', '-']).unwrap_or(text);
        !text.is_empty() && digits(text)
    });
    some && digits(whole) && digits(decimals) && exponent_fine
}
