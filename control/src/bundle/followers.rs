//! Whether every filter configuration of a scope runs what is in force.
//!
//! A release is accepted by one configuration, usually that of the control listener; the others build it for themselves
//! and may fail to. Each thread of the process that has a configuration reports every few seconds what it runs, so that
//! status can tell "accepted" from "running everywhere". A thread that stops reporting is dropped: its listener was
//! replaced, or its VM was discarded.

use super::code::{coded, decode, encode};
use super::refusal::ReleaseRefusal;
use super::state::{ReleaseStanding, Releases};
use crate::limits::{FOLLOWER_SILENT_S, FOLLOWER_TEXT_BYTES, FOLLOWERS};
use crate::written::{Object, Written, list};

/// The layout's number: values written by another version of this code are not read.
const FORM: u64 = 1;

/// The reports of a process's threads about their configurations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Followers(Vec<FollowerReport>);

/// One thread's report about one configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowerReport {
    /// Identifies the configuration within the process.
    pub configuration: String,
    /// Its listener is for operators and gets no traffic.
    pub control: bool,
    /// Identifies the thread within the process.
    pub thread: u64,
    /// What it runs.
    pub acting: Acting,
    /// Why that is not what is in force, or why it runs nothing at all.
    pub problem: Option<Problem>,
    /// When it was reported (Unix seconds).
    pub at: u64,
}

/// What a configuration runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Acting {
    /// [`Releases::stamp`] of what it built last.
    pub stamp: u64,
    /// The serial; 0 for the inline policy.
    pub serial: u64,
    /// The policy's version.
    pub version: Option<String>,
}

/// Why a configuration does not run what is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The machine-readable code: one of [`super::RefusalCode`], or [`NO_BODIES`].
    pub code: String,
    /// For people.
    pub why: String,
    /// Since when (Unix seconds).
    pub since: u64,
}

/// The code of a host that never delivers the bodies of requests whose headers wait.
pub const NO_BODIES: &str = "no-bodies";

impl Problem {
    /// A problem whose reason is cut to the length that is kept.
    #[must_use]
    pub fn new(code: &str, why: &str, since: u64) -> Self {
        let mut end = why.len().min(FOLLOWER_TEXT_BYTES);
        while !why.is_char_boundary(end) {
            end -= 1;
        }
        let why = why.get(..end).unwrap_or_default().to_owned();
        Self { code: code.to_owned(), why, since }
    }

    /// A release in force that cannot be used here.
    #[must_use]
    pub fn of(refusal: &ReleaseRefusal, since: u64) -> Self {
        Self::new(refusal.code.word(), &refusal.message, since)
    }
}

/// Whether the configurations of a scope run what is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adoption {
    /// All of them do.
    Everywhere,
    /// Some have not reported it yet; none has a problem.
    OnItsWay,
    /// At least one has a problem.
    NotEverywhere,
    /// No listener with traffic follows this scope: what is in force applies to nothing.
    Nowhere,
}

impl Adoption {
    /// The word in status.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Everywhere => "everywhere",
            Self::OnItsWay => "on-its-way",
            Self::NotEverywhere => "not-everywhere",
            Self::Nowhere => "nowhere",
        }
    }
}

/// One configuration with all its threads.
struct FollowerGroup<'a> {
    first: &'a FollowerReport,
    reports: Vec<&'a FollowerReport>,
}

impl Followers {
    /// Stores a report. True if a configuration has a problem that none of its threads had before.
    pub fn note(&mut self, mut report: FollowerReport) -> bool {
        let now = report.at;
        self.0.retain(|known| now.saturating_sub(known.at) < FOLLOWER_SILENT_S);
        let mut is_news = report.problem.is_some();
        if let Some(problem) = &mut report.problem {
            let known = self.0.iter().filter(|known| known.configuration == report.configuration);
            for known in known.filter_map(|known| known.problem.as_ref()) {
                if known.code == problem.code {
                    problem.since = problem.since.min(known.since);
                    is_news = false;
                }
            }
        }
        let same = |known: &FollowerReport| {
            known.thread == report.thread && known.configuration == report.configuration
        };
        self.0.retain(|known| !same(known));
        if self.0.len() >= FOLLOWERS {
            // Reports without a problem are evicted first.
            let oldest = self.0.iter().enumerate();
            let oldest = oldest.min_by_key(|(_, known)| (known.problem.is_some(), known.at));
            if let Some(at) = oldest.map(|(at, _)| at) {
                self.0.remove(at);
            }
        }
        self.0.push(report);
        is_news
    }

