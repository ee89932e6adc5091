//! What was said in an exchange, for a backend that stores and searches traces (`capture`).
//!
//! ```text
//! request as forwarded ──── CapturedRequest ──┐
//! bytes that leave ──────── CapturedAnswer ──────────────┼─→ span of the GenAI conventions ─→ Outbox ─→ POST (OTLP/HTTP, protobuf)
//! the exchange's record ──────────────────────┘
//! ```
//! What the caller got is read from the bytes that left, by a separate reader: a text that a rule redacted, cut or
//! replaced is captured exactly as it was sent, whatever the rule is and however the bytes were cut. Exchanges that are
//! not captured pay for none of this.

mod answer;
mod fitted;
mod messages;
mod otlp;
pub mod outbox;
mod request;
mod tool;
mod trace;

pub use answer::{CapturedAnswer, WantedTexts};
pub use fitted::{Fitted, fit};
pub use messages::{CapturedMessage, MessagePart};
pub use otlp::{AttributeValue, SpanWriter, attribute, export};
pub use request::CapturedRequest;
pub use tool::{CapturedResult, CapturedTool};
pub use trace::Trace;

pub use crate::effect::Captured;
