//! A record for a third party: nothing of it can be changed unseen.

use hemostat_cli::Exit;
use serde_json::json;

use crate::synthetic::{Incident, incident, log};
use crate::{folder, hemostat, write};

#[test]
fn a_record_that_was_changed_anywhere_is_refused() {
    let folder = folder("evidence");
    let made = log(8, 300, 3600, Some(&Incident { begins: 600, per_mille: 500, ..incident() }));
    let access = write(&folder, "access.json", &made.text);
    let history = json!([{"serial": 17, "version": "prod-17", "at": "2026-11-24T00:08:00Z", "issuer": "ann", "source": "post"}]);
    let history = write(&folder, "history.json", &history.to_string());
    let key = folder.join("ops.key");
    let key = key.to_str().unwrap();
    let (exit, said, err) = hemostat(&["keygen", "ops", "--out", folder.to_str().unwrap()]);
    assert_eq!(exit, Exit::Fine, "{err}");
    let mut words = said.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=".contains(c)));
    let public = words.find(|word| word.len() == 44 && word.ends_with('=')).unwrap();
    let out = folder.join("evidence.jsonl");
    let out = out.to_str().unwrap();
    let (exit, said, err) = hemostat(&[
        "evidence",
        "--history",
        &history,
        "--access-log",
        &access,
        "--key",
        key,
        "--out",
        out,
    ]);
    assert_eq!(exit, Exit::Fine, "{err}");
    assert!(said.starts_with("1 activations and "), "{said}");
    let trust = format!("ops={public}");
    let check = |file: &str| hemostat(&["evidence", "--verify", file, "--trust", &trust]);
    assert_eq!(check(out).0, Exit::Fine, "{:?}", check(out));
    let whole = std::fs::read(out).unwrap();
    assert!(!String::from_utf8_lossy(&whole).contains("tenant-"), "no label is in it");
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    let mut forged: Vec<Vec<u8>> = Vec::new();
    for at in 0..lines.len() {
        let mut less = lines.clone();
        less.remove(at);
        forged.push(less.concat());
        let mut swapped = lines.clone();
        swapped.swap(at, (at + 1) % lines.len());
        forged.push(swapped.concat());
    }
    for at in (0..whole.len()).step_by(97) {
        let mut other = whole.clone();
        other[at] ^= 1;
        forged.push(other);
        forged.push(whole[..at].to_vec());
    }
    for (at, bytes) in forged.iter().enumerate() {
        let file = folder.join("forged.jsonl");
        std::fs::write(&file, bytes).unwrap();
        assert_eq!(check(file.to_str().unwrap()).0, Exit::No, "forgery {at}");
    }
    let other = "other=AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    assert_ne!(hemostat(&["evidence", "--verify", out, "--trust", other]).0, Exit::Fine);
}
