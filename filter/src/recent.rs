//! The last events of a scope that do not come of traffic, in the data that workers share.

use hemostat_engine::event::recent::RecentEvents;
use hemostat_engine::event::{Event, Occurrences};

use crate::clock;
use crate::host::shared;

/// Attempts while other threads write. The list is an aid for people: after that this event is left out.
const TRIES: usize = 16;

fn key(scope: &str) -> String {
    format!("hemostat.events.{scope}")
}

/// Keeps an event for status.
pub fn note(event: &Event) {
    let now = clock::now_ns();
    let json = event.to_json("", Occurrences { count: 1, first_ns: now, last_ns: now });
    let key = key(&event.origin.scope);
    for _ in 0..TRIES {
        let Ok(stored) = shared::get(&key) else { return };
        let known = stored.as_ref().map(|stored| RecentEvents::decode(&stored.value));
        let mut recent = known.unwrap_or_default();
        recent.note(json.clone());
        match shared::replace(&key, stored.as_ref(), &recent.encode()) {
            Ok(false) => {}
            Ok(true) | Err(_) => return,
        }
    }
}

/// The last events of a scope, in JSON.
pub fn json(scope: &str) -> String {
    let stored = shared::get(&key(scope)).ok().flatten();
    stored.map(|stored| RecentEvents::decode(&stored.value)).unwrap_or_default().to_json()
}
