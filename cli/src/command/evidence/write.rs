//! Writes a record.

use std::io::Write;

use hemostat_engine::base::time;
use hemostat_engine::bundle::Digest;
use hemostat_engine::jcs;
use serde_json::{Value, json};

use super::args::Args;
use super::format::{NOTHING, PAYLOAD_TYPE};
use crate::shared::access_log::{self, Entry, Field, Sources, milliseconds};
use crate::shared::error::{Error, Result};
use crate::shared::exit::Exit;
use crate::shared::files;
use crate::shared::key::Key;
use crate::shared::terminal::safe;
use crate::shared::when;

/// The lines so far, and the digest of the last.
struct Chain {
    text: String,
    head: String,
    count: u64,
}

impl Chain {
    fn add(&mut self, mut entry: Value) -> Result<()> {
        if let Some(map) = entry.as_object_mut() {
            map.insert("seq".to_owned(), self.count.into());
            map.insert("prev".to_owned(), self.head.as_str().into());
        }
        let line = jcs::canonical_text(entry.to_string().as_bytes())
            .map_err(|error| Error::failed(error.to_string()))?;
        self.head = Digest::of(line.as_bytes()).to_string();
        self.count += 1;
        self.text.push_str(&line);
        self.text.push('\n');
        Ok(())
    }
}

pub(super) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    let (Some(key), Some(path)) = (&args.key, &args.out) else {
        return Err(Error::failed("`--key` and `--out` are needed"));
    };
    let key = Key::load(key)?;
    let period = args.records.period;
    let Some(activations) = args.records.activations(&args.fleet, err)? else {
        return Ok(Exit::Failed);
    };
    let mut chain = Chain { text: String::new(), head: NOTHING.to_owned(), count: 0 };
    // Proxies list them newest first.
    for entry in activations.iter().rev() {
        let at = entry.get("at").and_then(Value::as_str).and_then(milliseconds);
        if at.is_some_and(|at| period.contains(at)) {
            chain.add(json!({"kind": "activation", "activation": entry}))?;
        }
    }
    let activations = chain.count;
    let mut fault = None;
    let read = access_log::read(
        &Sources::find(&args.records.access_log)?,
        |entry| {
            if fault.is_none() && period.contains(entry.at_ms) && entry.text(Field::Rules).is_some()
            {
                fault = chain.add(decision(entry)).err();
            }
        },
        |_| {},
    )?;
    if let Some(fault) = fault {
        return Err(fault);
    }
    let optional = |at: Option<u64>| at.map(time::format);
    let payload = json!({
        "head": chain.head, "count": chain.count, "made_at": time::format(when::now()),
        "since": optional(period.since), "until": optional(period.until), "lines_read": read.lines,
        "lines_not_readable": read.unusable(), "sources_broken_off": read.broken_off.len(),
    });
    let envelope = key.secret.envelope(&key.name, PAYLOAD_TYPE, payload.to_string().as_bytes());
    chain.text.push_str(&envelope);
    chain.text.push('\n');
    files::replace(path, &chain.text)?;
    let decisions = chain.count - activations;
    if args.json {
        let made = json!({"activations": activations, "decisions": decisions, "signed_by": key.name,
            "head": chain.head, "file": path.display().to_string()});
        writeln!(out, "{made:#}")?;
    } else {
        let (key, head) = (safe(&key.name), &chain.head);
        writeln!(
            out,
            "{activations} activations and {decisions} decisions, signed by {key}; head {head}"
        )?;
    }
    read.tell_broken_off(err)?;
    if read.unusable() > 0 {
        writeln!(
            err,
            "hemostat: {} lines of the access log could not be used: {}",
            read.unusable(),
            read.troubles()
        )?;
    }
    Ok(Exit::Fine)
}

/// The entry for a decision. The digest of its log line lets whoever has the log find it.
fn decision(entry: &Entry<'_>) -> Value {
    let text = |field| entry.text(field).map(std::borrow::Cow::into_owned);
    json!({
        "kind": "decision",
        "at": text(Field::Time),
        "decision": text(Field::Decision),
        "rules": entry.hits(),
        "policy_version": text(Field::PolicyVersion),
        "policy_serial": entry.whole(Field::Serial),
        "dialect": text(Field::Dialect),
        "model": text(Field::Model),
        "status": entry.whole(Field::Status),
        "line": Digest::of(entry.raw).to_string(),
    })
}
