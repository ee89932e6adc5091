//! `hemostat drill`: puts an overlay on the proxies in shadow for a while, and takes it back: a rehearsal of an
//! incident. Nobody's traffic changes, and version, header, status and history say that it is a drill.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hemostat_engine::base::time;
use hemostat_engine::policy::source::{MapEntry, Position, SourceNode, SourceValue as Tree};
use serde_json::{Value, json};

use crate::shared::compose;
use crate::shared::deliver::{self, How};
use crate::shared::error::{Error, Result};
use crate::shared::exit::Exit;
use crate::shared::fleet::{Fleet, FleetArgs, Status};
use crate::shared::interrupt;
use crate::shared::issuer::issuer;
use crate::shared::key::Key;
use crate::shared::policy_file;
use crate::shared::release_file::{self, ReleasePolicy, Words};
use crate::shared::settings::Settings;
use crate::shared::table::Table;
use crate::shared::terminal::safe;
use crate::shared::when;

/// How long after its planned end, in seconds, the proxies end the drill themselves if this command has gone away.
const GRACE_S: u64 = 120;

/// How long, in seconds, the inline policy is in force as a release after a drill. Every proxy must have taken it by
/// then.
const INLINE_S: u64 = 60;

/// How often Ctrl-C is checked for.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The reason shown in histories.
const REASON: &str = "drill";

/// Arguments of `hemostat drill`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat drill sev1-kill-feature.yaml --policy policy.yaml --key ops.key -p http://10.0.0.1:9902 --for 60
      a minute in shadow: how fast is it everywhere, whom would it hit, is the way back open?
  hemostat drill --rollback --policy policy.yaml --key ops.key
      how long does a push take, until every worker acts by it, and the way back?

The policy is the one in force; the overlay's rules are put on it in `mode: shadow`. When the time is over, or on Ctrl-C, the
policy before is in force again at once; where the command is gone for good, the proxies see to it two minutes later.")]
pub(crate) struct Args {
    /// The overlay
    #[arg(required_unless_present = "rollback", conflicts_with = "rollback")]
    overlay: Option<String>,
    /// Practise the rollback alone: the policy in force goes out once more, marked as a drill, and is taken back at once
    #[arg(long, conflicts_with = "seconds")]
    rollback: bool,
    /// The policy in force [default: `policy` of hemostat.yaml]
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,
    /// A secret key that may `release`: a file, or `env:NAME` [default: `key` of hemostat.yaml]
    #[arg(long, short, value_name = "KEY")]
    key: Vec<String>,
    /// Seconds in shadow
    #[arg(long = "for", value_parser = when::seconds, default_value_t = 60, value_name = "SECONDS")]
    seconds: u64,
    /// Who does it [default: `$HEMOSTAT_ISSUER`, else the name that the system knows]
    #[arg(long)]
    issuer: Option<String>,
    /// Write one JSON document to standard output instead of words
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    fleet: FleetArgs,
}

