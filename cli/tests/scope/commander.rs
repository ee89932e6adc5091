//! What whoever leads an incident asks next: whose calls were they, which ones, is it worse than before, does the lever work?

use serde_json::{Value, json};

use super::synthetic::{Incident, MIDNIGHT, incident, log};
use super::{folder, hemostat, scope, write};
use hemostat_cli::Exit;
use hemostat_engine::base::time;

/// Lines of a quiet hour, one a second, of nine tenants; `change` makes of each what it is to be.
fn lines(seconds: std::ops::Range<u64>, change: impl Fn(u64, &mut Value)) -> String {
    let line = |second: u64| {
        let mut line = json!({
            "time": time::format(MIDNIGHT + second), "status": "200", "hemostat.dialect": "openai-chat",
            "hemostat.decision": format!("d{second}"), "gen_ai.request.model": "gpt-5",
            "gen_ai.response.model": "gpt-5", "hemostat.label.feature": "checkout",
            "hemostat.label.prompt_version": "42", "hemostat.label.tenant": format!("t{}", second % 9),
            "hemostat.cost_usd": "0.01", "gen_ai.usage.output_tokens": "100", "duration_ms": "400",
        });
        change(second, &mut line);
        format!("{line}\n")
    };
    seconds.map(line).collect()
}

#[test]
fn who_had_the_bad_calls_and_the_calls_themselves_are_what_the_generator_knows() {
    let folder = folder("whose");
    for one in [incident(), Incident { ends: Some(4 * 3600), ..incident() }] {
        let made = log(11, 20_000, 6 * 3600, Some(&one));
        let file = write(&folder, "access.json", &made.text);
        let bad: Vec<&str> =
            made.text.lines().filter(|line| line.contains("harmful:block")).collect();
        let calls = folder.join("bad.jsonl");
        let words = ["scope", &file, "--calls", calls.to_str().unwrap()];
        let (exit, out, err) = hemostat(&words);
        assert_eq!(exit, Exit::Fine, "{err}");
        assert!(err.contains(&format!("{} calls in ", bad.len())), "{err}");
        let written = std::fs::read_to_string(&calls).unwrap();
        assert_eq!(written.lines().collect::<Vec<_>>(), bad, "the log's own lines");
        let first: Value = serde_json::from_str(bad[0]).unwrap();
        let decision = first["hemostat.decision"].as_str().unwrap();
        let line = |begins: &str| out.lines().find(|line| line.starts_with(begins)).unwrap();
        assert!(line("first: ").contains(&format!("decision {decision} at")), "{out}");

        let found = scope(&[&file]);
        let who = found["findings"][0]["who"].as_array().unwrap();
        let names = who.iter().map(|own| own["tenant"].as_str().unwrap().to_owned()).collect();
        assert_eq!(made.truth.tenants, names);
        let sum: u64 = who.iter().map(|own| own["calls"].as_u64().unwrap()).sum();
        assert_eq!(sum, made.truth.hit);
        let most = who[0]["tenant"].as_str().unwrap();
        let theirs = bad.iter().filter(|line| line.contains(&format!("\"{most}\""))).count();
        assert_eq!(who[0]["calls"], theirs);
        assert!(line("whose: ").starts_with(&format!("whose: {most} {theirs}, ")), "{out}");
        // What was written is a log again.
        let again = scope(&[calls.to_str().unwrap()]);
        assert_eq!(
            (&again["all"]["calls"], &again["all"]["hit"]),
            (&json!(bad.len()), &json!(bad.len()))
        );
    }
}

#[test]
fn calls_that_are_looked_for_are_written_whatever_turned_bad() {
    let folder = folder("looked-for");
    let made = log(12, 5_000, 3600, None);
    let file = write(&folder, "access.json", &made.text);
    let calls = folder.join("calls.jsonl");
    let to = calls.to_str().unwrap();
    let (exit, _, err) = hemostat(&["scope", &file, "--calls", to]);
    assert_eq!((exit, err.contains("nothing turned bad")), (Exit::Failed, true), "{err}");
    let (exit, _, err) = hemostat(&[
        "scope",
        &file,
        "--where",
        "status=5??",
        "--where",
        "feature=search",
        "--calls",
        to,
    ]);
    assert_eq!(exit, Exit::Fine, "{err}");
    let failed =
        |line: &&str| line.contains("\"status\":503") && line.contains("feature\":\"search");
    assert_eq!(
        std::fs::read_to_string(&calls).unwrap().lines().collect::<Vec<_>>(),
        made.text.lines().filter(failed).collect::<Vec<_>>()
    );
    let (exit, _, err) = hemostat(&["scope", "-", "--where", "status=5??", "--calls", to]);
    assert_eq!(exit, Exit::Failed, "{err}");
}

