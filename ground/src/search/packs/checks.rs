//! Checks on exact candidates: how many bytes of one are a match, if any. A candidate may be longer than the real item
//! within it, since it takes everything that looks alike; so prefixes are tried too.

/// The candidate's letters and digits, upper case, with the byte offset after each.
fn compact(candidate: &str) -> Vec<(u8, usize)> {
    candidate
        .bytes()
        .enumerate()
        .filter(|(_, byte)| byte.is_ascii_alphanumeric())
        .map(|(at, byte)| (byte.to_ascii_uppercase(), at.saturating_add(1)))
        .collect()
}

/// True if this position is not directly followed by a letter or digit.
fn ends_at(candidate: &str, at: usize) -> bool {
    candidate.as_bytes().get(at).is_none_or(|byte| !byte.is_ascii_alphanumeric())
}

/// A payment card: the longest of 19 down to 13 digits that passes the Luhn check (ISO/IEC 7812-1, annex B) and is not
/// part of a longer run of digits.
pub(super) fn card(candidate: &str) -> Option<usize> {
    let digits = compact(candidate);
    (13..=19.min(digits.len())).rev().find_map(|length| {
        let number = digits.get(..length)?;
        let end = number.last()?.1;
        // `0000 0000 …` passes the check, but is not a card number.
        let varied = number.iter().any(|digit| Some(digit.0) != number.first().map(|d| d.0));
        (varied && ends_at(candidate, end) && luhn(number)).then_some(end)
    })
}

fn luhn(digits: &[(u8, usize)]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .zip([false, true].into_iter().cycle())
        .map(|(&(digit, _), double)| {
            let value = u32::from(digit.wrapping_sub(b'0'));
            match value.wrapping_mul(2) {
                _ if !double => value,
                doubled if doubled > 9 => doubled.wrapping_sub(9),
                doubled => doubled,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Country and total length, from the SWIFT IBAN registry.
const IBAN_LENGTHS: &str = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 \
    DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 \
    JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 \
    PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 \
    XK20 YE30";

/// An IBAN with its country's length and correct check digits (ISO 13616-1, ISO/IEC 7064 MOD 97-10).
pub(super) fn iban(candidate: &str) -> Option<usize> {
    let signs = compact(candidate);
    let country = [signs.first()?.0, signs.get(1)?.0];
    let length: usize = IBAN_LENGTHS
        .split_whitespace()
        .find_map(|known| known.strip_prefix(std::str::from_utf8(&country).ok()?)?.parse().ok())?;
    let number = signs.get(..length)?;
    let end = number.last()?.1;
    let (head, body) = number.split_at_checked(4)?;
    let remainder = body.iter().chain(head).fold(0_u32, |rest, &(sign, _)| {
        let digit = |base: u8| u32::from(sign.wrapping_sub(base));
        let next = match sign {
            b'0'..=b'9' => rest.wrapping_mul(10).wrapping_add(digit(b'0')),
            _ => rest.wrapping_mul(100).wrapping_add(digit(b'A')).wrapping_add(10),
        };
        next % 97
    });
    (remainder == 1 && ends_at(candidate, end)).then_some(end)
}

/// A US social security number: area 000, 666 and 9xx, group 00 and serial 0000 were never assigned (SSA, "Social
/// Security Number Randomization").
pub(super) fn ssn(candidate: &str) -> Option<usize> {
    let (area, group, serial) = (candidate.get(..3)?, candidate.get(4..6)?, candidate.get(7..)?);
    let given = area != "000" && area != "666" && group != "00" && serial != "0000";
    given.then_some(candidate.len())
}

/// A quoted value that looks machine-made: it has letters and digits, and no word that marks a placeholder.
pub(super) fn random_value(candidate: &str) -> Option<usize> {
    let inner = candidate.get(..candidate.len().checked_sub(1)?)?;
    let value = inner.rsplit(['"', '\'']).next()?;
    let lower = value.to_ascii_lowercase();
    let placeholder = [
        "your",
        "example",
        "xxxx",
        "changeme",
        "placeholder",
        "secret",
        "1234",
        "test",
        "dummy",
        "....",
    ]
    .iter()
    .any(|word| lower.contains(word));
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let letters = value.bytes().filter(u8::is_ascii_alphabetic).count();
    (digits >= 2 && letters >= 4 && !placeholder).then_some(candidate.len())
}
