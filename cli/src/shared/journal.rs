//! The history file: deliveries, appended by the command. A process remembers its last 32 activations only, and nothing
//! from before its start.

use std::io::Write;

use hemostat_engine::base::time;
use hemostat_engine::bundle::{Release, ReleasePolicy};
use hemostat_engine::policy::source::SourceNode;
use serde_json::{Value, json};

use crate::shared::error::{Error, Result};
use crate::shared::files;
use crate::shared::policy_file;
use crate::shared::terminal::safe;
use crate::shared::when;

/// An entry, with the field names of the proxies' own history.
pub(crate) fn entry(release: &Release, proxies: Vec<Value>) -> Value {
    let (digest, version) = match &release.brings {
        ReleasePolicy::Whole(policy) => (
            policy_file::digest(policy).unwrap_or_default(),
            policy.get("version").and_then(SourceNode::text).map(str::to_owned),
        ),
        ReleasePolicy::Digest(digest) => (digest.to_string(), None),
    };
    json!({
        "serial": release.serial, "version": version, "digest": digest, "at": time::format(when::now()), "source": "log",
        "scope": release.scope, "issuer": release.issuer, "reason": release.reason, "rolls_back": release.rolls_back,
        "drill": release.drill, "proxies": proxies,
    })
}

/// Appends an entry.
pub(crate) fn append(file: &str, entry: &Value) -> Result<()> {
    let named = |error: std::io::Error| Error::written(file, &error);
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.create(true).append(true).open(file).map_err(named)?;
    // A single write, so that two commands at once do not mix their lines.
    file.write_all(format!("{entry}\n").as_bytes()).and_then(|()| file.sync_all()).map_err(named)
}

/// All entries of a file, newest first. Other lines are skipped.
pub(crate) fn read(file: &str) -> Result<Vec<Value>> {
    Ok(entries(&files::whole(file)?))
}

fn entries(text: &str) -> Vec<Value> {
    let entries = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut all: Vec<Value> = entries.filter(|entry| entry.get("serial").is_some()).collect();
    all.reverse();
    all
}

/// Activations from a file, newest first: the output of `hemostat history --json`, or the history file that
/// `hemostat.yaml` names.
///
/// # Errors
/// The file cannot be read, or holds neither.
pub(crate) fn told(file: &str) -> Result<Vec<Value>> {
    let text = files::whole(file)?;
    if let Ok(Value::Array(list)) = serde_json::from_str(&text) {
        return Ok(list);
    }
    let all = entries(&text);
    if all.is_empty() {
        // Where nothing ever came into force the list is `[]`; a command that failed leaves an empty file.
        let what =
            if text.trim().is_empty() { "the file is empty" } else { "this is not a history" };
        return Err(Error::failed(format!(
            "{}: {what}; what `hemostat history --json` writes is expected, or the file that `history` of hemostat.yaml names",
            safe(file)
        )));
    }
    Ok(all)
}
