//! The events of a stream, under their current and their earlier names.

use std::borrow::Cow;

use super::super::fields::{pick, string};
use crate::wire::json::Value;
use crate::word::{self, Word};

/// The kinds of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StreamEventKind {
    /// The answer begins.
    Created,
    /// A step begins.
    Start,
    /// A step continues.
    Delta,
    /// A step is complete.
    Stop,
    /// The answer is complete.
    Completed,
    Error,
    /// Anything else: the status of the answer, an unknown event.
    Other,
}

impl StreamEventKind {
    /// The kind of this event.
    pub(super) fn of(root: &Value<'_>) -> Self {
        match Word::of(&name(root)) {
            word::interaction_created | word::interaction_start => Self::Created,
            word::step_start | word::content_start => Self::Start,
            word::step_delta | word::content_delta => Self::Delta,
            word::step_stop | word::content_stop => Self::Stop,
            word::interaction_completed | word::interaction_complete => Self::Completed,
            word::error => Self::Error,
            _ => Self::Other,
        }
    }
}

/// The event's name. Some servers write it under the key that other formats use.
fn name<'a>(root: &Value<'a>) -> Cow<'a, [u8]> {
    let [name, other] = pick(root, ["event_type", "type"]);
    let name = string(name);
    if name.is_empty() { string(other) } else { name }
}

/// The two generations of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum EventNames {
    #[default]
    Today,
    Before,
}

impl EventNames {
    /// The generation that this event's name belongs to; `None` if it is in neither.
    pub(super) fn of(root: &Value<'_>) -> Option<Self> {
        let name = name(root);
        match Word::of(&name) {
            word::interaction_start | word::interaction_complete => Some(Self::Before),
            word::interaction_created => Some(Self::Today),
            _ if name.starts_with(b"content.") => Some(Self::Before),
            _ if name.starts_with(b"step.") => Some(Self::Today),
            _ => None,
        }
    }

    /// The name of an event.
    pub(super) fn name(self, event: StreamEventKind) -> &'static str {
        match (event, self) {
            (StreamEventKind::Created, Self::Today) => "interaction.created",
            (StreamEventKind::Created, Self::Before) => "interaction.start",
            (StreamEventKind::Start, Self::Today) => "step.start",
            (StreamEventKind::Start, Self::Before) => "content.start",
            (StreamEventKind::Delta, Self::Today) => "step.delta",
            (StreamEventKind::Delta, Self::Before) => "content.delta",
            (StreamEventKind::Stop, Self::Today) => "step.stop",
            (StreamEventKind::Stop, Self::Before) => "content.stop",
            (StreamEventKind::Completed, Self::Today) => "interaction.completed",
            (StreamEventKind::Completed, Self::Before) => "interaction.complete",
            (StreamEventKind::Error | StreamEventKind::Other, _) => "error",
        }
    }

    /// The member that contains the step in an event, and a step of model output, still empty.
    pub(super) fn said_step(self) -> (&'static str, &'static str) {
        match self {
            Self::Today => ("step", r#"{"type":"model_output"}"#),
            Self::Before => ("content", r#"{"type":"text","text":""}"#),
        }
    }
}