/// The results of a drill.
#[derive(Debug, Default)]
struct DrillResult {
    taken_ms: u128,
    everywhere_ms: u128,
    back_ms: u128,
    /// How long it was in shadow, in seconds.
    lasted: u64,
    broken_off: bool,
    /// How many exchanges each rule would have acted on, by rule and action.
    would: BTreeMap<(String, String), u64>,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    let stop = interrupt::watch()?;
    let keys = Key::all(&args.key)?;
    let settings = Settings::load()?;
    let file = args.policy.clone().or(settings.policy);
    let file = file.ok_or_else(|| {
        Error::failed("no policy: give `--policy`, or say `policy` in hemostat.yaml")
    })?;
    let base = policy_file::read(&file)?;
    let policy = match &args.overlay {
        Some(overlay) => shadowed(&file, &base, overlay)?,
        None => renamed(&base),
    };
    let fleet = args.fleet.some()?;
    let view = fleet.view();
    let before = view.agreed(err)?;
    if before.is_drill() {
        return Err(Error::no(
            "a drill is in force already: it ends by itself, or with its own command",
        ));
    }
    let digest = policy_file::digest(&base)?;
    if before.text("digest") != digest {
        return Err(Error::no(format!(
            "{} ({digest}) is not the policy in force, {}",
            safe(&file),
            safe(before.text("digest"))
        )));
    }
    let seconds = if args.rollback { 0 } else { args.seconds };
    let back = Back::of(before, seconds, when::now())?;
    let from = before.serial();
    let words = |serial: u64| Words {
        scope: before.text("scope").to_owned(),
        serial,
        issuer: issuer(args.issuer.as_deref()),
        reason: Some(REASON.to_owned()),
        prepared: back.prepared.clone(),
        ..Words::default()
    };
    let there = Words {
        drill: true,
        expires: Some(when::now().saturating_add(seconds).saturating_add(GRACE_S)),
        on_expiry: Some(if back.baseline { "baseline" } else { "previous" }.to_owned()),
        ..words(from.saturating_add(1))
    };
    let mut found = DrillResult::default();
    // Progress goes to standard error if the result is one JSON document.
    let envelope = release_file::sign(&there, &ReleasePolicy::Policy(&policy), &keys)?;
    let began = Instant::now();
    let (mut quiet, mut wide) = (Vec::new(), Vec::new());
    deliver::deliver(&envelope, there.serial, None, &how(false), &fleet, &mut quiet, &mut wide)?;
    found.taken_ms = began.elapsed().as_millis();
    let steps: &mut dyn Write = if args.json { err } else { out };
    let pushed =
        deliver::deliver(&envelope, there.serial, None, &how(true), &fleet, steps, &mut wide)?;
    found.everywhere_ms = began.elapsed().as_millis();
    if pushed != Exit::Fine && !fleet.view().reached().any(|(_, s)| s.serial() == there.serial) {
        return Err(Error::failed("no proxy says that it took the drill; there is nothing to see"));
    }
    let shadow = Instant::now();
    while shadow.elapsed() < Duration::from_secs(seconds) && !stop.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK_EVERY);
    }
    found.broken_off = stop.load(Ordering::Relaxed);
    found.lasted = shadow.elapsed().as_secs();
    if found.broken_off {
        writeln!(err, "broken off: taking the drill back")?;
    } else {
        found.would = would(&fleet);
    }
    let end = back.end(when::now());
    let again = Words {
        rolls_back: Some(there.serial),
        expires: end.as_ref().map(|(at, _)| *at),
        on_expiry: end.map(|(_, then)| then),
        ..words(from.saturating_add(2))
    };
    let envelope = release_file::sign(&again, &ReleasePolicy::Digest(&digest), &keys)?;
    let began = Instant::now();
    let steps: &mut dyn Write = if args.json { err } else { out };
    let rolled =
        deliver::deliver(&envelope, again.serial, None, &how(true), &fleet, steps, &mut wide)?;
    found.back_ms = began.elapsed().as_millis();
    let worst = pushed.max(rolled).max(if found.broken_off { Exit::No } else { Exit::Fine });
    if args.json {
        writeln!(out, "{:#}", in_json(&found, worst))?;
        return Ok(worst);
    }
    tell(&found, args, out)?;
    if let (true, Some(at)) = (back.baseline, again.expires) {
        writeln!(
            out,
            "the inline policy is in force by itself again from {} on",
            time::format(at)
        )?;
    }
    Ok(worst)
}

fn how(wait: bool) -> How {
    How { wait, within: deliver::WITHIN_S, json: false, log: None, fleet: FleetArgs::default() }
}

fn in_json(found: &DrillResult, worst: Exit) -> Value {
    let would = found
        .would
        .iter()
        .map(|((rule, action), count)| json!({"rule": rule, "action": action, "exchanges": count}));
    json!({
        "ok": worst == Exit::Fine, "drill": true, "broken_off": found.broken_off, "seconds": found.lasted,
        "taken_ms": found.taken_ms as u64, "everywhere_ms": found.everywhere_ms as u64, "back_ms": found.back_ms as u64,
        "would_have": would.collect::<Vec<_>>(),
    })
}

