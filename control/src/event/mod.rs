//! What operators are told of at once: events for `notify`, and tool calls that wait for approval.
//!
//! An [`Event`] is raised where something happens, and knows nothing of the network: [`queue::EventQueue`] decides which one
//! is sent when, and [`pending::PendingApprovals`] is the list that status shows. docs/operations.md describes the JSON of every
//! kind.

pub mod pending;
pub mod queue;
pub mod recent;

use std::rc::Rc;

use crate::policy::document::Notify;
use crate::written::{Object, Written};

/// The kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// A tool call waits for approval.
    ApprovalWanted,
    /// A tool call left with a grant.
    ApprovalGranted,
    /// A caller was handed off to a human.
    Handoff,
    /// A rule stopped or replaced something: `block`, `fallback`, `deny`.
    Decision,
    /// Something was not checked.
    Unchecked,
    /// An account has passed a fraction that `warn_at` names.
    LimitWarning,
    /// An account did not admit a request.
    LimitFull,
    /// The memory for accounts is full or failed.
    LimitMemory,
    /// A rate-limit service does not seem to know a limit.
    LimitUnknown,
    /// A release is in force.
    ReleaseActive,
    /// A release was refused.
    ReleaseRefused,
    /// The release in force has passed its `expires`.
    ReleaseExpired,
    /// The source of releases provides none.
    SourceSilent,
    /// The source of releases has failed several times in a row.
    SourceFailing,
    /// A filter configuration does not run what is in force.
    NotFollowing,
    /// A provider's status page reports an incident, or a change of one.
    ProviderIncident,
}

impl EventKind {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::ApprovalWanted,
        Self::ApprovalGranted,
        Self::Handoff,
        Self::Decision,
        Self::Unchecked,
        Self::LimitWarning,
        Self::LimitFull,
        Self::LimitMemory,
        Self::LimitUnknown,
        Self::ReleaseActive,
        Self::ReleaseRefused,
        Self::ReleaseExpired,
        Self::SourceSilent,
        Self::SourceFailing,
        Self::NotFollowing,
        Self::ProviderIncident,
    ];

    /// The word in JSON and metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::ApprovalWanted => "approval_wanted",
            Self::ApprovalGranted => "approval_granted",
            Self::Handoff => "handoff",
            Self::Decision => "decision",
            Self::Unchecked => "unchecked",
            Self::LimitWarning => "limit_warning",
            Self::LimitFull => "limit_full",
            Self::LimitMemory => "limit_memory",
            Self::LimitUnknown => "limit_unknown",
            Self::ReleaseActive => "release_active",
            Self::ReleaseRefused => "release_refused",
            Self::ReleaseExpired => "release_expired",
            Self::SourceSilent => "source_silent",
            Self::SourceFailing => "source_failing",
            Self::NotFollowing => "not_following",
            Self::ProviderIncident => "provider_incident",
        }
    }
}

/// A value in an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventValue {
    /// Text; escaped when it is written.
    Text(String),
    /// An integer.
    Number(u64),
    /// Encoded JSON.
    Json(String),
}

impl From<&str> for EventValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Names and values of an event, in the order in which they are written.
pub type Fields = Vec<(&'static str, EventValue)>;

/// The origin of an event. Equal events report the first one's origin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// Where events are sent; `None` for nowhere.
    pub notify: Option<Rc<Notify>>,
    /// The proxy's scope.
    pub scope: String,
    /// The policy and, if there is one, the exchange.
    pub fields: Fields,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its kind.
    pub kind: EventKind,
    /// What distinguishes it from others of its kind: events with the same fields are equal.
    pub fields: Fields,
    /// The call that waits, or was approved.
    pub call: Option<Box<PendingCall>>,
    /// Its origin, once filled in.
    pub origin: Rc<Origin>,
}

/// A tool call that needs approval.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PendingCall {
    /// Its approval id.
    pub id: String,
    /// The tool.
    pub tool: String,
    /// The caller's tenant, if there is one.
    pub tenant: Option<String>,
    /// Its arguments as JSON, redacted, if `capture` asks for them.
    pub arguments: Option<String>,
}

