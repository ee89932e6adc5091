//! `hemostat push`: delivers a release to proxies, or to the directory that a static server serves.

use std::io::Write;

use hemostat_engine::bundle::{Release, ReleasePolicy};

use crate::shared::deliver::{self, How, ToDir};
use crate::shared::error::{Error, Result};
use crate::shared::exit::Exit;
use crate::shared::files;
use crate::shared::fleet::View;
use crate::shared::policy_file;
use crate::shared::release_file;
use crate::shared::terminal::{count, safe};

/// Arguments of `hemostat push`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat push current.json --proxy http://10.0.0.1:9902 --proxy http://10.0.0.2:9902 --wait
  hemostat push current.json --to /srv/policy               as /srv/policy/current.json, atomically
  hemostat push current.json --to /srv/policy -p http://10.0.0.1:9902 --wait   and watch it arrive

The token of the control listeners is read from `$HEMOSTAT_TOKEN`.")]
pub(crate) struct Args {
    /// The release; `-` reads standard input
    release: String,
    /// Push it although on-call keys could activate nothing any more, and the release does not say that this is meant
    #[arg(long)]
    drop_prepared: bool,
    #[command(flatten)]
    to: ToDir,
    #[command(flatten)]
    how: How,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    let envelope = files::read(&args.release)?;
    let release = release_file::open(&envelope, &args.release)?;
    let fleet = args.how.fleet.fleet()?;
    if fleet.proxies.is_empty() && args.to.to.is_none() {
        args.how.fleet.some()?;
    }
    levers(args, &release, &fleet.view(), err)?;
    deliver::deliver(&envelope, release.serial, args.to.to.as_deref(), &args.how, &fleet, out, err)
}

/// Names what on-call keys can activate now and could not any more; refuses a release that does not say that this is
/// intended.
fn levers(args: &Args, release: &Release, view: &View<'_>, err: &mut dyn Write) -> Result<()> {
    let Some(newest) = view.newest() else { return Ok(()) };
    // Pushing the same release again removes nothing.
    if newest.serial() >= release.serial || newest.levers().is_empty() {
        return Ok(());
    }
    // A release of a policy that the proxies know leaves the list as it is.
    let digest = match &release.brings {
        ReleasePolicy::Whole(policy) => policy_file::digest(policy)?,
        ReleasePolicy::Digest(digest) => digest.to_string(),
    };
    if release.prepared.is_empty() && newest.knows(&digest) {
        return Ok(());
    }
    let kept: Vec<String> = release.prepared.iter().map(ToString::to_string).collect();
    let lost = newest.prepared().iter().filter(|digest| !kept.contains(digest)).count();
    let names = safe(&newest.named_levers().join(", "));
    if kept.is_empty() && !args.drop_prepared {
        let many = count(newest.levers().len(), "prepared policy", "prepared policies");
        return Err(Error::no(format!(
            "on-call could activate {many} no more: {names}\n  help: build it with `hemostat release --prepare FILE…`, or \
             `--prepare none` where that is meant; `--drop-prepared` pushes this one as it is"
        )));
    }
    if kept.len() <= 1 {
        writeln!(err, "on-call can activate nothing any more; until now: {names}")?;
    } else if lost > 0 {
        let many = count(kept.len() - 1, "prepared policy", "prepared policies");
        writeln!(err, "on-call can activate {many} of this release; no more: {names}")?;
    }
    Ok(())
}