    /// The recent reports.
    #[must_use]
    pub fn now(mut self, now: u64) -> Self {
        self.0.retain(|report| now.saturating_sub(report.at) < FOLLOWER_SILENT_S);
        self
    }

    /// How many configurations have a problem.
    #[must_use]
    pub fn troubled(&self) -> u64 {
        let groups = self.groups();
        let troubled = groups.iter().filter(|group| group.problem().is_some());
        troubled.count() as u64
    }

    /// Whether all configurations run what is in force.
    #[must_use]
    pub fn in_force(&self, state: &Releases) -> Adoption {
        let stamp = state.stamp();
        if self.0.iter().any(|report| report.problem.is_some()) {
            Adoption::NotEverywhere
        } else if self.0.iter().all(|report| report.control) {
            Adoption::Nowhere
        } else if self.0.iter().all(|report| report.acting.stamp == stamp) {
            Adoption::Everywhere
        } else {
            Adoption::OnItsWay
        }
    }

    /// By configuration, sorted by name.
    fn groups(&self) -> Vec<FollowerGroup<'_>> {
        let mut groups: Vec<FollowerGroup<'_>> = Vec::new();
        for report in &self.0 {
            match groups.iter_mut().find(|g| g.first.configuration == report.configuration) {
                Some(group) => group.reports.push(report),
                None => groups.push(FollowerGroup { first: report, reports: vec![report] }),
            }
        }
        groups.sort_by(|a, b| a.first.configuration.cmp(&b.first.configuration));
        groups
    }

    /// All configurations, in JSON.
    #[must_use]
    pub fn to_json(&self, state: &Releases) -> String {
        let stamp = state.stamp();
        list(&self.groups(), |group| {
            let behind = group.reports.iter().filter(|report| report.acting.stamp != stamp);
            let (behind, mut out) = (behind.count() as u64, group.begin());
            out.number("threads", group.reports.len() as u64);
            out.number("behind", behind);
            out.end()
        })
    }

    /// Those with a problem, in JSON.
    #[must_use]
    pub fn troubled_to_json(&self, now: u64) -> String {
        let mut groups = self.groups();
        groups.retain(|group| group.problem().is_some());
        list(&groups, |group| {
            let mut out = group.begin();
            if let Some(problem) = group.problem() {
                out.text("code", &problem.code);
                out.text("why", &problem.why);
                out.set("since", Written::Time(problem.since));
                out.number("age_s", now.saturating_sub(problem.since));
            }
            out.end()
        })
    }

    /// As bytes, for the memory that workers share.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(FORM, &self.0)
    }

    /// Decodes such bytes; invalid ones, and those of another version, give an empty list.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Self {
        Self(decode(FORM, bytes).unwrap_or_default())
    }
}

coded!(FollowerReport { configuration, control, thread, acting, problem, at });
coded!(Acting { stamp, serial, version });
coded!(Problem { code, why, since });

impl FollowerGroup<'_> {
    /// Its oldest problem.
    fn problem(&self) -> Option<&Problem> {
        let problems = self.reports.iter().filter_map(|report| report.problem.as_ref());
        problems.min_by_key(|problem| problem.since)
    }

    /// The members that both lists have in common: the thread that is furthest behind counts.
    fn begin(&self) -> Object {
        let last = self.reports.iter().min_by_key(|report| report.acting.serial);
        let acting = last.map_or(&self.first.acting, |report| &report.acting);
        let mut out = Object::default();
        out.text("configuration", &self.first.configuration);
        out.text("listener", if self.first.control { "control" } else { "traffic" });
        out.number("serial", acting.serial);
        out.set("version", acting.version.as_deref());
        out
    }
}

