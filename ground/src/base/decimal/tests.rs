//! Tests against the standard library's reader and printer, which the module does without.

use proptest::prelude::*;

use super::*;

/// Compares doubles, including the sign of zero; all NaNs are equal.
fn alike(text: &str) -> Result<(), TestCaseError> {
    let expected = text.parse::<f64>().ok().map(|value| (value.to_bits(), value.is_nan()));
    let read = double(text).map(|value| (value.to_bits(), value.is_nan()));
    prop_assert!(
        read == expected || matches!((read, expected), (Some((_, true)), Some((_, true)))),
        "{text}"
    );
    Ok(())
}

#[test]
fn odd_texts_are_read_as_the_library_does() {
    let texts = "|.|+|-|e|1e|1e+|.e1|1.|.5|-.5|+.5e-3|1e5|1E+05|1e-0|00.100|0e9|-0|inf|-INF|Infinity|infinit|nan|-NaN\
        |1_0|0x10| 1|1 |1e1.5|1..2|--1|+-1|１|1e400|-1e400|1e-400|5e-324|4e-324|3e-324|2e-324|2.5e-324|2.4703282292062327e-324\
        |2.4703282292062328e-324|2.2250738585072011e-308|2.2250738585072014e-308|1.7976931348623157e308|1.7976931348623158e308\
        |1.7976931348623159e308|9007199254740993|9007199254740992.99999999999999999999|1e22|1e23|8.5e22|123456789012345678901234567890\
        |0.1|0.30000000000000004|1e99999999999999999999|1e-99999999999999999999|0e99999999999999999999";
    for text in texts.split('|') {
        alike(text).unwrap();
    }
    let zeros = "0".repeat(2000);
    for text in [
        format!("1{zeros}e-2000"),
        format!("0.{zeros}1e2001"),
        format!("9007199254740993.{zeros}1"),
    ] {
        alike(&text).unwrap();
    }
}

#[test]
fn millionths_have_six_places() {
    let cases =
        [(0, "0.000000"), (7, "0.000007"), (1_500_000, "1.500000"), (12_000_340, "12.000340")];
    for (micros, text) in cases {
        assert_eq!(millionths(micros), text);
    }
    assert_eq!(millionths(u64::MAX), "18446744073709.551615");
    assert_eq!((digits(0), digits(u64::MAX)), ("0".to_owned(), u64::MAX.to_string()));
}

/// All digits of a double, or of the number halfway to the next one.
fn digits_of(bits: u64, halfway: bool) -> String {
    let value = f64::from_bits(bits & !(1 << 63)).min(f64::MAX);
    if !halfway {
        return format!("{value:.1100}");
    }
    // Half of the sum, digit by digit: it has one digit more than either.
    let next = f64::from_bits(value.to_bits() + 1).min(f64::MAX);
    let (one, other) = (format!("{value:0320.1100}"), format!("{next:0320.1100}"));
    let width = one.len().max(other.len());
    let (one, other) = (format!("{one:0>width$}0"), format!("{other:0>width$}0"));
    let mut rest = 0;
    let mut half = String::new();
    for (a, b) in one.chars().zip(other.chars()) {
        match (a.to_digit(10), b.to_digit(10)) {
            (Some(a), Some(b)) => {
                let sum = rest * 10 + a + b;
                half.push(char::from_digit(sum / 2 % 10, 10).unwrap());
                rest = sum % 2;
                // The carry belongs to the previous digit.
                if sum / 2 > 9 {
                    carry(&mut half);
                }
            }
            _ => half.push('.'),
        }
    }
    half
}

/// Adds 1 to the second last digit.
fn carry(digits: &mut String) {
    let last = digits.pop().unwrap();
    let mut turned = String::new();
    while let Some(before) = digits.pop() {
        match before {
            '.' => turned.push('.'),
            '9' => turned.push('0'),
            digit => {
                digits.push(char::from_digit(digit.to_digit(10).unwrap() + 1, 10).unwrap());
                break;
            }
        }
    }
    digits.extend(turned.chars().rev());
    digits.push(last);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn any_text_is_read_as_the_library_does(text in "[-+]?[0-9]{0,25}\\.?[0-9]{0,25}([eE][-+]?[0-9]{0,4})?") {
        alike(&text)?;
    }

    #[test]
    fn any_double_is_read_as_it_is_printed(bits: u64, small in 0_u64..1 << 54) {
        for value in [f64::from_bits(bits), f64::from_bits(small)] {
            if value.is_finite() {
                for text in [format!("{value:e}"), format!("{value}"), format!("{value:.17e}"), format!("{value:.16e}")] {
                    alike(&text)?;
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Cases in which the last of eight hundred digits decides.
    #[test]
    fn what_is_halfway_goes_to_the_even_one(bits: u64, small in 0_u64..1 << 54, more in "[05]{0,2}[1-9]?") {
        for bits in [bits, small] {
            let halfway = digits_of(bits, true);
            alike(&halfway)?;
            alike(&(halfway.clone() + &more))?;
            alike(halfway.trim_end_matches('0').strip_suffix('5').unwrap_or(&halfway))?;
            alike(&digits_of(bits, false))?;
        }
    }

    #[test]
    fn the_nearest_of_as_many_digits_is_what_would_be_printed(bits: u64, places in 0_usize..17, by in -2_i64..3) {
        let value = f64::from_bits(bits & !(1 << 63));
        prop_assume!(value.is_finite() && value > 0.0);
        let printed = format!("{value:.places$e}");
        let number = Decimal::read(&printed).unwrap();
        // Trailing zeros are not digits, and with fewer digits another number may be nearer.
        prop_assume!(number.digits.len() == places + 1);
        prop_assert!(number.is_nearest(value), "{}", printed);
        let other = number.digits.parse::<i64>().unwrap() + by;
        prop_assume!(other > 0 && other.to_string().len() == places + 1);
        let other = Decimal { digits: other.to_string(), point: number.point };
        prop_assert_eq!(other.is_nearest(value), by == 0, "{} and {}", printed, by);
    }
}

#[test]
fn whole_numbers_are_written_as_the_standard_library_does() {
    let powers = (0..20).map(|power| 10_u64.pow(power));
    let edges = powers.flat_map(|power| [power - 1, power, power.saturating_add(1)]);
    for number in edges.chain([u64::MAX, u64::MAX - 1, 1 << 63]) {
        assert_eq!(digits(number), number.to_string());
    }
}
