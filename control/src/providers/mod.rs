//! What the status pages of providers report, in the Statuspage format. Operators are shown it; no rule acts on it.
//!
//! A third party's page is hostile input like any other: it is bounded, and its texts are escaped wherever they are
//! shown.

mod statuspage;

use crate::base::time;
use crate::bundle::Poll;
use crate::bundle::code::{coded, decode, encode};
use crate::event::{Event, EventKind};
use crate::limits::{PROVIDER_INCIDENTS, PROVIDERS};
use crate::written::{Object, Written, list};

pub use statuspage::read;

/// The layout's number: values written by another version of this code are not read.
const FORM: u64 = 2;

/// What the workers of a process share about the providers of a scope.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Providers(Vec<Provider>);

/// One provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its name in the configuration.
    pub name: String,
    /// When its page is polled.
    pub poll: Poll,
    /// Its last page; `None` if it has never answered.
    pub page: Option<StatusPage>,
}

/// The contents of a status page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatusPage {
    /// `none`, `minor`, `major`, `critical`, or another word of the page.
    pub indicator: String,
    /// The same in words.
    pub description: String,
    /// Unresolved incidents.
    pub incidents: Vec<Incident>,
}

/// An incident at a provider.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Incident {
    /// The page's id for it.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// `investigating`, `identified`, `monitoring` …; empty if the page does not say.
    pub status: String,
    /// `minor`, `major`, `critical`; empty if the page does not say.
    pub impact: String,
    /// When it began (Unix seconds).
    pub since: Option<u64>,
    /// When it was last updated (Unix seconds).
    pub updated: Option<u64>,
}

impl Providers {
    /// The provider with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Provider> {
        self.0.iter().find(|provider| provider.name == name)
    }

    /// Replaces the provider with this name. Providers that are not in `named`, the configuration's list, are dropped.
    pub fn put(&mut self, provider: Provider, named: &[&str]) {
        self.0.retain(|own| own.name != provider.name && named.contains(&own.name.as_str()));
        self.0.truncate(PROVIDERS - 1);
        self.0.push(provider);
        self.0.sort_by(|a, b| a.name.cmp(&b.name));
    }

    /// The providers as status shows them; `now_ms` in Unix milliseconds.
    #[must_use]
    pub fn to_json(&self, now_ms: u64) -> String {
        list(&self.0, |provider| {
            let mut out = Object::default();
            out.text("name", &provider.name);
            let page = provider.page.as_ref();
            out.set("indicator", page.map(|page| page.indicator.as_str()));
            out.set("description", page.map(|page| page.description.as_str()));
            let incidents = page.map(|page| page.incidents.as_slice()).unwrap_or_default();
            out.list("incidents", incidents, Incident::to_json);
            let poll = &provider.poll;
            let asked = poll.answered.then_some(poll.good_ms);
            out.set("as_of", asked.map(|at| Written::Time(at / 1000)));
            let age = asked.map(|at| now_ms.saturating_sub(at) / 1000);
            out.set("age_s", age);
            out.set("error", poll.error.as_ref().map(|error| error.why.as_str()));
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

coded!(Provider { name, poll, page });
coded!(StatusPage { indicator, description, incidents });
coded!(Incident { id, name, status, impact, since, updated });

impl Incident {
    fn to_json(&self) -> String {
        let mut out = Object::default();
        out.text("id", &self.id);
        out.text("name", &self.name);
        out.text("status", &self.status);
        out.text("impact", &self.impact);
        out.set("since", self.since.map(Written::Time));
        out.set("updated", self.updated.map(Written::Time));
        out.end()
    }

    fn event(&self, provider: &str, status: &str) -> Event {
        let mut fields = vec![
            ("hemostat.provider", provider.into()),
            ("hemostat.provider.incident", self.id.as_str().into()),
            ("hemostat.provider.status", status.into()),
            ("hemostat.provider.impact", self.impact.as_str().into()),
            ("hemostat.provider.name", self.name.as_str().into()),
        ];
        let since = self.since.map(time::format);
        fields.extend(since.map(|since| ("hemostat.provider.since", since.as_str().into())));
        Event::new(EventKind::ProviderIncident, fields)
    }
}

/// The changes from one page to the next: new incidents, changed statuses, and incidents that have disappeared and so
/// are over. The first page reports what is already wrong.
#[must_use]
pub fn changes(provider: &str, before: Option<&StatusPage>, now: &StatusPage) -> Vec<Event> {
    let known = before.map(|page| page.incidents.as_slice()).unwrap_or_default();
    let mut events = Vec::new();
    for incident in &now.incidents {
        let same = known.iter().any(|own| own.id == incident.id && own.status == incident.status);
        if !same {
            events.push(incident.event(provider, &incident.status));
        }
    }
    // A page with the maximum number of incidents may have more: one that is missing there is not known to be over.
    if now.incidents.len() < PROVIDER_INCIDENTS {
        let gone = known.iter().filter(|own| now.incidents.iter().all(|new| new.id != own.id));
        events.extend(gone.map(|own| own.event(provider, "resolved")));
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventValue;
    use proptest::prelude::*;

    fn page(incidents: &[(&str, &str)]) -> StatusPage {
        let incidents = incidents.iter().map(|(id, status)| Incident {
            id: (*id).to_owned(),
            status: (*status).to_owned(),
            ..Incident::default()
        });
        StatusPage { incidents: incidents.collect(), ..StatusPage::default() }
    }

    fn said(before: Option<&StatusPage>, now: &StatusPage) -> Vec<(EventValue, EventValue)> {
        let events = changes("openai", before, now);
        events.into_iter().map(|e| (e.fields[1].1.clone(), e.fields[2].1.clone())).collect()
    }

    #[test]
    fn each_change_of_an_incident_is_told_once() {
        let first = page(&[("a", "investigating")]);
        assert_eq!(said(None, &first), [("a".into(), "investigating".into())]);
        assert_eq!(said(Some(&first), &first), []);
        let second = page(&[("a", "monitoring"), ("b", "identified")]);
        let both = [("a".into(), "monitoring".into()), ("b".into(), "identified".into())];
        assert_eq!(said(Some(&first), &second), both);
        let last = [("b".into(), "resolved".into())];
        assert_eq!(said(Some(&second), &page(&[("a", "monitoring")])), last);
    }

    #[test]
    fn what_the_configuration_names_no_more_is_gone() {
        let mut all = Providers::default();
        for name in ["openai", "old", "anthropic"] {
            let provider = Provider { name: name.to_owned(), poll: Poll::default(), page: None };
            all.put(provider, &["openai", "anthropic"]);
        }
        assert!(all.get("old").is_none());
        assert_eq!(Providers::decode(&all.encode()), all);
        let shown: serde_json::Value = serde_json::from_str(&all.to_json(0)).unwrap();
        assert_eq!((&shown[0]["name"], &shown[1]["name"]), (&"anthropic".into(), &"openai".into()));
    }

    proptest! {
        #[test]
        fn broken_bytes_are_an_empty_list(bytes: Vec<u8>) {
            let _ = Providers::decode(&bytes);
        }
    }
}
