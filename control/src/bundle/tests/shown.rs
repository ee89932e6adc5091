//! What status shows about a process.

use serde_json::{Value, json};

use super::made::{NOW, Process, SCOPE, digest, policy, release, with};
use crate::bundle::{Followers, LastRefusal, ReleaseWay, StatusInputs, status};

/// The status of a process with counters according to `count`.
fn shown(
    process: &Process,
    trouble: Option<&LastRefusal>,
    count: impl FnMut(&str) -> u64,
) -> Value {
    let running = process.state.running(&process.terms).unwrap();
    let facts = StatusInputs {
        terms: &process.terms,
        state: &process.state,
        running: running.as_ref(),
        trouble,
        book: None,
        pending: &[],
        global: "{}",
        poll: None,
        marks: None,
        events: "[]",
        providers: "[]",
        followers: &Followers::default(),
        now_ms: NOW * 1000,
        filter: "0",
    };
    serde_json::from_str(&status(&facts, count)).unwrap()
}

#[test]
fn status_says_what_operators_ask() {
    let mut process =
        Process::new(&json!({"source": {"cluster": "policy", "authority": "a", "path": "/p"}}));
    process
        .post(&with(release(7, "a"), &json!({"reason": "INC-1 \"quoted\"\n"})), &["ops"])
        .unwrap();
    let refusal = process.post(&release(6, "old"), &["ops"]).unwrap_err();
    let trouble =
        LastRefusal::decode(&LastRefusal::new(&refusal, ReleaseWay::Post, NOW).encode()).unwrap();
    let status = shown(&process, Some(&trouble), |name| match name {
        "hemostat_rule_hits_total;rule=secrets;action=redact" => 3,
        "hemostat_rule_hits_total;rule=secrets;action=block" => 0,
        other => panic!("{other}"),
    });
    assert_eq!(status["version"], "a");
    assert_eq!(status["serial"], 7);
    assert_eq!(status["digest"], digest(&policy("a")));
    assert_eq!(status["since"], "2026-11-24T07:00:00Z");
    assert_eq!(status["source"], "post");
    assert_eq!(status["standing"], "release");
    assert_eq!(status["scope"], SCOPE);
    assert_eq!(status["key_ids"], json!(["ops"]));
    assert_eq!(status["reason"], "INC-1 \"quoted\"\n");
    assert_eq!(status["last_error"]["code"], "stale-serial");
    assert_eq!(status["rules"], json!({"secrets": {"redact": 3}}));
    assert_eq!(status["poll"]["replay_floor"], "configured");
    assert_eq!(status["held"][1]["version"], "baseline");
    assert_eq!(status["history"][0]["serial"], 7);
}

/// Rules are new compared with the policy that was in force before, which after a step back is not the fallback.
#[test]
fn a_rule_is_new_where_the_policy_before_did_not_have_it() {
    let more = |version: &str, id: &str| {
        let mut policy = policy(version);
        let mut rule = policy["guardrails"][0].clone();
        rule["id"] = id.into();
        policy["guardrails"].as_array_mut().unwrap().push(rule);
        policy
    };
    let bring = |serial, policy: &Value| with(release(serial, ""), &json!({"policy": policy}));
    let drill = |serial, policy: &Value| {
        let ends = json!({"drill": true, "expires": NOW + 150, "on_expiry": "previous"});
        with(bring(serial, policy), &ends)
    };
    let mut process = Process::new(&json!({}));
    let steps = [
        (bring(7, &policy("day")), vec![]),
        (bring(8, &more("kill", "kill")), vec!["kill"]),
        (bring(9, &policy("day")), vec![]),
        (bring(10, &more("kill", "kill")), vec!["kill"]),
        (drill(11, &more("try", "try")), vec!["try"]),
        (bring(12, &more("kill", "kill")), vec!["kill"]),
    ];
    for (release, wanted) in steps {
        process.post(&release, &["ops"]).unwrap();
        let status = shown(&process, None, |_| 0);
        let acts = status["acts"].as_array().unwrap().iter();
        let new: Vec<&str> = acts
            .filter(|act| act["new"] == true)
            .map(|act| act["rule"].as_str().unwrap())
            .collect();
        assert_eq!(new, wanted, "serial {}", process.state.serial());
    }
}
