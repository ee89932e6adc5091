//! `hemostat release`: a policy and any number of overlays → a signed release.

use std::io::Write;
use std::path::{Path, PathBuf};

use hemostat_engine::base::time;
use hemostat_engine::policy::source::Node;

use crate::shared::error::{Error, Result};
use crate::shared::exit::Exit;
use crate::shared::fleet::FleetArgs;
use crate::shared::key::Key;
use crate::shared::policy_file;
use crate::shared::release_file::{self, Brings, Words};
use crate::shared::terminal::safe;
use crate::shared::when::{self, End};
use crate::shared::{compose, files};

/// Arguments of `hemostat release`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat release policy.yaml --scope prod-eu --key ops.key --out current.json
  hemostat release policy.yaml --overlay sev2.yaml --scope prod-eu --key ops.key --out current.json \\
      --reason 'INC-4711' --until 2h
      the overlay's rules stop by themselves after two hours; the policy goes on
  hemostat release policy.yaml --prepare sev1.yaml --scope prod-eu --key ops.key --out current.json
      the on-call key may then `hemostat activate current.prepared/sev1.json`
  hemostat release --cosign current.json --key second.key
      adds a signature, where `trust.threshold` wants several")]
pub(crate) struct Args {
    /// The policy, in YAML or JSON
    #[arg(value_name = "POLICY", required_unless_present = "cosign", conflicts_with = "cosign")]
    policy: Option<String>,
    /// An overlay: its rules are put before the policy's own; the last one given comes first
    #[arg(long, short, value_name = "FILE")]
    overlay: Vec<String>,
    /// When the rules of overlays stop by themselves: a time, `30m`, `4h`, `2d` from now, or `never`
    #[arg(long, value_parser = when::end, default_value = when::END, value_name = "TIME")]
    until: End,
    /// A reviewed overlay that on-call keys may activate; the policy with it is written beside the release
    #[arg(long, value_name = "FILE")]
    prepare: Vec<String>,
    /// The scope of the proxies' configuration
    #[arg(long, required_unless_present = "cosign")]
    scope: Option<String>,
    /// A secret key: a file, or `env:NAME`; several sign together
    #[arg(long, short, required = true, value_name = "KEY")]
    key: Vec<String>,
    /// The serial [default: one more than the highest that --out and the proxies show, 1 where there is none]
    #[arg(long)]
    serial: Option<u64>,
    /// Where the release goes; `-` is standard output
    #[arg(long, default_value = "-", value_name = "FILE")]
    out: String,
    /// Who makes it [default: `$HEMOSTAT_ISSUER`, else the user's name]
    #[arg(long)]
    issuer: Option<String>,
    /// Why; goes to the change log [default: the policy's own `reason`]
    #[arg(long)]
    reason: Option<String>,
    /// When it is over: a time, or `30m`, `4h`, `2d` from now
    #[arg(long, value_parser = when::moment, value_name = "TIME")]
    expires: Option<u64>,
    /// What happens then
    #[arg(long, requires = "expires", value_parser = ["keep", "baseline", "previous"])]
    on_expiry: Option<String>,
    /// Add signatures to this release, in place
    #[arg(long, value_name = "RELEASE")]
    cosign: Option<String>,
    #[command(flatten)]
    fleet: FleetArgs,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    let keys = args.key.iter().map(|from| Key::load(from)).collect::<Result<Vec<_>>>()?;
    if let Some(file) = &args.cosign {
        let signed = release_file::cosign(&files::read(file)?, &keys)?;
        files::replace(Path::new(file), &signed)?;
        writeln!(err, "{}: signed by {}", safe(file), names(&keys))?;
        return Ok(Exit::Fine);
    }
    let file = args.policy.as_deref().unwrap_or_default();
    let base = policy_file::read(file)?;
    let policy = policy_file::with_overlays(&base, &args.overlay, args.until)?;
    if !args.overlay.is_empty() {
        tell_end(args, err)?;
    }
    let mut prepared = Vec::new();
    for overlay in &args.prepare {
        // Nobody knows yet when it will be needed: `activate` says when it is over.
        let policy = policy_file::with_overlays(&policy, std::slice::from_ref(overlay), End(None))?;
        prepared.push((prepared_path(&args.out, overlay)?, policy));
    }
    let parts = std::iter::once((args.overlay.clone(), &policy));
    let parts = parts.chain(args.prepare.iter().zip(&prepared).map(|(overlay, (_, policy))| {
        ([args.overlay.as_slice(), std::slice::from_ref(overlay)].concat(), policy)
    }));
    for (overlays, policy) in parts {
        if let Some(faults) = policy_file::faults_of_all(policy, file, &overlays) {
            writeln!(err, "{faults}\nhemostat: no release was made")?;
            return Ok(Exit::No);
        }
    }
    let reason = args
        .reason
        .clone()
        .or_else(|| policy.get("reason").and_then(Node::text).map(str::to_owned));
    let words = Words {
        scope: args.scope.clone().unwrap_or_default(),
        serial: serial(args)?,
        issuer: release_file::issuer(args.issuer.as_deref()),
        reason,
        prepared: ways_back(&policy, &prepared)?,
        rolls_back: None,
        expires: args.expires,
        on_expiry: args.on_expiry.clone(),
    };
    let envelope = release_file::sign(&words, &Brings::Policy(&policy), &keys)?;
    for (path, policy) in &prepared {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        files::replace(path, &policy_file::canonical(policy)?)?;
        writeln!(err, "prepared: {}", path.display())?;
    }
    if args.out == "-" {
        writeln!(out, "{envelope}")?;
    } else {
        files::replace(Path::new(&args.out), &envelope)?;
    }
    let version = policy.get("version").and_then(Node::text).unwrap_or("-");
    let digest = policy_file::digest(&policy)?;
    writeln!(
        err,
        "release {}: version {version}, {digest}, signed by {}",
        words.serial,
        names(&keys)
    )?;
    Ok(Exit::Fine)
}

