//! By what calls are told apart: labels of the policy, and what else the record of a call says.

use std::borrow::Cow;

use crate::shared::access_log::{Entry, Field};

/// One way to tell calls apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dimension {
    /// As people write it.
    pub(crate) name: String,
    from: From,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum From {
    Label,
    Field(Field),
    Several(Field),
    Rule,
    Action,
}

/// Names that are no labels. The second is how the record spells it.
const KNOWN: [(&str, &str, From); 17] = [
    ("model", "gen_ai.request.model", From::Field(Field::Model)),
    ("served", "gen_ai.response.model", From::Field(Field::Served)),
    ("sent", "hemostat.sent_model", From::Field(Field::Sent)),
    ("rule", "hemostat.rule_hits", From::Rule),
    ("action", "action", From::Action),
    ("status", "http.response.status_code", From::Field(Field::Status)),
    ("finish_reason", "gen_ai.response.finish_reasons", From::Several(Field::Finish)),
    ("unchecked", "hemostat.unchecked", From::Several(Field::Unchecked)),
    ("version", "hemostat.policy_version", From::Field(Field::PolicyVersion)),
    ("serial", "hemostat.policy_serial", From::Field(Field::Serial)),
    ("dialect", "hemostat.dialect", From::Field(Field::Dialect)),
    ("stream", "hemostat.stream", From::Field(Field::Stream)),
    ("operation", "gen_ai.operation.name", From::Field(Field::Operation)),
    ("upstream", "upstream", From::Field(Field::Upstream)),
    ("method", "method", From::Field(Field::Method)),
    ("path", "path", From::Field(Field::Path)),
    ("host", "host", From::Field(Field::Host)),
];

impl Dimension {
    /// A label of this name, or what the record calls so.
    pub(crate) fn named(name: &str) -> Self {
        let known = KNOWN.iter().find(|(short, long, _)| *short == name || *long == name);
        match known {
            Some((short, _, from)) => Self { name: (*short).to_owned(), from: from.clone() },
            None => {
                let name = name.strip_prefix("hemostat.label.").unwrap_or(name);
                Self { name: name.to_owned(), from: From::Label }
            }
        }
    }

    /// True if it tells what became of a call, and not what the call was.
    pub(crate) fn is_outcome(&self) -> bool {
        match &self.from {
            From::Rule | From::Action | From::Several(_) => true,
            From::Field(field) => matches!(field, Field::Status),
            From::Label => false,
        }
    }

    /// The values of a call: most have one; rules and reasons may be none or several.
    pub(crate) fn values<'e>(&self, entry: &'e Entry<'_>, each: &mut dyn FnMut(&str)) {
        let one = |value: Option<Cow<'e, str>>, each: &mut dyn FnMut(&str)| {
            each(value.as_deref().unwrap_or_default());
        };
        match &self.from {
            From::Label => each(entry.label(&self.name).unwrap_or_default()),
            // What was asked; where nobody wrote that down, what answered.
            From::Field(Field::Model) => {
                one(entry.text(Field::Model).or_else(|| entry.text(Field::Served)), each);
            }
            From::Field(field) => one(entry.text(*field), each),
            From::Several(field) => entry.several(*field).iter().for_each(|value| each(value)),
            From::Rule => entry.hits().iter().for_each(|hit| each(hit)),
            From::Action => entry.hits().iter().for_each(|hit| {
                each(hit.rsplit_once(':').map_or(hit.as_str(), |(_, action)| action));
            }),
        }
    }

    /// The one value of a call; of several the first.
    pub(crate) fn value(&self, entry: &Entry<'_>) -> String {
        let mut first = None;
        self.values(entry, &mut |value| {
            first.get_or_insert_with(|| value.to_owned());
        });
        first.unwrap_or_default()
    }
}