fn tell(found: &DrillResult, args: &Args, out: &mut dyn Write) -> Result<()> {
    writeln!(
        out,
        "\ntaken after {} ms; every worker of every proxy acted by it after {} ms; back after {} ms",
        found.taken_ms, found.everywhere_ms, found.back_ms
    )?;
    if args.rollback || found.broken_off {
        return Ok(());
    }
    writeln!(out, "in {} s of shadow it would have done, on all proxies:", found.lasted)?;
    let mut table = Table::new(["RULE", "ACTION", "EXCHANGES"]);
    for ((rule, action), count) in &found.would {
        table.row([safe(rule), safe(action), count.to_string()]);
    }
    table.write(out)?;
    Ok(())
}

/// What the drill's own rules would have done on all proxies since it came into force.
fn would(fleet: &Fleet) -> BTreeMap<(String, String), u64> {
    let mut all = BTreeMap::new();
    for act in fleet.view().acts().into_iter().filter(|act| act.new && act.shadow) {
        for (action, count) in act.counts {
            all.insert((act.rule.clone(), action), count.since);
        }
    }
    all
}

/// What the release that ends the drill must contain so that everything is as before.
#[derive(Debug, PartialEq, Eq)]
struct Back {
    /// When the policy in force ends (Unix seconds), and what happens then.
    end: Option<(u64, String)>,
    /// No release was in force before: the configuration's inline policy must be in force again afterwards.
    baseline: bool,
    /// What on-call keys may activate.
    prepared: Vec<String>,
}

impl Back {
    /// Derives it from the status before the drill.
    ///
    /// # Errors
    /// There should be no drill now; says why.
    fn of(before: &Status, seconds: u64, now: u64) -> Result<Self> {
        let text = |value: &Value, name: &str| value.get(name)?.as_str().map(str::to_owned);
        let prepared = before.prepared();
        let first = before.list("held").first();
        let end = first.and_then(|held| Some((text(held, "expires")?, text(held, "on_expiry")?)));
        let end = end.and_then(|(at, then)| Some((time::parse(&at).ok()?, then)));
        // An end that has passed without effect is ignored.
        let end = end.filter(|(at, then)| *at > now || then != "keep");
        let over = now.saturating_add(seconds).saturating_add(GRACE_S);
        match end {
            Some((at, _)) if at <= over => Err(Error::no(format!(
                "the policy in force is over at {}, before the drill would be: wait, or drill for less",
                time::format(at)
            ))),
            end => {
                let baseline =
                    matches!(before.text("standing"), "baseline" | "expired-to-baseline");
                Ok(Self { end, baseline, prepared })
            }
        }
    }

    /// The end of the last release. Only a release with an end can give way to the configuration's inline policy.
    fn end(&self, now: u64) -> Option<(u64, String)> {
        let inline = (now.saturating_add(INLINE_S), "baseline".to_owned());
        if self.baseline { Some(inline) } else { self.end.clone() }
    }
}

/// The policy with the overlay's rules in shadow.
fn shadowed(file: &str, base: &SourceNode, overlay: &str) -> Result<SourceNode> {
    let over = policy_file::read(overlay)?;
    let acting = compose::acting(&over);
    if !acting.is_empty() {
        let (file, fields) = (safe(overlay), safe(&acting.join("`, `")));
        return Err(Error::no(format!("{file}: `{fields}` would act; only rules can be drilled")));
    }
    let nothing = |faults: String| Error::no(format!("{faults}\nhemostat: nothing was pushed"));
    if let Some(faults) = policy_file::own_faults(&over, overlay) {
        return Err(nothing(faults));
    }
    let policy = compose::overlay(base, &compose::shadow(&over), &safe(overlay))
        .map_err(|fault| nothing(fault.to_string()))?;
    let faults = policy_file::faults_of_all(&policy, file, &[overlay.to_owned()]);
    faults.map_or(Ok(policy), |faults| Err(nothing(faults)))
}

/// The same policy with another digest, so that going back from it is a step, as a rollback is.
fn renamed(base: &SourceNode) -> SourceNode {
    let mut policy = base.clone();
    if let Tree::Map(entries) = &mut policy.value {
        entries.retain(|entry| entry.key != "reason");
        let at = Position::default();
        let value =
            SourceNode { at, value: Tree::String { text: REASON.to_owned(), quoted: true } };
        entries.push(MapEntry { key: "reason".to_owned(), key_at: at, value });
    }
    policy
}
