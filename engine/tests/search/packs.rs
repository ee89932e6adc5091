//! The packs: examples for and against every pattern, and what they say of recorded answers.

use hemostat_engine::search::{Hit, Matcher, Pattern, StreamSearch};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const PACKS: [&str; 3] = ["pack:secrets", "pack:pii", "pack:prompt-injection"];

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata")
}

fn hits(pattern: &Pattern, text: &str) -> Vec<Hit> {
    let matcher = Matcher::new([(0, pattern)]).unwrap();
    let mut scan = StreamSearch::default();
    let mut hits = Vec::new();
    for index in 0..text.len() {
        if let Some(character) = text.get(index..).and_then(|rest| rest.chars().next()) {
            scan.feed(&matcher, character.encode_utf8(&mut [0; 4]), &mut hits);
        }
    }
    scan.finish(&matcher, &mut hits);
    hits
}

fn unescape(field: &str) -> String {
    let plain = field.replace("{}", "").replace("\\\\", "\0");
    plain.replace("\\n", "\n").replace('\0', "\\")
}

#[test]
fn every_pattern_has_examples_and_they_hold() {
    let mut patterns = BTreeMap::new();
    for pack in PACKS {
        for pattern in Pattern::parse(pack, false).unwrap() {
            assert!(!pattern.unbounded(), "{} could stay live on prose", pattern.name());
            patterns.insert(pattern.name().to_owned(), (pattern, 0, 0));
        }
    }
    let table = std::fs::read_to_string(testdata().join("scan/packs.tsv")).unwrap();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, verdict, text, part] = fields[..] else { panic!("bad line: {line}") };
        let (pattern, yes, no) = patterns.get_mut(name).unwrap_or_else(|| panic!("no {name}"));
        let text = unescape(text);
        let found: Vec<&str> = hits(pattern, &text)
            .iter()
            .map(|hit| &text[hit.start as usize..hit.end as usize])
            .collect();
        match verdict {
            "yes" => {
                *yes += 1;
                assert!(!found.is_empty(), "{name} does not find {text:?}");
                if !part.is_empty() {
                    assert_eq!(found[0], unescape(part), "{name} in {text:?}");
                }
            }
            "no" => {
                *no += 1;
                assert!(found.is_empty(), "{name} finds {found:?} in {text:?}");
            }
            other => panic!("bad verdict {other}"),
        }
    }
    for (name, (_, yes, no)) in &patterns {
        assert!(*yes > 0 && *no > 0, "{name} has {yes} examples for it and {no} against");
    }
}

/// In prose most text is passed over and not read: the same is found as where each character comes alone, and nothing is
/// ever far enough from it to be passed over.
#[test]
fn nothing_is_hidden_in_prose() {
    let patterns: Vec<Pattern> =
        PACKS.iter().flat_map(|pack| Pattern::parse(pack, false).unwrap()).collect();
    let all = || (0..).zip(&patterns);
    let (whole, single) = (Matcher::new(all()).unwrap(), Matcher::new(all()).unwrap());
    let prose =
        "the quick brown fox jumps over the lazy dog, and you go home to a warm house. ".repeat(4);
    let table = std::fs::read_to_string(testdata().join("scan/packs.tsv")).unwrap();
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    for (line, shift) in lines.zip([0, 3, 7, 12].into_iter().cycle()) {
        let text = unescape(line.split('\t').nth(2).unwrap());
        for between in ["", " ", "\n"] {
            let text = [&prose[shift..], between, &text, between, &prose].concat();
            let (mut at_once, mut one_by_one) = (Vec::new(), Vec::new());
            let (mut fast, mut slow) = (StreamSearch::default(), StreamSearch::default());
            fast.feed(&whole, &text, &mut at_once);
            for character in text.chars() {
                slow.feed(&single, character.encode_utf8(&mut [0; 4]), &mut one_by_one);
            }
            assert_eq!(fast.clear(), slow.clear(), "{text}");
            fast.finish(&whole, &mut at_once);
            slow.finish(&single, &mut one_by_one);
            one_by_one.sort_unstable();
            at_once.sort_unstable();
            assert_eq!(at_once, one_by_one, "{text}");
        }
    }
}

/// Every string that a model said, joined in order, a recorded answer.
fn recorded_texts() -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for dialect in std::fs::read_dir(testdata().join("recorded")).unwrap() {
        let dialect = dialect.unwrap().path();
        if !dialect.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(&dialect).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if !name.contains(".response.") {
                continue;
            }
            let Ok(body) = std::fs::read_to_string(&path) else { continue };
            let mut text = String::new();
            let whole = serde_json::from_str(&body).ok();
            let lines = body.lines().filter_map(|line| line.strip_prefix("data:"));
            let events = lines.filter_map(|data| serde_json::from_str(data.trim()).ok());
            for value in whole.into_iter().chain(events) {
                said(&value, "", &mut text);
            }
            texts.push((name, text));
        }
    }
    texts.sort();
    texts
}

fn said(value: &serde_json::Value, key: &str, into: &mut String) {
    match value {
        serde_json::Value::String(text) => {
            let spoken = ["text", "content", "delta", "thinking", "partial_json", "arguments"];
            if spoken.contains(&key) {
                into.push_str(text);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| said(item, key, into)),
        serde_json::Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| said(value, key, into));
        }
        _ => {}
    }
}

#[test]
fn recorded_answers_raise_no_false_alarm() {
    let texts = recorded_texts();
    let bytes: usize = texts.iter().map(|(_, text)| text.len()).sum();
    assert!(texts.len() > 200 && bytes > 100_000, "the corpus is missing");
    let mut alarms = Vec::new();
    for pack in PACKS {
        for pattern in Pattern::parse(pack, false).unwrap() {
            let matcher = Matcher::new([(0, &pattern)]).unwrap();
            for (name, text) in &texts {
                let mut scan = StreamSearch::default();
                let mut hits = Vec::new();
                scan.feed(&matcher, text, &mut hits);
                scan.finish(&matcher, &mut hits);
                for hit in hits {
                    let part = &text[hit.start as usize..hit.end as usize];
                    alarms.push(format!("{}\t{name}\t{part}", pattern.name()));
                }
            }
        }
    }
    let known = std::fs::read_to_string(testdata().join("scan/recorded-hits.tsv")).unwrap();
    let known: Vec<&str> = known.lines().filter(|line| !line.starts_with('#')).collect();
    alarms.sort();
    alarms.dedup();
    assert_eq!(alarms, known);
}
