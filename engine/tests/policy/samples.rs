//! What operators are given runs: packs and the samples of `policies/`, judged and compiled by what a proxy runs.

use std::path::PathBuf;

use hemostat_engine::policy::config::Config;
use hemostat_engine::policy::{Program, source};
use hemostat_engine::search::Pattern;

/// The samples as text, by file name.
fn samples() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../policies");
    let mut samples: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    samples.sort();
    assert!(samples.len() >= 4);
    samples
}

/// As a proxy is given it: the policy in JSON, in a configuration.
fn configuration(yaml: &str) -> Vec<u8> {
    let policy = source::to_json(&source::parse_yaml(yaml).unwrap());
    format!("{{\"hold_headers\": true, \"policy\": {policy}}}").into_bytes()
}

fn diagnostic_code(found: &hemostat_engine::policy::Diagnostic) -> &'static str {
    found.code
}

#[test]
fn every_sample_becomes_a_program() {
    for (name, yaml) in samples() {
        let (config, warnings) = Config::parse(&configuration(&yaml))
            .unwrap_or_else(|found| panic!("{name}: {found:?}"));
        // A sample is a policy alone; whose approval counts is the proxy's configuration to say.
        // That a cap holds per proxy is the answer to a question that a sample may leave open.
        let own =
            |warning: &&_| !["nobody-approves", "per-proxy"].contains(&diagnostic_code(warning));
        assert_eq!(warnings.iter().filter(own).count(), 0, "{name}: {warnings:?}");
        let program = Program::compile(&config).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(program.version, config.policy.version, "{name}");
        assert_eq!(program.guards.rules.len(), config.policy.guardrails.len(), "{name}");
        assert_eq!(program.failsafe.len(), config.policy.failsafe.len(), "{name}");
        // All act, save the one that is there to watch and the one that is there to be copied from.
        let acts = !["shadow.yaml", "prices.yaml"].contains(&name.as_str());
        assert_eq!(program.enforces(), acts, "{name}");
    }
}

/// A pack that could hold text without bound would warn in every policy that names it.
#[test]
fn no_pack_is_unbounded() {
    for pack in ["secrets", "pii", "prompt-injection"] {
        for fold in [false, true] {
            let patterns = Pattern::parse(&format!("pack:{pack}"), fold).unwrap();
            assert!(!patterns.is_empty(), "{pack}");
            for pattern in patterns {
                assert!(!pattern.unbounded(), "{} (fold: {fold})", pattern.name());
            }
        }
    }
}
