//! Decimal numbers and the doubles that they are read as.
//!
//! The standard library reads and prints doubles with tables that add 20 KB to a module. Here a number of few digits,
//! which is nearly every one, is read with one 128-bit multiplication or division, and every other with integers of any
//! size.

mod big;

use std::cmp::Ordering;

use big::Big;

/// A number without its sign: 0.DIGITS × 10^point, without zeros at either end of the digits. No digits mean zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    /// ASCII digits.
    pub digits: String,
    /// The decimal exponent.
    pub point: i64,
}

/// Digits that are looked at. A number halfway between two doubles has at most 767 digits; of any that follow, it only
/// matters whether they are all zero.
const DIGITS: usize = 800;

/// Powers of ten beyond those of any double, in either direction.
const POINTS: std::ops::RangeInclusive<i64> = -400..=400;

/// The largest power of ten that fits 64 bits.
const SHORT_POWER: u64 = 19;

/// A whole number in digits, at a third of the steps that the standard library's formatting takes.
#[must_use]
pub fn digits(number: u64) -> String {
    fixed(number, 1)
}

/// Millionths as a decimal fraction with six places.
#[must_use]
pub fn millionths(number: u64) -> String {
    fixed(number, 1_000_000)
}

/// A multiple of 1 ÷ `one`, which is a power of ten, with all its places.
fn fixed(number: u64, one: u64) -> String {
    // The longest number has twenty digits, and a point.
    let mut text = String::with_capacity(21);
    let mut power = one;
    while number / power >= 10 {
        power *= 10;
    }
    while power > 0 {
        text.push(char::from(b'0' + (number / power % 10) as u8));
        if power == one && one > 1 {
            text.push('.');
        }
        power /= 10;
    }
    text
}

/// The double nearest to a number as it is written, with or without sign, point and exponent, as the standard library's
/// `parse` reads it: `inf`, `infinity` and `nan` are numbers too. `None` if the text is not a number.
#[must_use]
pub fn double(text: &str) -> Option<f64> {
    let bare = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is = |word: &str| bare.eq_ignore_ascii_case(word);
    let value = match Decimal::read(bare) {
        Some(number) => number.double(),
        None if is("inf") || is("infinity") => f64::INFINITY,
        None if is("nan") => f64::NAN,
        None => return None,
    };
    Some(if text.starts_with('-') { -value } else { value })
}

impl Decimal {
    /// Reads a number without a sign: digits, with a point among them or at either end, and an exponent.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = [whole, fraction].concat();
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits = all.trim_start_matches('0');
        let zeros = i64::try_from(all.len() - digits.len()).ok()?;
        let point = i64::try_from(whole.len()).ok()?.saturating_sub(zeros);
        let digits = digits.trim_end_matches('0').to_owned();
        let point = if digits.is_empty() { 0 } else { point.saturating_add(exponent) };
        Some(Self { digits, point })
    }

    /// The double nearest to it; of two that are equally near, the even one.
    #[must_use]
    pub fn double(&self) -> f64 {
        if self.digits.is_empty() || self.point < *POINTS.start() {
            return 0.0;
        }
        if self.point > *POINTS.end() {
            return f64::INFINITY;
        }
        let exponent = self.point.saturating_sub(i64::try_from(self.digits.len()).unwrap_or(0));
        match (self.digits.parse::<u64>(), exponent.unsigned_abs()) {
            (Ok(number), power @ 0..=SHORT_POWER) => {
                let power = u128::from(10_u64.pow(power as u32));
                short(number, power, exponent < 0)
            }
            _ => self.long(),
        }
    }

    /// The same, with integers of any size.
    #[cold]
    #[inline(never)]
    fn long(&self) -> f64 {
        let cut = self.digits.len() > DIGITS;
        let digits = self.digits.get(..DIGITS).unwrap_or(&self.digits);
        let mut number = Big::of_digits(digits.bytes().chain(cut.then_some(b'1')));
        let exponent = self.point - digits.len() as i64 - i64::from(cut);
        let (mut power, mut rest) = (exponent, false);
        if exponent >= 0 {
            number.multiply(5, exponent);
        } else {
            // A power of 5 takes 2.322 bits per step, and 7/96 of a 32-bit word are 2.333: the quotient keeps three
            // words.
            let words = exponent.unsigned_abs() * 7 / 96 + 4;
            number.shift(words as usize);
            rest = number.divide(5, exponent.unsigned_abs());
            power -= 32 * words as i64;
        }
        let (top, below, dropped) = number.top();
        rounded(top, rest || below, power + dropped)
    }

    /// True if no other number with the same number of digits (at most 18) is nearer to this double, which must be
    /// greater than 0. Of two that are equally near, the even one counts as nearer.
    #[must_use]
    pub fn is_nearest(&self, double: f64) -> bool {
        // Half a step of the last digit is 5 in the next one.
        let tens = self.digits.parse::<u64>().ok().and_then(|number| number.checked_mul(10));
        let Some(tens) = tens.filter(|tens| *tens > 0) else { return false };
        let exponent = self.point - self.digits.len() as i64 - 1;
        let even = tens.is_multiple_of(20);
        let fits = |border: u64, outside| {
            let order = Big::of(border).compare(exponent, double);
            order != outside && (even || order != Ordering::Equal)
        };
        fits(tens - 5, Ordering::Greater) && fits(tens + 5, Ordering::Less)
    }
}

