//! Signs and reads releases.

use hemostat_engine::base::time;
use hemostat_engine::bundle::{PAYLOAD_TYPE, Release};
use hemostat_engine::dsse::Envelope;
use hemostat_engine::limits;
use hemostat_engine::policy::source::SourceNode;
use serde_json::{Map, Value};

use crate::shared::error::{Error, Result};
use crate::shared::key::Key;
use crate::shared::policy_file::canonical;
use crate::shared::terminal::{safe, size};
use crate::shared::when::now;

/// The fields of a release, except its policy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words {
    pub(crate) scope: String,
    pub(crate) serial: u64,
    pub(crate) issuer: String,
    pub(crate) reason: Option<String>,
    pub(crate) prepared: Vec<String>,
    pub(crate) rolls_back: Option<u64>,
    pub(crate) expires: Option<u64>,
    pub(crate) on_expiry: Option<String>,
    /// It is a drill, and is marked as one everywhere.
    pub(crate) drill: bool,
}

/// The policy of a release.
#[derive(Debug, Clone)]
pub(crate) enum ReleasePolicy<'a> {
    Policy(&'a SourceNode),
    Digest(&'a str),
}

/// Signs a release with each of these keys.
pub(crate) fn sign(words: &Words, brings: &ReleasePolicy<'_>, keys: &[Key]) -> Result<String> {
    let mut payload = Map::new();
    let mut put = |name: &str, value: Value| payload.insert(name.to_owned(), value);
    put("scope", words.scope.as_str().into());
    put("serial", words.serial.into());
    put("issued_at", time::format(now()).into());
    put("issuer", words.issuer.as_str().into());
    match brings {
        ReleasePolicy::Policy(policy) => {
            let text = canonical(policy)?;
            put("policy", serde_json::from_str(&text).map_err(odd)?);
        }
        ReleasePolicy::Digest(digest) => drop(put("policy_digest", (*digest).into())),
    }
    if !words.prepared.is_empty() {
        put("prepared", words.prepared.clone().into());
    }
    if let Some(reason) = &words.reason {
        put("reason", reason.as_str().into());
    }
    if let Some(serial) = words.rolls_back {
        put("rolls_back", serial.into());
    }
    if let Some(at) = words.expires {
        put("expires", time::format(at).into());
    }
    if let Some(word) = &words.on_expiry {
        put("on_expiry", word.as_str().into());
    }
    if words.drill {
        put("drill", true.into());
    }
    let payload = Value::Object(payload).to_string();
    // A release that the proxies' own reader would refuse is not signed.
    Release::parse(payload.as_bytes()).map_err(|refusal| Error::failed(refusal.to_string()))?;
    let mut envelope = Value::Null;
    for key in keys {
        let one = key.secret.envelope(&key.name, PAYLOAD_TYPE, payload.as_bytes());
        let one: Value = serde_json::from_str(&one).map_err(odd)?;
        match envelope.get_mut("signatures").and_then(Value::as_array_mut) {
            None => envelope = one,
            Some(all) => all.extend(signatures(&one).iter().cloned()),
        }
    }
    let text = envelope.to_string();
    if text.len() > limits::ENVELOPE_BYTES {
        return Err(Error::failed(format!(
            "the release has {}; proxies take {}",
            size(text.len() as u64),
            size(limits::ENVELOPE_BYTES as u64)
        )));
    }
    Ok(text)
}

/// This program cannot read what it wrote itself: a defect.
fn odd(error: serde_json::Error) -> Error {
    Error::failed(format!("a document of our own cannot be read: {error}"))
}

fn signatures(envelope: &Value) -> &[Value] {
    envelope.get("signatures").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Adds signatures to a release that is already signed; `place`: where it is from.
pub(crate) fn cosign(envelope: &str, place: &str, keys: &[Key]) -> Result<String> {
    let read = envelope_of(envelope, place)?;
    let mut all: Value = serde_json::from_str(envelope).map_err(odd)?;
    for key in keys {
        let own = |one: &Value| one.get("keyid").and_then(Value::as_str) == Some(&key.name);
        if signatures(&all).iter().any(own) {
            let (place, name) = (safe(place), safe(&key.name));
            return Err(Error::no(format!("{place}: `{name}` has signed it already")));
        }
        let one = key.secret.envelope(&key.name, PAYLOAD_TYPE, read.payload());
        let one: Value = serde_json::from_str(&one).map_err(odd)?;
        if let Some(list) = all.get_mut("signatures").and_then(Value::as_array_mut) {
            list.extend(signatures(&one).iter().cloned());
        }
    }
    Ok(all.to_string())
}

/// Reads a release without verifying it: that is for the proxies to do. `place`: where it is from.
pub(crate) fn open(envelope: &str, place: &str) -> Result<Release> {
    let read = envelope_of(envelope, place)?;
    Release::parse(read.payload()).map_err(|refusal| not_one(place, &refusal))
}

fn envelope_of(envelope: &str, place: &str) -> Result<Envelope> {
    Envelope::read(envelope.as_bytes(), PAYLOAD_TYPE, limits::ENVELOPE_BYTES)
        .map_err(|error| not_one(place, &error))
}

fn not_one(place: &str, why: &dyn std::fmt::Display) -> Error {
    Error::no(format!(
        "{}: this is not a release: {why}\n  help: what `hemostat release` has written is expected",
        safe(place)
    ))
}
