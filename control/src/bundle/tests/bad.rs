//! Releases that change nothing, by name, each with its reason.

use serde_json::{Value, json};

use super::made::{Process, digest, envelope, policy, release, secret, signed, with};
use crate::bundle::{PAYLOAD_TYPE, RefusalCode, ReleaseWay};
use crate::dsse::base64;
use crate::limits;

/// Name, envelope, way, code, and words of the reason.
type Case = (&'static str, String, ReleaseWay, RefusalCode, &'static str);

/// The serial that is in force when a bad release arrives.
const IN_FORCE: u64 = 10;

fn case(
    name: &'static str,
    envelope: impl Into<String>,
    code: RefusalCode,
    says: &'static str,
) -> Case {
    (name, envelope.into(), ReleaseWay::Post, code, says)
}

/// A good next release with these fields.
fn next(fields: &Value) -> Value {
    with(release(IN_FORCE + 1, "next"), fields)
}

/// A good next release with these fields, by `ops`.
fn ops(fields: &Value) -> String {
    envelope(&next(fields), &["ops"])
}

/// A good envelope as JSON, to be altered by hand.
fn altered(change: impl FnOnce(&mut Value)) -> String {
    let mut envelope = signed(&next(&json!({})).to_string(), &["ops"]);
    change(&mut envelope);
    envelope.to_string()
}

/// The payload of a good release with one text replaced, signed as it is.
fn payload(from: &str, to: &str) -> String {
    let text = next(&json!({})).to_string();
    assert!(text.contains(from), "{from}");
    signed(&text.replacen(from, to, 1), &["ops"]).to_string()
}

fn envelopes() -> Vec<Case> {
    let good = ops(&json!({}));
    let future = base64::encode(next(&json!({"issuer": "eve"})).to_string().as_bytes());
    vec![
        case("empty", "", RefusalCode::NotAnEnvelope, "not JSON"),
        case("no JSON", "release", RefusalCode::NotAnEnvelope, "not JSON"),
        case("a list", "[]", RefusalCode::NotAnEnvelope, "not JSON"),
        case(
            "cut off",
            good.get(..good.len() - 2).unwrap(),
            RefusalCode::NotAnEnvelope,
            "not JSON",
        ),
        case("two documents", format!("{good}{good}"), RefusalCode::NotAnEnvelope, "not JSON"),
        case(
            "a policy without an envelope",
            policy("bare").to_string(),
            RefusalCode::NotAnEnvelope,
            "payloadType",
        ),
        case(
            "oversized",
            format!("{good}{}", " ".repeat(limits::ENVELOPE_BYTES)),
            RefusalCode::TooBig,
            "too big",
        ),
        case(
            "payload twice",
            good.replacen("\"payload\":", "\"payload\":\"e30=\",\"payload\":", 1),
            RefusalCode::NotAnEnvelope,
            "payload",
        ),
        case(
            "signatures twice",
            good.replacen("\"signatures\":", "\"signatures\":[],\"signatures\":", 1),
            RefusalCode::NotAnEnvelope,
            "signatures",
        ),
        case(
            "no signatures",
            altered(|all| drop(all.as_object_mut().unwrap().remove("signatures"))),
            RefusalCode::NotAnEnvelope,
            "signatures",
        ),
        case(
            "another payload type",
            secret("ops").envelope("ops", "application/vnd.hemostat.grant+json", b"{}"),
            RefusalCode::WrongType,
            "another type",
        ),
        case(
            "a grant relabelled as a release",
            secret("ops")
                .envelope(
                    "ops",
                    "application/vnd.hemostat.grant+json",
                    next(&json!({})).to_string().as_bytes(),
                )
                .replace("application/vnd.hemostat.grant+json", PAYLOAD_TYPE),
            RefusalCode::Untrusted,
            "no key",
        ),
        case(
            "signature stripped",
            altered(|all| all["signatures"] = json!([])),
            RefusalCode::Untrusted,
            "no key",
        ),
        case(
            "payload altered",
            altered(|all| all["payload"] = future.into()),
            RefusalCode::Untrusted,
            "no key",
        ),
        case(
            "signature altered",
            altered(|all| {
                let sig = base64::encode(&[7; 64]);
                all["signatures"][0]["sig"] = sig.into();
            }),
            RefusalCode::Untrusted,
            "no key",
        ),
        case(
            "an unknown key",
            envelope(&next(&json!({})), &["eve"]),
            RefusalCode::Untrusted,
            "no key",
        ),
        case(
            "an unknown key under a known name",
            altered(|all| {
                let evil = envelope(&next(&json!({})), &["eve"]);
                let evil: Value = serde_json::from_str(&evil).unwrap();
                all["signatures"] = evil["signatures"].clone();
                all["signatures"][0]["keyid"] = "ops".into();
            }),
            RefusalCode::Untrusted,
            "no key",
        ),
        case(
            "a key that may only approve",
            envelope(&next(&json!({})), &["grants"]),
            RefusalCode::NotPermitted,
            "`grants` may not `release`",
        ),
        case(
            "an on-call key authors",
            envelope(&next(&json!({})), &["calls"]),
            RefusalCode::NotPermitted,
            "neither the previous one nor prepared",
        ),
    ]
}