#[test]
fn an_hour_stands_beside_another_one() {
    let folder = folder("against");
    let text = lines(0..7200, |second, line| {
        if second >= 3600 {
            line["hemostat.cost_usd"] = json!("0.04");
            line["gen_ai.usage.output_tokens"] = json!(second % 2 * 600);
            line["hemostat.rule_hits"] = json!(if second % 4 == 0 { "pii:redact" } else { "" });
        } else if second % 3 == 0 {
            line["hemostat.label.feature"] = json!("search");
        }
    });
    let file = write(&folder, "access.json", text);
    let time = ["--since", "2026-11-24T01:00:00Z", "--until", "2026-11-24T01:59:59Z"];
    let found =
        scope(&[&[file.as_str()], &time[..], &["--against", "1h", "--by", "feature"]].concat());
    let then = &found["against"];
    assert_eq!(
        (&then["since"], &then["until"]),
        (&json!("2026-11-24T00:00:00Z"), &json!("2026-11-24T00:59:59Z"))
    );
    assert_eq!((&found["all"]["calls"], &then["all"]["calls"]), (&json!(3600), &json!(3600)));
    assert_eq!((&found["all"]["hit"], &then["all"]["hit"]), (&json!(900), &json!(0)));
    assert_eq!(found["lines"]["outside_time"], 0);
    let (_, out, _) =
        hemostat(&[&["scope", &file], &time[..], &["--against", "1h", "--by", "feature"]].concat());
    let cells = |name: &str| -> Vec<String> {
        let (_, beside) = out.split_once("Beside it 3,600 calls").unwrap();
        let line = beside.lines().find(|line| line.starts_with(name)).unwrap();
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
    };
    assert_eq!(
        cells("checkout"),
        ["checkout", "3,600", "2,400", "25 %", "0 %", "0.04", "0.01", "300", "100", "400", "400"]
    );
    assert_eq!(cells("search")[1..3], ["0", "1,200"], "what is gone is news");
    for (words, why) in [
        (vec!["--against", "1h"], "needs `--since`"),
        (
            vec![
                "--since",
                "2026-11-24T01:00:00Z",
                "--until",
                "2026-11-24T02:00:00Z",
                "--against",
                "30m",
            ],
            "counted twice",
        ),
        (vec!["--since", "1h", "--against", "soon"], "length of time"),
    ] {
        let (exit, _, err) = hemostat(&[&["scope", file.as_str()], &words[..]].concat());
        assert_eq!((exit, err.contains(why)), (Exit::Failed, true), "{err}");
    }
}

/// A rule in shadow goes on counting while a lever already keeps the harm away.
#[test]
fn what_a_lever_prevents_is_no_harm() {
    let folder = folder("prevented");
    for (watched, does, bad) in [
        ("shadow-redact", "redact", 150),
        ("shadow-block", "fallback", 150),
        ("shadow-deny", "deny", 150),
        ("shadow-reject", "reject", 150),
        // What only watches, or does less, prevents nothing.
        ("shadow-block", "tag", 300),
        ("shadow-block", "redact", 300),
        ("shadow-redact", "shadow-block", 300),
    ] {
        let text = lines(0..3600, |second, line| {
            if (1800..3000).contains(&second) && second % 4 == 0 {
                let lever = if second >= 2400 { format!(",lever:{does}") } else { String::new() };
                line["hemostat.rule_hits"] = json!(format!("leak:{watched}{lever}"));
                line["hemostat.label.feature"] = json!("support");
            }
        });
        let found = scope(&[&write(&folder, "access.json", text)]);
        let of_rule = |one: &&Value| one["outcome"] == json!(format!("leak:{watched}"));
        let all = found["findings"].as_array().unwrap();
        let hit = all.iter().find(of_rule).map(|one| one["hit"].clone());
        assert_eq!(hit, Some(json!(bad)), "{watched} {does}: {all:#?}");
    }
}

#[test]
fn a_prompt_version_that_all_calls_have_is_not_named_nor_is_the_first_release() {
    let folder = folder("everybody");
    let text = lines(0..1200, |second, line| {
        line["hemostat.policy_serial"] = json!(1);
        if second >= 600 {
            line["status"] = json!(503);
        }
    });
    let file = write(&folder, "access.json", text);
    let history = json!([{"serial": 1, "version": "p", "at": "2026-11-24T00:00:00Z", "issuer": "ann", "reason": "opening"}]);
    let history = write(&folder, "history.json", history.to_string());
    for words in [vec![file.as_str()], vec![&file, "--history", &history]] {
        let sentence = scope(&words)["sentence"].as_str().unwrap().to_owned();
        assert_eq!(
            sentence,
            "Since 00:10, 100 % of `checkout` (gpt-5) failed (5xx): 600 calls, 9 tenants; none before."
        );
    }
}

#[test]
fn a_caller_that_ran_away_until_a_cap_met_it_is_named_by_what_it_spent() {
    let folder = folder("capped");
    let mut text = lines(0..3600, |second, line| {
        if second % 4 == 0 {
            line["hemostat.label.feature"] = json!("agent");
        }
    });
    // From the tenth minute on; a limit in shadow is met in the twentieth, a cap refuses from the thirtieth on.
    for call in 0..2400_u64 {
        let second = 600 + call / 2;
        text += &lines(second..second + 1, |_, line| {
            line["hemostat.label.tenant"] = json!("loop");
            line["hemostat.label.feature"] = json!("agent");
            line["hemostat.rule_hits"] =
                json!(if second >= 1200 { "spend:shadow-reject" } else { "" });
        });
    }
    for call in 0..1200_u64 {
        let second = 1800 + call / 2;
        text += &lines(second..second + 1, |_, line| {
            line["hemostat.label.tenant"] = json!("loop");
            line["hemostat.label.feature"] = json!("agent");
            line["hemostat.rule_hits"] = json!("cap:reject");
            line["hemostat.cost_usd"] = json!("");
            line["gen_ai.response.model"] = json!("");
        });
    }
    let found = scope(&[&write(&folder, "access.json", text)]);
    let spending = &found["spending"];
    assert_eq!(spending["labels"], json!({"tenant": "loop"}), "{spending:#}");
    assert!((spending["usd_more"].as_f64().unwrap() - 24.0).abs() < 0.5, "{spending:#}");
    let at = |key: &str| time::parse(spending[key].as_str().unwrap()).unwrap() - MIDNIGHT;
    assert!(at("since").abs_diff(600) <= 60 && at("until").abs_diff(1800) <= 60, "{spending:#}");
    assert_eq!(found["findings"][0]["labels"]["tenant"], "loop", "{:#}", found["findings"]);
}
