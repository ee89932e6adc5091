//! Releases as the command makes and reads them.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use hemostat_engine::base::time;
use hemostat_engine::bundle::{PAYLOAD_TYPE, Release, digest_of};
use hemostat_engine::dsse::Envelope;
use hemostat_engine::jcs;
use hemostat_engine::limits;
use hemostat_engine::policy::source::{self, Node};
use hemostat_engine::policy::{Diagnostic, judge};
use serde_json::{Map, Value};

use crate::shared::key::Key;
use crate::shared::terminal::safe;

/// What a release says, save the policy.
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
}

/// What a release brings.
#[derive(Debug, Clone)]
pub(crate) enum Brings<'a> {
    Policy(&'a Node),
    Digest(&'a str),
}

pub(crate) fn invalid(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}

/// Unix seconds.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Signs a release with each of these keys.
pub(crate) fn sign(words: &Words, brings: &Brings<'_>, keys: &[Key]) -> io::Result<String> {
    let mut payload = Map::new();
    let mut put = |name: &str, value: Value| payload.insert(name.to_owned(), value);
    put("scope", words.scope.as_str().into());
    put("serial", words.serial.into());
    put("issued_at", time::format(now()).into());
    put("issuer", words.issuer.as_str().into());
    match brings {
        Brings::Policy(policy) => {
            let text = canonical(policy)?;
            put("policy", serde_json::from_str(&text).map_err(io::Error::other)?);
        }
        Brings::Digest(digest) => drop(put("policy_digest", (*digest).into())),
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
    let payload = Value::Object(payload).to_string();
    // The proxy's own reader is asked first: what it would refuse is not signed.
    Release::parse(payload.as_bytes()).map_err(|refusal| invalid(refusal.to_string()))?;
    let mut envelope = Value::Null;
    for key in keys {
        let one = key.secret.envelope(&key.name, PAYLOAD_TYPE, payload.as_bytes());
        let one: Value = serde_json::from_str(&one).map_err(io::Error::other)?;
        match envelope.get_mut("signatures").and_then(Value::as_array_mut) {
            None => envelope = one,
            Some(all) => all.extend(signatures(&one).iter().cloned()),
        }
    }
    let text = envelope.to_string();
    if text.len() > limits::ENVELOPE_BYTES {
        return Err(invalid(format!(
            "the release has {} bytes; proxies take {}",
            text.len(),
            limits::ENVELOPE_BYTES
        )));
    }
    Ok(text)
}

fn signatures(envelope: &Value) -> &[Value] {
    envelope.get("signatures").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Adds signatures to a release that others have signed already.
pub(crate) fn cosign(envelope: &str, keys: &[Key]) -> io::Result<String> {
    let read = Envelope::read(envelope.as_bytes(), PAYLOAD_TYPE, limits::ENVELOPE_BYTES)
        .map_err(|error| invalid(error.to_string()))?;
    let mut all: Value = serde_json::from_str(envelope).map_err(io::Error::other)?;
    for key in keys {
        let one = key.secret.envelope(&key.name, PAYLOAD_TYPE, read.payload());
        let one: Value = serde_json::from_str(&one).map_err(io::Error::other)?;
        if let Some(list) = all.get_mut("signatures").and_then(Value::as_array_mut) {
            list.extend(signatures(&one).iter().cloned());
        }
    }
    Ok(all.to_string())
}

/// What a release says; who signed it is for the proxies to judge.
pub(crate) fn open(envelope: &str) -> io::Result<Release> {
    let read = Envelope::read(envelope.as_bytes(), PAYLOAD_TYPE, limits::ENVELOPE_BYTES)
        .map_err(|error| invalid(error.to_string()))?;
    Release::parse(read.payload()).map_err(|refusal| invalid(refusal.to_string()))
}

/// RFC 8785.
pub(crate) fn canonical(policy: &Node) -> io::Result<String> {
    jcs::canonical(policy).map_err(|error| invalid(error.to_string()))
}

/// The digest of a policy.
pub(crate) fn digest(policy: &Node) -> io::Result<String> {
    digest_of(policy).map(|digest| digest.to_string()).map_err(|error| invalid(error.to_string()))
}

/// Reads a policy in YAML or JSON, without judging it.
pub(crate) fn read_policy(file: &str) -> io::Result<Node> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", safe(file))))?;
    source::parse(&text, file).map_err(|found| invalid(lines(&found, file)))
}

/// The errors of a policy, a line each; `None`: it is acceptable.
pub(crate) fn faults(policy: &Node, file: &str) -> Option<String> {
    let (_, found) = judge(policy, Some(now()));
    let errors: Vec<Diagnostic> = found.into_iter().filter(Diagnostic::is_error).collect();
    (!errors.is_empty()).then(|| lines(&errors, file))
}

/// What a document may refer to and need not hold itself, where it is an overlay.
const REFERS: [&str; 3] = ["unknown-rule", "unknown-fallback", "unknown-label"];

/// The errors of an overlay that it has by itself. What it refers to may stand in the policy that it is put on.
pub(crate) fn own_faults(overlay: &Node, file: &str) -> Option<String> {
    let (_, found) = judge(overlay, Some(now()));
    let own = |one: &Diagnostic| one.is_error() && !REFERS.contains(&one.code);
    let errors: Vec<Diagnostic> = found.into_iter().filter(own).collect();
    (!errors.is_empty()).then(|| lines(&errors, file))
}

/// The errors of a policy made of several files. Lines would be those of one or the other: places are named instead.
pub(crate) fn faults_of_all(policy: &Node, file: &str, overlays: &[String]) -> Option<String> {
    if overlays.is_empty() {
        return faults(policy, file);
    }
    let (_, found) = judge(policy, Some(now()));
    let mut errors: Vec<Diagnostic> = found.into_iter().filter(Diagnostic::is_error).collect();
    errors.iter_mut().for_each(|error| (error.line, error.column) = (0, 0));
    (!errors.is_empty()).then(|| lines(&errors, &together(file, overlays)))
}

/// `policy.yaml with off.yaml`
pub(crate) fn together(file: &str, overlays: &[String]) -> String {
    if overlays.is_empty() {
        file.to_owned()
    } else {
        format!("{file} with {}", overlays.join(", "))
    }
}

/// Findings in words, a line each.
pub(crate) fn lines(found: &[Diagnostic], file: &str) -> String {
    let file = safe(file);
    found
        .iter()
        .map(|one| safe(&one.in_file(&file).to_string()).replace("\\n", "\n"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Who signs, in words: `$HEMOSTAT_ISSUER`, else the user's name.
pub(crate) fn issuer(given: Option<&str>) -> String {
    let from_env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    given
        .map(str::to_owned)
        .or_else(|| from_env("HEMOSTAT_ISSUER"))
        .or_else(|| from_env("USER"))
        .unwrap_or_else(|| "unknown".to_owned())
}

/// A time: RFC 3339, or from now on: `30m`, `4h`, `2d`.
pub(crate) fn moment(text: &str) -> Result<u64, String> {
    let cut = text.split_at_checked(text.len().saturating_sub(1));
    let (number, seconds) = match cut {
        Some((number, "m")) => (number, 60),
        Some((number, "h")) => (number, 3600),
        Some((number, "d")) => (number, 86_400),
        _ => return time::parse(text),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| format!("`{text}` is no time such as `4h` or `2026-11-25T06:00:00Z`"))?;
    Ok(now().saturating_add(number.saturating_mul(seconds)))
}

/// When something stops by itself, or `never`. What is put in force in a hurry must not stay for good because nobody
/// thought of its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End(pub(crate) Option<u64>);

/// How long overlays and activations last where nobody says otherwise.
pub(crate) const END: &str = "4h";

pub(crate) fn end(text: &str) -> Result<End, String> {
    if text == "never" { Ok(End(None)) } else { moment(text).map(|at| End(Some(at))) }
}
