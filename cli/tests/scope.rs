//! `hemostat scope`, against logs whose generator knows what is true in them, and against hostile ones.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

#[path = "scope/commander.rs"]
mod commander;
mod synthetic;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use hemostat_cli::{Exit, run};
use hemostat_engine::base::time;
use serde_json::{Value, json};
use synthetic::{Incident, MIDNIGHT, incident, log};

fn hemostat(words: &[&str]) -> (Exit, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let words = std::iter::once("hemostat").chain(words.iter().copied()).map(Into::into);
    let exit = run(words, &mut out, &mut err);
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("scope-{test}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

fn scope(words: &[&str]) -> Value {
    let all: Vec<&str> = ["scope", "--json"].into_iter().chain(words.iter().copied()).collect();
    let (exit, out, err) = hemostat(&all);
    assert_eq!(exit, Exit::Fine, "{err}");
    serde_json::from_str(&out).unwrap()
}

/// The row of a value in the table of a label.
fn row<'a>(found: &'a Value, by: &str, value: &str) -> &'a Value {
    let group = found["by"].as_array().unwrap().iter().find(|group| group["by"] == json!([by]));
    let rows = group.unwrap()["rows"].as_array().unwrap();
    rows.iter().find(|row| row["labels"][by] == value).unwrap_or(&Value::Null)
}

#[test]
fn the_answer_is_what_the_generator_knows() {
    let folder = folder("truth");
    let variants = [
        incident(),
        Incident { begins: 5 * 3600 + 40, per_mille: 20, release_before: 30, ..incident() },
        Incident {
            begins: 2 * 3600,
            ends: Some(3 * 3600 + 600),
            feature: "search",
            version: "8",
            model: "gpt-5",
            ..incident()
        },
        Incident {
            begins: 3600,
            rule: "pii:redact",
            feature: "support",
            version: "9",
            per_mille: 300,
            ..incident()
        },
    ];
    for (at, one) in variants.iter().enumerate() {
        let made = log(at as u64, 30_000, 6 * 3600, Some(one));
        let file = write(&folder, &format!("{at}.json"), &made.text);
        let found = scope(&[&file]);
        let all = &found["all"];
        assert_eq!(all["calls"], made.truth.calls);
        assert_eq!(all["input_tokens"], made.truth.input);
        assert_eq!(all["output_tokens"], made.truth.output);
        assert_eq!((all["usd"].as_f64().unwrap() * 1e6).round() as u64, made.truth.micro_usd);

        let first = &found["findings"][0];
        let told = format!("{at}: {first:#}");
        assert_eq!(first["outcome"], one.rule, "{told}");
        assert_eq!(first["labels"]["feature"], one.feature, "{told}");
        assert_eq!(first["labels"]["prompt_version"], one.version, "{told}");
        assert_eq!(first["labels"]["model"], one.model, "{told}");
        let since = time::parse(first["since"].as_str().unwrap()).unwrap();
        // To the minute, and where nothing was bad before to the second of the first bad call.
        assert!(since.abs_diff(made.truth.first_hit.unwrap()) <= 60, "{told}");
        if one.rule != "pii:redact" {
            assert_eq!(since, made.truth.first_hit.unwrap(), "{told}");
            assert_eq!(first["hit"], made.truth.hit, "{told}");
            assert_eq!(first["tenants"], made.truth.tenants.len(), "{told}");
            let calls = first["calls"].as_u64().unwrap();
            // From the first bad call's minute on: a little less than all calls on the version.
            assert!(
                calls <= made.truth.affected_calls && calls + 200 > made.truth.affected_calls,
                "{told}"
            );
        }
        assert_eq!(first["release"]["serial"], 17, "{told}");
        let after = first["release"]["seconds_after"].as_u64().unwrap();
        assert!(
            after.abs_diff(since - (MIDNIGHT + one.begins - one.release_before)) <= 1,
            "{told}"
        );
        match one.ends {
            None => assert_eq!(first["until"], Value::Null, "{told}"),
            Some(ends) => {
                let until = time::parse(first["until"].as_str().unwrap()).unwrap();
                assert!(until.abs_diff(MIDNIGHT + ends) <= 300, "{told}");
            }
        }
    }
}