impl Event {
    /// An event of this kind.
    #[must_use]
    pub fn new(kind: EventKind, fields: Fields) -> Self {
        Self { kind, fields, call: None, origin: Rc::default() }
    }

    /// An event about a tool call.
    #[must_use]
    pub fn of_call(kind: EventKind, call: PendingCall, grant: &str) -> Self {
        let mut fields = vec![
            ("hemostat.approval.id", call.id.as_str().into()),
            ("gen_ai.tool.name", call.tool.as_str().into()),
        ];
        fields.extend(call.tenant.as_deref().map(|tenant| ("tenant", tenant.into())));
        fields.push(("hemostat.approval.grant", grant.into()));
        Self { call: Some(Box::new(call)), ..Self::new(kind, fields) }
    }

    /// True if both report the same thing to the same receiver.
    #[must_use]
    pub fn equals(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.fields == other.fields
            && self.origin.notify == other.origin.notify
            && self.origin.scope == other.origin.scope
    }

    /// The body of the POST. `times`: how often it happened, and when first and last (Unix nanoseconds).
    #[must_use]
    pub fn to_json(&self, id: &str, times: Occurrences) -> String {
        let mut out = Object::default();
        out.text("event", self.kind.word());
        if !id.is_empty() {
            out.text("id", id);
        }
        out.set("time", Written::Time(times.first_ns / 1_000_000_000));
        out.number("count", times.count);
        if times.count > 1 {
            out.set("last_time", Written::Time(times.last_ns / 1_000_000_000));
        }
        if !self.origin.scope.is_empty() {
            out.text("scope", &self.origin.scope);
        }
        let arguments = self.call.as_ref().and_then(|call| call.arguments.as_deref());
        let arguments = arguments.map(|json| ("gen_ai.tool.call.arguments", json));
        for (name, said) in self.fields.iter().chain(&self.origin.fields) {
            match said {
                EventValue::Text(text) => out.text(name, text),
                EventValue::Number(number) => out.number(name, *number),
                EventValue::Json(json) => out.raw(name, json),
            }
        }
        if let Some((name, json)) = arguments {
            out.raw(name, json);
        }
        safe_in_html(&out.end())
    }
}

/// How often something happened, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrences {
    /// How often.
    pub count: u64,
    /// When first (Unix nanoseconds).
    pub first_ns: u64,
    /// When last (Unix nanoseconds).
    pub last_ns: u64,
}

/// The same JSON without characters that have a meaning in HTML, since receivers insert events into pages and chats. In
/// JSON these characters occur only within strings.
fn safe_in_html(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\'' => out.push_str("\\u0027"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONCE: Occurrences = Occurrences { count: 1, first_ns: 0, last_ns: 0 };

    #[test]
    fn what_others_wrote_is_escaped() {
        let call = PendingCall {
            id: "ap_A".to_owned(),
            tool: "</script>\"\n".to_owned(),
            tenant: Some("a & b\u{2028}".to_owned()),
            arguments: Some(r#"{"note":"<b>"}"#.to_owned()),
        };
        let json = Event::of_call(EventKind::ApprovalWanted, call, "none").to_json("e", ONCE);
        assert!(!json.contains(['<', '>', '&', '\n', '\'']), "{json}");
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["gen_ai.tool.name"], "</script>\"\n");
        assert_eq!(read["tenant"], "a & b\u{2028}");
        assert_eq!(read["gen_ai.tool.call.arguments"]["note"], "<b>");
        assert_eq!(read["event"], "approval_wanted");
    }

    #[test]
    fn equal_events_agree_in_what_tells_them_apart() {
        let event =
            |rule: &str| Event::new(EventKind::Decision, vec![("hemostat.rule", rule.into())]);
        let mut other = event("a");
        other.origin = Rc::new(Origin {
            fields: vec![("hemostat.decision", "x".into())],
            ..Origin::default()
        });
        assert!(event("a").equals(&other));
        assert!(!event("a").equals(&event("b")));
    }
}
