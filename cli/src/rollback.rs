//! `hemostat rollback`: puts the policy before the last change back. The proxies hold it: a few hundred bytes are sent.

use std::io::{self, Write};

use serde_json::Value;

use crate::blob::{self, Brings, Words};
use crate::exit::Exit;
use crate::fleet::{Fleet, Status};
use crate::key::Key;
use crate::push::{self, How, or_dash};
use crate::terminal::safe;

/// Arguments of `hemostat rollback`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat rollback --key oncall.key -p http://10.0.0.1:9902 -p http://10.0.0.2:9902
  hemostat rollback --key ops.key --to 41 -p http://10.0.0.1:9902      an older one: needs a key that may `release`
  hemostat rollback --key ops.key --policy old.yaml --to-dir /srv/policy -p http://10.0.0.1:9902
      where proxies poll a file: it always holds a whole policy

Twice in a row takes the rollback itself back.")]
pub(crate) struct Args {
    /// A secret key that may `rollback` or `release`: a file, or `env:NAME`
    #[arg(long, short, required = true, value_name = "KEY")]
    key: Vec<String>,
    /// Go back to what this serial brought [default: the policy before the one in force]
    #[arg(long, value_name = "SERIAL")]
    to: Option<u64>,
    /// Why; goes to the change log
    #[arg(long)]
    reason: Option<String>,
    /// Who does it [default: `$HEMOSTAT_ISSUER`, else the user's name]
    #[arg(long)]
    issuer: Option<String>,
    /// Send this policy whole, instead of its digest; it must be the one that is gone back to
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,
    #[command(flatten)]
    how: HowBack,
}

/// As [`How`], without its short name `--to`, which is a serial here.
#[derive(Debug, clap::Args)]
struct HowBack {
    /// A directory that a static server serves, or a file in it; needs --policy
    #[arg(long, value_name = "DIR", requires = "policy")]
    to_dir: Option<std::path::PathBuf>,
    /// Wait until every proxy reports the serial
    #[arg(long)]
    wait: bool,
    /// Seconds to wait at most
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    within: u64,
    /// Write one JSON document to standard output instead of words
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    fleet: crate::fleet::FleetArgs,
}

/// A policy that can be gone back to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    digest: String,
    version: String,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let keys = args.key.iter().map(|from| Key::load(from)).collect::<io::Result<Vec<_>>>()?;
    let fleet = args.how.fleet.some()?;
    let Some(newest) = newest(&fleet, err)? else { return Ok(Exit::Failed) };
    let target = match args.to {
        None => previous(&newest),
        Some(serial) => brought_by(&newest, serial),
    };
    let Some(target) = target else {
        let why = match args.to {
            None => "there is no policy before the one in force".to_owned(),
            Some(serial) => {
                format!("what serial {serial} brought is not held any more; give `--policy`")
            }
        };
        writeln!(err, "hemostat: {why}")?;
        return Ok(Exit::No);
    };
    let whole = args.policy.as_deref().map(blob::read_policy).transpose()?;
    if let Some(policy) = &whole
        && blob::digest(policy)? != target.digest
    {
        writeln!(err, "hemostat: that is not the policy that is gone back to, {}", target.digest)?;
        return Ok(Exit::No);
    }
    let from = newest.serial();
    let words = Words {
        scope: newest.text("scope").to_owned(),
        serial: from.saturating_add(1),
        issuer: blob::issuer(args.issuer.as_deref()),
        reason: args.reason.clone(),
        rolls_back: (from > 0).then_some(from),
        ..Words::default()
    };
    let brings = whole.as_ref().map_or(Brings::Digest(&target.digest), Brings::Policy);
    let envelope = blob::sign(&words, &brings, &keys)?;
    writeln!(
        err,
        "rolling back: version {} ({}) takes over from version {}, as serial {}",
        safe(or_dash(&target.version)),
        safe(&target.digest),
        safe(or_dash(newest.text("version"))),
        words.serial
    )?;
    let HowBack { to_dir, wait, within, json, .. } = &args.how;
    let how = How {
        to: to_dir.clone(),
        wait: *wait,
        within: *within,
        json: *json,
        fleet: crate::fleet::FleetArgs::default(),
    };
    push::deliver(&envelope, words.serial, &how, &fleet, out)
}

/// The status of the proxy that has the highest serial; those that do not answer are named.
pub(crate) fn newest(fleet: &Fleet, err: &mut dyn Write) -> io::Result<Option<Status>> {
    let mut newest: Option<Status> = None;
    for (proxy, status) in fleet.each(|proxy| fleet.status(proxy)) {
        match status {
            Ok(status) if newest.as_ref().is_none_or(|known| known.serial() < status.serial()) => {
                newest = Some(status);
            }
            Ok(_) => {}
            Err(why) => writeln!(err, "hemostat: {}: {}", safe(&proxy.name), safe(&why))?,
        }
    }
    if newest.is_none() {
        writeln!(err, "hemostat: no proxy says what is in force")?;
    }
    Ok(newest)
}

fn target(value: &Value) -> Option<Target> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let version = text("version").unwrap_or_default().to_owned();
    Some(Target { digest: text("digest")?.to_owned(), version })
}

fn previous(status: &Status) -> Option<Target> {
    status.list("held").get(1).and_then(target)
}

/// The policy of this serial, where it is still held.
fn brought_by(status: &Status, serial: u64) -> Option<Target> {
    let is = |entry: &&Value| entry.get("serial").and_then(Value::as_u64) == Some(serial);
    let found = status.list("history").iter().find(is).and_then(target)?;
    let held =
        status.list("held").iter().filter_map(target).any(|held| held.digest == found.digest);
    held.then_some(found)
}
