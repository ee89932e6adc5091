//! What `status` and `history` show, and what is written down.

use hemostat_cli::Exit;
use serde_json::{Value, json};

use crate::support::{Folder, hemostat, with};

fn rule(name: &str, lever: &str, new: bool, shadow: bool, since: u64, rate: f64) -> Value {
    json!({"rule": name, "lever": lever, "new": new, "mode": if shadow { "shadow" } else { "enforce" }, "shadow": shadow,
        "actions": {"fallback": {"since_release": since, "per_minute": rate, "total": since + 1000}}})
}

#[test]
fn the_lever_that_was_just_pulled_comes_first_and_shadow_is_told_apart() {
    let folder = Folder::new("acts");
    let proxies = [folder.proxy(), folder.proxy()];
    for proxy in &proxies {
        proxy.say(json!({"counted_since": "2020-01-01T00:00:00Z", "severity": "sev1", "reason": "INC\u{1b}-1",
            "expires": "2099-01-01T00:00:00Z", "issuer": "ann", "key_ids": ["oncall"],
            "acts": [rule("pii", "guardrails", false, false, 90, 2.0), rule("kill", "failsafe", true, false, 2, 1.5),
                     rule("try", "guardrails", true, true, 36, 0.5), rule("quiet", "guardrails", false, false, 0, 0.0)]}));
    }
    let (exit, said) = with(&["status"], &[&proxies[0], &proxies[1]]);
    assert_eq!(exit, Exit::Fine, "{said}");
    let lines: Vec<String> =
        said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let at = |wanted: &str| {
        lines.iter().position(|line| line == wanted).unwrap_or_else(|| panic!("{wanted}: {said}"))
    };
    let kill = at("kill (new) fallback 4 3.0 enforce");
    assert!(kill < at("try (new) (shadow) fallback 72 1.0 shadow"));
    assert!(kill < at("pii fallback 180 4.0 enforce"));
    assert!(
        !said.contains("quiet")
            && said.contains("SEVERITY sev1  WHO ann (key oncall)  REASON INC\\u{1b}-1"),
        "{said}"
    );
    assert!(said.contains("ENDS 2099-01-01T00:00:00Z (in "), "{said}");
    let (_, line) = with(&["status", "--line"], &[&proxies[0], &proxies[1]]);
    assert!(
        line.contains("kill: 4 fallback; try: 72 fallback in shadow")
            || line.contains("kill: 4 fallback; try: 72"),
        "{line}"
    );
}

#[test]
fn a_kill_rule_that_matches_nothing_says_so_after_a_minute() {
    let folder = Folder::new("idle");
    let proxy = folder.proxy();
    let say = |ago: u64, since: u64, rate: f64| {
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let at = hemostat_engine::base::time::format(now - ago);
        proxy.say(json!({"counted_since": at, "acts": [rule("kill", "failsafe", true, false, since, rate)]}));
        with(&["status"], &[&proxy]).1
    };
    assert!(!say(30, 0, 0.0).contains("matched nothing"));
    assert!(say(90, 0, 0.0).contains("`kill` has matched nothing in 90 s: do callers send"));
    assert!(say(90, 7, 0.0).contains("`kill` has matched nothing for a minute (7 before that)"));
    assert!(!say(90, 7, 2.0).contains("matched nothing"));
}

/// What is over is the proxy's to say: by a clock that is an hour ahead everything seems to be.
#[test]
fn an_end_that_has_passed_here_alone_is_not_told_as_over() {
    let folder = Folder::new("clocks");
    let proxy = folder.proxy();
    let end = |standing: &str| {
        proxy.say(json!({"expires": "2020-01-01T00:00:00Z", "standing": standing}));
        with(&["status"], &[&proxy]).1
    };
    assert!(end("release").contains("still in force: are the clocks apart?"));
    assert!(end("expired").contains("2020-01-01T00:00:00Z (over)"));
}

#[test]
fn it_is_watched_as_often_as_was_asked() {
    let folder = Folder::new("watch");
    let proxy = folder.proxy();
    let (exit, said) = with(&["status", "--line", "--watch", "1", "--looks", "2"], &[&proxy]);
    assert_eq!((exit, said.lines().count()), (Exit::Fine, 2), "{said}");
}

#[test]
fn what_was_done_is_written_down_and_outlives_the_proxy() {
    let folder = Folder::new("journal");
    let proxy = folder.proxy();
    let (out, log) = (folder.release(&["--reason", "INC-1"]), folder.path("releases.jsonl"));
    assert_eq!(with(&["push", &out, "--wait", "--log", &log], &[&proxy]).0, Exit::Fine);
    let line: Value = serde_json::from_str(std::fs::read_to_string(&log).unwrap().trim()).unwrap();
    assert_eq!(
        (&line["serial"], &line["version"], &line["reason"]),
        (&json!(1), &json!("base"), &json!("INC-1"))
    );
    assert_eq!(line["proxies"][0]["fate"], "serving");
    proxy.restart();
    let (exit, said) = with(&["history", "--log", &log], &[&proxy]);
    assert!(exit == Exit::Fine && said.contains("INC-1") && said.contains("base"), "{said}");
    let (exit, said) = hemostat(&["history", "--log", &log]);
    assert!(exit == Exit::Fine && said.contains("INC-1"), "without a proxy: {said}");
}
