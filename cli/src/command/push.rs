//! `hemostat push`: brings a release to proxies, or to the directory that a static server serves; and the delivery that
//! `activate` and `rollback` share.

use std::io::Write;

use crate::shared::deliver::{self, How};
use crate::shared::error::Result;
use crate::shared::exit::Exit;
use crate::shared::files;
use crate::shared::release_file;
use crate::shared::terminal::safe;

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
    #[command(flatten)]
    how: How,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    let envelope = files::read(&args.release)?;
    let release = match release_file::open(&envelope) {
        Ok(release) => release,
        Err(error) => {
            writeln!(err, "hemostat: {}: {error}", safe(&args.release))?;
            writeln!(err, "  help: what is pushed is what `hemostat release` has written")?;
            return Ok(Exit::No);
        }
    };
    let fleet = args.how.fleet.fleet()?;
    if fleet.proxies.is_empty() && args.how.to.is_none() {
        args.how.fleet.some()?;
    }
    deliver::deliver(&envelope, release.serial, &args.how, &fleet, out, err)
}
