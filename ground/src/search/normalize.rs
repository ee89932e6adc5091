//! `fold: true`: how a text is read, whatever characters it is written with.
//!
//! Invisible characters and combining marks are removed; full-width, mathematical, enclosed and other styled letters,
//! letters with marks, and look-alikes of other alphabets become plain; case is folded in every script that has it.
//! Patterns are treated the same way, so that both agree. A hit covers the original characters from its first to its
//! last, including removed ones between them; removed characters after the last one are not part of it.

use super::look_alikes::{ALSO, ROWS};
use super::lower_case;
use std::sync::OnceLock;

/// The normal form of a character; `None` if it is removed.
pub(super) fn normalize(c: char) -> Option<char> {
    if c.is_ascii() {
        return Some(c.to_ascii_lowercase());
    }
    if is_invisible(c) || is_mark(c) {
        return None;
    }
    let plain = undress(c);
    if plain.is_ascii() {
        return Some(plain.to_ascii_lowercase());
    }
    if let Some(read) = look_alike(plain) {
        return Some(read);
    }
    let lower = lower_case::small(plain);
    Some(look_alike(lower).unwrap_or(lower))
}

/// Lower-case letters that a normalized letter of a pattern matches besides itself: some may be read as either of two.
pub(super) fn also(c: char) -> &'static str {
    ALSO.iter().find(|(letter, _)| *letter == c).map_or("", |(_, others)| others)
}

fn look_alike(c: char) -> Option<char> {
    static TABLE: OnceLock<Vec<(char, char)>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let mut table: Vec<(char, char)> = ROWS
            .iter()
            .flat_map(|(read, written)| written.chars().map(move |c| (c, *read)))
            .collect();
        table.sort_unstable();
        table
    });
    let at = table.binary_search_by_key(&c, |(written, _)| *written).ok()?;
    table.get(at).map(|(_, read)| *read)
}

/// Characters without width or ink: Unicode's Default_Ignorable_Code_Point, except the spaces and letters in it.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
        | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E0FFF}')
}

/// Combining marks that are put over, under or through letters of any alphabet.
fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36F}' | '\u{483}'..='\u{489}' | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

/// Letters and digits of blocks that repeat the alphabet in some style, by arithmetic.
fn undress(c: char) -> char {
    let code = u32::from(c);
    let letter = |first: u32| char::from_u32(0x61_u32.saturating_add(code.saturating_sub(first)));
    let plain = match code {
        0xA0 | 0x1680 | 0x2000..=0x200A | 0x202F | 0x205F | 0x3000 => Some(' '),
        0xFF01..=0xFF5E => char::from_u32(code.saturating_sub(0xFEE0)),
        // 13 alphabets of 26 capitals and 26 lower-case letters each.
        0x1D400..=0x1D6A3 => {
            char::from_u32(0x61_u32.saturating_add(code.saturating_sub(0x1D400) % 26))
        }
        0x1D6A8..=0x1D7C9 => greek(code.saturating_sub(0x1D6A8) % 58),
        0x1D7CE..=0x1D7FF => {
            char::from_u32(0x30_u32.saturating_add(code.saturating_sub(0x1D7CE) % 10))
        }
        0x2460..=0x2468 => char::from_u32(0x31_u32.saturating_add(code.saturating_sub(0x2460))),
        0x24EA => Some('0'),
        0x249C..=0x24B5 => letter(0x249C),
        0x24B6..=0x24CF => letter(0x24B6),
        0x24D0..=0x24E9 => letter(0x24D0),
        0x1F110..=0x1F129 => letter(0x1F110),
        0x1F130..=0x1F149 => letter(0x1F130),
        0x1F150..=0x1F169 => letter(0x1F150),
        0x1F170..=0x1F189 => letter(0x1F170),
        0x1F1E6..=0x1F1FF => letter(0x1F1E6),
        _ => None,
    };
    plain.unwrap_or(c)
}

/// The mathematical Greek alphabets: 25 capitals, nabla, 25 lower-case letters, seven variants.
fn greek(place: u32) -> Option<char> {
    match place {
        0..=24 => char::from_u32(0x3B1_u32.saturating_add(place)),
        26..=50 => char::from_u32(0x3B1_u32.saturating_add(place.saturating_sub(26))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalized(text: &str) -> String {
        text.chars().filter_map(normalize).collect()
    }

    #[test]
    fn dressed_up_words_read_plain() {
        for written in [
            "secret",
            "SECRET",
            "s\u{200b}e\u{ad}cr\u{2060}et",
            "ｓｅｃｒｅｔ",
            "𝐬𝐞𝐜𝐫𝐞𝐭",
            "𝕊𝔼ℂℝ𝔼𝕋",
            "ѕесrеt",
            "śéçřèť",
            "s\u{301}e\u{308}cret",
            "ⓢⓔⓒⓡⓔⓣ",
            "🆂🅴🅲🆁🅴🆃",
            "ꜱᴇᴄʀᴇᴛ",
            "s\u{e0041}ecret\u{fe0f}",
            "sεcrετ",
            "𝙨𝙚𝙘𝙧𝙚𝙩",
        ] {
            assert_eq!(normalized(written), "secret", "{written}");
        }
        assert_eq!(normalized("４１１１ ⓪①²₃"), "4111 0123");
    }

    #[test]
    fn case_goes_in_every_script() {
        for (one, other) in
            [("ПРОЕКТ", "проект"), ("ΟΔΟΣ", "οδος"), ("Էջ", "էջ"), ("ÅNGSTRÖM", "ångström")]
        {
            assert_eq!(normalized(one), normalized(other));
        }
    }

    #[test]
    fn normalizing_what_is_normalized_changes_nothing() {
        for c in ('\0'..=char::MAX).filter_map(normalize) {
            assert_eq!(normalize(c), Some(c), "{c:?}");
        }
    }

    #[test]
    fn scripts_without_look_alikes_stay() {
        assert_eq!(normalized("日本語 한국어 العربية हिन्दी"), "日本語 한국어 العربية हिन्दी");
    }
}
