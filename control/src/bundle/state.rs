//! The releases of a process: plain data that all its workers share.

use std::rc::Rc;

use super::code::{coded, decode, encode};
use super::digest::Digest;
use super::release::OnExpiry;
use crate::limits;
use crate::policy::document::RuleSeverity;

/// The releases of a process. It is never changed in place: a new value replaces the old one as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Releases {
    /// The release in force, or the last one that was.
    pub active: Option<ActiveRelease>,
    /// Policies that have been in force, newest first. The first is in force now, the second is "the previous".
    pub held: Vec<KeptPolicy>,
    /// Policies that on-call keys may activate, as named by the last author whose release brought a new policy or named
    /// some.
    pub prepared: Vec<Digest>,
    /// The release that named them; `None` if no author has since the process began.
    pub prepared_by: Option<PreparedBy>,
    /// What was activated, newest first.
    pub history: Vec<ActivationEntry>,
}

/// A release that named prepared policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreparedBy {
    /// Its serial.
    pub serial: u64,
    /// How it arrived.
    pub way: ReleaseWay,
    /// When it was accepted (Unix seconds).
    pub at: u64,
}

/// Whether an activation was real or a drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Practice {
    /// Real.
    #[default]
    Meant,
    /// A drill.
    Drill,
    /// The end of a drill.
    WayBack,
}

/// The release with the highest serial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveRelease {
    /// Its envelope, as it arrived.
    pub envelope: Rc<[u8]>,
    /// The digest of the signed bytes, by which the same release is recognised when it arrives again.
    pub payload: Digest,
    /// Its serial.
    pub serial: u64,
    /// What is in force of it, given that it may have expired.
    pub standing: ReleaseStanding,
    /// When it expires (Unix seconds).
    pub expires: Option<u64>,
}

/// What is in force of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReleaseStanding {
    /// Its policy.
    #[default]
    Release,
    /// Its policy, although it has expired.
    Overdue,
    /// The inline policy, since it has expired.
    Baseline,
    /// An earlier policy, since it has expired.
    Previous,
}

/// A policy that has been in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptPolicy {
    /// Its digest.
    pub digest: Digest,
    /// Its version, for people.
    pub version: Option<String>,
    /// Its text, as JSON.
    pub policy: Rc<str>,
    /// When it expires, if its release said so.
    pub end: Option<PolicyExpiry>,
    /// The policy that was in force when it arrived, which it falls back to.
    pub under: Option<Digest>,
    /// It came with a drill: nothing falls back to it.
    pub drill: bool,
}

/// The expiry of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyExpiry {
    /// When (Unix seconds).
    pub at: u64,
    /// What happens then.
    pub then: OnExpiry,
    /// The expiry has been handled.
    pub seen: bool,
}

impl KeptPolicy {
    /// True if it has expired and was not to be kept: nothing falls back to it automatically.
    #[must_use]
    pub fn is_over(&self, now: u64) -> bool {
        self.end.is_some_and(|end| end.then != OnExpiry::Keep && (end.seen || end.at <= now))
    }
}

/// How a policy came into force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseWay {
    /// The configuration's inline policy.
    Baseline,
    /// The configuration's `release`.
    Configured,
    /// `POST {prefix}/release`.
    Post,
    /// The polled `source`.
    Source,
    /// A release expired.
    Expiry,
}

impl ReleaseWay {
    /// The word in status and history.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            ReleaseWay::Baseline => "baseline",
            ReleaseWay::Configured => "configuration",
            ReleaseWay::Post => "post",
            ReleaseWay::Source => "source",
            ReleaseWay::Expiry => "expiry",
        }
    }
}

/// One activation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivationEntry {
    /// The serial; 0 for the inline policy.
    pub serial: u64,
    /// The policy.
    pub digest: Digest,
    /// Its version.
    pub version: Option<String>,
    /// When (Unix seconds).
    pub at: u64,
    /// How it arrived.
    pub way: ReleaseWay,
    /// Who made it, as stated by the release.
    pub issuer: String,
    /// Why it was made.
    pub reason: Option<String>,
    /// The serial that it reverted.
    pub rolls_back: Option<u64>,
    /// The keys that signed.
    pub keys: Vec<String>,
    /// The severity that the policy states.
    pub severity: Option<RuleSeverity>,
    /// Whether it was real.
    pub practice: Practice,
}

