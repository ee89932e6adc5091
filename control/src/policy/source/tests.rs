use super::{Position, SourceValue, looks_like_date, micros, parse_json, whole};

#[test]
fn money_is_exact() {
    for (raw, value) in [
        ("0", 0),
        ("1.25", 1_250_000),
        ("0.125", 125_000),
        ("0.000001", 1),
        ("50", 50_000_000),
        ("2e3", 2_000_000_000),
        ("25e-1", 2_500_000),
        ("1.250000000", 1_250_000),
        ("0x10", 16_000_000),
        (".5", 500_000),
        ("0e99999", 0),
    ] {
        assert_eq!(micros(raw), Some(value), "{raw}");
    }
    for raw in [
        "-1",
        "0.0000001",
        "1e40",
        "99999999999999999999",
        "1e-99999999999",
        ".",
        "",
        "1.2.3",
        ".inf",
    ] {
        assert_eq!(micros(raw), None, "{raw}");
    }
}

#[test]
fn whole_numbers_may_be_written_as_doubles() {
    for (raw, value) in
        [("5", 5), ("5.0", 5), ("2e5", 200_000), ("0o17", 15), ("18446744073709551615", u64::MAX)]
    {
        assert_eq!(whole(raw), Some(value), "{raw}");
    }
    for raw in ["5.5", "-5", "1e30", "18446744073709551616"] {
        assert_eq!(whole(raw), None, "{raw}");
    }
}

#[test]
fn dates_are_those_of_yaml_1_1() {
    for date in ["2026-11-24", "2026-1-2", "2026-11-24T06:00:00Z", "2026-11-24 06:00:00"] {
        assert!(looks_like_date(date), "{date}");
    }
    for text in
        ["2026-11", "2026-11-24.2", "2026-11-24-b", "26-11-24", "gpt-5-2026", "", "--", "2026-11-"]
    {
        assert!(!looks_like_date(text), "{text}");
    }
}

#[test]
fn places_count_characters_from_one() {
    let tree = parse_json("{\n \"é\": [1,\n  \"x\"]}".as_bytes()).unwrap();
    let SourceValue::Map(entries) = &tree.value else { panic!() };
    assert_eq!(entries[0].key_at, Position { line: 2, column: 2 });
    assert_eq!(entries[0].value.at, Position { line: 2, column: 7 });
    assert_eq!(entries[0].value.items()[1].at, Position { line: 3, column: 3 });
}

#[cfg(feature = "yaml")]
#[test]
fn plain_words_are_those_of_yaml_1_2() {
    let one = |text: &str| super::parse_yaml(text).unwrap().value;
    for word in [
        "yes", "no", "on", "off", "y", "n", "Yes", "tRUE", "0o8", "1_000", "12:30", "1e", "+", ".",
        "0xg",
    ] {
        let SourceValue::String { text, quoted: false } = one(word) else { panic!("{word}") };
        assert_eq!(text, word);
    }
    for word in ["true", "True", "FALSE"] {
        assert!(matches!(one(word), SourceValue::Bool(_)), "{word}");
    }
    for word in ["~", "null", "Null", "NULL"] {
        assert_eq!(one(word), SourceValue::Null, "{word}");
    }
    for word in [
        "1", "-1", "+1", "1.", ".5", "1e3", "-1.5E-3", "0x1F", "0o17", ".inf", "-.INF", ".nan",
        "007",
    ] {
        assert_eq!(one(word), SourceValue::Number(word.to_owned()), "{word}");
    }
    for word in ["'1'", "\"true\"", "|\n  null"] {
        assert!(matches!(one(word), SourceValue::String { quoted: true, .. }), "{word}");
    }
}

#[cfg(feature = "yaml")]
#[test]
fn the_name_of_a_file_decides_and_else_its_text() {
    use super::parse;
    assert!(parse("hemostat: 1", "p.yaml").is_ok());
    assert!(parse("hemostat: 1", "p.json").is_err());
    assert!(parse("{hemostat: 1}", "-").is_ok());
    assert!(parse("{\"a\": 1,}", "p.yaml").is_ok());
    let found = parse("{\"a\": 1 \"b\": 2}", "-").unwrap_err();
    assert_eq!(found[0].message, "not JSON: a comma is missing");
}
