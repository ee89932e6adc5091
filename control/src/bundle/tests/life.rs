//! The life of a process: activations, rollbacks, prepared policies, expiries, restarts.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::made::{NOW, Process, configuration, digest, envelope, policy, release, terms, with};
use crate::bundle::{Digest, Practice, RefusalCode, ReleaseWay, Releases, digest_of, renew, start};
use crate::limits;
use crate::policy::config::Config;
use crate::policy::source::parse_json;

/// A few hundred bytes: the digest of a policy that the process holds.
fn back_to(serial: u64, version: &str) -> Value {
    let digest = digest(&policy(version));
    with(release(serial, version), &json!({"policy": null, "policy_digest": digest}))
}

#[test]
fn the_same_bytes_again_are_no_news() {
    let mut process = Process::new(&json!({}));
    let first = envelope(&release(7, "a"), &["ops"]);
    assert_eq!(process.offer(&first, ReleaseWay::Source).unwrap(), "activated");
    assert_eq!(process.offer(&first, ReleaseWay::Source).unwrap(), "unchanged");
    assert_eq!(process.offer(&first, ReleaseWay::Post).unwrap(), "unchanged");
    // Signed by another key, it is still the same release.
    assert_eq!(process.post(&release(7, "a"), &["peer"]).unwrap(), "unchanged");
    assert_eq!(process.state.history.len(), 2);
}

#[test]
fn an_on_call_key_rolls_back_one_step_and_takes_that_back() {
    let mut process = Process::new(&json!({}));
    process.post(&release(7, "a"), &["ops"]).unwrap();
    process.post(&release(8, "b"), &["ops"]).unwrap();
    let back = envelope(&back_to(9, "a"), &["calls"]);
    assert!(back.len() < 800, "{}", back.len());
    assert_eq!(process.offer(&back, ReleaseWay::Post).unwrap(), "activated");
    assert_eq!(process.version(), "a");
    process.post(&back_to(10, "b"), &["calls"]).unwrap();
    assert_eq!(process.version(), "b");
    process.post(&back_to(11, "a"), &["calls"]).unwrap();
    let refusal = process.post(&back_to(12, "baseline"), &["calls"]).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::NotPermitted, "two steps are an author's: {refusal}");
    assert_eq!(process.post(&back_to(12, "baseline"), &["ops"]).unwrap(), "activated");
    assert_eq!(process.version(), "baseline");
}

#[test]
fn the_first_release_rolls_back_to_the_inline_policy() {
    let mut process = Process::new(&json!({}));
    assert_eq!(process.version(), "baseline");
    process.post(&release(7, "a"), &["ops"]).unwrap();
    assert_eq!(process.post(&back_to(8, "baseline"), &["calls"]).unwrap(), "activated");
    assert_eq!(process.version(), "baseline");
}

#[test]
fn a_policy_released_again_is_no_step() {
    let mut process = Process::new(&json!({}));
    for (serial, version) in [(7, "a"), (8, "b"), (9, "b")] {
        process.post(&release(serial, version), &["ops"]).unwrap();
    }
    assert_eq!(process.state.previous(NOW).unwrap().version.as_deref(), Some("a"));
}

#[test]
fn an_on_call_key_activates_what_was_prepared_and_goes_on_to() {
    let (one, two) = (policy("sev1"), policy("sev2"));
    let mut process = Process::new(&json!({}));
    let prepared = json!({"prepared": [digest(&one), digest(&two)]});
    process.post(&with(release(7, "a"), &prepared), &["ops"]).unwrap();
    let bring = |serial, policy: &Value| with(release(serial, ""), &json!({"policy": policy}));
    assert_eq!(process.post(&bring(8, &one), &["calls"]).unwrap(), "activated");
    assert_eq!(process.post(&bring(9, &two), &["calls"]).unwrap(), "activated", "the list stays");
    let mut other = one.clone();
    other["mode"] = "shadow".into();
    let refusal = process.post(&bring(10, &other), &["calls"]).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::NotPermitted);
    // With its members in another order, it is the same policy.
    let text = r#"{"version":"sev1","guardrails":[{"do":{"redact":"[GONE]"},"find":["pack:secrets"],"scan":["output"],"id":"secrets"}],"hemostat":1.0}"#;
    let same: Value = serde_json::from_str(text).unwrap();
    assert_eq!(process.post(&bring(10, &same), &["calls"]).unwrap(), "activated");
    // An author who activates, goes back, or repeats a release does not change the list.
    for (serial, policy) in [(11, &two), (12, &policy("a")), (13, &policy("a"))] {
        process.post(&bring(serial, policy), &["ops"]).unwrap();
        assert_eq!(process.state.prepared.len(), 2, "serial {serial}");
    }
    process.post(&release(14, "b"), &["ops"]).unwrap();
    let refusal = process.post(&bring(15, &two), &["calls"]).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::NotPermitted, "an author's new policy replaces the list");
}

