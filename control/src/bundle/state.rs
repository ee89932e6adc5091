//! What a process holds: plain data that all its workers share.

use std::rc::Rc;

use super::code::{CodeReader, Writer};
use super::digest::Digest;
use super::release::OnExpiry;
use crate::limits;
use crate::policy::document::RuleSeverity;

/// The releases of a process. Whoever changes it makes a new one and puts it in the old one's place, whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Releases {
    /// The release in force, or the last one that was.
    pub active: Option<ActiveRelease>,
    /// The policies that were in force, newest first. The first is in force now, the second is "the previous".
    pub held: Vec<KeptPolicy>,
    /// Policies that on-call keys may activate: the word of the last author who brought a new policy, or named some.
    pub prepared: Vec<Digest>,
    /// The release whose word that is; `None`: no author has spoken since the process began.
    pub prepared_by: Option<Author>,
    /// What was activated, newest first.
    pub history: Vec<ActivationEntry>,
}

/// A release that said what is prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Author {
    /// Its serial.
    pub serial: u64,
    /// How it came.
    pub way: Way,
    /// When it was taken (Unix seconds).
    pub at: u64,
}

/// Whether an activation was meant, or an exercise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Practice {
    /// It was meant.
    #[default]
    Meant,
    /// A drill.
    Drill,
    /// The way back from one.
    WayBack,
}

/// The release that the highest serial belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveRelease {
    /// Its envelope, as it came.
    pub envelope: Rc<[u8]>,
    /// The digest of the signed bytes: the same release again is no news.
    pub payload: Digest,
    /// Its serial.
    pub serial: u64,
    /// What stands, now that it may be over.
    pub standing: ReleaseStanding,
    /// When it is over (Unix seconds).
    pub expires: Option<u64>,
}

/// What is in force of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReleaseStanding {
    /// Its policy.
    #[default]
    Release,
    /// Its policy, although it is over.
    Overdue,
    /// The inline policy: it is over.
    Baseline,
    /// A policy before it: it is over.
    Previous,
}

/// A policy that was in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptPolicy {
    /// Its digest.
    pub digest: Digest,
    /// Its own version, for people.
    pub version: Option<String>,
    /// Its text, in JSON.
    pub policy: Rc<str>,
    /// When it is over, where the release that brought it said so.
    pub end: Option<End>,
    /// The policy that was in force when it came: what it goes back to.
    pub under: Option<Digest>,
    /// A drill brought it: nothing goes back to it.
    pub drill: bool,
}

/// The end of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// When (Unix seconds).
    pub at: u64,
    /// What happens then.
    pub then: OnExpiry,
    /// It was seen to.
    pub seen: bool,
}

impl KeptPolicy {
    /// True if its time has passed and it asked not to go on: nothing goes back to it by itself.
    #[must_use]
    pub fn is_over(&self, now: u64) -> bool {
        self.end.is_some_and(|end| end.then != OnExpiry::Keep && (end.seen || end.at <= now))
    }
}

/// How a policy came into force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The configuration's inline policy.
    Baseline,
    /// The configuration's `release`.
    Configured,
    /// `POST {prefix}/release`.
    Post,
    /// The polled `source`.
    Source,
    /// A release was over.
    Expiry,
}

impl Way {
    /// The word in status and history.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Way::Baseline => "baseline",
            Way::Configured => "configuration",
            Way::Post => "post",
            Way::Source => "source",
            Way::Expiry => "expiry",
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
    /// How it came.
    pub way: Way,
    /// Who made it, as the release says.
    pub issuer: String,
    /// Why.
    pub reason: Option<String>,
    /// The serial that it took back.
    pub rolls_back: Option<u64>,
    /// The keys that signed.
    pub keys: Vec<String>,
    /// The policy's own word of how bad it is.
    pub severity: Option<RuleSeverity>,
    /// Whether it was meant.
    pub practice: Practice,
}

