//! What operators are shown about a process: one JSON document. Its format is a contract, described in
//! docs/releases.md.

mod balances;
mod inputs;
mod rules;

pub use inputs::StatusInputs;

use super::adopt::ActivePolicy;
use super::followers::Followers;
use super::last_refusal::LastRefusal;
use super::poll::PollFailure;
use super::state::{ActivationEntry, Practice, ReleaseStanding, Releases};
use crate::event::pending;
use crate::policy::document::RuleSeverity;
use crate::written::{Object, Written, text};

/// What happens to requests that their callers have signed: operators of Bedrock must know before it happens.
const SIGNED: &str =
    "refused where a rule would change them (AWS SigV4): the proxy must sign, after this filter";

/// Writes status. `count` returns the value of a counter of this process.
#[must_use]
pub fn status(facts: &StatusInputs<'_>, mut count: impl FnMut(&str) -> u64) -> String {
    let state = facts.state;
    let entry = state.history.first();
    let mut out = Object::default();
    out.set("version", facts.running.and_then(|running| running.version.as_deref()));
    out.number("serial", state.serial());
    out.set("digest", facts.running.map(|running| running.digest.to_string()).as_deref());
    out.set("since", entry.map(|entry| Written::Time(entry.at)));
    out.text("source", entry.map_or("none", |entry| entry.way.word()));
    out.text("standing", standing(facts));
    out.text("scope", &facts.terms.config.scope);
    out.texts("key_ids", entry.map(|entry| entry.keys.as_slice()).unwrap_or_default());
    out.set("issuer", entry.map(|entry| entry.issuer.as_str()));
    let said = entry.and_then(|entry| entry.reason.as_deref());
    let own = facts.running.and_then(|running| running.reason.as_deref());
    out.set("reason", said.or(own));
    out.set("severity", facts.running.and_then(|r| r.severity).map(RuleSeverity::word));
    out.set("mode", facts.running.map(|running| running.mode.word()));
    out.set("drill", state.is_drill());
    let expires = ends(state);
    out.set("expires", expires.map(Written::Time));
    let trouble = facts.trouble.map(|told| trouble(told, facts.now_ms / 1000));
    out.set("last_error", trouble.as_deref().map(Written::Json));
    followers(&mut out, facts.followers, state, facts.now_ms / 1000);
    let program = facts.running.map(|running| running.program.as_ref());
    out.raw("rules", &rules::rules(program, &mut count));
    let since = facts.marks.map(|marks| Written::Time(marks.since_ms() / 1000));
    out.set("counted_since", since);
    let window = facts.marks.map(|marks| marks.window_ms(facts.now_ms) / 1000);
    out.set("rates_over_s", window);
    out.raw("acts", &rules::acts(facts, &mut count));
    out.raw("global", facts.global);
    let shows = |label: &str| {
        let control = facts.terms.config.control.as_ref();
        control.is_some_and(|control| control.show_labels.iter().any(|own| own == label))
    };
    let book = facts.book.zip(program);
    let balances = book.map(|(book, program)| balances::balances(book, program, shows));
    out.raw("balances", &balances.unwrap_or_else(|| "{}".to_owned()));
    out.raw("pending_approvals", &pending::to_json(facts.pending, shows("tenant")));
    out.raw("poll", &poll(facts));
    out.set("min_serial", facts.terms.config.trust.min_serial);
    out.list("prepared", &state.prepared, |digest| text(&digest.to_string()));
    let author = state.prepared_by.map(|by| {
        let mut out = Object::default();
        out.number("serial", by.serial);
        out.text("source", by.way.word());
        out.set("at", Written::Time(by.at));
        out.end()
    });
    out.set("prepared_by", author.as_deref().map(Written::Json));
    out.list("held", &state.held, |held| {
        let mut out = Object::default();
        out.text("digest", &held.digest.to_string());
        out.set("version", held.version.as_deref());
        if held.drill {
            out.set("drill", true);
        }
        if let Some(end) = held.end {
            out.set("expires", Written::Time(end.at));
            out.text("on_expiry", end.then.word());
        }
        out.end()
    });
    out.raw("events", facts.events);
    out.raw("providers", facts.providers);
    out.list("history", &state.history, history);
    let lanes = program.map(|program| program.unknown_lanes.word());
    out.set("unknown_lanes", lanes);
    out.text("signed_requests", SIGNED);
    out.text("filter", facts.filter);
    out.end()
}

