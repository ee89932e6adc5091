//! Integers of any size.

use std::cmp::Ordering;

/// A non-negative integer: 32-bit words, lowest first; the last one is not 0.
#[derive(Debug)]
pub(super) struct Big {
    words: Vec<u32>,
}

impl Big {
    /// A 64-bit number.
    pub(super) fn of(number: u64) -> Self {
        let mut big = Self { words: vec![number as u32, (number >> 32) as u32] };
        big.trim();
        big
    }

    /// The number that these ASCII digits write.
    pub(super) fn of_digits(digits: impl Iterator<Item = u8>) -> Self {
        let mut number = Self { words: Vec::new() };
        for digit in digits {
            number.multiply_add(10, u32::from(digit.wrapping_sub(b'0')));
        }
        number
    }

    /// Multiplies by a base this many times; not at all if `times` is not positive.
    pub(super) fn multiply(&mut self, base: u32, times: i64) {
        at_once(base, u64::try_from(times).unwrap_or(0), |factor| self.multiply_add(factor, 0));
    }

    fn multiply_add(&mut self, factor: u32, more: u32) {
        let mut carry = u64::from(more);
        for word in &mut self.words {
            let product = u64::from(*word) * u64::from(factor) + carry;
            *word = product as u32;
            carry = product >> 32;
        }
        if carry > 0 {
            self.words.push(carry as u32);
        }
    }

    /// Divides by a base this many times; true if there is a remainder.
    pub(super) fn divide(&mut self, base: u32, times: u64) -> bool {
        let mut some_rest = false;
        at_once(base, times, |factor| {
            let mut rest = 0_u64;
            for word in self.words.iter_mut().rev() {
                let whole = rest << 32 | u64::from(*word);
                *word = (whole / u64::from(factor)) as u32;
                rest = whole % u64::from(factor);
            }
            some_rest |= rest > 0;
            self.trim();
        });
        some_rest
    }

    fn trim(&mut self) {
        while self.words.last() == Some(&0) {
            self.words.pop();
        }
    }

    /// Multiplies by 2^32 this many times.
    pub(super) fn shift(&mut self, words: usize) {
        self.words.splice(0..0, std::iter::repeat_n(0, words));
    }

    /// Its four highest words, whether any lower word is not 0, and the power of two that they are multiplied by.
    pub(super) fn top(&self) -> (u128, bool, i64) {
        let at = self.words.len().saturating_sub(4);
        let (low, high) = self.words.split_at_checked(at).unwrap_or_default();
        let top = high.iter().rev().fold(0, |all, word| all << 32 | u128::from(*word));
        (top, low.iter().any(|word| *word > 0), 32 * at as i64)
    }

    /// Compares this number × 10^exponent with a double, which must be greater than 0.
    pub(super) fn compare(mut self, exponent: i64, double: f64) -> Ordering {
        const MANTISSA: u32 = 52;
        /// The bias of a double's exponent if its mantissa is taken as an integer.
        const BIAS: i64 = 1075;
        let bits = double.to_bits();
        let (mantissa, power) = (bits & ((1 << MANTISSA) - 1), (bits >> MANTISSA) as i64);
        // Subnormal doubles have no leading bit, and the same exponent as the next larger ones.
        let mantissa = if power == 0 { mantissa } else { mantissa | 1 << MANTISSA };
        let twos = power.max(1) - BIAS;
        // Both sides as integers: a negative exponent on this side becomes a factor on the other.
        let mut other = Self::of(mantissa);
        other.multiply(5, -exponent);
        self.multiply(5, exponent);
        other.multiply(2, twos - exponent);
        self.multiply(2, exponent - twos);
        let (own, other) = (&self.words, &other.words);
        own.len().cmp(&other.len()).then_with(|| own.iter().rev().cmp(other.iter().rev()))
    }
}

/// Calls `each` with powers of `base`, which is 5 or 2, whose product is `base` to the power of `times`.
fn at_once(base: u32, mut times: u64, mut each: impl FnMut(u32)) {
    /// The largest power of 5 that fits 32 bits.
    const MOST: u64 = 13;
    while times > 0 {
        let now = times.min(MOST);
        each(base.pow(now as u32));
        times -= now;
    }
}