/// The exponent after `e`. It is capped at a number larger than any text has digits, so nothing overflows.
fn read_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut exponent = 0_i64;
    for byte in digits.bytes() {
        exponent =
            (exponent * 10 + i64::from(byte.is_ascii_digit().then(|| byte - b'0')?)).min(1 << 40);
    }
    let exponent = if text.starts_with('-') { -exponent } else { exponent };
    (!digits.is_empty()).then_some(exponent)
}

/// The double nearest to `number` × `power` or `number` ÷ `power`. `power` fits 64 bits; neither is 0.
fn short(number: u64, power: u128, divide: bool) -> f64 {
    if !divide {
        return rounded(u128::from(number) * power, false, 0);
    }
    // As many bits as fit, so that the quotient has at least 64.
    let number = u128::from(number);
    let room = number.leading_zeros();
    let number = number << room;
    rounded(number / power, number % power != 0, -i64::from(room))
}

/// The double nearest to `top` × 2^power, or to slightly more if there is a `rest`; of two that are equally near, the
/// even one. `top` is not 0, and has at least 64 bits if there is a rest.
fn rounded(top: u128, rest: bool, power: i64) -> f64 {
    /// Bits of a double's mantissa, including the leading one.
    const MANTISSA: i64 = 53;
    const BIAS: i64 = 1023;
    let room = top.leading_zeros();
    let top = top << room;
    // The exponent of the leading bit.
    let exponent = power - i64::from(room) + 127;
    if exponent > BIAS {
        return f64::INFINITY;
    }
    // Subnormal doubles have no leading bit, and fewer others accordingly.
    let missing = (1 - BIAS - exponent).max(0);
    let dropped = 128 - (MANTISSA - missing).max(-1);
    // Nothing is left unless it is rounded up: less than half of the smallest double is 0.
    let (kept, below) = match u32::try_from(dropped) {
        Ok(dropped @ 0..128) => (top >> dropped, top << (128 - dropped)),
        Ok(128) => (0, top),
        _ => return 0.0,
    };
    let half = 1_u128 << 127;
    let up = below > half || below == half && (rest || kept & 1 == 1);
    let mantissa = kept as u64 + u64::from(up);
    if missing > 0 {
        return f64::from_bits(mantissa);
    }
    // A mantissa that rounds up to one more bit increments the exponent, possibly to that of infinity.
    let exponent = (exponent + BIAS - 1) as u64;
    f64::from_bits((exponent << (MANTISSA - 1)) + mantissa)
}

#[cfg(test)]
mod tests;
