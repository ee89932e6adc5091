//! `hemostat rollback`: puts the policy before the last change back. The proxies hold it: a few hundred bytes are sent.

use std::io::Write;

use hemostat_engine::base::time;
use serde_json::Value;

use crate::shared::deliver::{self, How};
use crate::shared::drilled;
use crate::shared::error::{Error, Result};
use crate::shared::exit::Exit;
use crate::shared::fleet::Status;
use crate::shared::issuer::issuer;
use crate::shared::key::Key;
use crate::shared::number;
use crate::shared::policy_file;
use crate::shared::release_file::{self, ReleasePolicy, Words};
use crate::shared::step::{Guard, Step};
use crate::shared::terminal::{or_dash, safe};
use crate::shared::when;

/// Arguments of `hemostat rollback`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat rollback --key oncall.key -p http://10.0.0.1:9902 -p http://10.0.0.2:9902 --wait
  hemostat rollback --dry-run --key oncall.key      which one would it be?
  hemostat rollback --expect 42 --key oncall.key    only if 42 is still in force
  hemostat rollback --key ops.key --to 41 -p http://10.0.0.1:9902      an older one: needs a key that may `release`
  hemostat rollback --key ops.key --policy old.yaml --to-dir /srv/policy -p http://10.0.0.1:9902
      where proxies poll a file: it always holds a whole policy

A rollback of a rollback needs --again, so that two people who act at once do not undo each other. Drills are no step
back. On proxies that differ nothing is done: `hemostat sync` first.")]
pub(crate) struct Args {
    /// A secret key that may `rollback` or `release`: a file, or `env:NAME` [default: `key` of hemostat.yaml]
    #[arg(long, short, value_name = "KEY")]
    key: Vec<String>,
    /// Go back to what this serial brought [default: the policy before the one in force]
    #[arg(long, value_parser = number::served, value_name = "SERIAL")]
    to: Option<u64>,
    /// Why; goes to the change log
    #[arg(long)]
    reason: Option<String>,
    /// Who does it [default: `$HEMOSTAT_ISSUER`, else the name that the system knows]
    #[arg(long)]
    issuer: Option<String>,
    /// Send this policy whole, instead of its digest; it must be the one that is gone back to
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,
    /// Take a rollback itself back
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    guard: Guard,
    /// A directory that a static server serves, or a file in it; needs --policy
    #[arg(long, value_name = "DIR", requires = "policy")]
    to_dir: Option<std::path::PathBuf>,
    #[command(flatten)]
    how: How,
}

/// A policy that can be gone back to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    digest: String,
    version: String,
    /// When it is over (Unix seconds), and what happens then.
    end: Option<(u64, String)>,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    let keys = Key::all(&args.key)?;
    let whole = args.policy.as_deref().map(policy_file::read).transpose()?;
    let fleet = args.how.fleet.some()?;
    let view = fleet.view();
    let newest = view.agreed(err)?;
    args.guard.holds(newest)?;
    if let (None, false) = (args.to, args.again) {
        not_again(newest)?;
    }
    let now = when::now();
    let target = match args.to {
        None => previous(newest, now),
        Some(serial) => brought_by(newest, serial, now),
    };
    let Some(target) = target else {
        let why = match args.to {
            None => "there is no policy before the one in force".to_owned(),
            Some(serial) => not_there(newest, serial),
        };
        return Err(Error::no(why));
    };
    if target.digest == newest.text("digest") {
        return Err(Error::no(format!(
            "version {} is in force already; nothing was sent",
            safe(or_dash(&target.version))
        )));
    }
    if let Some(policy) = &whole
        && policy_file::digest(policy)? != target.digest
    {
        return Err(Error::no(format!(
            "{} is not the policy that is gone back to: that is version {}, {}",
            safe(args.policy.as_deref().unwrap_or_default()),
            safe(or_dash(&target.version)),
            target.digest
        )));
    }
    let from = newest.serial();
    let words = Words {
        scope: newest.text("scope").to_owned(),
        serial: from.saturating_add(1),
        issuer: issuer(args.issuer.as_deref()),
        reason: args.reason.clone(),
        rolls_back: (from > 0).then_some(from),
        prepared: newest.kept_by(&Key::names(&keys), &target.digest),
        expires: target.end.as_ref().map(|(at, _)| *at),
        on_expiry: target.end.as_ref().map(|(_, then)| then.clone()),
        ..Words::default()
    };
    let brings =
        whole.as_ref().map_or(ReleasePolicy::Digest(&target.digest), ReleasePolicy::Policy);
    let envelope = release_file::sign(&words, &brings, &keys)?;
    let ends = target.end.as_ref();
    let step = Step {
        verb: "rolling back",
        from: newest,
        serial: words.serial,
        version: &target.version,
        digest: &target.digest,
        ends: ends.map(|(at, _)| format!("it is over at {}, as it was to be", time::format(*at))),
    };
    if let Some(done) = args.guard.tell(&step, &args.how, out, err)? {
        return Ok(done);
    }
    deliver::deliver(&envelope, words.serial, args.to_dir.as_deref(), &args.how, &fleet, out, err)
}

