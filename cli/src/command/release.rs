//! `hemostat release`: builds a signed release from a policy and any number of overlays.

use std::io::Write;
use std::path::{Path, PathBuf};

use hemostat_engine::base::time;
use hemostat_engine::policy::source::SourceNode;
use serde_json::json;

use crate::shared::error::{Error, Result};
use crate::shared::exit::Exit;
use crate::shared::fleet::{FleetArgs, View};
use crate::shared::issuer::issuer;
use crate::shared::key::Key;
use crate::shared::number;
use crate::shared::policy_file;
use crate::shared::release_file::{self, ReleasePolicy, Words};
use crate::shared::settings::{Settings, without_cases};
use crate::shared::terminal::{count, safe};
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
  hemostat release policy.yaml --prepare policies/overlays/*.yaml --key ops.key --out current.json
      all of them; their cases are passed over
  hemostat release --cosign current.json --key second.key
      adds a signature, where `trust.threshold` wants several")]
pub(crate) struct Args {
    /// The policy, in YAML or JSON
    /// [default: `policy` of hemostat.yaml]
    #[arg(value_name = "POLICY", conflicts_with = "cosign")]
    policy: Option<String>,
    /// An overlay: its rules are put before the policy's own; the last one given comes first
    #[arg(long, short, value_name = "FILE")]
    overlay: Vec<String>,
    /// When the rules of overlays stop by themselves: a time, `30m`, `4h`, `2d` from now, or `never`
    #[arg(long, value_parser = when::end, default_value = when::END, value_name = "TIME")]
    until: End,
    /// Reviewed overlays that on-call keys may activate, or `none`; the policy with each is written beside the release
    /// [default: `overlays` of hemostat.yaml]
    #[arg(long, value_name = "FILE", num_args = 1..)]
    prepare: Vec<String>,
    /// The scope of the proxies' configuration [default: that of hemostat.yaml, else the one that the proxies say]
    #[arg(long)]
    scope: Option<String>,
    /// A secret key: a file, or `env:NAME`; several sign together [default: `key` of hemostat.yaml]
    #[arg(long, short, value_name = "KEY")]
    key: Vec<String>,
    /// The serial [default: one more than the highest that --out and the proxies show, 1 where there is none]
    #[arg(long, value_parser = number::serial)]
    serial: Option<u64>,
    /// Where the release goes; `-` is standard output
    #[arg(long, default_value = "-", value_name = "FILE")]
    out: String,
    /// Who makes it [default: `$HEMOSTAT_ISSUER`, else the name that the system knows]
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
    /// Print what was made as one JSON object; the release itself goes to --out
    #[arg(long, conflicts_with = "cosign")]
    json: bool,
    #[command(flatten)]
    fleet: FleetArgs,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    if args.json && args.out == "-" {
        return Err(Error::failed("`--json` needs `--out FILE`: both would go to standard output"));
    }
    let keys = Key::all(&args.key)?;
    if let Some(file) = &args.cosign {
        let signed = release_file::cosign(&files::read(file)?, file, &keys)?;
        files::replace(Path::new(file), &signed)?;
        writeln!(err, "{}: signed by {}", safe(file), names(&keys))?;
        return Ok(Exit::Fine);
    }
    let settings = Settings::load()?;
    let file = args.policy.as_deref().or(settings.policy.as_deref());
    let file =
        file.ok_or_else(|| Error::failed("no policy: name it, or say `policy` in hemostat.yaml"))?;
    let fleet = args.fleet.fleet()?;
    let view = fleet.view();
    let before = Before::of(args, &view)?;
    let overlays = prepared_overlays(args, &settings, &before)?;
    let base = policy_file::read(file)?;
    let policy = policy_file::with_overlays(&base, &args.overlay, args.until)?;
    if !args.overlay.is_empty() {
        tell_end(args, err)?;
    }
    let mut prepared = Vec::new();
    for overlay in &overlays {
        // Overlays that are only prepared get no end here: `activate` sets it.
        let policy = policy_file::with_overlays(&policy, std::slice::from_ref(overlay), End(None))?;
        let path = prepared_path(&args.out, overlay)?;
        if prepared.iter().any(|(other, _)| *other == path) {
            let path = safe(&path.display().to_string());
            return Err(Error::failed(format!(
                "two overlays would be prepared as {path}: each needs a file name of its own"
            )));
        }
        prepared.push((path, policy));
    }
    let parts = std::iter::once((args.overlay.clone(), &policy));
    let parts = parts.chain(overlays.iter().zip(&prepared).map(|(overlay, (_, policy))| {
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
        .or_else(|| policy.get("reason").and_then(SourceNode::text).map(str::to_owned));
    let words = Words {
        scope: scope(args, &settings, &before)?,
        serial: args.serial.unwrap_or_else(|| before.serial.saturating_add(1)),
        issuer: issuer(args.issuer.as_deref()),
        reason,
        prepared: ways_back(args, &policy, &prepared)?,
        rolls_back: None,
        expires: args.expires,
        on_expiry: args.on_expiry.clone(),
        drill: false,
    };
    let envelope = release_file::sign(&words, &ReleasePolicy::Policy(&policy), &keys)?;
    for (path, policy) in &prepared {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| Error::written(folder, &error))?;
        }
        files::replace(path, &policy_file::canonical(policy)?)?;
        writeln!(err, "prepared: {}", path.display())?;
    }
    if args.out == "-" {
        writeln!(out, "{envelope}")?;
    } else {
        files::replace(Path::new(&args.out), &envelope)?;
    }
    let version = policy.get("version").and_then(SourceNode::text).unwrap_or("-");
    let digest = policy_file::digest(&policy)?;
    if args.json {
        let signers: Vec<_> = keys.iter().map(|key| &key.name).collect();
        let files: Vec<_> = prepared.iter().map(|(path, _)| path.display().to_string()).collect();
        let made = json!({"scope": words.scope, "serial": words.serial, "version": version, "policy_digest": digest,
            "signed_by": signers, "file": args.out, "prepared": files});
        writeln!(out, "{made:#}")?;
    }
    writeln!(
        err,
        "release {}: version {version}, {digest}, signed by {}",
        words.serial,
        names(&keys)
    )?;
    Ok(Exit::Fine)
}

/// The digests of what on-call keys may activate: the prepared policies, and the release's own policy, so that every
/// activation can be taken back however many came between. If nothing was prepared on purpose, the release's own policy
/// is the only entry, since a missing list would mean that nobody thought of it.
fn ways_back(
    args: &Args,
    policy: &SourceNode,
    prepared: &[(PathBuf, SourceNode)],
) -> Result<Vec<String>> {
    let base = (!prepared.is_empty() || !args.prepare.is_empty()).then_some(policy);
    prepared.iter().map(|(_, policy)| policy).chain(base).map(policy_file::digest).collect()
}

fn names(keys: &[Key]) -> String {
    keys.iter().map(|key| key.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Reports when the rules of the overlays end, and which parts of the overlays do not.
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

/// The state that the new release follows.
#[derive(Debug, Default)]
struct Before {
    /// The highest serial in `--out` and on the proxies.
    serial: u64,
    scope: Option<String>,
    /// What on-call keys can activate now, by name.
    levers: Vec<String>,
}

impl Before {
    fn of(args: &Args, view: &View<'_>) -> Result<Self> {
        let mut before = Self::default();
        if args.out != "-" && Path::new(&args.out).exists() {
            let release = release_file::open(&files::read(&args.out)?, &args.out)?;
            before.serial = release.serial;
            let digests: Vec<String> = release.prepared.iter().map(ToString::to_string).collect();
            // The last one is the release's own policy: a way back, not a lever.
            before.levers = digests.split_last().map(|(_, rest)| rest.to_vec()).unwrap_or_default();
        }
        for (proxy, status) in &view.rows {
            let status = match status {
                Ok(status) => status,
                Err(_) if args.serial.is_some() => continue,
                Err(why) => {
                    let name = safe(&proxy.name);
                    return Err(Error::failed(format!("{name}: {}; or give `--serial`", why)));
                }
            };
            before.serial = before.serial.max(status.serial());
        }
        if let Some(newest) = view.newest() {
            before.scope = Some(newest.text("scope").to_owned()).filter(|scope| !scope.is_empty());
            // The status of the proxies takes precedence over the file.
            before.levers = newest.named_levers();
        }
        Ok(before)
    }
}

/// The given scope, else the one that all sources agree on.
fn scope(args: &Args, settings: &Settings, before: &Before) -> Result<String> {
    let scope =
        args.scope.clone().or_else(|| settings.scope.clone()).or_else(|| before.scope.clone());
    scope.ok_or_else(|| {
        Error::failed("no scope: give `--scope`, name a proxy, or say `scope` in hemostat.yaml")
    })
}

/// The overlays to prepare. The list must not become empty because nobody thought of it.
fn prepared_overlays(args: &Args, settings: &Settings, before: &Before) -> Result<Vec<String>> {
    if args.prepare == ["none"] {
        return Ok(Vec::new());
    }
    let named = without_cases(&args.prepare);
    if let (true, Some(file)) = (named.is_empty(), args.prepare.first()) {
        let file = safe(file);
        return Err(Error::failed(format!(
            "{file}: these are cases and not an overlay; `hemostat test` runs them"
        )));
    }
    let named = if named.is_empty() { settings.overlays()? } else { named };
    if named.is_empty() && !before.levers.is_empty() {
        let many = count(before.levers.len(), "prepared policy", "prepared policies");
        return Err(Error::no(format!(
            "on-call could activate {many} no more: {}\n  help: `--prepare FILE…` puts them on the new policy again, \
             `--prepare none` takes them away on purpose; `overlays` in hemostat.yaml does it every time",
            safe(&before.levers.join(", "))
        )));
    }
    Ok(named)
}
