//! The only step that changes which releases a process holds, all or nothing.

use super::adopt::{ActivePolicy, Terms};
use super::digest::Digest;
use super::refusal::{RefusalCode, ReleaseRefusal};
use super::release::{OnExpiry, Release, ReleasePolicy};
use super::state::{
    ActivationEntry, ActiveRelease, KeptPolicy, PolicyExpiry, Practice, PreparedBy,
    ReleaseStanding, ReleaseWay, Releases,
};
use super::verify::{Power, Verified};
use crate::limits;

/// The result of a release that was not refused.
#[derive(Debug, Clone)]
pub enum Offered {
    /// It becomes active.
    Activated(Box<Activation>),
    /// It is already in force: the same signed bytes.
    Unchanged(u64),
}

/// A release that becomes active.
#[derive(Debug, Clone)]
pub struct Activation {
    /// The state of the process afterwards.
    pub state: Releases,
    /// What runs afterwards.
    pub running: ActivePolicy,
}

/// Judges a release that arrived this way at this time (Unix seconds), and builds the resulting state.
///
/// # Errors
/// Why it changes nothing.
pub fn offer(
    terms: &Terms,
    state: &Releases,
    envelope: &[u8],
    way: ReleaseWay,
    now: u64,
) -> Result<Offered, ReleaseRefusal> {
    let verified = Verified::verify(envelope, &terms.config.trust, &terms.config.scope)?;
    let release = verified.release();
    let payload = Digest::of(verified.payload());
    if state.active.as_ref().is_some_and(|active| active.payload == payload) {
        return Ok(Offered::Unchanged(release.serial));
    }
    serial(terms, state, &verified)?;
    if release.expires.is_some_and(|at| at <= now) {
        return Err(ReleaseRefusal::new(RefusalCode::Expired, "it was over before it came"));
    }
    let mut held = policy(terms, state, release, way)?;
    held.end = release.expires.map(|at| PolicyExpiry { at, then: release.on_expiry, seen: false });
    held.under = state.floor(&held.digest, matches!(release.brings, ReleasePolicy::Digest(_)));
    held.drill = release.drill;
    permitted(state, &verified, &held, now)?;
    nothing_after(terms, state, release, &held)?;
    let running = terms.adopt(&held, release.serial, release.drill)?;

    let says_nothing = release.prepared.is_empty();
    // A drill does not decide what on-call keys may do when it is over.
    let keeps_list =
        release.drill || (says_nothing && brings_nothing_new(state, release, &held.digest));
    let mut next = state.clone();
    let practice = if release.drill { Practice::Drill } else { state.practice(&held.digest) };
    let entry = ActivationEntry {
        version: running.version.clone(),
        severity: running.severity,
        practice,
        ..entry(&verified, &held, way, now)
    };
    next.remember(entry);
    next.bring_forward(held);
    if verified.power() == Power::Author && !keeps_list {
        next.prepared.clone_from(&release.prepared);
        next.prepared_by = Some(PreparedBy { serial: release.serial, way, at: now });
    }
    next.active = Some(ActiveRelease {
        envelope: envelope.into(),
        payload,
        serial: release.serial,
        standing: ReleaseStanding::Release,
        expires: release.expires,
    });
    Ok(Offered::Activated(Box::new(Activation { state: next, running })))
}

/// Checks that serials only increase.
fn serial(terms: &Terms, state: &Releases, verified: &Verified) -> Result<(), ReleaseRefusal> {
    let serial = verified.release().serial;
    let floor = terms.config.trust.min_serial.unwrap_or_default();
    let taken = state.serial();
    if serial < floor {
        let message = format!("serial {serial} is below `trust.min_serial`, {floor}");
        return Err(ReleaseRefusal::new(RefusalCode::StaleSerial, message));
    }
    if state.active.is_some() && serial == taken {
        let message = format!("serial {serial} is in force, and is another release");
        return Err(ReleaseRefusal::new(RefusalCode::SerialReused, message));
    }
    if serial < taken {
        let message = format!("serial {serial} is not higher than the one in force, {taken}");
        return Err(ReleaseRefusal::new(RefusalCode::StaleSerial, message));
    }
    let most = taken.max(floor).saturating_add(limits::ON_CALL_SERIALS);
    if verified.power() == Power::OnCall && serial > most {
        let message =
            format!("serial {serial} is too high: a key that may only `rollback` may go to {most}");
        return Err(ReleaseRefusal::new(RefusalCode::SerialJump, message));
    }
    Ok(())
}

/// The policy of a release.
fn policy(
    terms: &Terms,
    state: &Releases,
    release: &Release,
    way: ReleaseWay,
) -> Result<KeptPolicy, ReleaseRefusal> {
    match &release.brings {
        ReleasePolicy::Whole(policy) => KeptPolicy::new(policy),
        ReleasePolicy::Digest(_) if way != ReleaseWay::Post => {
            let message = "it carries only a digest; a source and a configuration bring whole \
                           policies";
            Err(ReleaseRefusal::new(RefusalCode::DigestOnly, message))
        }
        ReleasePolicy::Digest(digest) => {
            let own = terms.baseline().filter(|own| own.digest == *digest);
            state.holding(digest).or(own).cloned().ok_or_else(|| {
                let message = format!("policy {digest} is not held here; send it whole");
                ReleaseRefusal::new(RefusalCode::NotHeld, message)
            })
        }
    }
}

/// True for a release whose policy was in force before, or was prepared. Unless it names prepared policies itself,
/// those of on-call keys stay: stepping back or pulling a lever must not disarm them.
fn brings_nothing_new(state: &Releases, release: &Release, digest: &Digest) -> bool {
    let by_digest = matches!(release.brings, ReleasePolicy::Digest(_));
    by_digest || state.holding(digest).is_some() || state.prepared.contains(digest)
}

