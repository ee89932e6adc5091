//! `hemostat activate`: puts a prepared policy in force, with the on-call key.

use std::io::Write;

use hemostat_engine::base::time;
use hemostat_engine::policy::source::SourceNode;

use crate::shared::deliver::{self, How, ToDir};
use crate::shared::error::{Error, Result};
use crate::shared::exit::Exit;
use crate::shared::issuer::issuer;
use crate::shared::key::Key;
use crate::shared::policy_file;
use crate::shared::release_file::{self, ReleasePolicy, Words};
use crate::shared::step::{Guard, Step};
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
    /// A secret key that may `rollback`: a file, or `env:NAME` [default: `key` of hemostat.yaml]
    #[arg(long, short, value_name = "KEY")]
    key: Vec<String>,
    /// Why; goes to the change log
    #[arg(long)]
    reason: Option<String>,
    /// Who does it [default: `$HEMOSTAT_ISSUER`, else the name that the system knows]
    #[arg(long)]
    issuer: Option<String>,
    /// When it is over: a time, `30m`, `4h`, `2d` from now, or `never`
    #[arg(long, value_parser = when::end, default_value = when::END, value_name = "TIME")]
    expires: End,
    /// What happens then
    #[arg(long, default_value = "previous", value_parser = ["keep", "previous"])]
    on_expiry: String,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    to: ToDir,
    #[command(flatten)]
    how: How,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    let keys = Key::all(&args.key)?;
    let policy = policy_file::read(&args.policy)?;
    if policy.get("payload").is_some() {
        return Err(Error::no(format!(
            "{}: that is a release, not a prepared policy\n  help: `hemostat push` brings releases; what can be activated \
             stands in the folder `….prepared` beside it",
            safe(&args.policy)
        )));
    }
    let fleet = args.how.fleet.some()?;
    let view = fleet.view();
    let newest = view.agreed(err)?;
    args.guard.holds(newest)?;
    let digest = policy_file::digest(&policy)?;
    let prepared = newest.prepared().contains(&digest);
    if !prepared {
        let file = safe(&args.policy);
        writeln!(
            err,
            "hemostat: {file} ({digest}) is not prepared; a key that may `release` can still bring it, as the whole policy"
        )?;
    }
    let words = Words {
        scope: newest.text("scope").to_owned(),
        serial: newest.serial().saturating_add(1),
        issuer: issuer(args.issuer.as_deref()),
        reason: args.reason.clone(),
        prepared: newest.kept_by(&Key::names(&keys), &digest),
        expires: args.expires.0,
        on_expiry: args.expires.0.map(|_| args.on_expiry.clone()),
        ..Words::default()
    };
    let envelope = release_file::sign(&words, &ReleasePolicy::Policy(&policy), &keys)?;
    let version = policy.get("version").and_then(SourceNode::text).unwrap_or_default();
    let step = Step {
        verb: "activating",
        from: newest,
        serial: words.serial,
        version,
        digest: &digest,
        ends: words.expires.map(|at| format!("it is over at {}", time::format(at))),
    };
    if let Some(done) = args.guard.tell(&step, &args.how, out, err)? {
        return Ok(done);
    }
    let done = deliver::deliver(
        &envelope,
        words.serial,
        args.to.to.as_deref(),
        &args.how,
        &fleet,
        out,
        err,
    )?;
    match done {
        // After a refusal, `rollback` would take something else back.
        Exit::No if args.to.to.is_none() => writeln!(
            err,
            "back, where a proxy took it: `hemostat rollback --expect {}`; where it was refused, nothing changed",
            words.serial
        )?,
        _ => writeln!(err, "back: `hemostat rollback --expect {}`", words.serial)?,
    }
    Ok(done)
}