#[test]
fn an_on_call_key_raises_the_serial_by_a_thousand_at_most() {
    let mut process = Process::new(&json!({}));
    process.post(&release(7, "a"), &["ops"]).unwrap();
    process.post(&release(8, "b"), &["ops"]).unwrap();
    assert_eq!(
        process.post(&back_to(1009, "a"), &["calls"]).unwrap_err().code,
        RefusalCode::SerialJump
    );
    assert_eq!(process.post(&back_to(1008, "a"), &["calls"]).unwrap(), "activated");
    assert_eq!(process.post(&release(9_000_000, "c"), &["ops"]).unwrap(), "activated");
}

#[test]
fn eight_policies_are_held() {
    let mut process = Process::new(&json!({}));
    for serial in 10..30 {
        process.post(&release(serial, &format!("v{serial}")), &["ops"]).unwrap();
    }
    assert_eq!(process.state.held.len(), limits::HELD_POLICIES);
    assert_eq!(process.post(&back_to(30, "v21"), &["ops"]).unwrap_err().code, RefusalCode::NotHeld);
    assert_eq!(process.post(&back_to(30, "v22"), &["ops"]).unwrap(), "activated");
    for serial in 31..80 {
        process.post(&release(serial, "x"), &["ops"]).unwrap();
    }
    assert_eq!(process.state.history.len(), limits::HISTORY);
}

#[test]
fn an_end_changes_only_what_was_asked_for() {
    for (on_expiry, after) in [("keep", "b"), ("previous", "a"), ("baseline", "baseline")] {
        let mut process = Process::new(&json!({}));
        process.post(&release(7, "a"), &["ops"]).unwrap();
        let ends = json!({"expires": "2026-11-24T08:00:00Z", "on_expiry": on_expiry});
        process.post(&with(release(8, "b"), &ends), &["ops"]).unwrap();
        let over = NOW + 3600;
        assert_eq!(renew(&process.terms, &process.state, over - 1), None);
        assert_eq!(process.version(), "b");
        process.state = renew(&process.terms, &process.state, over).unwrap();
        assert_eq!(process.version(), after, "{on_expiry}");
        assert_eq!(renew(&process.terms, &process.state, over + 1), None, "it is seen to once");
        let again = Releases::decode(&process.state.encode()).unwrap();
        assert_eq!(again, process.state);
        // This is not a way to return.
        process.now = over;
        let replay = with(release(8, "b"), &ends);
        assert_eq!(process.post(&replay, &["ops"]).unwrap(), "unchanged");
        assert_eq!(process.version(), after);
        assert_eq!(process.post(&release(9, "c"), &["ops"]).unwrap(), "activated");
    }
}

/// A release that expires after this many seconds and gives way to the previous policy.
fn for_a_while(serial: u64, version: &str, seconds: u64) -> Value {
    with(release(serial, version), &json!({"expires": NOW + seconds, "on_expiry": "previous"}))
}

/// Lets time pass, as workers do: returns what is in force after this many seconds.
fn after(process: &mut Process, seconds: u64) -> String {
    process.now = NOW + seconds;
    while let Some(next) = renew(&process.terms, &process.state, process.now) {
        process.state = Releases::decode(&next.encode()).unwrap();
        assert_eq!(process.state, next);
    }
    process.version()
}