fn payloads() -> Vec<Case> {
    vec![
        case(
            "no release in it",
            signed("[]", &["ops"]).to_string(),
            RefusalCode::NotARelease,
            "a release is a map",
        ),
        case(
            "an empty payload",
            signed("", &["ops"]).to_string(),
            RefusalCode::NotARelease,
            "empty",
        ),
        case(
            "serial twice",
            payload("\"serial\":11", "\"serial\":11,\"serial\":12"),
            RefusalCode::NotARelease,
            "twice",
        ),
        case(
            "an unknown field",
            ops(&json!({"threshold": 1})),
            RefusalCode::NotARelease,
            "no field `threshold`",
        ),
        case("no scope", ops(&json!({"scope": null})), RefusalCode::NotARelease, "`scope`"),
        case("no issuer", ops(&json!({"issuer": null})), RefusalCode::NotARelease, "`issuer`"),
        case("no time", ops(&json!({"issued_at": null})), RefusalCode::NotARelease, "`issued_at`"),
        case(
            "a time that is none",
            ops(&json!({"issued_at": "today"})),
            RefusalCode::NotARelease,
            "issued_at",
        ),
        case("no policy", ops(&json!({"policy": null})), RefusalCode::NotARelease, "`policy`"),
        case(
            "a policy and a digest",
            ops(&json!({"policy_digest": digest(&policy("x"))})),
            RefusalCode::NotARelease,
            "one of",
        ),
        case(
            "a digest that is none",
            ops(&json!({"policy": null, "policy_digest": "sha256:00"})),
            RefusalCode::NotARelease,
            "64 hex",
        ),
        case(
            "a serial in quotes",
            ops(&json!({"serial": "11"})),
            RefusalCode::NotARelease,
            "serial",
        ),
        case("a serial of zero", ops(&json!({"serial": 0})), RefusalCode::NotARelease, "serial"),
        case(
            "a serial that a double does not hold",
            ops(&json!({"serial": limits::SERIALS})),
            RefusalCode::NotARelease,
            "serial",
        ),
        case(
            "an endless reason",
            ops(&json!({"reason": "x".repeat(2000)})),
            RefusalCode::NotARelease,
            "`reason`",
        ),
        case(
            "what happens after, unknown",
            ops(&json!({"on_expiry": "stop"})),
            RefusalCode::NotARelease,
            "on_expiry",
        ),
        case(
            "too many prepared",
            ops(&json!({"prepared": vec![digest(&policy("x")); 65]})),
            RefusalCode::NotARelease,
            "prepared",
        ),
    ]
}

