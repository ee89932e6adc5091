//! What this thread reports about its configuration, so that status can show whether every thread runs what is in force.

use std::cell::RefCell;

use hemostat_engine::bundle::{Acting, Digest, FollowerReport, Followers, Problem};
use hemostat_engine::limits::FOLLOWER_EVERY_S;

use crate::clock;
use crate::gauges::Gauges;
use crate::host::shared;

/// Attempts while other threads write. After that this report is dropped: the next one is seconds away.
const TRIES: usize = 16;

/// Reports for one configuration.
#[derive(Debug)]
pub struct Reporter {
    key: String,
    configuration: String,
    control: bool,
    /// The last report.
    said: RefCell<Option<FollowerReport>>,
    gauges: Gauges,
}

fn key(scope: &str) -> String {
    format!("hemostat.release.followers.{scope}")
}

impl Reporter {
    /// For the configuration in these bytes. Its name is the host's name of the plugin and the beginning of its digest:
    /// listeners often carry the plugin under one name.
    pub fn new(scope: &str, configuration: &[u8], control: bool, plugin: &str) -> Self {
        let name: String = plugin.chars().take(64).collect();
        let digest: String = Digest::of(configuration)
            .as_bytes()
            .iter()
            .take(4)
            .map(|b| format!("{b:02x}"))
            .collect();
        let name = if name.is_empty() { "filter" } else { &name };
        let configuration = format!("{name}/{digest}");
        let gauges = Gauges::of(scope);
        // There from the beginning: an alert sees the first rise.
        gauges.not_following(read(scope).troubled());
        Self { key: key(scope), configuration, control, said: RefCell::new(None), gauges }
    }

    /// The configuration's name.
    pub fn name(&self) -> &str {
        &self.configuration
    }

    /// Reports what this thread runs, if that is new or the last report is old enough. True if the configuration has a
    /// problem that none of its threads had before.
    pub fn say(&self, acting: Acting, problem: Option<Problem>) -> bool {
        let at = clock::now_ns() / 1_000_000_000;
        let report = FollowerReport {
            configuration: self.configuration.clone(),
            control: self.control,
            thread: clock::nonce(0),
            acting,
            problem,
            at,
        };
        let mut said = self.said.borrow_mut();
        let same = said.as_ref().is_some_and(|said| {
            said.acting == report.acting
                && said.problem == report.problem
                && at.saturating_sub(said.at) < FOLLOWER_EVERY_S
                && said.at <= at
        });
        if same {
            return false;
        }
        *said = Some(report.clone());
        for _ in 0..TRIES {
            let Ok(stored) = shared::get(&self.key) else { return false };
            let known = stored.as_ref().map(|stored| Followers::decode(&stored.value));
            let mut all = known.unwrap_or_default();
            let is_news = all.note(report.clone());
            match shared::replace(&self.key, stored.as_ref(), &all.encode()) {
                Ok(true) => {
                    self.gauges.not_following(all.troubled());
                    return is_news;
                }
                Ok(false) => {}
                Err(_) => return false,
            }
        }
        false
    }
}

/// What the threads of this process have said of the scope's configurations.
pub fn read(scope: &str) -> Followers {
    let stored = shared::get(&key(scope)).ok().flatten();
    let known = stored.map(|stored| Followers::decode(&stored.value)).unwrap_or_default();
    known.now(clock::now_ns() / 1_000_000_000)
}