#[test]
fn of_two_that_end_neither_comes_back_after_its_own_end() {
    // The second outlives the first: the first has expired when the second ends.
    let mut process = Process::new(&json!({}));
    process.post(&release(7, "day"), &["ops"]).unwrap();
    process.post(&for_a_while(8, "a", 100), &["ops"]).unwrap();
    process.post(&for_a_while(9, "b", 200), &["ops"]).unwrap();
    assert_eq!(after(&mut process, 150), "b");
    assert_eq!(after(&mut process, 200), "day");
    assert_eq!(after(&mut process, 900), "day");

    // The first outlives the second: it returns, until its own expiry.
    let mut process = Process::new(&json!({}));
    process.post(&release(7, "day"), &["ops"]).unwrap();
    process.post(&for_a_while(8, "a", 200), &["ops"]).unwrap();
    process.post(&for_a_while(9, "b", 100), &["ops"]).unwrap();
    assert_eq!(after(&mut process, 100), "a");
    assert_eq!(after(&mut process, 200), "day");

    // Nobody looked for a while: one look handles both expiries.
    let mut process = Process::new(&json!({}));
    process.post(&release(7, "day"), &["ops"]).unwrap();
    process.post(&for_a_while(8, "a", 100), &["ops"]).unwrap();
    process.post(&for_a_while(9, "b", 50), &["ops"]).unwrap();
    assert_eq!(after(&mut process, 300), "day");
}

#[test]
fn what_was_rolled_back_does_not_come_back_when_the_rest_ends() {
    let mut process = Process::new(&json!({}));
    let end = |seconds: u64| json!({"expires": NOW + seconds, "on_expiry": "previous"});
    process.post(&release(7, "day"), &["ops"]).unwrap();
    process.post(&for_a_while(8, "a", 100), &["ops"]).unwrap();
    process.post(&for_a_while(9, "b", 900), &["ops"]).unwrap();
    // One step back, with the expiry that `a` had: so does `hemostat rollback`.
    process.post(&with(back_to(10, "a"), &end(100)), &["calls"]).unwrap();
    assert_eq!(after(&mut process, 99), "a");
    assert_eq!(after(&mut process, 100), "day", "and not `b`, which has not ended");
    // An expired policy is not the previous one: one step back from here is not `a`.
    let refusal = process.post(&back_to(11, "a"), &["calls"]).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::NotPermitted);
}

#[test]
fn a_policy_that_is_released_again_without_an_end_stays() {
    let mut process = Process::new(&json!({}));
    process.post(&release(7, "day"), &["ops"]).unwrap();
    process.post(&for_a_while(8, "a", 100), &["ops"]).unwrap();
    process.post(&release(9, "a"), &["ops"]).unwrap();
    assert_eq!(after(&mut process, 500), "a");
    // An expiry that a release states is its own: what was in force before returns, new or old.
    process.now = NOW;
    process.post(&release(10, "b"), &["ops"]).unwrap();
    process.post(&for_a_while(11, "a", 100), &["ops"]).unwrap();
    assert_eq!(after(&mut process, 100), "b");
}

#[test]
fn what_is_to_follow_must_be_there() {
    let ends = |what: &str| json!({"expires": "2026-11-24T08:00:00Z", "on_expiry": what});
    let mut process = Process::new(&json!({"policy": null}));
    for what in ["baseline", "previous"] {
        let refusal = process.post(&with(release(7, "a"), &ends(what)), &["ops"]).unwrap_err();
        assert_eq!(refusal.code, RefusalCode::NothingAfter, "{what}");
    }
    assert_eq!(process.version(), "-", "nothing runs");
}

#[test]
fn starting_again_changes_nothing() {
    let configured = envelope(&release(7, "configured"), &["ops"]);
    let configured: Value = serde_json::from_str(&configured).unwrap();
    let fields = json!({"release": configured});
    let process = Process::new(&fields);
    assert_eq!(process.version(), "configured");
    for _ in 0..3 {
        assert_eq!(start(&process.terms, &process.state, NOW + 9).unwrap(), (None, None));
    }
    // A higher one has arrived since: the configured one does nothing, with a warning.
    let mut process = process;
    process.post(&release(8, "b"), &["ops"]).unwrap();
    let (next, warning) = start(&process.terms, &process.state, NOW).unwrap();
    assert_eq!(next, None);
    assert!(warning.unwrap().contains("not higher than the one in force, 8"));
    // A higher one in the configuration takes over.
    let newer = envelope(&release(9, "newer"), &["ops"]);
    let newer: Value = serde_json::from_str(&newer).unwrap();
    let terms = terms(&json!({"release": newer}));
    let (next, _) = start(&terms, &process.state, NOW).unwrap();
    assert_eq!(next.unwrap().serial(), 9);
}

