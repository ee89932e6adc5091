//! Redactions that overlap: whatever is found by which rule, and however the text is cut, the first rule's words stand there.

use super::{answered, chunk};
use crate::support::{Cut, program, run};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What several redactions make of a text, written as plainly as it can be.
fn naive(text: &str, rules: &[Vec<&str>]) -> String {
    let mut spans: Vec<(usize, usize, usize)> = Vec::new();
    for (rule, words) in rules.iter().enumerate() {
        for word in words {
            let mut at = 0;
            while let Some(found) = text.get(at..).and_then(|rest| rest.find(word)) {
                spans.push((at + found, at + found + word.len(), rule));
                at += found + word.len();
            }
        }
    }
    // Overlapping ones are one, as long as any overlap.
    while let Some((a, b)) = spans.iter().enumerate().find_map(|(a, one)| {
        let overlaps = |other: &(usize, usize, usize)| one.0 < other.1 && other.0 < one.1;
        spans.iter().skip(a + 1).position(overlaps).map(|b| (a, a + 1 + b))
    }) {
        let (one, other) = (spans[a], spans.remove(b));
        spans[a] = (one.0.min(other.0), one.1.max(other.1), one.2.min(other.2));
    }
    spans.sort_unstable();
    let (mut out, mut at) = (String::new(), 0);
    for (start, end, rule) in spans {
        out.push_str(&text[at..start]);
        out.push_str(&format!("<{rule}>"));
        at = end;
    }
    out + &text[at..]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    #[test]
    fn overlapping_redactions_take_the_first_rules_replacement(
        text in "[abc]{1,14}",
        words in proptest::collection::vec(proptest::collection::vec("[abc]{1,5}", 1..3), 1..4),
        cuts in proptest::collection::vec(1_usize..6, 1..8),
    ) {
        let rules: Vec<Vec<&str>> =
            words.iter().map(|rule| rule.iter().map(String::as_str).collect()).collect();
        let policy = json!({"guardrails": rules.iter().enumerate().map(|(at, find)| json!({
            "id": format!("r{at}"), "scan": ["output"], "find": find, "do": {"redact": format!("<{at}>")}
        })).collect::<Vec<_>>()});
        let (mut stream, mut rest, mut at) = (String::new(), &*text, 0);
        while !rest.is_empty() {
            let size = cuts[at % cuts.len()].min(rest.len());
            stream.push_str(&chunk("0", &rest[..size]));
            (rest, at) = (&rest[size..], at + 1);
        }
        stream.push_str("data: [DONE]\n\n");
        let request = r#"{"model":"m","messages":[],"stream":true}"#;
        let recording = answered("openai-chat", request, "text/event-stream", stream.as_bytes());
        let seen = run(&program(policy), &recording, &Cut::Whole).text();
        let said: String = seen
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
            .filter_map(|event| Some(event["choices"][0]["delta"]["content"].as_str()?.to_owned()))
            .collect();
        prop_assert_eq!(said, naive(&text, &rules), "{}", stream);
    }
}