/// The digests of what on-call keys may put in force: what was prepared and, so that every activation can be taken back,
/// however many came between, the policy of the release itself.
fn ways_back(policy: &Node, prepared: &[(PathBuf, Node)]) -> Result<Vec<String>> {
    let base = (!prepared.is_empty()).then_some(policy);
    prepared.iter().map(|(_, policy)| policy).chain(base).map(policy_file::digest).collect()
}

fn names(keys: &[Key]) -> String {
    keys.iter().map(|key| key.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Says when the overlays' rules stop, and what of the overlays does not.
fn tell_end(args: &Args, err: &mut dyn Write) -> Result<()> {
    let Some(at) = args.until.0 else {
        writeln!(err, "the overlays' rules hold until another release replaces them")?;
        return Ok(());
    };
    writeln!(err, "the overlays' rules stop at {}", time::format(at))?;
    for file in &args.overlay {
        let overlay = policy_file::read(file)?;
        for field in compose::endless(&overlay) {
            let (file, field) = (safe(file), safe(field));
            writeln!(
                err,
                "{file}: `{field}` does not stop; `--expires TIME --on-expiry previous` ends the release"
            )?;
        }
    }
    Ok(())
}

/// `current.json` and `sev1.yaml` → `current.prepared/sev1.json`
fn prepared_path(out: &str, overlay: &str) -> Result<PathBuf> {
    let stem = Path::new(overlay).file_stem().unwrap_or_default();
    let release = if out == "-" { Path::new("release.json") } else { Path::new(out) };
    let folder = release.with_extension("prepared");
    if stem.is_empty() {
        return Err(Error::failed(format!("`{}` names no file", safe(overlay))));
    }
    Ok(folder.join(stem).with_extension("json"))
}

/// The serial that was asked for, else the next.
fn serial(args: &Args) -> Result<u64> {
    if let Some(serial) = args.serial {
        return Ok(serial);
    }
    let mut highest = 0;
    if args.out != "-" && Path::new(&args.out).exists() {
        highest = release_file::open(&files::read(&args.out)?)?.serial;
    }
    let fleet = args.fleet.fleet()?;
    for (proxy, status) in fleet.each(|proxy| fleet.status(proxy)) {
        let status = status.map_err(|why| {
            Error::failed(format!("{}: {why}; or give `--serial`", safe(&proxy.name)))
        })?;
        highest = highest.max(status.serial());
    }
    Ok(highest.saturating_add(1))
}
