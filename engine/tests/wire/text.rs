//! Decoded text: what strings mean, and the way back to their bytes.

use hemostat_engine::wire::{json, text};
use proptest::prelude::*;
use text::{Decoded, TextMap};

fn decoded(raw: &[u8]) -> Decoded {
    let mut decoded = Decoded::new();
    // Buffers are reused: what was there must not show.
    decoded.read(b"\\u0041\xFF earlier \\n");
    decoded.read(raw);
    decoded
}

#[test]
fn table() {
    let cases: [(&[u8], &str); 22] = [
        (b"", ""),
        (b"plain", "plain"),
        ("naïve 😀".as_bytes(), "naïve 😀"),
        (br#"a\"b\\c\/d\b\f\n\r\t"#, "a\"b\\c/d\u{8}\u{c}\n\r\t"),
        (br"\u0068\u00e9\u20AC", "hé€"),
        (br"\uD83D\uDE00", "😀"),
        (br"\ud83d\ude00x", "😀x"),
        (br"\ud83d", "\u{FFFD}"),
        (br"\ude00", "\u{FFFD}"),
        (br"\ude00\ud83d", "\u{FFFD}\u{FFFD}"),
        (br"\ud83dx", "\u{FFFD}x"),
        (br"\ud83d\n", "\u{FFFD}\n"),
        (br"\ud83d\u0041", "\u{FFFD}A"),
        (br"\ud83d\ud83d\ude00", "\u{FFFD}😀"),
        (br"\u0000", "\0"),
        (b"\xFF", "\u{FFFD}"),
        (b"a\xE2\x82b", "a\u{FFFD}b"),
        (b"\xF0\x9F\x98", "\u{FFFD}"),
        (b"\xC0\x80", "\u{FFFD}\u{FFFD}"),
        (b"\xE2\x82\\u0041", "\u{FFFD}A"),
        (b"\xED\xA0\x80", "\u{FFFD}\u{FFFD}\u{FFFD}"),
        (b"a\\", "a\u{FFFD}"),
    ];
    for (raw, expected) in cases {
        assert_eq!(decoded(raw).text(), expected, "{}", raw.escape_ascii());
        assert_eq!(json::decode(raw), expected, "{}", raw.escape_ascii());
    }
}

#[test]
fn the_way_back() {
    let raw = br"a\u0068\ud83d\ude00b\n";
    assert_eq!(decoded(raw).text(), "ah😀b\n");
    let map = TextMap::of(raw);
    assert_eq!(map.raw_range(0..1), 0..1);
    assert_eq!(map.raw_range(1..2), 1..7);
    assert_eq!(map.raw_range(2..6), 7..19);
    assert_eq!(map.raw_range(3..4), 7..19, "inside a character: all of it");
    assert_eq!(map.raw_range(6..8), 19..22);
    assert_eq!(map.raw_range(1..1), 1..1);
    assert_eq!(map.raw_range(8..8), 22..22);
    assert_eq!(map.raw_range(0..8), 0..22);
}

/// Contents of strings, legal or not: plain text, escapes, halves of pairs, broken UTF-8.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        3 => "[a-z ]{1,12}".prop_map(String::into_bytes),
        2 => any::<char>().prop_map(|c| c.to_string().into_bytes()),
        2 => any::<u16>().prop_map(|unit| format!("\\u{unit:04x}").into_bytes()),
        1 => (0xD800_u16..0xE000).prop_map(|unit| format!("\\u{unit:04X}").into_bytes()),
        1 => Just(br"\uD83D\uDE00".to_vec()),
        1 => prop_oneof![Just(br"\n"), Just(br#"\""#), Just(br"\\"), Just(br"\/")].prop_map(|e| e.to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 1..4),
        1 => Just(b"\\".to_vec()),
    ];
    proptest::collection::vec(part, 0..16).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn same_text_as_the_plain_decoder(raw in content()) {
        let decoded = decoded(&raw);
        prop_assert_eq!(decoded.text(), json::decode(&raw));
    }

    #[test]
    fn same_text_as_serde_json(text in any::<String>(), ascii in any::<bool>()) {
        let mut quoted = serde_json::to_string(&text).unwrap();
        if ascii {
            let mut units = [0; 2];
            quoted = quoted.chars().map(|c| match c {
                ' '..='~' => c.to_string(),
                c => c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
            }).collect();
        }
        let content = &quoted.as_bytes()[1..quoted.len() - 1];
        let decoded = decoded(content);
        prop_assert_eq!(decoded.text(), text);
    }

    #[test]
    fn encoding_is_undone_by_decoding(text in any::<String>()) {
        let mut raw = Vec::new();
        text::encode(&text, &mut raw);
        let decoded = decoded(&raw);
        prop_assert_eq!(decoded.text(), &text);
        let quoted = [b"\"", &raw[..], b"\""].concat();
        prop_assert_eq!(serde_json::from_slice::<String>(&quoted).unwrap(), text);
    }

    #[test]
    fn ranges_lead_to_the_bytes_that_spell_them(raw in content(), from in any::<usize>(), to in any::<usize>()) {
        let (decoded, map) = (decoded(&raw), TextMap::of(&raw));
        let text = decoded.text();
        let boundaries: Vec<_> = (0..=text.len()).filter(|&at| text.is_char_boundary(at)).collect();
        let (from, to) = (boundaries[from % boundaries.len()], boundaries[to % boundaries.len()]);
        let range = from.min(to)..from.max(to);
        let back = map.raw_range(range.clone());
        // Cutting between two characters can only make halves of what decoded to U+FFFD or to a pair.
        prop_assert_eq!(json::decode(&raw[back]), &text[range]);
        prop_assert_eq!(map.raw_range(0..text.len()), 0..raw.len());
    }

    #[test]
    fn neighbours_do_not_overlap(raw in content()) {
        let (decoded, map) = (decoded(&raw), TextMap::of(&raw));
        let mut at = 0;
        for (start, c) in decoded.text().char_indices() {
            let range = map.raw_range(start..start + c.len_utf8());
            prop_assert_eq!(range.start, at);
            prop_assert!(range.end > at);
            at = range.end;
        }
        prop_assert_eq!(at, raw.len());
    }
}