#[test]
fn a_configured_release_that_cannot_be_used_refuses_the_configuration() {
    for (bad, code) in [
        (envelope(&release(7, "a"), &["eve"]), RefusalCode::Untrusted),
        (envelope(&release(4, "a"), &["ops"]), RefusalCode::StaleSerial),
        (envelope(&back_to(7, "baseline"), &["ops"]), RefusalCode::DigestOnly),
    ] {
        let bad: Value = serde_json::from_str(&bad).unwrap();
        let configuration = configuration(&json!({"release": bad}));
        let found = Config::parse(configuration.to_string().as_bytes()).unwrap_err();
        let [found] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((found.code, found.path.as_str()), ("bad-release", "release"));
        assert!(found.message.starts_with(code.word()), "{found}");
    }
}

#[test]
fn a_new_inline_policy_takes_over_only_while_no_release_holds() {
    let process = Process::new(&json!({}));
    let newer = terms(&json!({"policy": policy("baseline-2")}));
    let (next, _) = start(&newer, &process.state, NOW).unwrap();
    let next = next.unwrap();
    assert_eq!(next.running(&newer).unwrap().unwrap().version.as_deref(), Some("baseline-2"));
    let mut process = process;
    process.post(&release(7, "a"), &["ops"]).unwrap();
    assert_eq!(start(&newer, &process.state, NOW).unwrap().0, None);
}

#[test]
fn what_a_release_may_do_is_the_configurations_to_say() {
    let asks = json!({"policy": {"hemostat": 1, "capture": true}});
    let release = with(release(7, "a"), &asks);
    let mut process = Process::new(&json!({}));
    assert_eq!(process.post(&release, &["ops"]).unwrap_err().code, RefusalCode::NotAllowed);
    let mut process = Process::new(&json!({"allow": {"capture": true}}));
    assert!(process.post(&release, &["ops"]).is_ok());
}

#[test]
fn another_configuration_does_not_take_what_it_does_not_trust() {
    let mut process = Process::new(&json!({}));
    process.post(&release(7, "a"), &["ops"]).unwrap();
    let key = super::made::secret("eve").public().to_base64();
    let other = terms(&json!({"trust": {"keys": {"eve": key}}}));
    assert_eq!(process.state.running(&other).unwrap_err().code, RefusalCode::Untrusted);
}

#[test]
fn bytes_changed_in_shared_memory_are_noticed() {
    let mut process = Process::new(&json!({}));
    process.post(&release(7, "a"), &["ops"]).unwrap();
    process.post(&release(8, "b"), &["ops"]).unwrap();
    process.post(&back_to(9, "a"), &["ops"]).unwrap();
    let text = process.state.held[0].policy.replace("[GONE]", "[LEAK]");
    process.state.held[0].policy = text.into();
    assert_eq!(process.state.running(&process.terms).unwrap_err().code, RefusalCode::NotHeld);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_bytes_are_a_state_or_none(bytes: Vec<u8>) {
        let _ = Releases::decode(&bytes);
    }

    #[test]
    fn any_cut_of_a_state_is_none(at: prop::sample::Index, with: u8) {
        let mut process = Process::new(&json!({}));
        process.post(&release(7, "a"), &["ops"]).unwrap();
        let mut bytes = process.state.encode();
        let at = at.index(bytes.len());
        prop_assert_eq!(Releases::decode(&bytes[..at]), None);
        bytes[at] = with;
        let _ = Releases::decode(&bytes).map(|state| state.running(&process.terms).is_ok());
    }

    /// Whatever arrives in whatever order: the serial never falls, and what runs is what was signed last.
    #[test]
    fn serials_only_rise(steps in prop::collection::vec((5_u64..20, 0_u8..4, any::<bool>()), 1..12)) {
        let mut process = Process::new(&json!({}));
        let mut highest = 0;
        for (serial, version, whole) in steps {
            let version = format!("v{version}");
            let release = if whole { release(serial, &version) } else { back_to(serial, &version) };
            if process.post(&release, &["ops"]) == Ok("activated") {
                prop_assert!(serial > highest);
                highest = serial;
                prop_assert_eq!(process.version(), version);
            }
            prop_assert_eq!(process.state.serial(), highest);
        }
    }
}