/// When what is in force expires, or was to expire (Unix seconds).
fn ends(state: &Releases) -> Option<u64> {
    match state.active.as_ref()? {
        active
            if matches!(active.standing, ReleaseStanding::Release | ReleaseStanding::Overdue) =>
        {
            active.expires
        }
        _ => state.held.first().and_then(|held| held.end).map(|end| end.at),
    }
}

fn standing(facts: &StatusInputs<'_>) -> &'static str {
    match (&facts.state.active, facts.running) {
        (_, None) => "none",
        (None, Some(_)) => "baseline",
        (Some(active), Some(_)) => match active.standing {
            ReleaseStanding::Release => "release",
            ReleaseStanding::Overdue => "expired",
            ReleaseStanding::Baseline => "expired-to-baseline",
            ReleaseStanding::Previous => "expired-to-previous",
        },
    }
}

fn trouble(trouble: &LastRefusal, now: u64) -> String {
    let mut out = Object::default();
    out.text("code", &trouble.code);
    out.text("message", &trouble.message);
    out.set("at", Written::Time(trouble.at));
    out.number("age_s", now.saturating_sub(trouble.at));
    out.text("source", &trouble.way);
    out.end()
}

/// The polled source: this listener's own, or that of another filter in the scope.
fn poll(facts: &StatusInputs<'_>) -> String {
    let config = &facts.terms.config;
    if config.source.is_none() && facts.poll.is_none() {
        return "null".to_owned();
    }
    let poll = facts.poll.cloned().unwrap_or_default();
    let mut out = Object::default();
    if let Some(source) = &config.source {
        out.text("cluster", &source.cluster);
        out.text("path", &source.path);
    }
    let good = poll.answered.then_some(Written::Time(poll.good_ms / 1000));
    out.set("last_success", good);
    out.number("failures", poll.failures);
    let error = poll.error.as_ref().map(|error| failure(error, facts.now_ms));
    out.set("last_error", error.as_deref().map(Written::Json));
    let floor = config.release.is_some() || config.trust.min_serial.is_some();
    out.text("replay_floor", if floor { "configured" } else { "none" });
    out.end()
}

fn failure(error: &PollFailure, now_ms: u64) -> String {
    let mut out = Object::default();
    out.text("message", &error.why);
    out.set("since", Written::Time(error.since_ms / 1000));
    out.set("at", Written::Time(error.last_ms / 1000));
    out.number("age_s", now_ms.saturating_sub(error.last_ms) / 1000);
    out.end()
}

fn history(entry: &ActivationEntry) -> String {
    let mut out = Object::default();
    out.number("serial", entry.serial);
    out.set("version", entry.version.as_deref());
    out.text("digest", &entry.digest.to_string());
    out.set("at", Written::Time(entry.at));
    out.text("source", entry.way.word());
    out.text("issuer", &entry.issuer);
    out.set("reason", entry.reason.as_deref());
    if let Some(serial) = entry.rolls_back {
        out.number("rolls_back", serial);
    }
    out.texts("key_ids", &entry.keys);
    if let Some(severity) = entry.severity {
        out.text("severity", severity.word());
    }
    match entry.practice {
        Practice::Meant => {}
        Practice::Drill => out.set("drill", true),
        Practice::WayBack => out.set("after_drill", true),
    }
    out.end()
}

/// Whether what is in force is running everywhere; `now` in Unix seconds.
fn followers(out: &mut Object, followers: &Followers, state: &Releases, now: u64) {
    out.text("in_force", followers.in_force(state).word());
    out.raw("followers", &followers.to_json(state));
    out.raw("not_following", &followers.troubled_to_json(now));
}

/// The response to a release that was accepted, with what the configurations of its scope have reported so far (`now`
/// in Unix seconds).
#[must_use]
pub fn taken(
    running: Option<&ActivePolicy>,
    unchanged: bool,
    state: &Releases,
    followed: &Followers,
    now: u64,
) -> String {
    let mut out = Object::default();
    out.set("ok", true);
    out.text("outcome", if unchanged { "unchanged" } else { "activated" });
    out.number("serial", state.serial());
    out.set("version", running.and_then(|running| running.version.as_deref()));
    out.set("digest", running.map(|running| running.digest.to_string()).as_deref());
    out.texts("warnings", running.map(|r| r.warnings.as_slice()).unwrap_or_default());
    followers(&mut out, followed, state, now);
    out.end()
}

/// The response to a release, or to a question, that was refused.
#[must_use]
pub fn refused(code: &str, message: &str) -> String {
    let mut out = Object::default();
    out.set("ok", false);
    out.text("code", code);
    out.text("message", message);
    out.end()
}
