//! `when`, compiled: decides whether a rule holds for a request.

use std::rc::Rc;

use sha2::{Digest, Sha256};

use super::label::{Label, LabelId, LabelTable};
use crate::policy::document::{Globs, When};

/// A compiled `when`.
#[derive(Debug, Clone, Default)]
pub struct Selector {
    entries: Vec<(LabelId, Globs)>,
    share: Option<TrafficShare>,
    until: Option<u64>,
}

#[derive(Debug, Clone)]
struct TrafficShare {
    /// Values below this are in; 2^64 and more means that all are.
    below: u128,
    rule: String,
    by: ShareKey,
}

#[derive(Debug, Clone)]
enum ShareKey {
    Label(LabelId),
    /// The first of these that is trusted and present, else the request id.
    FirstTrusted(Vec<LabelId>),
}

/// Whether a rule holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// Unknown until the body has been read.
    Unknown,
    /// A label that it needs cannot be read.
    Unreadable,
}

/// The labels of a request, as selectors read them.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    /// Shared by what remembers the labels as they were, until they change.
    values: Rc<[Label]>,
    /// Further values of labels: a rule holds if it holds for any of them.
    more: Vec<(LabelId, Label)>,
    /// The proxy's own id of the request, for fractions that no label decides.
    pub request_id: Option<Rc<[u8]>>,
}

impl Labels {
    /// One entry for each label of the table, none read yet.
    #[must_use]
    pub fn unread(table: &LabelTable, request_id: Option<Rc<[u8]>>) -> Self {
        Self::read(table, request_id, |_| Label::Unknown)
    }

    /// One entry for each label of the table.
    #[must_use]
    pub fn read(
        table: &LabelTable,
        request_id: Option<Rc<[u8]>>,
        label: impl FnMut(LabelId) -> Label,
    ) -> Self {
        let values = (0..table.len()).map(LabelId).map(label).collect();
        Self { values, more: Vec::new(), request_id }
    }

    /// A label's value.
    #[must_use]
    pub fn get(&self, id: LabelId) -> &Label {
        self.values.get(id.0).unwrap_or(&Label::Unknown)
    }

    /// True if any value was too long to be kept whole.
    #[must_use]
    pub fn any_cut(&self) -> bool {
        self.values.iter().any(|label| matches!(label, Label::Value { cut: true, .. }))
    }

    /// Adds a further value: the other protocol that a request can be read in, the other models that may answer.
    pub fn add(&mut self, id: LabelId, label: Label) {
        if *self.get(id) != label && !self.more.iter().any(|(own, old)| *own == id && *old == label)
        {
            self.more.push((id, label));
        }
    }

    /// A label's value, followed by its further ones.
    pub fn all(&self, id: LabelId) -> impl Iterator<Item = &Label> {
        let more = self.more.iter().filter(move |(own, _)| *own == id).map(|(_, label)| label);
        std::iter::once(self.get(id)).chain(more)
    }

    /// Removes a label's further values.
    pub fn forget_more(&mut self, id: LabelId) {
        self.more.retain(|(own, _)| *own != id);
    }

    /// Sets a label's value.
    pub fn set(&mut self, id: LabelId, label: Label) {
        if let Some(value) = Rc::make_mut(&mut self.values).get_mut(id.0) {
            *value = label;
        }
    }
}

impl Selector {
    /// Compiles a selector; `check` has refused labels that do not exist.
    #[must_use]
    pub fn compile(when: &When, rule: &str, table: &LabelTable) -> Self {
        let entries = when
            .labels
            .iter()
            .filter_map(|(name, globs)| Some((table.id(name)?, globs.clone())))
            .collect();
        let share = when.percent.as_ref().map(|percent| TrafficShare {
            below: share_of_u64(percent.share),
            rule: rule.to_owned(),
            by: match percent.by.as_ref().and_then(|name| table.id(name)) {
                Some(id) => ShareKey::Label(id),
                None => ShareKey::FirstTrusted(
                    ["tenant", "key", "user"].iter().filter_map(|name| table.id(name)).collect(),
                ),
            },
        });
        Self { entries, share, until: when.until }
    }

    /// True once `until` has passed (Unix seconds).
    #[must_use]
    pub fn is_over(&self, now: u64) -> bool {
        self.until.is_some_and(|until| now >= until)
    }

    /// Evaluates the selector for a request. One entry that fails is enough for a `No`: then the others are not needed,
    /// readable or not.
    #[must_use]
    pub fn holds(&self, labels: &Labels) -> Holds {
        let mut result = Holds::Yes;
        let one = |id: LabelId, globs: &Globs, label: &Label| match label {
            Label::Unknown => Holds::Unknown,
            Label::Unreadable => Holds::Unreadable,
            Label::Value { text, .. } if id == LabelId::MODEL && globs.hold_model(text) => {
                Holds::Yes
            }
            Label::Value { text, .. } if id != LabelId::MODEL && globs.hold(text) => Holds::Yes,
            Label::Value { .. } => Holds::No,
        };
        let entries = self.entries.iter().map(|(id, globs)| {
            let mut all = labels.all(*id).map(|label| one(*id, globs, label));
            let own = all.next().unwrap_or(Holds::No);
            all.fold(own, Holds::or)
        });
        for one in entries.chain(self.share.as_ref().map(|share| share.holds(labels))) {
            match one {
                Holds::No => return Holds::No,
                Holds::Unreadable => result = Holds::Unreadable,
                Holds::Unknown if result == Holds::Yes => result = Holds::Unknown,
                _ => {}
            }
        }
        result
    }
}