impl Releases {
    /// A number that identifies what is in force: it changes with every activation.
    #[must_use]
    pub fn stamp(&self) -> u64 {
        let short = |digest: &super::Digest| {
            digest.as_bytes().first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
        };
        let Some(active) = &self.active else { return 0 };
        let standing = active.standing;
        // Each configuration falls back to its own inline policy.
        let held = self.held.first().filter(|_| standing != ReleaseStanding::Baseline);
        let held = held.map_or(0, |held| short(&held.digest));
        short(&active.payload) ^ held.rotate_left(1) ^ (standing as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn report(configuration: &str, thread: u64, stamp: u64, at: u64) -> FollowerReport {
        let acting = Acting { stamp, serial: stamp, version: Some(format!("v{stamp}")) };
        let configuration = configuration.to_owned();
        FollowerReport { configuration, control: false, thread, acting, problem: None, at }
    }

    fn failing(thread: u64, at: u64) -> FollowerReport {
        let problem = Some(Problem::new("untrusted", "no key of `trust`", at));
        FollowerReport { problem, ..report("llm", thread, 0, at) }
    }

    #[test]
    fn one_that_cannot_follow_is_told_once_and_shown_until_it_can() {
        let mut all = Followers::default();
        all.note(report("control", 1, 0, 100));
        assert_eq!(all.in_force(&Releases::default()), Adoption::Everywhere);
        assert!(all.note(failing(1, 100)), "news");
        assert!(!all.note(failing(1, 105)), "said before");
        assert!(!all.note(failing(2, 106)), "another thread of the same configuration");
        assert_eq!(all.in_force(&Releases::default()), Adoption::NotEverywhere);
        let shown: serde_json::Value = serde_json::from_str(&all.troubled_to_json(160)).unwrap();
        assert_eq!(shown.as_array().unwrap().len(), 1);
        assert_eq!((&shown[0]["code"], &shown[0]["age_s"]), (&"untrusted".into(), &60.into()));
        all.note(report("llm", 1, 0, 107));
        all.note(report("llm", 2, 0, 107));
        assert_eq!((all.troubled(), all.troubled_to_json(160)), (0, "[]".to_owned()));
    }

    #[test]
    fn who_is_silent_is_gone() {
        let mut all = Followers::default();
        all.note(failing(1, 100));
        assert_eq!(all.clone().now(100 + FOLLOWER_SILENT_S - 1).troubled(), 1);
        assert_eq!(all.clone().now(100 + FOLLOWER_SILENT_S).troubled(), 0);
        assert!(all.note(failing(1, 100 + FOLLOWER_SILENT_S)), "a new beginning");
    }

    #[test]
    fn a_release_that_no_traffic_follows_is_in_force_nowhere() {
        let mut all = Followers::default();
        assert_eq!(all.in_force(&Releases::default()), Adoption::Nowhere);
        all.note(FollowerReport { control: true, ..report("control", 1, 0, 100) });
        assert_eq!(all.in_force(&Releases::default()), Adoption::Nowhere);
        all.note(report("llm", 1, 7, 100));
        assert_eq!(all.in_force(&Releases::default()), Adoption::OnItsWay);
    }

    #[test]
    fn it_stays_bounded_and_keeps_problems() {
        let mut all = Followers::default();
        all.note(failing(0, 100));
        for thread in 0..1_000 {
            all.note(report("control", thread, 0, 101));
        }
        assert_eq!((all.0.len(), all.troubled()), (FOLLOWERS, 1));
        assert_eq!(Followers::decode(&all.encode()), all);
    }

    proptest! {
        #[test]
        fn broken_bytes_are_an_empty_list(bytes: Vec<u8>) {
            let _ = Followers::decode(&bytes);
        }

        #[test]
        fn a_reason_is_cut_at_a_character(why: String) {
            prop_assert!(Problem::new("x", &why.repeat(50), 0).why.len() <= FOLLOWER_TEXT_BYTES);
        }
    }
}
