//! How to read and write the formats of the providers: one constant of type [`Dialect`] each, in a folder of its own.
//!
//! A dialect reads requests ([`Dialect::read_request`]), reads answers frame by frame ([`Answer::read`]), and writes
//! canned answers, errors, and endings of answers that have begun. It decides nothing: which texts are scanned, held,
//! rewritten or cut is up to the exchange.
//!
//! Types with the same name in several dialects play the same part in each: `Reading` is the [`Answer`] of a dialect,
//! `Sent` its record of what the caller has been sent, `Leaving` the state of frames that leave an answer with stopped
//! calls, `Open` a content block that the caller has seen begin, and `Choice` what is known of one choice.

pub mod a2a;
mod answer;
mod anthropic;
mod batch;
mod bedrock;
pub mod beside;
mod bounded_set;
mod call;
mod cohere;
mod contract;
pub mod definitions;
mod done;
mod fields;
mod gemini;
mod gemini_interactions;
mod id;
mod inline;
mod invocations;
mod item;
pub mod jcs;
pub mod lane;
mod last_members;
pub mod mcp;
mod models;
mod names;
mod number;
mod ollama;
mod openai;
mod openai_chat;
mod openai_completions;
mod openai_responses;
mod output_cap;
mod own_answers;
mod path;
mod path_model;
mod place;
mod previous;
mod recognise;
mod record_members;
mod registry;
mod reply;
mod request;
mod say;
mod sent_chunks;
mod spelling;
pub mod spend;
mod splice;
mod stopped_calls;
mod stray;
mod texts;
mod tools;
mod turns;
mod word;
mod wordless;
mod write;

pub use answer::{Answer, CallPiece, Leaves, StoppedCall};
pub use batch::read_batch;
pub use call::{AnswerEnvelope, Call, CallKind, Recognised, RequestView, Unreadable};
pub use contract::Dialect;
pub use id::DialectId;
pub use inline::text as file_text;
pub use item::{ArgsForm, CallName, InputParts, Item, Role, Speech, TextKey, ValueShape};
pub use models::{models_of_line, other_models};
pub use path::normalise;
pub use path_model::with_model;
pub use recognise::RequestLine;
pub use record_members::{MemberNames, RecordMembers};
pub use registry::{dialect, read_line, recognise, recognise_as};
pub use reply::{CannedAnswer, Ending, EndingHow, ErrorAnswer, Reply};
pub use request::SAID;
pub use stray::take_out as take_out_strays;
pub use tools::Tool;
pub use write::plain_error;
pub use write::quoted;

use hemostat_ground::{base, limits, wire};