/// Checks a step by a key that may only roll back: to the previous policy, or to a prepared one.
fn permitted(
    state: &Releases,
    verified: &Verified,
    held: &KeptPolicy,
    now: u64,
) -> Result<(), ReleaseRefusal> {
    let Some(short) = verified.only_on_call() else { return Ok(()) };
    let release = verified.release();
    let previous = state.previous(now).is_some_and(|previous| previous.digest == held.digest);
    if !previous && !state.prepared.contains(&held.digest) {
        let message = format!(
            "{}, and policy {} is neither the previous one nor prepared",
            short.message, held.digest
        );
        return Err(ReleaseRefusal::new(short.code, message));
    }
    if !release.prepared.is_empty() {
        let message = format!("{}, and only authors say what is `prepared`", short.message);
        return Err(ReleaseRefusal::new(short.code, message));
    }
    if release.on_expiry == OnExpiry::Baseline {
        let message = format!("{}, and `on_expiry: baseline` would be a third", short.message);
        return Err(ReleaseRefusal::new(short.code, message));
    }
    Ok(())
}

/// Checks that the policy which is to follow a release exists when it is accepted.
fn nothing_after(
    terms: &Terms,
    state: &Releases,
    release: &Release,
    held: &KeptPolicy,
) -> Result<(), ReleaseRefusal> {
    let missing = match release.on_expiry {
        OnExpiry::Keep => return Ok(()),
        _ if release.expires.is_none() => "`on_expiry` needs `expires`",
        OnExpiry::Baseline if terms.baseline().is_none() => {
            "`on_expiry: baseline`, and the configuration has no inline `policy`"
        }
        OnExpiry::Previous if state.held.iter().all(|one| one.digest == held.digest) => {
            "`on_expiry: previous`, and there is no policy before it"
        }
        OnExpiry::Baseline | OnExpiry::Previous => return Ok(()),
    };
    Err(ReleaseRefusal::new(RefusalCode::NothingAfter, missing))
}

fn entry(verified: &Verified, held: &KeptPolicy, way: ReleaseWay, now: u64) -> ActivationEntry {
    let release = verified.release();
    ActivationEntry {
        serial: release.serial,
        digest: held.digest,
        version: held.version.clone(),
        at: now,
        way,
        issuer: release.issuer.clone(),
        reason: release.reason.clone(),
        rolls_back: release.rolls_back,
        keys: verified.keys().to_vec(),
        severity: None,
        practice: Practice::Meant,
    }
}

/// What a configuration does at its start with the releases that the process holds. Configurations start once per
/// worker and once more on trial, so repeating it changes nothing.
///
/// Returns the new state (`None` if unchanged), and a warning.
///
/// # Errors
/// Its `release` cannot be used.
pub fn start(
    terms: &Terms,
    state: &Releases,
    now: u64,
) -> Result<(Option<Releases>, Option<String>), ReleaseRefusal> {
    let mut next = state.clone();
    let inline_holds = match &state.active {
        None => true,
        Some(active) => active.standing == ReleaseStanding::Baseline,
    };
    if let Some(own) = terms.baseline().filter(|_| inline_holds)
        && next.held.first().map(|held| held.digest) != Some(own.digest)
    {
        next.remember(passing(state.serial(), own, ReleaseWay::Baseline, now));
        next.bring_forward(own.clone());
    }
    let mut warning = None;
    if let Some(envelope) = &terms.config.release {
        match offer(terms, &next, envelope.as_bytes(), ReleaseWay::Configured, now) {
            Ok(Offered::Activated(activation)) => next = activation.state,
            Ok(Offered::Unchanged(_)) => {}
            Err(stale) if stale.code == RefusalCode::StaleSerial && state.active.is_some() => {
                warning = Some(format!("`release` changes nothing: {}", stale.message));
            }
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(((next != *state).then_some(next), warning))
}

/// The state of a process once the policy in force has expired; `None` if it has not, or if that has already been
/// handled.
#[must_use]
pub fn renew(terms: &Terms, state: &Releases, now: u64) -> Option<Releases> {
    state.expires().filter(|at| *at <= now)?;
    let mut next = state.clone();
    let end = next.held.first_mut()?.end.as_mut()?;
    end.seen = true;
    let (standing, after) = match end.then {
        OnExpiry::Keep => (ReleaseStanding::Overdue, None),
        OnExpiry::Baseline => (ReleaseStanding::Baseline, terms.baseline().cloned()),
        OnExpiry::Previous => (ReleaseStanding::Previous, next.below(now).cloned()),
    };
    let active = next.active.as_mut()?;
    match after {
        Some(after) => {
            active.standing = standing;
            let practice = if state.is_drill() { Practice::WayBack } else { Practice::Meant };
            let entry = passing(state.serial(), &after, ReleaseWay::Expiry, now);
            next.remember(ActivationEntry { practice, ..entry });
            next.bring_forward(after);
        }
        // There is nothing to fall back to, or the release is to be kept: it stays in force.
        None if active.standing == ReleaseStanding::Release => {
            active.standing = ReleaseStanding::Overdue
        }
        None => {}
    }
    Some(next)
}

/// An activation without a signature of its own.
fn passing(serial: u64, held: &KeptPolicy, way: ReleaseWay, now: u64) -> ActivationEntry {
    ActivationEntry {
        serial,
        digest: held.digest,
        version: held.version.clone(),
        at: now,
        way,
        issuer: String::new(),
        reason: None,
        rolls_back: None,
        keys: Vec::new(),
        severity: None,
        practice: Practice::Meant,
    }
}
