//! The events of a stream, under their current and their earlier names.

use std::borrow::Cow;

use super::super::fields::{pick, string};
use crate::wire::json::Value;

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
        match &*name(root) {
            b"interaction.created" | b"interaction.start" => Self::Created,
            b"step.start" | b"content.start" => Self::Start,
            b"step.delta" | b"content.delta" => Self::Delta,
            b"step.stop" | b"content.stop" => Self::Stop,
            b"interaction.completed" | b"interaction.complete" => Self::Completed,
            b"error" => Self::Error,
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
        match &*name(root) {
            b"interaction.start" | b"interaction.complete" => Some(Self::Before),
            name if name.starts_with(b"content.") => Some(Self::Before),
            name if name.starts_with(b"step.") || name == b"interaction.created" => {
                Some(Self::Today)
            }
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