#[test]
fn one_sentence_says_it_all() {
    let folder = folder("sentence");
    let made = log(1, 40_000, 6 * 3600, Some(&incident()));
    let file = write(&folder, "access.json", &made.text);
    let found = scope(&[&file]);
    let sentence = found["sentence"].as_str().unwrap();
    let (hit, tenants) = (made.truth.hit, made.truth.tenants.len());
    assert!(sentence.starts_with("Since 03:12, "), "{sentence}");
    let ends = format!(
        " % of `checkout` on prompt_version 43 (gpt-5) hit `harmful:block`: {hit} calls, {tenants} tenants; began 2 min after release 17; none under 42."
    );
    assert!(sentence.ends_with(&ends), "{sentence}\n{ends}");
    let (_, out, _) = hemostat(&["scope", &file]);
    assert_eq!(out.lines().next(), Some(sentence), "the first line is the one to post");
}

#[test]
fn a_quiet_day_has_nothing_to_tell() {
    let folder = folder("quiet");
    for seed in 0..3 {
        let made = log(seed, 15_000, 12 * 3600, None);
        let file = write(&folder, "quiet.json", &made.text);
        let found = scope(&[&file]);
        assert_eq!(found["findings"], json!([]), "seed {seed}: {:#}", found["findings"]);
        assert_eq!(found["sentence"], Value::Null);
    }
}

#[test]
fn order_files_and_gz_change_nothing() {
    let folder = folder("order");
    let made = log(3, 12_000, 6 * 3600, Some(&incident()));
    let whole = write(&folder, "whole.json", &made.text);
    let expected = scope(&[&whole]);
    let mut lines: Vec<&str> = made.text.lines().collect();
    let (first, second) = lines.split_at(5_000);
    let zip = |lines: &[&str]| {
        let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        zip.write_all(lines.join("\n").as_bytes()).unwrap();
        zip.finish().unwrap()
    };
    let parts = folder.join("parts");
    std::fs::create_dir_all(&parts).unwrap();
    write(&parts, "access.json.1.gz", zip(first));
    write(&parts, "access.json", second.join("\n"));
    write(&parts, "notes.txt", "not a log");
    let glob = format!("{}/*.json*", parts.display());
    assert_eq!(scope(&[&glob]), expected);
    assert_eq!(scope(&[parts.to_str().unwrap()]), expected);
    // Several proxies' logs, one after the other, from the last to the first.
    lines.reverse();
    let backwards = write(&folder, "backwards.json", lines.join("\n"));
    assert_eq!(scope(&[&backwards]), expected);
    // A gz file that is still being written.
    let mut cut = zip(&lines);
    cut.truncate(cut.len() / 2);
    let cut = write(&folder, "cut.json.gz", cut);
    let found = scope(&[&cut]);
    assert!(found["all"]["calls"].as_u64().unwrap() > 3000);
    assert_eq!(found["lines"]["broken_off"].as_array().unwrap().len(), 1);
}

