//! What a process holds: plain data that all its workers share.

use std::rc::Rc;

use super::code::{Reader, Writer};
use super::digest::Digest;
use super::release::OnExpiry;
use crate::limits;

/// The releases of a process. Whoever changes it makes a new one and puts it in the old one's place, whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// The release in force, or the last one that was.
    pub active: Option<ActiveRelease>,
    /// The policies that were in force, newest first. The first is in force now, the second is "the previous".
    pub held: Vec<Held>,
    /// Policies that on-call keys may activate: the word of the last author.
    pub prepared: Vec<Digest>,
    /// What was activated, newest first.
    pub history: Vec<Entry>,
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
    pub standing: Standing,
    /// When it is over (Unix seconds).
    pub expires: Option<u64>,
    /// What happens then.
    pub on_expiry: OnExpiry,
}

/// What is in force of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// Its policy.
    #[default]
    Release,
    /// Its policy, although it is over.
    Overdue,
    /// The inline policy: it is over.
    Baseline,
    /// The policy before it: it is over.
    Previous,
}

/// A policy that was in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its digest.
    pub digest: Digest,
    /// Its own version, for people.
    pub version: Option<String>,
    /// Its text, in JSON.
    pub policy: Rc<str>,
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
pub struct Entry {
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
}

impl State {
    /// The highest serial that was taken; 0 before the first.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.active.as_ref().map_or(0, |active| active.serial)
    }

    /// The policy before the one in force.
    #[must_use]
    pub fn previous(&self) -> Option<&Held> {
        self.held.get(1)
    }

    /// The policy with this digest.
    #[must_use]
    pub fn holding(&self, digest: &Digest) -> Option<&Held> {
        self.held.iter().find(|held| held.digest == *digest)
    }

    /// Puts a policy in force: it moves to the front, and the oldest falls out.
    pub(super) fn bring_forward(&mut self, policy: Held) {
        self.held.retain(|held| held.digest != policy.digest);
        self.held.insert(0, policy);
        self.held.truncate(limits::HELD_POLICIES);
    }

    /// Remembers an activation.
    pub(super) fn remember(&mut self, entry: Entry) {
        self.history.insert(0, entry);
        self.history.truncate(limits::HISTORY);
    }

    /// When the release in force asks to be looked at again (Unix seconds).
    #[must_use]
    pub fn expires(&self) -> Option<u64> {
        let active = self.active.as_ref()?;
        (active.standing == Standing::Release).then_some(active.expires).flatten()
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
            out.number(active.on_expiry as u64);
        });
        out.list(&self.held, |out, held| {
            out.digest(&held.digest);
            out.option(held.version.as_ref(), |out, text| out.text(text));
            out.text(&held.policy);
        });
        out.list(&self.prepared, Writer::digest);
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
        });
        out.finish()
    }

    /// From such bytes; `None` where they are of another version of the filter, or broken.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader::new(bytes);
        if from.number()? != u64::from(FORM) {
            return None;
        }
        let active = from.option(|from| {
            Some(ActiveRelease {
                envelope: from.bytes()?.into(),
                payload: from.digest()?,
                serial: from.number()?,
                standing: *STANDINGS.get(usize::try_from(from.number()?).ok()?)?,
                expires: from.option(Reader::number)?,
                on_expiry: *ON_EXPIRY.get(usize::try_from(from.number()?).ok()?)?,
            })
        })?;
        let held = from.list(limits::HELD_POLICIES, |from| {
            Some(Held {
                digest: from.digest()?,
                version: from.option(Reader::text)?,
                policy: from.text()?.into(),
            })
        })?;
        let prepared = from.list(limits::PREPARED, Reader::digest)?;
        let history = from.list(limits::HISTORY, |from| {
            Some(Entry {
                serial: from.number()?,
                digest: from.digest()?,
                version: from.option(Reader::text)?,
                at: from.number()?,
                way: *WAYS.get(usize::try_from(from.number()?).ok()?)?,
                issuer: from.text()?,
                reason: from.option(Reader::text)?,
                rolls_back: from.option(Reader::number)?,
                keys: from.list(limits::TRUSTED_KEYS, Reader::text)?,
            })
        })?;
        from.is_at_end().then_some(Self { active, held, prepared, history })
    }
}

/// The form of [`State::encode`]: another number is another form.
const FORM: u8 = 1;

/// In the order of their declaration, as `encode` numbers them.
const STANDINGS: [Standing; 4] =
    [Standing::Release, Standing::Overdue, Standing::Baseline, Standing::Previous];
const ON_EXPIRY: [OnExpiry; 3] = [OnExpiry::Keep, OnExpiry::Baseline, OnExpiry::Previous];
const WAYS: [Way; 5] = [Way::Baseline, Way::Configured, Way::Post, Way::Source, Way::Expiry];
