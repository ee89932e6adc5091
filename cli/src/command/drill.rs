//! `hemostat drill`: an overlay on the proxies in shadow, for a while, and back again: the way of an incident, walked while
//! there is none. Nobody's traffic changes.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use hemostat_engine::base::time;
use hemostat_engine::policy::source::Node;
use serde_json::Value;

use crate::shared::compose;
use crate::shared::deliver::{self, How};
use crate::shared::error::{Error, Result};
use crate::shared::exit::Exit;
use crate::shared::fleet::{Fleet, FleetArgs, Status};
use crate::shared::key::Key;
use crate::shared::policy_file;
use crate::shared::release_file::{self, Brings, Words};
use crate::shared::table::Table;
use crate::shared::terminal::safe;
use crate::shared::when;

/// Seconds after the drill's own end at which the proxies end it themselves, should this command not come back.
const GRACE_S: u64 = 120;

/// Seconds for which the inline policy is in force as a release after a drill: every proxy must have taken it by then.
const INLINE_S: u64 = 60;

/// Arguments of `hemostat drill`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat drill sev1-kill-feature.yaml --policy policy.yaml --key ops.key -p http://10.0.0.1:9902 --for 60
      a minute in shadow: how fast is it everywhere, whom would it hit, is the way back open?

The policy is the one in force; the overlay's rules are put on it in `mode: shadow`. When the time is over, or the command
does not come back, the policy before is in force again.")]
pub(crate) struct Args {
    /// The overlay
    overlay: String,
    /// The policy in force
    #[arg(long, value_name = "FILE")]
    policy: String,
    /// A secret key that may `release`: a file, or `env:NAME` [default: `key` of hemostat.yaml]
    #[arg(long, short, value_name = "KEY")]
    key: Vec<String>,
    /// Seconds in shadow
    #[arg(long = "for", default_value_t = 60, value_name = "SECONDS")]
    seconds: u64,
    /// Who does it [default: `$HEMOSTAT_ISSUER`, else the user's name]
    #[arg(long)]
    issuer: Option<String>,
    #[command(flatten)]
    fleet: FleetArgs,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    let keys = Key::all(&args.key)?;
    let base = policy_file::read(&args.policy)?;
    let overlay = policy_file::read(&args.overlay)?;
    let acting = compose::acting(&overlay);
    if !acting.is_empty() {
        let (file, fields) = (safe(&args.overlay), safe(&acting.join("`, `")));
        return Err(Error::no(format!("{file}: `{fields}` would act; only rules can be drilled")));
    }
    let policy = match shadowed(args, &base, &overlay)? {
        Ok(policy) => policy,
        Err(faults) => {
            writeln!(err, "{faults}\nhemostat: nothing was pushed")?;
            return Ok(Exit::No);
        }
    };
    let fleet = args.fleet.some()?;
    let view = fleet.view();
    let before = view.agreed(err)?;
    let digest = policy_file::digest(&base)?;
    if before.text("digest") != digest {
        let file = safe(&args.policy);
        return Err(Error::no(format!(
            "{file} ({digest}) is not the policy in force, {}",
            safe(before.text("digest"))
        )));
    }
    let back = match Back::of(before, args.seconds, when::now()) {
        Ok(back) => back,
        Err(no) => {
            return Err(Error::no(no));
        }
    };
    let counted = counts(&fleet);
    let from = before.serial();
    let words = |serial: u64| Words {
        scope: before.text("scope").to_owned(),
        serial,
        issuer: release_file::issuer(args.issuer.as_deref()),
        reason: Some("drill".to_owned()),
        prepared: back.prepared.clone(),
        ..Words::default()
    };
    let there = Words {
        expires: Some(when::now().saturating_add(args.seconds).saturating_add(GRACE_S)),
        on_expiry: Some(if back.baseline { "baseline" } else { "previous" }.to_owned()),
        ..words(from.saturating_add(1))
    };
    let envelope = release_file::sign(&there, &Brings::Policy(&policy), &keys)?;
    let (pushed, took) = timed(&envelope, there.serial, &fleet, out, err)?;
    if pushed != Exit::Fine
        && fleet.newest(err)?.is_none_or(|status| status.serial() != there.serial)
    {
        writeln!(err, "hemostat: no proxy says that it took the overlay; there is nothing to see")?;
        return Ok(pushed);
    }
    writeln!(out, "in shadow everywhere that answered after {took} ms\n")?;
    std::thread::sleep(Duration::from_secs(args.seconds));
    tell(&counted, &counts(&fleet), args.seconds, out)?;
    let end = back.end(when::now());
    let again = Words {
        rolls_back: Some(there.serial),
        expires: end.as_ref().map(|(at, _)| *at),
        on_expiry: end.map(|(_, then)| then),
        ..words(from.saturating_add(2))
    };
    let envelope = release_file::sign(&again, &Brings::Digest(&digest), &keys)?;
    let (rolled, took) = timed(&envelope, again.serial, &fleet, out, err)?;
    writeln!(out, "back everywhere that answered after {took} ms")?;
    if let (true, Some(at)) = (back.baseline, again.expires) {
        writeln!(
            out,
            "the inline policy is in force by itself again from {} on",
            time::format(at)
        )?;
    }
    Ok(pushed.max(rolled))
}

/// What the release that ends the drill must say so that all is as it was.
#[derive(Debug, PartialEq, Eq)]
struct Back {
    /// When the policy in force is over (Unix seconds), and what happens then.
    end: Option<(u64, String)>,
    /// No release was in force: the inline policy must follow its configuration afterwards.
    baseline: bool,
    /// What on-call keys may activate.
    prepared: Vec<String>,
}

