//! Releases that were made once and must be accepted forever: `testdata/releases`. Each has a readable twin.

use std::path::PathBuf;

use serde_json::Value;

use crate::bundle::{Offered, ReleaseWay, Releases, Terms, offer, start};
use crate::policy::config::Config;
use crate::policy::source::parse_json;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../testdata/releases")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn json(name: &str) -> Value {
    serde_json::from_str(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// `NAME.json` is the envelope, `NAME.twin.json` says what it contains and what it results in.
#[test]
fn golden_releases_are_taken_for_ever() {
    let configuration = read("configuration.json");
    let (config, _) = Config::judge(&parse_json(configuration.as_bytes()).unwrap(), None);
    let terms = Terms::new(config).unwrap();
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.strip_suffix(".twin.json").map(str::to_owned)
        })
        .collect();
    names.sort();
    assert!(names.len() >= 4, "{names:?}");
    let mut state = start(&terms, &Releases::default(), 1_795_503_600).unwrap().0.unwrap();
    // In the order of their names, each after the one before.
    for name in names {
        let (envelope, twin) = (read(&format!("{name}.json")), json(&format!("{name}.twin.json")));
        let payload: Value = {
            let parsed: Value = serde_json::from_str(&envelope).unwrap();
            let bytes = crate::dsse::base64::decode(parsed["payload"].as_str().unwrap()).unwrap();
            serde_json::from_slice(&bytes).unwrap()
        };
        assert_eq!(payload, twin["payload"], "{name}: the twin says what is in it");
        let offered = offer(&terms, &state, envelope.as_bytes(), ReleaseWay::Post, 1_795_503_600);
        match offered.unwrap_or_else(|refusal| panic!("{name}: {refusal}")) {
            Offered::Activated(activation) => {
                state = activation.state;
                assert_eq!(
                    activation.running.version.as_deref(),
                    twin["version"].as_str(),
                    "{name}"
                );
                assert_eq!(activation.running.digest.to_string(), twin["digest"], "{name}");
            }
            Offered::Unchanged(_) => panic!("{name}: unchanged"),
        }
        assert_eq!(serde_json::to_value(&state.history[0].keys).unwrap(), twin["keys"], "{name}");
    }
}