#[test]
fn conditions_narrow_or_name_what_is_looked_for() {
    let folder = folder("where");
    let made = log(4, 20_000, 6 * 3600, Some(&incident()));
    let file = write(&folder, "access.json", &made.text);
    let all = scope(&[&file]);
    let checkout = scope(&[&file, "--where", "feature=check*"]);
    assert_eq!(checkout["all"]["calls"], row(&all, "feature", "checkout")["calls"]);
    assert_eq!(checkout["findings"][0]["hit"], made.truth.hit);
    let others = scope(&[&file, "--where", "feature=!checkout"]);
    assert_eq!(others["findings"], json!([]));
    let harmful = scope(&[&file, "--where", "rule=harmful"]);
    assert_eq!(harmful["all"]["calls"], made.truth.calls);
    assert_eq!(harmful["all"]["hit"], made.truth.hit);
    assert_eq!(harmful["findings"][0]["labels"]["prompt_version"], "43");
    let both = scope(&[&file, "--where", "status=5??", "--by", "feature,prompt_version"]);
    assert_eq!(both["by"][0]["by"], json!(["feature", "prompt_version"]));
    let late =
        scope(&[&file, "--since", "2026-11-24T05:00:00Z", "--until", "2026-11-24T05:29:59Z"]);
    assert!(late["all"]["calls"].as_u64().unwrap().abs_diff(20_000 / 12) < 5);
    let (exit, _, err) = hemostat(&["scope", &file, "--where", "checkout"]);
    assert_eq!((exit, err.contains("feature=checkout")), (Exit::Failed, true), "{err}");
    let (exit, _, err) = hemostat(&["scope", &file, "--since", "nonsense"]);
    assert_eq!((exit, err.contains("6h")), (Exit::Failed, true), "{err}");
}