impl Releases {
    /// The highest serial that was taken; 0 before the first.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.active.as_ref().map_or(0, |active| active.serial)
    }

    /// The policy before the one in force: the last that was, and is not over by now (Unix seconds).
    #[must_use]
    pub fn previous(&self, now: u64) -> Option<&KeptPolicy> {
        self.held.iter().skip(1).find(|held| !held.is_over(now) && !held.drill)
    }

    /// What takes over where the policy in force is over and said `on_expiry: previous`: what was in force when it came,
    /// or, where that is over too, what was before that.
    pub(super) fn below(&self, now: u64) -> Option<&KeptPolicy> {
        let mut under = self.held.first().and_then(|held| held.under);
        // A policy may have been brought back above its own successor: as many steps as policies are enough.
        for _ in 0..self.held.len() {
            let Some(held) = under.and_then(|digest| self.holding(&digest)) else { break };
            if !held.is_over(now) && !held.drill && self.held.first() != Some(held) {
                return Some(held);
            }
            under = held.under;
        }
        self.previous(now)
    }

    /// The envelope of the highest serial, as it came.
    #[must_use]
    pub fn envelope(&self) -> Option<&[u8]> {
        self.active.as_ref().map(|active| active.envelope.as_ref())
    }

    /// The policy with this digest.
    #[must_use]
    pub fn holding(&self, digest: &Digest) -> Option<&KeptPolicy> {
        self.held.iter().find(|held| held.digest == *digest)
    }

    /// What a policy that comes now goes back to. A step back (`back`: only a digest was sent) to what the one in force
    /// stands on is no new floor: the policy stands on what it stood on before.
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

    /// Puts a policy in force: it moves to the front, and the oldest falls out. A drill's policy takes nobody's place,
    /// and is gone when another comes.
    pub(super) fn bring_forward(&mut self, mut policy: KeptPolicy) {
        // What was meant before stays so: it can be gone back to.
        policy.drill &= self.holding(&policy.digest).is_none_or(|held| held.drill);
        self.held.retain(|held| held.digest != policy.digest && !held.drill);
        let most = limits::HELD_POLICIES + usize::from(policy.drill);
        self.held.insert(0, policy);
        self.held.truncate(most);
    }

    /// Remembers an activation. Drills do not push out what was meant.
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

    /// What an activation of this policy is, where it was not signed as a drill: the way back, where it ends one.
    pub(super) fn practice(&self, digest: &Digest) -> Practice {
        let drill = self.history.first().is_some_and(|entry| entry.practice == Practice::Drill);
        let under = self.held.first().and_then(|held| held.under);
        if drill && under == Some(*digest) { Practice::WayBack } else { Practice::Meant }
    }

    /// True if what is in force is a drill's.
    #[must_use]
    pub fn is_drill(&self) -> bool {
        self.history.first().is_some_and(|entry| entry.practice == Practice::Drill)
    }

    /// When the policy in force is over (Unix seconds), until that was seen to.
    #[must_use]
    pub fn expires(&self) -> Option<u64> {
        let end = self.held.first().and_then(|held| held.end);
        end.filter(|end| !end.seen).map(|end| end.at)
    }

    /// As bytes, for the memory that workers share.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.number(u64::from(FORM));
        out.option(self.active.as_ref(), |out, active| {
            out.bytes(&active.envelope);
            out.digest(&active.payload);
            out.number(active.serial);
            out.number(active.standing as u64);
            out.option(active.expires.as_ref(), |out, at| out.number(*at));
        });
        out.list(&self.held, |out, held| {
            out.digest(&held.digest);
            out.option(held.version.as_ref(), |out, text| out.text(text));
            out.text(&held.policy);
            out.option(held.end.as_ref(), |out, end| {
                out.number(end.at);
                out.number(end.then as u64);
                out.number(u64::from(end.seen));
            });
            out.option(held.under.as_ref(), Writer::digest);
            out.number(u64::from(held.drill));
        });
        out.list(&self.prepared, Writer::digest);
        out.option(self.prepared_by.as_ref(), |out, by| {
            out.number(by.serial);
            out.number(by.way as u64);
            out.number(by.at);
        });
        out.list(&self.history, |out, entry| {
            out.number(entry.serial);
            out.digest(&entry.digest);
            out.option(entry.version.as_ref(), |out, text| out.text(text));
            out.number(entry.at);
            out.number(entry.way as u64);
            out.text(&entry.issuer);
            out.option(entry.reason.as_ref(), |out, text| out.text(text));
            out.option(entry.rolls_back.as_ref(), |out, serial| out.number(*serial));
            out.list(&entry.keys, |out, key| out.text(key));
            out.option(entry.severity.as_ref(), |out, severity| out.number(*severity as u64));
            out.number(entry.practice as u64);
        });
        out.finish()
    }

    /// From such bytes; `None` where they are of another version of the filter, or broken.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = CodeReader::new(bytes);
        if from.number()? != u64::from(FORM) {
            return None;
        }
        let active = from.option(|from| {
            Some(ActiveRelease {
                envelope: from.bytes()?.into(),
                payload: from.digest()?,
                serial: from.number()?,
                standing: *STANDINGS.get(usize::try_from(from.number()?).ok()?)?,
                expires: from.option(CodeReader::number)?,
            })
        })?;
        let held = from.list(limits::HELD_POLICIES + 1, |from| {
            Some(KeptPolicy {
                digest: from.digest()?,
                version: from.option(CodeReader::text)?,
                policy: from.text()?.into(),
                end: from.option(|from| {
                    Some(End {
                        at: from.number()?,
                        then: *ON_EXPIRY.get(usize::try_from(from.number()?).ok()?)?,
                        seen: from.number()? == 1,
                    })
                })?,
                under: from.option(CodeReader::digest)?,
                drill: from.number()? == 1,
            })
        })?;
        let prepared = from.list(limits::PREPARED, CodeReader::digest)?;
        let prepared_by = from.option(|from| {
            Some(Author {
                serial: from.number()?,
                way: *WAYS.get(usize::try_from(from.number()?).ok()?)?,
                at: from.number()?,
            })
        })?;
        let history = from.list(limits::HISTORY, |from| {
            Some(ActivationEntry {
                serial: from.number()?,
                digest: from.digest()?,
                version: from.option(CodeReader::text)?,
                at: from.number()?,
                way: *WAYS.get(usize::try_from(from.number()?).ok()?)?,
                issuer: from.text()?,
                reason: from.option(CodeReader::text)?,
                rolls_back: from.option(CodeReader::number)?,
                keys: from.list(limits::TRUSTED_KEYS, CodeReader::text)?,
                severity: from.option(|from| {
                    SEVERITIES.get(usize::try_from(from.number()?).ok()?).copied()
                })?,
                practice: *PRACTICES.get(usize::try_from(from.number()?).ok()?)?,
            })
        })?;
        from.is_at_end().then_some(Self { active, held, prepared, prepared_by, history })
    }
}

/// The form of [`Releases::encode`]: another number is another form.
const FORM: u8 = 3;

/// In the order of their declaration, as `encode` numbers them.
const STANDINGS: [ReleaseStanding; 4] = [
    ReleaseStanding::Release,
    ReleaseStanding::Overdue,
    ReleaseStanding::Baseline,
    ReleaseStanding::Previous,
];
const ON_EXPIRY: [OnExpiry; 3] = [OnExpiry::Keep, OnExpiry::Baseline, OnExpiry::Previous];
const SEVERITIES: [RuleSeverity; 3] = [RuleSeverity::Sev1, RuleSeverity::Sev2, RuleSeverity::Sev3];
const PRACTICES: [Practice; 3] = [Practice::Meant, Practice::Drill, Practice::WayBack];
const WAYS: [Way; 5] = [Way::Baseline, Way::Configured, Way::Post, Way::Source, Way::Expiry];
