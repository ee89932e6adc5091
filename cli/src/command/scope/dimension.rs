//! Dimensions by which calls are grouped: labels of the policy, and other fields of a call's record.

use std::borrow::Cow;

use crate::shared::access_log::{Entry, Field};

/// A dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dimension {
    /// Its name on the command line.
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

/// Names that are not labels, with the record's spelling.
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
    /// The dimension of this name: a field of the record, or else a label.
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

    /// True if it describes the outcome of a call, not the call itself.
    pub(crate) fn is_outcome(&self) -> bool {
        match &self.from {
            From::Rule | From::Action | From::Several(_) => true,
            From::Field(field) => matches!(field, Field::Status),
            From::Label => false,
        }
    }

    /// The values of a call. Most dimensions have one; rules and reasons may have none or several.
    pub(crate) fn values<'e>(&self, entry: &'e Entry<'_>, each: &mut dyn FnMut(&str)) {
        let one = |value: Option<Cow<'e, str>>, each: &mut dyn FnMut(&str)| {
            each(value.as_deref().unwrap_or_default());
        };
        match &self.from {
            From::Label => each(entry.label(&self.name).unwrap_or_default()),
            // The requested model; if it was not recorded, the one that answered.
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

    /// The value of a call; the first if there are several.
    pub(crate) fn value(&self, entry: &Entry<'_>) -> String {
        let mut first = None;
        self.values(entry, &mut |value| {
            first.get_or_insert_with(|| value.to_owned());
        });
        first.unwrap_or_default()
    }
}