#[test]
fn a_hostile_log_goes_through_without_harm() {
    let folder = folder("hostile");
    let made = log(5, 10_000, 6 * 3600, Some(&incident()));
    let mut bytes = Vec::new();
    let bad = |name: &str, value: &str| {
        format!(
            r#"{{"time":"2026-11-24T03:00:00Z","hemostat.dialect":"openai-chat",{}:{}}}"#,
            json!(name),
            json!(value)
        )
    };
    for (at, line) in made.text.lines().enumerate() {
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        if at == 5_000 {
            let hostile = [
                bad("hemostat.label.feature", "\u{1b}[2J\u{1b}]0;owned\u{7}<script>alert(1)</script>"),
                bad("hemostat.label.<img src=x onerror=alert(1)>", "\u{202e}evil\u{0}"),
                bad("hemostat.label.tenant", "=cmd|' /C calc'!A0"),
                bad("hemostat.rule_hits", "</svg><script>:block,\"><b>:tag"),
                bad("hemostat.policy_version", "</title><script>alert(2)</script>"),
                r#"{"time":"2026-11-24T03:00:00Z","rules":"a:block","rules":"b:block"}"#.to_owned(),
                r#"{"time":"2026-11-24T03:00:00Z","model_asked":"x","gen_ai.usage.input_tokens":1e999,"hemostat.cost_usd":-5,"status":"9999999999999999999999"}"#.to_owned(),
                "[2026-11-24] \"GET / HTTP/1.1\" 200".to_owned(),
                "{\"time\":\"2026-11-24T03:00:00Z\",".to_owned(),
                "[".repeat(100_000),
                r#"{"time":"9999-99-99T99:99:99Z","rules":"a:b"}"#.to_owned(),
            ];
            for line in hostile {
                bytes.extend_from_slice(line.as_bytes());
                bytes.push(b'\n');
            }
            bytes.extend(vec![b'x'; 3 << 20]);
            bytes.extend_from_slice(b"\n\0\0\0\n\xff\xfe\n");
            bytes.extend_from_slice(&bad("hemostat.label.user", &"u".repeat(900_000)).into_bytes());
            bytes.push(b'\n');
        }
    }
    let file = write(&folder, "access.json", bytes);
    let page = folder.join("page.html");
    let (exit, out, err) =
        hemostat(&["scope", &file, "--top", "1000", "--html", page.to_str().unwrap()]);
    assert_eq!(exit, Exit::Fine, "{err}");
    assert!(out.starts_with("Since 03:1"), "{out}");
    assert!(out.chars().all(|c| c == '\n' || !c.is_control()), "no command reaches a terminal");
    assert!(out.lines().all(|line| line.len() < 2000), "no line is without an end");
    let page = std::fs::read_to_string(page).unwrap();
    for word in ["<script>alert", "<img", "</title><script", "<b>:tag"] {
        assert!(!page.contains(word), "{word} is in the page");
    }
    let found = scope(&[&file]);
    let lines = &found["lines"];
    assert_eq!(
        (&lines["too_long"], &lines["doubled"], &lines["no_time"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(lines["not_json"], 5);
    assert_eq!(found["findings"][0]["hit"], made.truth.hit);
}

#[test]
fn what_has_no_room_is_folded_and_said() {
    let folder = folder("folded");
    let mut text = String::new();
    for at in 0..30_000_u64 {
        let stamp = time::format(MIDNIGHT + at / 10);
        text.push_str(&format!(
            "{{\"time\":\"{stamp}\",\"hemostat.dialect\":\"anthropic\",\"hemostat.label.tenant\":\"t{at}\",\"hemostat.label.feature\":\"f{at}\",\"hemostat.rule_hits\":\"r{at}:block\"}}\n"
        ));
    }
    let file = write(&folder, "access.json", text);
    let found = scope(&[&file]);
    assert_eq!(found["all"]["calls"], 30_000);
    assert_eq!(found["all"]["hit"], 30_000, "what is folded is counted all the same");
    for group in found["by"].as_array().unwrap() {
        let rows: u64 = group["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["calls"].as_u64().unwrap())
            .sum();
        assert_eq!(rows + group["folded"]["calls"].as_u64().unwrap(), 30_000, "{}", group["by"]);
    }
    assert_eq!(found["exact"]["counts"], false);
    let (_, out, _) = hemostat(&["scope", &file]);
    assert!(out.contains("(values after the first 10,000)"), "{out}");
}

#[test]
fn logs_of_before_are_read_too() {
    let folder = folder("before");
    let file = write(
        &folder,
        "old.json",
        r#"{"time":"2026-11-24T03:00:00.000Z","status":200,"duration_ms":12,"policy":"a","decision":null,"rules":"secrets:redact","dialect":"openai-chat","model_asked":"gpt-5","model_served":null}
{"time":"2026-11-24T03:00:01.000Z","status":200,"policy":"a","rules":null,"dialect":null,"model_asked":null}
"#,
    );
    let found = scope(&[&file]);
    assert_eq!((&found["all"]["calls"], &found["all"]["hit"]), (&json!(1), &json!(1)));
    assert_eq!(found["lines"]["other_traffic"], 1);
    assert_eq!(row(&found, "rule", "secrets:redact")["hit"], 1);
    let (exit, _, err) = hemostat(&["scope", &write(&folder, "text.log", "a b c\n")]);
    assert_eq!((exit, err.contains("not a JSON object")), (Exit::Failed, true), "{err}");
}

#[test]
fn a_tenant_that_runs_away_is_named() {
    let folder = folder("spend");
    let mut text = log(6, 10_000, 6 * 3600, None).text;
    for at in 0..20_000_u64 {
        let stamp = time::format(MIDNIGHT + 4 * 3600 + at * 7200 / 20_000);
        text.push_str(&format!(
            "{{\"time\":\"{stamp}\",\"hemostat.dialect\":\"openai-chat\",\"hemostat.cost_usd\":\"0.01\",\"hemostat.label.tenant\":\"tenant-5\",\"hemostat.label.feature\":\"search\",\"gen_ai.request.model\":\"gpt-5\"}}\n"
        ));
    }
    let found = scope(&[&write(&folder, "access.json", text)]);
    assert_eq!(
        found["spending"]["labels"],
        json!({"tenant": "tenant-5"}),
        "{:#}",
        found["spending"]
    );
    let since = time::parse(found["spending"]["since"].as_str().unwrap()).unwrap();
    assert!(since.abs_diff(MIDNIGHT + 4 * 3600) <= 300);
}

/// Writes 10^6 lines where `HEMOSTAT_WRITE_LOG` says, for measurements.
#[test]
#[ignore = "writes 900 MB"]
fn write_a_large_log() {
    let path = std::env::var("HEMOSTAT_WRITE_LOG").unwrap();
    std::fs::write(path, log(1, 1_000_000, 24 * 3600, Some(&incident())).text).unwrap();
}
