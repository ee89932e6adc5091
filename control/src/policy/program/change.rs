//! Levers 1 and 2, compiled: what is written where.

use super::label::{LabelId, LabelOrigin, LabelTable};
use super::rule::Rule;
use crate::policy::document::{self, Document, Mode};

/// The request header that the proxy's route table reads. Only this filter sets it (POLICY "What is shown").
pub const UPSTREAM: &str = "x-hemostat-upstream";

/// The rules of `rollback` and `switch`.
#[derive(Debug, Default)]
pub struct Changes {
    /// Lever 1: all that match apply.
    pub rollback: Vec<Change>,
    /// Lever 2: the first that matches applies.
    pub switch: Vec<Change>,
}

/// A rule that changes the request.
#[derive(Debug)]
pub struct Change {
    /// Name, selector, mode.
    pub rule: Rule,
    /// What it sets, in the order in which it is set.
    pub set: Vec<(ChangedField, String)>,
    /// The labels whose values it may change.
    pub touches: Vec<LabelId>,
}

/// A field that is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangedField {
    /// The model, in the body or the path: wherever this call has it.
    Model,
    /// A label, where it was read from.
    Label(LabelId),
    /// This place in the body (decoded segments); its value is JSON text.
    Body(Vec<String>),
    /// This header (lower case).
    Header(String),
}

impl Changes {
    /// Compiles both levers. `hold_headers: false` means that headers leave before a body can be read: rules that must
    /// change them are off then, which `accept_off` or `mode` has accepted.
    #[must_use]
    pub(super) fn compile(
        document: &Document,
        labels: &LabelTable,
        hold_headers: Option<bool>,
    ) -> Self {
        let change = |rule: &document::RuleDocument,
                      needs_headers: bool,
                      set: Vec<(ChangedField, String)>| {
            let mut rule = Rule::compile(rule, document, labels);
            if needs_headers && hold_headers == Some(false) {
                rule.mode = Mode::Disabled;
            }
            let mut touches = Vec::new();
            set.iter().for_each(|(field, _)| touched(field, labels, &mut touches));
            touches.sort_unstable();
            touches.dedup();
            Change { rule, set, touches }
        };
        let rollback = document.rollback.iter().map(|lever| {
            let needs_headers = lever.set.changes_headers(document);
            change(&lever.rule, needs_headers, fields(&lever.set, labels))
        });
        let switch = document.switch.iter().map(|lever| {
            let mut set = Vec::new();
            if let Some(name) = &lever.upstream {
                set.push((ChangedField::Header(UPSTREAM.into()), name.clone()));
            }
            if let Some(model) = &lever.model {
                set.push((ChangedField::Model, model.clone()));
            }
            change(&lever.rule, lever.upstream.is_some(), set)
        });
        Self { rollback: rollback.collect(), switch: switch.collect() }
    }

    /// True if neither lever has a rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rollback.is_empty() && self.switch.is_empty()
    }

    /// The rules of both levers, in the order in which they apply.
    pub fn rules(&self) -> impl Iterator<Item = &Change> {
        self.rollback.iter().chain(&self.switch)
    }
}

impl Change {
    /// True if the request's body may change.
    #[must_use]
    pub fn may_rewrite(&self) -> bool {
        self.set.iter().any(|(field, _)| !matches!(field, ChangedField::Header(_)))
    }
}

fn fields(set: &document::RollbackSet, labels: &LabelTable) -> Vec<(ChangedField, String)> {
    let mut fields = Vec::new();
    let mut add = |field, value: &String| fields.push((field, value.clone()));
    if let Some(model) = &set.model {
        add(ChangedField::Model, model);
    }
    for (label, value) in &set.labels {
        if let Some(id) = labels.id(label) {
            add(ChangedField::Label(id), value);
        }
    }
    for (at, json) in &set.body {
        add(ChangedField::Body(at.clone()), json);
    }
    for (name, value) in &set.headers {
        add(ChangedField::Header(name.clone()), value);
    }
    fields
}

/// Adds the labels with a source that this field may be written to.
fn touched(field: &ChangedField, table: &LabelTable, labels: &mut Vec<LabelId>) {
    let model = [LabelOrigin::Json(vec!["model".to_owned()])];
    let body;
    let header;
    let places: Vec<&LabelOrigin> = match field {
        ChangedField::Model => model.iter().collect(),
        ChangedField::Label(id) => table.sources(*id).iter().map(|read| &read.from).collect(),
        ChangedField::Body(at) => {
            body = LabelOrigin::Json(at.clone());
            vec![&body]
        }
        ChangedField::Header(name) => {
            header = LabelOrigin::Header(name.clone());
            vec![&header]
        }
    };
    let meets = |one: &LabelOrigin, other: &LabelOrigin| match (one, other) {
        (LabelOrigin::Header(one), LabelOrigin::Header(other)) => one == other,
        (LabelOrigin::Json(one), LabelOrigin::Json(other)) => {
            one.starts_with(other) || other.starts_with(one)
        }
        _ => false,
    };
    for id in (0..table.len()).map(LabelId) {
        let mut read = table.sources(id).iter().map(|read| &read.from);
        if read.any(|from| places.iter().any(|place| meets(place, from))) {
            labels.push(id);
        }
    }
    if places.iter().any(|place| model.iter().any(|model| meets(place, model))) {
        // The path too, where some calls name the model.
        labels.extend([LabelId::MODEL, LabelId::PATH]);
    }
}
