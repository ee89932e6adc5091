//! A kill of a model and a denial of a tool hold for every field of a request that may name one. The fields are those of
//! the SDKs' types; host-tests/envoy/test_request_types.py fails where the list lacks one.

use std::path::Path;

use crate::support::{Cut, Recording, dialects, program, run};
use serde_json::{Value, json};

fn entries() -> Vec<(String, Value)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/request-types.json");
    let list: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let all = list.as_object().unwrap().iter();
    all.flat_map(|(dialect, entries)| {
        entries.as_array().unwrap().iter().map(move |entry| (dialect.clone(), entry.clone()))
    })
    .collect()
}

fn recording(dialect: &str, entry: &Value) -> Recording {
    let path = entry["path"].as_str().unwrap_or_else(|| dialects::dialect(dialect).path(false));
    Recording {
        name: entry["fields"].to_string(),
        dialect: dialect.to_owned(),
        ..Recording::made(path, &entry["request"], "{}")
    }
}

#[test]
fn a_kill_and_a_denial_hold_for_every_field() {
    let kill =
        program(json!({"failsafe": [{"id": "k", "when": {"model": "killed"}, "do": "block"}]}));
    let deny = program(json!({"tools": [{"id": "t", "match": "rm", "do": "deny"}]}));
    let (mut killed, mut denied, mut wrong) = (0, 0, Vec::new());
    for (dialect, entry) in entries() {
        let recording = recording(&dialect, &entry);
        match entry["is"].as_str().unwrap() {
            "model" => {
                killed += 1;
                let seen = run(&kill, &recording, &Cut::Whole);
                if (seen.status, &seen.upstream) != (403, &None) {
                    wrong.push(format!("{dialect}: no kill by {}", entry["fields"]));
                }
            }
            "tool" => {
                denied += 1;
                assert!(entry["request"].to_string().contains("\"rm\""), "{entry}");
                let seen = run(&deny, &recording, &Cut::Whole);
                let sent = seen.upstream.map(|sent| String::from_utf8(sent).unwrap());
                let Some(sent) = sent else {
                    wrong.push(format!(
                        "{dialect}: refused {}: {}",
                        entry["fields"], entry["request"]
                    ));
                    continue;
                };
                let valid = serde_json::from_str::<Value>(&sent).is_ok();
                if sent.contains("\"rm\"") || !valid {
                    wrong.push(format!("{dialect}: {} leaves it: {sent}", entry["fields"]));
                }
            }
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(killed > 10 && denied > 30, "{killed} {denied}");
}