impl Holds {
    /// The disjunction of two results.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::No, one) | (one, Self::No) => one,
            (one, _) => one,
        }
    }
}

impl TrafficShare {
    fn holds(&self, labels: &Labels) -> Holds {
        let value = match &self.by {
            ShareKey::Label(id) => match labels.get(*id) {
                Label::Unknown => return Holds::Unknown,
                Label::Unreadable => return Holds::Unreadable,
                Label::Value { text, .. } => text.as_bytes(),
            },
            ShareKey::FirstTrusted(ids) => ids
                .iter()
                .find_map(|id| match labels.get(*id) {
                    Label::Value { text, trusted: true, .. } if !text.is_empty() => {
                        Some(text.as_bytes())
                    }
                    _ => None,
                })
                .or(labels.request_id.as_deref())
                .unwrap_or_default(),
        };
        if in_share(&self.rule, value, self.below) { Holds::Yes } else { Holds::No }
    }
}

/// POLICY "percent": the first 8 bytes of SHA-256(rule id, zero byte, value) ÷ 2^64 are below the fraction.
fn in_share(rule: &str, value: &[u8], below: u128) -> bool {
    let hash = Sha256::new().chain_update(rule).chain_update([0]).chain_update(value).finalize();
    let first = hash.iter().take(8).fold(0u128, |sum, &byte| sum << 8 | u128::from(byte));
    first < below
}

fn share_of_u64(percent: f64) -> u128 {
    // 2^64 is exact as a float; a share of 100 lets every value in.
    ((percent / 100.0).clamp(0.0, 1.0) * 18_446_744_073_709_551_616.0) as u128
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::document::{Document, LabelSource, Percent};

    fn table() -> LabelTable {
        let mut document = Document::default();
        for name in ["tenant", "feature"] {
            let source = LabelSource::Header { name: format!("x-{name}"), digest: false };
            document.labels.insert(name.to_owned(), vec![source]);
        }
        LabelTable::compile(&document)
    }

    fn when(label: &str, plain: &str) -> When {
        let globs = Globs { plain: vec![plain.to_owned()], negated: Vec::new() };
        When { labels: vec![(label.to_owned(), globs)], ..When::default() }
    }

    #[test]
    fn one_failing_entry_outweighs_what_cannot_be_read() {
        let table = table();
        let mut both = when("tenant", "acme");
        both.labels.extend(when("feature", "checkout").labels);
        let selector = Selector::compile(&both, "r", &table);
        let (tenant, feature) = (table.id("tenant").unwrap(), table.id("feature").unwrap());
        let mut labels = Labels::unread(&table, None);
        assert_eq!(selector.holds(&labels), Holds::Unknown);
        labels.set(feature, Label::Unreadable);
        assert_eq!(selector.holds(&labels), Holds::Unreadable);
        labels.set(tenant, Label::value("other", false));
        assert_eq!(selector.holds(&labels), Holds::No);
        labels.set(tenant, Label::value("acme", false));
        labels.set(feature, Label::value("checkout", false));
        assert_eq!(selector.holds(&labels), Holds::Yes);
    }

    #[test]
    fn a_share_is_stable_and_about_right() {
        let table = table();
        let tenant = table.id("tenant").unwrap();
        let percent = Some(Percent { share: 20.0, by: Some("tenant".to_owned()) });
        let selector = Selector::compile(&When { percent, ..When::default() }, "canary", &table);
        let mut labels = Labels::unread(&table, None);
        let held = (0..2000)
            .filter(|n| {
                labels.set(tenant, Label::value(&format!("tenant-{n}"), false));
                assert_eq!(selector.holds(&labels), selector.holds(&labels));
                selector.holds(&labels) == Holds::Yes
            })
            .count();
        assert!((320..480).contains(&held), "{held} of 2000 under a share of 20 %");
    }

    #[test]
    fn the_whole_share_is_everybody_and_none_is_nobody() {
        assert!(in_share("r", b"x", share_of_u64(100.0)));
        assert!(!in_share("r", b"x", share_of_u64(0.0)));
    }

    #[test]
    fn a_share_follows_the_published_formula() {
        // Computed independently of the code above: eight bytes, big endian, as a fraction of 2^64.
        let hash = Sha256::digest(b"canary\0acme");
        let first = u64::from_be_bytes(hash[..8].try_into().unwrap());
        let percent = first as f64 / 2f64.powi(64) * 100.0;
        assert!(in_share("canary", b"acme", share_of_u64(percent + 0.001)));
        assert!(!in_share("canary", b"acme", share_of_u64(percent - 0.001)));
    }

    #[test]
    fn an_untrusted_label_does_not_decide_a_share_by_default() {
        let table = table();
        let tenant = table.id("tenant").unwrap();
        let percent = Some(Percent { share: 50.0, by: None });
        let selector = Selector::compile(&When { percent, ..When::default() }, "r", &table);
        let with = |tenant_label: Label, id: &str| {
            let mut labels = Labels::unread(&table, Some(id.as_bytes().into()));
            labels.set(tenant, tenant_label);
            selector.holds(&labels)
        };
        for id in ["a", "b", "c", "d", "e", "f"] {
            let by_id = with(Label::value("", false), id);
            assert_eq!(with(Label::value("acme", false), id), by_id, "a claim must not choose");
        }
        let trusted: Vec<_> = ["a", "b", "c", "d", "e", "f"]
            .iter()
            .map(|id| with(Label::value("acme", true), id))
            .collect();
        assert!(trusted.iter().all(|&holds| holds == trusted[0]), "a trusted tenant decides alone");
    }
}
