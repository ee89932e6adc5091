//! The game day's faults, as a post-mortem tells them.

use hemostat_cli::Exit;
use hemostat_engine::base::time;
use serde_json::json;

use crate::synthetic::MIDNIGHT;
use crate::{folder, hemostat, write};

/// The game day's five faults: minutes 60 to 80 are bad, an alert fires at 62, a lever is moved at 75. The log, and how many
/// calls a caller had that were bad.
fn bad_day(fault: &str) -> (String, u64) {
    let (mut text, mut harmed) = (String::new(), 0);
    let mut line = |second: u64,
                    tenant: &str,
                    feature: &str,
                    version: &str,
                    rules: &str,
                    status: u64,
                    serial: u64| {
        let at = time::format(MIDNIGHT + second);
        let cost = if status == 200 && !rules.contains(":reject") { "0.01" } else { "0" };
        let one = json!({"time": at, "status": status, "hemostat.policy_version": format!("p-{serial}"),
            "hemostat.policy_serial": serial, "hemostat.decision": format!("d{second}"), "hemostat.rule_hits": rules,
            "hemostat.dialect": "openai-chat", "gen_ai.request.model": "gpt-5", "hemostat.cost_usd": cost,
            "hemostat.label.tenant": tenant, "hemostat.label.feature": feature, "hemostat.label.prompt_version": version});
        text.push_str(&format!("{one}\n"));
    };
    for minute in 0..120_u64 {
        let (bad, moved) = ((60..80).contains(&minute), minute >= 75);
        let serial = if moved { 2 } else { 1 };
        for (at, feature) in ["checkout", "search", "support", "agent"].iter().enumerate() {
            for call in 0..3_u64 {
                let second = minute * 60 + at as u64 * 15 + call;
                let tenant = format!("tenant-{}", second % 9);
                let version = if fault == "regression" && *feature == "checkout" && minute >= 60 {
                    "43"
                } else {
                    "42"
                };
                let (rules, status) = match fault {
                    _ if !bad => ("", 200),
                    // The model goes on as before, and the lever keeps it from callers.
                    "leak" if *feature == "support" && moved => {
                        ("secrets:shadow-redact,no-keys:redact", 200)
                    }
                    "rogue" if *feature == "agent" && moved => {
                        ("destructive:shadow-deny,no-deletes:deny", 200)
                    }
                    _ if moved => ("", 200),
                    "regression" if version == "43" => ("rude:shadow-block", 200),
                    "outage" => ("", 503),
                    "leak" if *feature == "support" => ("secrets:shadow-redact", 200),
                    "rogue" if *feature == "agent" => ("destructive:shadow-deny", 200),
                    _ => ("", 200),
                };
                harmed += u64::from(!moved && (status == 503 || rules.contains("shadow")));
                line(second, &tenant, feature, version, rules, status, serial);
            }
        }
        for call in 0..if fault == "runaway" && bad { 30 } else { 0 } {
            let rules = match minute {
                0..64 => "",
                64..75 => "spend:shadow-reject",
                _ => "spend:shadow-reject,cap:reject",
            };
            harmed += u64::from(rules == "spend:shadow-reject");
            line(minute * 60 + 30 + call % 20, "tenant-loop", "agent", "42", rules, 200, serial);
        }
    }
    (text, harmed)
}

#[test]
fn each_fault_of_a_game_day_is_told_by_an_alert_before_it_is_mended_and_its_cause_comes_first() {
    let folder = folder("day");
    let at = |minute: u64| time::format(MIDNIGHT + minute * 60);
    let history =
        json!([{"serial": 2, "version": "p-2", "at": at(75), "issuer": "ann", "source": "post"}]);
    let history = write(&folder, "history.json", &history.to_string());
    // What the lever itself does raises events too: they tell nobody anything.
    let alert = json!({"alerts": [{"status": "firing", "labels": {"alertname": "Bad"}, "startsAt": at(62)}]});
    let pending = json!({"data": {"alerts": [{"state": "pending", "labels": {"alertname": "Other"}, "activeAt": at(61)}]}});
    let event = json!({"event": "limit_full", "time": at(76), "hemostat.rule": "cap", "hemostat.action": "reject"});
    let told = write(&folder, "told.jsonl", &format!("{event}\n{alert}\n{pending}\n"));
    let untold = write(&folder, "untold.jsonl", &format!("{event}\n"));
    for (fault, first) in [
        ("regression", Some("Prompt")),
        ("outage", Some("Model or provider")),
        ("leak", None),
        ("rogue", None),
        ("runaway", Some("Misuse, or a caller that runs away")),
    ] {
        let (log, harmed) = bad_day(fault);
        let access = write(&folder, &format!("{fault}.json"), &log);
        let report = |events: &str| {
            let (exit, text, err) = hemostat(&[
                "postmortem",
                "--history",
                &history,
                "--access-log",
                &access,
                "--events",
                events,
            ]);
            assert_eq!(exit, Exit::Fine, "{fault}: {err}");
            text
        };
        let text = report(&told);
        assert!(text.contains(&format!("| detection | {} |", at(62))), "{fault}: {text}");
        assert!(text.contains(&format!("| mitigation | {} |", at(75))), "{fault}: {text}");
        assert!(text.contains("alert Bad") && !text.contains("alert Other"), "{fault}: {text}");
        let (_, causes) = text.split_once("- [ ] **").unwrap();
        let named = causes.split("**").next().unwrap();
        match first {
            Some(first) => assert_eq!(named, first, "{fault}: {text}"),
            // Nothing in a log speaks for one of the kinds; least of all for these.
            None => assert!(!named.starts_with("Infra") && named != "Prompt", "{fault}: {text}"),
        }
        let (_, calls) = text.split_once("| calls | ").unwrap();
        assert!(calls.starts_with(&format!("{harmed} of ")), "{fault}: {harmed}: {text}");
        let (_, symptom) = text.split_once("| symptom | ").unwrap();
        assert!(symptom.starts_with("2026-11-24T01:00:"), "{fault}: it began in minute 60: {text}");
        if fault == "runaway" {
            // Thirty calls a minute of a cent each, until the cap.
            let money = text.lines().find(|line| line.starts_with("| money |")).unwrap();
            assert!(money.contains("`tenant-loop`") && money.contains("$4.50 more"), "{money}");
        }
        let text = report(&untold);
        assert!(text.contains("| detection | *not in these logs* |"), "{fault}: {text}");
    }
}
