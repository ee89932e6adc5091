//! What people are told of releases: events, lines of the log, counters, and the last refusal for status.

use std::rc::Rc;

use hemostat_engine::bundle::{Digest, LastRefusal, Practice, ReleaseRefusal, ReleaseWay};
use hemostat_engine::event::{Event, EventKind, EventValue, Fields, Origin};

use super::{Follower, Taken};
use crate::host::Level;
use crate::host::shared;
use crate::{notify, telemetry};

impl Follower {
    /// What became of a release that was offered.
    pub(super) fn tell(
        &self,
        offered: &Result<Taken, ReleaseRefusal>,
        envelope: &[u8],
        way: ReleaseWay,
        now: u64,
    ) {
        let way_word = way.word();
        match offered {
            Ok(taken) if taken.unchanged => self.clear_trouble(way),
            Ok(taken) => {
                self.clear_trouble(way);
                telemetry::count("hemostat_releases_total;action=activated");
                let running = taken.running.as_ref();
                let version = running.and_then(|r| r.version.as_deref()).unwrap_or("-");
                let line = format!(
                    "release {} is in force: version={version} way={way_word}",
                    taken.serial
                );
                telemetry::line(Level::Info, &line);
                if let Some(running) = running {
                    *self.program.borrow_mut() = Some(Rc::clone(&running.program));
                }
                let mut fields = vec![
                    ("hemostat.policy_version", version.into()),
                    ("hemostat.policy_serial", EventValue::Number(taken.serial)),
                    ("hemostat.release.way", way_word.into()),
                ];
                fields.extend(self.signed());
                let severity = running.and_then(|running| running.severity);
                fields.extend(severity.map(|s| ("hemostat.severity", s.word().into())));
                self.raise(EventKind::ReleaseActive, fields);
                for warning in running.map(|r| r.warnings.as_slice()).unwrap_or_default() {
                    telemetry::line(Level::Warn, warning);
                }
            }
            Err(refusal) => {
                let digest = Digest::of(envelope);
                if way == ReleaseWay::Source && self.refused.replace(Some(digest)) == Some(digest) {
                    return;
                }
                self.complain(refusal, way, now);
            }
        }
    }

    /// What the activation that is newest says of itself, for events.
    fn signed(&self) -> Fields {
        let Ok((state, _)) = self.store() else { return Fields::new() };
        let Some(entry) = state.history.first() else { return Fields::new() };
        let mut fields: Fields = vec![("hemostat.release.issuer", entry.issuer.as_str().into())];
        let reason = entry.reason.as_deref();
        fields.extend(reason.map(|reason| ("hemostat.release.reason", reason.into())));
        let drill = entry.practice == Practice::Drill;
        fields
            .extend(drill.then(|| ("hemostat.release.drill", EventValue::Json("true".to_owned()))));
        fields
    }

    /// A success by the way that failed last: that is over. What comes by another way says nothing of it, except that a
    /// release which is posted and taken answers for everything before it.
    fn clear_trouble(&self, way: ReleaseWay) {
        let Ok(Some(stored)) = shared::get(&self.keys.trouble) else { return };
        let trouble = LastRefusal::decode(&stored.value);
        if trouble.is_some_and(|trouble| way == ReleaseWay::Post || trouble.way == way.word()) {
            let _ = shared::put(&self.keys.trouble, b"");
        }
    }

    /// Counts and logs a refusal, and keeps it for status.
    pub fn complain(&self, refusal: &ReleaseRefusal, way: ReleaseWay, now: u64) {
        telemetry::count(&format!(
            "hemostat_releases_total;action=refused;reason={}",
            refusal.code.word()
        ));
        telemetry::line(
            Level::Warn,
            &format!("release refused, what is in force goes on: {refusal} way={}", way.word()),
        );
        self.raise(
            EventKind::ReleaseRefused,
            vec![
                ("hemostat.reason", refusal.code.word().into()),
                ("hemostat.release.way", way.word().into()),
            ],
        );
        let trouble = LastRefusal::new(refusal, way, now);
        // Status goes without it, where the host does not keep it.
        let _ = shared::put(&self.keys.trouble, &trouble.encode());
    }

    /// Raises an event of this scope, to where the policy in force sends them.
    pub(super) fn raise(&self, kind: EventKind, fields: Fields) {
        let program = self.program.borrow();
        let notify = program.as_ref().and_then(|program| program.notify.clone());
        let scope = self.terms.config.scope.clone();
        let origin = Rc::new(Origin { notify, scope, ..Origin::default() });
        notify::raise(Event { origin, ..Event::new(kind, fields) });
    }
}
