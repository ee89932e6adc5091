//! Releases and configurations for the tests, with well-known keys.

use serde_json::{Value, json};

use crate::bundle::{
    Offered, PAYLOAD_TYPE, ReleaseRefusal, ReleaseWay, Releases, Terms, digest_of, offer,
};
use crate::dsse::SecretKey;
use crate::policy::config::Config;
use crate::policy::source::parse_json;

/// 2026-11-24T07:00:00Z
pub(super) const NOW: u64 = 1_795_503_600;

pub(super) const SCOPE: &str = "prod-eu";

/// A key derived from the first byte of its name.
pub(super) fn secret(name: &str) -> SecretKey {
    SecretKey::from_seed(&[name.as_bytes()[0]; 32])
}

/// A policy that is distinguished by its version.
pub(super) fn policy(version: &str) -> Value {
    json!({"hemostat": 1, "version": version, "guardrails": [
        {"id": "secrets", "scan": ["output"], "find": ["pack:secrets"], "do": {"redact": "[GONE]"}}]})
}

/// The digest by which a release names a policy.
pub(super) fn digest(policy: &Value) -> String {
    digest_of(&parse_json(policy.to_string().as_bytes()).unwrap()).unwrap().to_string()
}

/// A release of a policy; fields are added or replaced with [`with`].
pub(super) fn release(serial: u64, version: &str) -> Value {
    json!({"scope": SCOPE, "serial": serial, "issued_at": "2026-11-24T06:59:00Z", "issuer": "ann",
        "policy": policy(version)})
}

/// A release with these fields replaced; `null` removes one.
pub(super) fn with(mut release: Value, fields: &Value) -> Value {
    for (key, value) in fields.as_object().unwrap() {
        let object = release.as_object_mut().unwrap();
        if value.is_null() {
            object.remove(key)
        } else {
            object.insert(key.clone(), value.clone())
        };
    }
    release
}

/// An envelope signed by these keys.
pub(super) fn signed(payload: &str, keys: &[&str]) -> Value {
    let mut all = json!({"payloadType": PAYLOAD_TYPE, "payload": "", "signatures": []});
    for name in keys {
        let one = secret(name).envelope(name, PAYLOAD_TYPE, payload.as_bytes());
        let one: Value = serde_json::from_str(&one).unwrap();
        all["payload"] = one["payload"].clone();
        all["signatures"].as_array_mut().unwrap().push(one["signatures"][0].clone());
    }
    all
}

pub(super) fn envelope(release: &Value, keys: &[&str]) -> String {
    signed(&release.to_string(), keys).to_string()
}

/// A configuration: `ops` and `peer` may do everything, `calls` may roll back, `grants` may approve.
pub(super) fn configuration(fields: &Value) -> Value {
    let key = |name: &str| secret(name).public().to_base64();
    let base = json!({
        "hold_headers": true,
        "scope": SCOPE,
        "policy": policy("baseline"),
        "trust": {"keys": {
            "ops": key("ops"),
            "peer": key("peer"),
            "calls": {"key": key("calls"), "may": ["rollback", "approve"]},
            "grants": {"key": key("grants"), "may": ["approve"]},
        }, "min_serial": 5},
    });
    with(base, fields)
}

pub(super) fn terms(fields: &Value) -> Terms {
    let (config, _) = Config::parse(configuration(fields).to_string().as_bytes())
        .unwrap_or_else(|found| panic!("{found:?}"));
    Terms::new(config).unwrap()
}

/// A process under test.
pub(super) struct Process {
    pub(super) terms: Terms,
    pub(super) state: Releases,
    pub(super) now: u64,
}

impl Process {
    pub(super) fn new(fields: &Value) -> Self {
        let terms = terms(fields);
        let (state, _) = crate::bundle::start(&terms, &Releases::default(), NOW).unwrap();
        Self { terms, state: state.unwrap_or_default(), now: NOW }
    }

    /// The result of an envelope; the state is updated through the bytes that workers share.
    pub(super) fn offer(
        &mut self,
        envelope: &str,
        way: ReleaseWay,
    ) -> Result<&'static str, ReleaseRefusal> {
        match offer(&self.terms, &self.state, envelope.as_bytes(), way, self.now)? {
            Offered::Unchanged(_) => Ok("unchanged"),
            Offered::Activated(activation) => {
                let bytes = activation.state.encode();
                self.state = Releases::decode(&bytes).unwrap();
                assert_eq!(self.state, activation.state);
                let follower = self.state.running(&self.terms).unwrap().unwrap();
                assert_eq!(follower.digest, activation.running.digest, "all workers run the same");
                Ok("activated")
            }
        }
    }

    pub(super) fn post(
        &mut self,
        release: &Value,
        keys: &[&str],
    ) -> Result<&'static str, ReleaseRefusal> {
        self.offer(&envelope(release, keys), ReleaseWay::Post)
    }

    /// The version in force.
    pub(super) fn version(&self) -> String {
        let running = self.state.running(&self.terms).unwrap();
        running.and_then(|running| running.version).unwrap_or_else(|| "-".to_owned())
    }
}
