use super::*;
use proptest::prelude::*;

fn of(json: &str) -> Result<String, JcsError> {
    canonical_text(json.as_bytes())
}

/// RFC 8785 §3.2.2, §3.2.3 and appendix B.
#[test]
fn the_examples_of_the_rfc() {
    let input = r#"{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }"#;
    assert_eq!(
        of(input).err(),
        Some(JcsError::Number),
        "333333333.33333329 is printed as 333333333.3333333: it is not held as written"
    );
    let input = input.replace("333333333.33333329", "333333333.3333333");
    assert_eq!(
        of(&input).unwrap(),
        concat!(
            r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#,
            r#""string":"€$\u000f\nA'B\"\\\\\"/"}"#
        )
    );
    let sorted =
        of(r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#);
    assert_eq!(
        sorted.unwrap(),
        "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}"
    );
}

#[test]
fn numbers_are_printed_as_ecmascript_does() {
    for (raw, printed) in [
        ("0", "0"),
        ("-0", "0"),
        ("0e99999999999999999999", "0"),
        ("5e-324", "5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("9007199254740992", "9007199254740992"),
        ("295147905179352830000", "295147905179352830000"),
        ("1e21", "1e+21"),
        ("123456789012345680000", "123456789012345680000"),
        ("0.000001", "0.000001"),
        ("1e-7", "1e-7"),
        ("100.0", "100"),
        ("-19.99", "-19.99"),
        ("0.1", "0.1"),
        ("12e-1", "1.2"),
        // Halfway between two: the even one.
        ("156860564419597.62", "156860564419597.62"),
        ("2251799813685249.5", "2251799813685249.5"),
        ("2.2250738585072014e-308", "2.2250738585072014e-308"),
        ("1e-323", "1e-323"),
    ] {
        assert_eq!(number::canonical(raw).as_deref(), Some(printed), "{raw}");
    }
    for raw in [
        "9007199254740993",
        "1e400",
        "0.1000000000000000055",
        "1e-400",
        "123456789012345678",
        "156860564419597.63",
        "4e-324",
        "9e-324",
        "1e-99999999999999999999",
    ] {
        assert_eq!(number::canonical(raw), None, "{raw}");
    }
}

#[test]
fn what_has_two_meanings_has_no_form() {
    assert_eq!(of(r#"{"a":1,"\u0061":1}"#), Err(JcsError::Duplicate));
    assert_eq!(of(r#"{"a":{"b":1,"c":2,"b":3}}"#), Err(JcsError::Duplicate));
    assert_eq!(of(r#"["\ud800"]"#), Err(JcsError::Text));
    assert_eq!(of(r#"{"\udfff":1}"#), Err(JcsError::Text));
    assert_eq!(of("[1e999]"), Err(JcsError::Number));
    assert_eq!(of("{"), Err(JcsError::NotJson));
    assert_eq!(of(""), Err(JcsError::NotJson));
}

/// Halfway between two shortest forms (156860564419597.625), writers differ in the last digit.
fn written_alike(f: &f64) -> bool {
    let digits = |text: String| text.chars().filter(char::is_ascii_digit).collect::<String>();
    f.is_finite() && digits(serde_json::json!(f).to_string()) == digits(format!("{f:?}"))
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i32>().prop_map(Into::into),
        any::<f64>().prop_filter("finite, and written alike", written_alike).prop_map(Into::into),
        "[^\u{fffd}]{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::btree_map("[^\u{fffd}]{0,4}", inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Doubles of every size, the smallest and whole ones among them.
fn any_double() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        (0_u64..1 << 54).prop_map(f64::from_bits),
        any::<u64>().prop_map(|whole| whole as f64),
        (any::<u64>(), 0..40).prop_map(|(part, places)| part as f64 / 10_f64.powi(places)),
    ]
}

/// The digits of a number in scientific notation, without zeros at either end, and their exponent.
fn parts(text: &str) -> (String, i64) {
    let (mantissa, exponent) = text.split_once('e').unwrap();
    let decimals = mantissa.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let digits = mantissa.replace('.', "");
    let bare = digits.trim_end_matches('0');
    let zeros = digits.len() - bare.len();
    let exponent = exponent.parse::<i64>().unwrap() + zeros as i64 - decimals as i64;
    match bare.trim_start_matches('0') {
        "" => (String::new(), 0),
        some => (some.to_owned(), exponent),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Against the library's own printer, which the module does without.
    #[test]
    fn a_number_is_held_if_it_is_what_would_be_printed(
        value in any_double().prop_filter("finite, and written alike", written_alike),
        by in -2_i64..3,
    ) {
        let printed = format!("{:e}", value.abs());
        prop_assert!(number::canonical(&printed).is_some(), "{}", printed);
        // Another last digit, and one digit more.
        let (digits, exponent) = parts(&printed);
        for more in [0, 1] {
            let last = digits.parse::<i64>().unwrap_or(0) * 10_i64.pow(more) + by;
            let other = format!("{}e{}", last.abs(), exponent - i64::from(more));
            let read: f64 = other.parse().unwrap();
            if read.is_finite() && written_alike(&read) {
                let would_be = parts(&format!("{read:e}")) == parts(&other);
                prop_assert_eq!(number::canonical(&other).is_some(), would_be, "{}", other);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_form_means_the_value_and_is_its_own(json in any_json()) {
        let once = of(&json.to_string()).unwrap();
        prop_assert_eq!(of(&once).unwrap(), once.clone());
        let pretty = serde_json::to_string_pretty(&json).unwrap();
        prop_assert_eq!(of(&pretty).unwrap(), once);
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = canonical_text(&bytes);
    }
}