impl Releases {
    /// The highest serial that was accepted; 0 before the first.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.active.as_ref().map_or(0, |active| active.serial)
    }

    /// The policy before the one in force: the most recent one that has not expired at `now` (Unix seconds).
    #[must_use]
    pub fn previous(&self, now: u64) -> Option<&KeptPolicy> {
        self.held.iter().skip(1).find(|held| !held.is_over(now) && !held.drill)
    }

    /// What takes over when the policy in force expires with `on_expiry: previous`: the policy that was in force when
    /// it arrived or, if that has expired too, the one before that.
    pub(super) fn below(&self, now: u64) -> Option<&KeptPolicy> {
        let mut under = self.held.first().and_then(|held| held.under);
        // A policy may have been brought back above its own successor: there are at most as many steps as policies.
        for _ in 0..self.held.len() {
            let Some(held) = under.and_then(|digest| self.holding(&digest)) else { break };
            if !held.is_over(now) && !held.drill && self.held.first() != Some(held) {
                return Some(held);
            }
            under = held.under;
        }
        self.previous(now)
    }

    /// The envelope with the highest serial, as it arrived.
    #[must_use]
    pub fn envelope(&self) -> Option<&[u8]> {
        self.active.as_ref().map(|active| active.envelope.as_ref())
    }

    /// The policy with this digest.
    #[must_use]
    pub fn holding(&self, digest: &Digest) -> Option<&KeptPolicy> {
        self.held.iter().find(|held| held.digest == *digest)
    }

    /// The policy that one which arrives now falls back to. A step back (`back`: only a digest was sent) to the
    /// fallback of the one in force does not make that its fallback: it keeps the one it had.
    pub(super) fn floor(&self, digest: &Digest, back: bool) -> Option<Digest> {
        let first = self.held.first()?;
        if first.digest == *digest || first.drill {
            return first.under;
        }
        match self.holding(digest) {
            Some(held) if back && first.under == Some(*digest) => held.under,
            _ => Some(first.digest),
        }
    }

    /// Puts a policy in force: it moves to the front, and the oldest is dropped. A drill's policy displaces none, and
    /// is dropped when another arrives.
    pub(super) fn bring_forward(&mut self, mut policy: KeptPolicy) {
        // What was real before stays real, and can be returned to.
        policy.drill &= self.holding(&policy.digest).is_none_or(|held| held.drill);
        self.held.retain(|held| held.digest != policy.digest && !held.drill);
        let most = limits::HELD_POLICIES + usize::from(policy.drill);
        self.held.insert(0, policy);
        self.held.truncate(most);
    }

    /// Records an activation. Drills do not push out real ones.
    pub(super) fn remember(&mut self, entry: ActivationEntry) {
        self.history.insert(0, entry);
        while self.history.len() > limits::HISTORY {
            let drill = self.history.iter().skip(1).rposition(|e| e.practice != Practice::Meant);
            match drill {
                Some(at) => drop(self.history.remove(at + 1)),
                None => drop(self.history.pop()),
            }
        }
    }

    /// The kind of an activation of this policy that was not signed as a drill: the way back, if it ends one.
    pub(super) fn practice(&self, digest: &Digest) -> Practice {
        let drill = self.history.first().is_some_and(|entry| entry.practice == Practice::Drill);
        let under = self.held.first().and_then(|held| held.under);
        if drill && under == Some(*digest) { Practice::WayBack } else { Practice::Meant }
    }

    /// True if a drill is in force.
    #[must_use]
    pub fn is_drill(&self) -> bool {
        self.history.first().is_some_and(|entry| entry.practice == Practice::Drill)
    }

    /// When the policy in force expires (Unix seconds), until that has been handled.
    #[must_use]
    pub fn expires(&self) -> Option<u64> {
        let end = self.held.first().and_then(|held| held.end);
        end.filter(|end| !end.seen).map(|end| end.at)
    }

    /// As bytes, for the memory that workers share.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(FORM, self)
    }

    /// Decodes such bytes; `None` if they are of another version of the filter, or invalid.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        decode(FORM, bytes)
    }
}

/// The number of the layout: another layout has another number.
const FORM: u64 = 3;

coded!(Releases { active, held, prepared, prepared_by, history });
coded!(ActiveRelease { envelope, payload, serial, standing, expires });
coded!(KeptPolicy { digest, version, policy, end, under, drill });
coded!(PolicyExpiry { at, then, seen });
coded!(PreparedBy { serial, way, at });
coded!(ActivationEntry {
    serial,
    digest,
    version,
    at,
    way,
    issuer,
    reason,
    rolls_back,
    keys,
    severity,
    practice
});
coded!(ReleaseStanding: Release, Overdue, Baseline, Previous);
coded!(OnExpiry: Keep, Baseline, Previous);
coded!(RuleSeverity: Sev1, Sev2, Sev3);
coded!(Practice: Meant, Drill, WayBack);
coded!(ReleaseWay: Baseline, Configured, Post, Source, Expiry);
