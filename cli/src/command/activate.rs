//! `hemostat activate`: puts a prepared policy in force, with the on-call key.

use std::io::Write;

use crate::shared::deliver::{self, How};
use crate::shared::error::Result;
use crate::shared::exit::Exit;
use crate::shared::key::Key;
use crate::shared::policy_file;
use crate::shared::release_file::{self, Brings, Words};
use crate::shared::terminal::safe;
use crate::shared::when::{self, End};

/// Arguments of `hemostat activate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat activate current.prepared/sev1-stop-agents.json --key oncall.key -p http://10.0.0.1:9902 --wait
  hemostat activate current.prepared/sev1-stop-agents.json --key oncall.key -p http://10.0.0.1:9902 --expires 30m

After four hours, or the time that was given, the policy before is back by itself.
`hemostat release --prepare` makes such policies; `hemostat rollback` takes the activation back.")]
pub(crate) struct Args {
    /// The prepared policy
    policy: String,
    /// A secret key that may `rollback`: a file, or `env:NAME`
    #[arg(long, short, required = true, value_name = "KEY")]
    key: Vec<String>,
    /// Why; goes to the change log
    #[arg(long)]
    reason: Option<String>,
    /// Who does it [default: `$HEMOSTAT_ISSUER`, else the user's name]
    #[arg(long)]
    issuer: Option<String>,
    /// When it is over: a time, `30m`, `4h`, `2d` from now, or `never`
    #[arg(long, value_parser = when::end, default_value = when::END, value_name = "TIME")]
    expires: End,
    /// What happens then
    #[arg(long, default_value = "previous", value_parser = ["keep", "previous"])]
    on_expiry: String,
    #[command(flatten)]
    how: How,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    let keys = args.key.iter().map(|from| Key::load(from)).collect::<Result<Vec<_>>>()?;
    let policy = policy_file::read(&args.policy)?;
    let fleet = args.how.fleet.some()?;
    let Some(newest) = fleet.newest(err)? else { return Ok(Exit::Failed) };
    let digest = policy_file::digest(&policy)?;
    let prepared = newest.list("prepared").iter().any(|one| one.as_str() == Some(&digest));
    if !prepared {
        let file = safe(&args.policy);
        writeln!(
            err,
            "hemostat: {file} ({digest}) is not prepared; a key that may `release` can still bring it"
        )?;
    }
    let words = Words {
        scope: newest.text("scope").to_owned(),
        serial: newest.serial().saturating_add(1),
        issuer: release_file::issuer(args.issuer.as_deref()),
        reason: args.reason.clone(),
        expires: args.expires.0,
        on_expiry: args.expires.0.map(|_| args.on_expiry.clone()),
        ..Words::default()
    };
    let envelope = release_file::sign(&words, &Brings::Policy(&policy), &keys)?;
    deliver::deliver(&envelope, words.serial, &args.how, &fleet, out, err)
}
