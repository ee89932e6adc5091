//! The last events of a scope that do not come from traffic: releases, sources, providers, rate-limit services, filters
//! that cannot follow. Status shows them, whether or not anybody is notified.

use super::EventKind;
use crate::bundle::code::{decode, encode};
use crate::limits::{RECENT_EVENT_BYTES, RECENT_EVENTS};

/// The layout's number: values written by another version of this code are not read.
const FORM: u64 = 1;

/// Events as JSON, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecentEvents(Vec<String>);

impl EventKind {
    /// True for kinds that do not come from traffic: they are rare, and kept for status.
    #[must_use]
    pub fn is_of_the_scope(self) -> bool {
        matches!(
            self,
            Self::LimitUnknown
                | Self::ReleaseActive
                | Self::ReleaseRefused
                | Self::ReleaseExpired
                | Self::SourceSilent
                | Self::SourceFailing
                | Self::NotFollowing
                | Self::ProviderIncident
        )
    }
}

impl RecentEvents {
    /// Adds an event. One that is too long is left out.
    pub fn note(&mut self, json: String) {
        if json.len() <= RECENT_EVENT_BYTES {
            self.0.insert(0, json);
            self.0.truncate(RECENT_EVENTS);
        }
    }

    /// The events as status shows them.
    #[must_use]
    pub fn to_json(&self) -> String {
        format!("[{}]", self.0.join(","))
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_newest_are_kept_and_none_without_end() {
        let mut recent = RecentEvents::default();
        (0..100).for_each(|at| recent.note(at.to_string()));
        recent.note("x".repeat(RECENT_EVENT_BYTES + 1));
        assert!(recent.to_json().starts_with("[99,98,"));
        assert_eq!(recent.0.len(), RECENT_EVENTS);
        assert_eq!(RecentEvents::decode(&recent.encode()), recent);
    }

    proptest! {
        #[test]
        fn broken_bytes_are_an_empty_list(bytes: Vec<u8>) {
            let _ = RecentEvents::decode(&bytes);
        }
    }
}
