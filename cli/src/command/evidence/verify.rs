//! Verifies a record: every byte of it is covered by a signature.

use std::io::Write;
use std::path::Path;

use hemostat_engine::bundle::Digest;
use hemostat_engine::dsse::TrustedKey;
use hemostat_engine::dsse::{Envelope, PublicKey};
use hemostat_engine::limits;
use serde_json::{Value, json};

use super::args::Args;
use super::format::{NOTHING, PAYLOAD_TYPE};
use crate::shared::error::{Error, Result, not_json};
use crate::shared::exit::Exit;
use crate::shared::files;
use crate::shared::terminal::safe;

pub(super) fn run(
    path: &Path,
    args: &Args,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit> {
    let keys = args.trust.iter().map(|word| trusted(word)).collect::<Result<Vec<_>>>()?;
    let bytes = files::bytes(path)?;
    let found = whole(&bytes, &keys);
    if args.json {
        let said = match &found {
            Ok((count, signer)) => json!({"ok": true, "lines": count, "signed_by": signer}),
            Err(why) => json!({"ok": false, "why": why.to_string()}),
        };
        writeln!(out, "{said:#}")?;
        return Ok(if found.is_ok() { Exit::Fine } else { Exit::No });
    }
    match found {
        Ok((count, signer)) => {
            writeln!(out, "{count} lines, whole, in order, and signed by {}", safe(&signer))?;
            Ok(Exit::Fine)
        }
        Err(why) => {
            writeln!(err, "hemostat: {}: {why}", safe(&path.display().to_string()))?;
            Ok(Exit::No)
        }
    }
}

fn trusted(word: &str) -> Result<TrustedKey> {
    let wrong = || {
        Error::failed(format!("`{}` is not a key such as `ops=<base64 public key>`", safe(word)))
    };
    let (name, key) = word.split_once('=').ok_or_else(wrong)?;
    let key = PublicKey::from_base64(key).ok_or_else(wrong)?;
    Ok(TrustedKey {
        id: name.to_owned(),
        key,
        may: hemostat_engine::dsse::KeyPermissions::default(),
    })
}

/// The number of lines and the name of the signing key; or what is wrong, and where.
fn whole(bytes: &[u8], keys: &[TrustedKey]) -> Result<(u64, String)> {
    let body = bytes
        .strip_suffix(b"\n")
        .ok_or_else(|| Error::no("it does not end with a line: it was cut"))?;
    let mut lines: Vec<&[u8]> = body.split(|byte| *byte == b'\n').collect();
    let last = lines.pop().unwrap_or_default();
    let envelope = Envelope::read(last, PAYLOAD_TYPE, limits::ENVELOPE_BYTES)
        .map_err(|error| Error::no(format!("the last line is not a signed summary: {error}")))?;
    let signer = envelope.signers(keys).first().map(|key| key.id.clone());
    let signer =
        signer.ok_or_else(|| Error::no("the last line is not signed by a key that is trusted"))?;
    let summary: Value = serde_json::from_slice(envelope.payload())
        .map_err(|error| Error::no(format!("the summary: {}", not_json(&error))))?;
    let mut head = NOTHING.to_owned();
    for (at, line) in (0_u64..).zip(&lines) {
        let entry: Value = serde_json::from_slice(line)
            .map_err(|error| Error::no(format!("line {}: {}", at + 1, not_json(&error))))?;
        if entry.get("seq").and_then(Value::as_u64) != Some(at) {
            return Err(Error::no(format!(
                "line {}: its `seq` is not {at}: a line is missing or was added",
                at + 1
            )));
        }
        if entry.get("prev").and_then(Value::as_str) != Some(head.as_str()) {
            return Err(Error::no(format!("line {}: the line before it was changed", at + 1)));
        }
        head = Digest::of(line).to_string();
    }
    if summary.get("count").and_then(Value::as_u64) != Some(lines.len() as u64) {
        return Err(Error::no("lines are missing or were added at the end"));
    }
    if summary.get("head").and_then(Value::as_str) != Some(head.as_str()) {
        return Err(Error::no("its last entry was changed"));
    }
    Ok((lines.len() as u64, signer))
}
