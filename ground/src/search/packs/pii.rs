//! `pack:pii`: what identifies a person or an account.

use super::checks;
use super::packed::{Packed, checked, plain};

pub(super) const PATTERNS: &[Packed] = &[
    // RFC 5321 section 4.5.3.1: 64 bytes before the `@`; RFC 1035 section 2.3.4: 63 in a label. Bounded, so that a long
    // run of letters (base64) is not held.
    plain(
        "email",
        r"\b[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,24}\b",
    ),
    // ITU-T E.164: a `+` and at most 15 digits.
    plain("phone", r"\B\+[1-9](?:[ ./()-]{0,2}[0-9]){7,14}\b"),
    // North American numbering: neither area code nor exchange begins with 0 or 1.
    plain(
        "phone-us",
        r"(?:\B\([2-9][0-9]{2}\)[ -]?|\b[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4}\b",
    ),
    checked("iban", r"\b[A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]{1,4}){3,8}\b", checks::iban),
    // ISO/IEC 7812: 13 to 19 digits are in use, the last a Luhn check digit; 2 to 6 begin payment cards.
    checked("card", r"\b[2-6](?:[ -]?[0-9]){12,18}\b", checks::card),
    checked("ssn", r"\b[0-8][0-9]{2}(?:-[0-9]{2}-| [0-9]{2} )[0-9]{4}\b", checks::ssn),
];
