//! `hemostat sync`: gives every proxy what the highest serial serves.

use std::io::Write;

use hemostat_engine::base::time;
use hemostat_engine::policy::source::{self, SourceNode};
use serde_json::json;

use crate::shared::deliver::{self, How, ToDir};
use crate::shared::error::{Error, Result};
use crate::shared::exit::Exit;
use crate::shared::fleet::{Fleet, Status, View};
use crate::shared::issuer::issuer;
use crate::shared::key::Key;
use crate::shared::release_file::{self, ReleasePolicy, Words};
use crate::shared::terminal::{count, or_dash, safe};

/// Arguments of `hemostat sync`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat sync -p http://10.0.0.1:9902 -p http://10.0.0.2:9902 --wait
      after a proxy restarted, or missed a push: it gets what the others serve, signed as it was
  hemostat sync --key ops.key --wait
      where that cannot be (the release was a rollback by digest, or is over): a new release with the same policy

Where nothing differs, nothing is sent.")]
pub(crate) struct Args {
    /// A secret key that may `release`: make a new release of what the highest serial serves
    #[arg(long, short, value_name = "KEY")]
    key: Vec<String>,
    /// Who does it [default: `$HEMOSTAT_ISSUER`, else the name that the system knows]
    #[arg(long, requires = "key")]
    issuer: Option<String>,
    #[command(flatten)]
    to: ToDir,
    #[command(flatten)]
    how: How,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    let fleet = args.how.fleet.some()?;
    let view = fleet.view();
    view.name_silent(err)?;
    let groups = view.groups();
    let Some(first) = groups.first() else {
        return Err(Error::failed("no proxy says what is in force"));
    };
    let newest = first.first;
    if groups.iter().any(|group| group.first.text("scope") != newest.text("scope")) {
        return Err(Error::no(
            "these proxies have several scopes: name those of one with `--proxy`",
        ));
    }
    let silent = if view.silent() > 0 { Exit::Failed } else { Exit::Fine };
    if groups.len() == 1 {
        let all = first.proxies.len();
        let (serial, version) = (newest.serial(), or_dash(newest.text("version")));
        if args.how.json {
            writeln!(
                out,
                "{:#}",
                json!({"ok": silent == Exit::Fine, "serial": serial, "proxies": []})
            )?;
        } else {
            writeln!(
                out,
                "nothing to do: {} at serial {serial}, version {}",
                count(all, "proxy is", "proxies are"),
                safe(version)
            )?;
        }
        return Ok(silent);
    }
    if groups.iter().filter(|group| group.first.serial() == newest.serial()).count() > 1
        && args.key.is_empty()
    {
        return Err(Error::no(format!(
            "serial {} is two different releases here\n  help: `hemostat sync --key KEY` makes a new one of what {} serves",
            newest.serial(),
            first.proxies.first().map(|proxy| safe(&proxy.name)).unwrap_or_default()
        )));
    }
    if !args.key.is_empty() {
        let (envelope, serial) = anew(args, &fleet, &view, newest)?;
        writeln!(
            err,
            "sync: release {serial} brings version {} to all",
            safe(or_dash(newest.text("version")))
        )?;
        let done = deliver::deliver(
            &envelope,
            serial,
            args.to.to.as_deref(),
            &args.how,
            &fleet,
            out,
            err,
        )?;
        return Ok(done.max(silent));
    }
    let envelope = fetch(&fleet, &view, newest, "/release")?.ok_or_else(|| {
        Error::failed(format!(
            "the proxies at serial {} do not give out their release\n  help: push it again, or `hemostat sync --key KEY`",
            newest.serial()
        ))
    })?;
    let release = release_file::open(&envelope, "what a proxy gave")?;
    if release.serial != newest.serial()
        || matches!(newest.text("standing"), "expired-to-previous" | "expired-to-baseline")
    {
        return Err(Error::no(format!(
            "release {} is over on the proxies that have it\n  help: `hemostat sync --key KEY` makes a new one of what they serve",
            newest.serial()
        )));
    }
    let behind = fleet.only(|proxy| !first.proxies.contains(&proxy));
    let behind = behind.only(|proxy| view.reached().any(|(reached, _)| reached == proxy));
    writeln!(
        err,
        "sync: {} behind serial {}, version {}",
        count(behind.proxies.len(), "proxy is", "proxies are"),
        newest.serial(),
        safe(or_dash(newest.text("version")))
    )?;
    let done = deliver::deliver(
        &envelope,
        release.serial,
        args.to.to.as_deref(),
        &args.how,
        &behind,
        out,
        err,
    )?;
    Ok(done.max(silent))
}

/// Fetches something that the proxies of this status hold, from the first that gives it.
fn fetch(fleet: &Fleet, view: &View<'_>, of: &Status, path: &str) -> Result<Option<String>> {
    let mut why = None;
    let groups = view.groups();
    let have = groups.iter().filter(|group| std::ptr::eq(group.first, of));
    for proxy in have.flat_map(|group| &group.proxies) {
        match fleet.held(proxy, path) {
            Ok(Some(text)) => return Ok(Some(text)),
            Ok(None) => {}
            Err(error) => why = Some(format!("{}: {error}", safe(&proxy.name))),
        }
    }
    why.map_or(Ok(None), |why| Err(Error::failed(why)))
}

/// Makes a new release of the policy at the highest serial; also gives its serial.
fn anew(args: &Args, fleet: &Fleet, view: &View<'_>, newest: &Status) -> Result<(String, u64)> {
    let keys = Key::all(&args.key)?;
    let path = format!("/policy/{}", newest.text("digest"));
    let text = fetch(fleet, view, newest, &path)?.ok_or_else(|| {
        Error::failed("the proxies do not give out their policy\n  help: `hemostat release POLICY`, and push that")
    })?;
    let policy: SourceNode = source::parse(&text, "policy.json")
        .map_err(|_| Error::failed("what a proxy gave is not a policy"))?;
    let held = newest.list("held").first();
    let end = |name: &str| held.and_then(|held| held.get(name)?.as_str()).map(str::to_owned);
    let words = Words {
        scope: newest.text("scope").to_owned(),
        serial: newest.serial().saturating_add(1),
        issuer: issuer(args.issuer.as_deref()),
        reason: Some(format!("sync: what serial {} serves", newest.serial())),
        prepared: newest.prepared(),
        expires: end("expires").and_then(|at| time::parse(&at).ok()),
        on_expiry: end("on_expiry").filter(|_| end("expires").is_some()),
        ..Words::default()
    };
    Ok((release_file::sign(&words, &ReleasePolicy::Policy(&policy), &keys)?, words.serial))
}