impl Back {
    /// By the status before the drill. The `Err`: why there should be none now.
    fn of(before: &Status, seconds: u64, now: u64) -> Result<Self, String> {
        let text = |value: &Value, name: &str| value.get(name)?.as_str().map(str::to_owned);
        let prepared = before.list("prepared").iter().filter_map(Value::as_str);
        let prepared = prepared.map(str::to_owned).collect();
        let first = before.list("held").first();
        let end = first.and_then(|held| Some((text(held, "expires")?, text(held, "on_expiry")?)));
        let end = end.and_then(|(at, then)| Some((time::parse(&at).ok()?, then)));
        // An end that has passed and changed nothing is none.
        let end = end.filter(|(at, then)| *at > now || then != "keep");
        let over = now.saturating_add(seconds).saturating_add(GRACE_S);
        match end {
            Some((at, _)) if at <= over => Err(format!(
                "the policy in force is over at {}, before the drill would be: wait, or drill for less",
                time::format(at)
            )),
            end => {
                let baseline =
                    matches!(before.text("standing"), "baseline" | "expired-to-baseline");
                Ok(Self { end, baseline, prepared })
            }
        }
    }

    /// The end of the last release: only one that ends gives way to the inline policy itself.
    fn end(&self, now: u64) -> Option<(u64, String)> {
        let inline = (now.saturating_add(INLINE_S), "baseline".to_owned());
        if self.baseline { Some(inline) } else { self.end.clone() }
    }
}

/// The policy with the overlay's rules in shadow, or what is wrong with both.
fn shadowed(args: &Args, base: &Node, overlay: &Node) -> Result<Result<Node, String>> {
    if let Some(faults) = policy_file::own_faults(overlay, &args.overlay) {
        return Ok(Err(faults));
    }
    let shadow = compose::shadow(overlay);
    let policy = match compose::overlay(base, &shadow, &safe(&args.overlay)) {
        Ok(policy) => policy,
        Err(fault) => return Ok(Err(fault)),
    };
    let faults =
        policy_file::faults_of_all(&policy, &args.policy, std::slice::from_ref(&args.overlay));
    Ok(faults.map_or(Ok(policy), Err))
}

/// Brings a release to the proxies; what came of it, and how many milliseconds it took.
fn timed(
    envelope: &str,
    serial: u64,
    fleet: &Fleet,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(Exit, u128)> {
    let how = How {
        to: None,
        wait: true,
        within: deliver::WITHIN_S,
        json: false,
        fleet: FleetArgs::default(),
    };
    let began = Instant::now();
    let exit = deliver::deliver(envelope, serial, &how, fleet, out, err)?;
    Ok((exit, began.elapsed().as_millis()))
}

/// What rules in shadow have counted so far, on all proxies.
fn counts(fleet: &Fleet) -> BTreeMap<(String, String), u64> {
    let mut all = BTreeMap::new();
    for status in fleet.each(|proxy| fleet.status(proxy)).into_iter().filter_map(|(_, s)| s.ok()) {
        let rules = status.0.get("rules").and_then(Value::as_object);
        for (rule, actions) in rules.into_iter().flatten() {
            for (action, count) in actions.as_object().into_iter().flatten() {
                if action.starts_with("shadow-") {
                    *all.entry((rule.clone(), action.clone())).or_default() +=
                        count.as_u64().unwrap_or_default();
                }
            }
        }
    }
    all
}

fn tell(
    before: &BTreeMap<(String, String), u64>,
    after: &BTreeMap<(String, String), u64>,
    seconds: u64,
    out: &mut dyn Write,
) -> Result<()> {
    writeln!(out, "in {seconds} s it would have done, on all proxies:")?;
    let mut table = Table::new(["RULE", "ACTION", "EXCHANGES"]);
    for ((rule, action), count) in after {
        let known = before.get(&(rule.clone(), action.clone())).copied().unwrap_or_default();
        let new = count.saturating_sub(known);
        table.row([safe(rule), safe(action.trim_start_matches("shadow-")), new.to_string()]);
    }
    table.write(out)?;
    writeln!(out)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn back(held: Value, now: u64) -> Result<Back, String> {
        let prepared = json!(["sha256:a"]);
        Back::of(&Status(json!({"held": [held, {"digest": "x"}], "prepared": prepared})), 60, now)
    }

    #[test]
    fn after_a_drill_ends_and_prepared_policies_are_what_they_were() {
        let prepared = vec!["sha256:a".to_owned()];
        let none = Back { end: None, baseline: false, prepared: prepared.clone() };
        assert_eq!(back(json!({"digest": "b"}), 0), Ok(none));
        let ends = |then: &str| json!({"digest": "b", "expires": "1970-01-01T00:16:40Z", "on_expiry": then});
        let end = Some((1000, "previous".to_owned()));
        assert_eq!(
            back(ends("previous"), 0),
            Ok(Back { end, baseline: false, prepared: prepared.clone() })
        );
        let why = back(ends("previous"), 900).unwrap_err();
        assert!(why.contains("1970-01-01T00:16:40Z"), "{why}");
        assert_eq!(back(ends("keep"), 1001), Ok(Back { end: None, baseline: false, prepared }));
    }

    #[test]
    fn after_a_drill_the_inline_policy_follows_its_configuration() {
        for (standing, end) in [("baseline", Some(900 + INLINE_S)), ("release", None)] {
            let status = json!({"standing": standing, "held": [{"digest": "b"}], "prepared": []});
            let back = Back::of(&Status(status), 60, 0).unwrap();
            assert_eq!(back.end(900).map(|(at, _)| at), end, "{standing}");
        }
    }
}