fn meanings() -> Vec<Case> {
    let gone = digest(&policy("never-seen"));
    let by_digest = ops(&json!({"policy": null, "policy_digest": digest(&policy("first"))}));
    vec![
        case(
            "another scope",
            ops(&json!({"scope": "staging"})),
            RefusalCode::WrongScope,
            "staging",
        ),
        case(
            "a lower serial",
            ops(&json!({"serial": 9})),
            RefusalCode::StaleSerial,
            "not higher than the one in force, 10",
        ),
        case("below the floor", ops(&json!({"serial": 4})), RefusalCode::StaleSerial, "min_serial"),
        case(
            "the same serial, other bytes",
            ops(&json!({"serial": 10})),
            RefusalCode::SerialReused,
            "serial 10",
        ),
        case(
            "an on-call key goes too far",
            envelope(
                &next(
                    &json!({"serial": 1011, "policy": null, "policy_digest": digest(&policy("first"))}),
                ),
                &["calls"],
            ),
            RefusalCode::SerialJump,
            "1010",
        ),
        case(
            "over before it came",
            ops(&json!({"expires": "2026-11-24T06:59:59Z"})),
            RefusalCode::Expired,
            "over",
        ),
        case(
            "a digest not held",
            ops(&json!({"policy": null, "policy_digest": gone})),
            RefusalCode::NotHeld,
            "not held",
        ),
        (
            "a digest from a source",
            by_digest.clone(),
            ReleaseWay::Source,
            RefusalCode::DigestOnly,
            "only a digest",
        ),
        (
            "a digest in a configuration",
            by_digest,
            ReleaseWay::Configured,
            RefusalCode::DigestOnly,
            "only a digest",
        ),
        case(
            "an end without a time",
            ops(&json!({"on_expiry": "previous"})),
            RefusalCode::NothingAfter,
            "`expires`",
        ),
        case(
            "a future language version",
            ops(&json!({"policy": {"hemostat": 2}})),
            RefusalCode::BadPolicy,
            "version 1 of the language",
        ),
        case(
            "a bad pattern",
            ops(
                &json!({"policy": {"hemostat": 1, "guardrails": [{"id": "g", "scan": "output", "find": "a(", "do": "block"}]}}),
            ),
            RefusalCode::BadPolicy,
            "guardrails[0].find",
        ),
        case(
            "an unknown section",
            ops(&json!({"policy": {"hemostat": 1, "guardrailz": []}})),
            RefusalCode::BadPolicy,
            "guardrailz",
        ),
        case(
            "a key of the policy twice",
            payload("\"hemostat\":1", "\"hemostat\":1,\"hemostat\":1"),
            RefusalCode::NotARelease,
            "twice",
        ),
        case(
            "no policy but text",
            ops(&json!({"policy": "permit all"})),
            RefusalCode::BadPolicy,
            "map",
        ),
        case(
            "a cluster that is not allowed",
            ops(
                &json!({"policy": {"hemostat": 1, "notify": {"cluster": "elsewhere", "path": "/", "authority": "a"}}}),
            ),
            RefusalCode::NotAllowed,
            "elsewhere",
        ),
        case(
            "an on-call key prepares",
            envelope(
                &next(
                    &json!({"policy": null, "policy_digest": digest(&policy("first")), "prepared": [digest(&policy("x"))]}),
                ),
                &["calls"],
            ),
            RefusalCode::NotPermitted,
            "only authors",
        ),
    ]
}

#[test]
fn each_changes_nothing_and_says_why() {
    let mut process = Process::new(&json!({}));
    assert_eq!(process.post(&release(9, "first"), &["ops"]).unwrap(), "activated");
    assert_eq!(process.post(&release(IN_FORCE, "second"), &["ops"]).unwrap(), "activated");
    let cases = [envelopes(), payloads(), meanings()].concat();
    assert!(cases.len() >= 50);
    for (name, envelope, way, code, says) in cases {
        let before = process.state.clone();
        let refusal = process.offer(&envelope, way).expect_err(name);
        assert_eq!(refusal.code, code, "{name}: {refusal}");
        assert!(refusal.message.contains(says), "{name}: {refusal}");
        assert!(!refusal.message.contains('\n'), "{name}: one line");
        assert!((400..600).contains(&refusal.code.status()), "{name}");
        assert_eq!(process.state, before, "{name}");
    }
    assert_eq!(process.version(), "second");
    assert_eq!(process.post(&release(IN_FORCE + 1, "third"), &["ops"]).unwrap(), "activated");
}

#[test]
fn one_of_two_signatures_is_not_enough() {
    let key = |name: &str| secret(name).public().to_base64();
    let trust = json!({"keys": {"ops": key("ops"), "peer": key("peer"), "twin": key("ops")}, "threshold": 2});
    let mut process = Process::new(&json!({"trust": trust}));
    for alone in [&["ops"][..], &["ops", "ops"], &["ops", "twin"], &["ops", "eve"]] {
        // A key that may roll back is an on-call key too: the message says what it lacks.
        let refusal = process.post(&release(1, "a"), alone).unwrap_err();
        assert_eq!(refusal.code, RefusalCode::TooFewSignatures, "{alone:?}: {refusal}");
    }
    assert_eq!(process.post(&release(1, "a"), &["ops", "peer"]).unwrap(), "activated");
}

#[test]
fn without_keys_nothing_is_taken() {
    let mut process = Process::new(&json!({"trust": null}));
    let refusal = process.post(&release(7, "a"), &["ops"]).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::Untrusted);
}