#[test]
fn a_digest_is_that_of_the_canonical_form() {
    let text = parse_json(br#"{"b":1.0,"a":"\u00e9"}"#).unwrap();
    assert_eq!(digest_of(&text).unwrap(), Digest::of("{\"a\":\"é\",\"b\":1}".as_bytes()));
}

/// A release of a drill.
fn drill(serial: u64, version: &str) -> Value {
    let ends = json!({"drill": true, "expires": NOW + 150, "on_expiry": "previous"});
    with(release(serial, version), &ends)
}

#[test]
fn a_drill_says_so_everywhere_and_is_no_step_back() {
    let mut process = Process::new(&json!({}));
    let prepared = json!({"prepared": [digest(&policy("sev1"))]});
    process.post(&with(release(7, "a"), &prepared), &["ops"]).unwrap();
    process.post(&with(release(8, "b"), &prepared), &["ops"]).unwrap();
    process.post(&drill(9, "rehearsal"), &["ops"]).unwrap();
    assert_eq!((process.version().as_str(), process.state.is_drill()), ("drill.rehearsal", true));
    assert_eq!(process.state.history[0].version.as_deref(), Some("drill.rehearsal"));
    assert_eq!(process.state.history[0].practice, Practice::Drill);
    assert_eq!(process.state.prepared.len(), 1, "a drill says nothing of what is prepared");
    assert_eq!(process.state.previous(NOW).unwrap().version.as_deref(), Some("b"));
    // Its end is the way back, and the policy before it is the step back again.
    process.state = renew(&process.terms, &process.state, NOW + 150).unwrap();
    assert_eq!((process.version().as_str(), process.state.is_drill()), ("b", false));
    assert_eq!(process.state.history[0].practice, Practice::WayBack);
    assert_eq!(process.state.previous(NOW + 150).unwrap().version.as_deref(), Some("a"));
    process.post(&back_to(10, "a"), &["calls"]).unwrap();
    assert_eq!(process.state.history[0].practice, Practice::Meant);
    // Reverted at once, it is not a step either.
    process.post(&drill(11, "again"), &["ops"]).unwrap();
    process.post(&back_to(12, "a"), &["calls"]).unwrap();
    assert_eq!(process.state.history[0].practice, Practice::WayBack);
    assert_eq!(process.state.previous(NOW).unwrap().version.as_deref(), Some("b"));
    // A real release falls back to a real one.
    process.post(&drill(13, "third"), &["ops"]).unwrap();
    let ends = json!({"expires": NOW + 10, "on_expiry": "previous"});
    process.post(&with(release(14, "c"), &ends), &["ops"]).unwrap();
    process.state = renew(&process.terms, &process.state, NOW + 10).unwrap();
    assert_eq!(process.version(), "a");
}

/// Whatever is rehearsed in between, real policies stay in the history and available, as if nothing had been rehearsed.
#[test]
fn drills_push_nothing_out() {
    let mut process = Process::new(&json!({}));
    let mut serial = 10;
    let mut next = || {
        serial += 1;
        serial
    };
    process.post(&release(next(), "incident"), &["ops"]).unwrap();
    for at in 0..16 {
        // Without rules, whose cost does not matter here.
        let light = json!({"policy": {"hemostat": 1, "version": format!("d{at}")}});
        process.post(&with(drill(next(), ""), &light), &["ops"]).unwrap();
        process.post(&back_to(next(), "incident"), &["calls"]).unwrap();
    }
    for at in 0..3 {
        process.post(&release(next(), &format!("r{at}")), &["ops"]).unwrap();
        process.post(&drill(next(), "d"), &["ops"]).unwrap();
    }
    assert_eq!(process.state.history.len(), limits::HISTORY);
    let meant = process.state.history.iter().filter(|e| e.practice == Practice::Meant);
    let meant: Vec<_> = meant.map(|entry| entry.version.as_deref().unwrap()).collect();
    assert_eq!(meant, ["r2", "r1", "r0", "incident", "baseline"]);
    let incident = Digest::parse(&digest(&policy("incident"))).unwrap();
    assert!(process.state.holding(&incident).is_some());
}

#[test]
fn an_upstream_that_the_configuration_does_not_list_is_refused() {
    let switch =
        json!([{"id": "second", "when": {"model": "gpt-*"}, "to": {"upstream": "second"}}]);
    let next = |serial| {
        let mut policy = policy("switches");
        policy["switch"] = switch.clone();
        with(release(serial, ""), &json!({"policy": policy}))
    };
    let mut process = Process::new(&json!({}));
    let refusal = process.post(&next(7), &["ops"]).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::NotAllowed);
    for part in ["switch[0].to.upstream", "`second`", "allow: {upstreams: [second]}"] {
        assert!(refusal.message.contains(part), "{refusal}");
    }
    let mut process = Process::new(&json!({"allow": {"upstreams": ["other", "second"]}}));
    assert_eq!(process.post(&next(7), &["ops"]).unwrap(), "activated");
}