/// Refuses to roll back a rollback: whoever types it ten seconds after somebody else means the same step, not the way
/// back from it.
fn not_again(newest: &Status) -> Result<()> {
    let Some(entry) = newest.list("history").first().filter(|entry| !drilled::of_drill(entry))
    else {
        return Ok(());
    };
    let Some(back) = entry.get("rolls_back").and_then(Value::as_u64) else { return Ok(()) };
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
    let ago = time::parse(text("at")).map_or_else(
        |_| String::new(),
        |at| format!(" {} ago", when::span(when::now().saturating_sub(at))),
    );
    let help = match previous(newest, when::now()) {
        Some(next) => {
            format!("`--again` would put version {} back in force", safe(or_dash(&next.version)))
        }
        None => "`--to SERIAL` names an older one".to_owned(),
    };
    Err(Error::no(format!(
        "serial {} is a rollback already: {} took serial {back} back{ago}; nothing was sent\n  help: {help}",
        newest.serial(),
        safe(or_dash(text("issuer")))
    )))
}

/// Why a serial cannot be gone back to, and which ones can.
fn not_there(newest: &Status, serial: u64) -> String {
    let number = |entry: &Value| entry.get("serial").and_then(Value::as_u64);
    let digest = |one: &Value| one.get("digest").and_then(Value::as_str).map(str::to_owned);
    let known = newest.list("history").iter().any(|entry| number(entry) == Some(serial));
    let held: Vec<_> = newest.list("held").iter().map(digest).collect();
    let there = newest.list("history").iter().filter(|entry| held.contains(&digest(entry)));
    let there: Vec<String> = there.filter_map(number).map(|serial| serial.to_string()).collect();
    let why = match known {
        true => format!("what serial {serial} brought is not held any more"),
        false => format!("the proxies remember no serial {serial}"),
    };
    format!(
        "{why}; nothing was sent\n  help: they hold what serial {} brought; an author brings any other policy with \
         `hemostat release` and `hemostat push`",
        there.join(", ")
    )
}

fn target(value: &Value) -> Option<Target> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let version = text("version").unwrap_or_default().to_owned();
    // What is over goes back to `previous` or goes on; the inline policy is not an on-call key's to name.
    let then = if text("on_expiry") == Some("previous") { "previous" } else { "keep" };
    let end = text("expires").and_then(|at| time::parse(at).ok()).map(|at| (at, then.to_owned()));
    Some(Target { digest: text("digest")?.to_owned(), version, end })
}

/// The last policy that was in force before the present one and is not over.
fn previous(status: &Status, now: u64) -> Option<Target> {
    // A drill was there to change nothing: it is no step of the history.
    let before = status.list("held").iter().skip(1);
    let drill = |held: &&Value| held.get("drill").and_then(Value::as_bool).unwrap_or_default();
    let before = before.filter(|held| !drill(held)).filter_map(target);
    before.filter_map(|held| held.still(now)).next()
}

/// The policy of this serial, where it is still held.
fn brought_by(status: &Status, serial: u64, now: u64) -> Option<Target> {
    let is = |entry: &&Value| entry.get("serial").and_then(Value::as_u64) == Some(serial);
    let found = status.list("history").iter().find(is).and_then(target)?;
    let mut held = status.list("held").iter().filter_map(target);
    let held = held.find(|held| held.digest == found.digest)?;
    // Whoever names a serial wants it, over or not: then without its end.
    Some(held.clone().still(now).unwrap_or(Target { end: None, ..held }))
}

impl Target {
    /// Itself, unless it is over; an end that changed nothing is none.
    fn still(self, now: u64) -> Option<Self> {
        match &self.end {
            Some((at, then)) if *at <= now && then == "keep" => Some(Self { end: None, ..self }),
            Some((at, _)) if *at <= now => None,
            _ => Some(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn version(held: Value, now: u64) -> Option<(String, Option<u64>)> {
        let found = previous(&Status(json!({"held": held})), now)?;
        Some((found.version, found.end.map(|(at, _)| at)))
    }

    #[test]
    fn a_step_back_passes_over_what_is_over_and_keeps_ends() {
        let held = json!([
            {"digest": "c", "version": "c"},
            {"digest": "b", "version": "b", "expires": "1970-01-01T00:01:40Z", "on_expiry": "previous"},
            {"digest": "a", "version": "a", "expires": "1970-01-01T00:01:40Z", "on_expiry": "keep"},
        ]);
        assert_eq!(version(held.clone(), 99), Some(("b".to_owned(), Some(100))));
        assert_eq!(version(held, 100), Some(("a".to_owned(), None)));
        assert_eq!(version(json!([{"digest": "c"}]), 0), None);
    }
}
