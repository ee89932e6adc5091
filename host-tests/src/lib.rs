#![doc = include_str!("../README.md")]

mod abi;
mod calls;
mod error;
mod exchange;
mod faults;
mod flow;
mod headers;
mod host;
mod imports;
mod memory;
mod module;
mod nginx;
mod outcome;
mod property;
mod quirks;
mod scenario;
mod state;
mod store;
mod stream;
mod vm;
mod worker;

pub use abi::{
    Direction, LogLevel, MAX_MAP_BYTES, MAX_MAP_PAIRS, MetricKind, Status, decode_pairs,
    encode_pairs,
};
pub use calls::{Call, CallAnswer, HttpCall};
pub use error::{LoadError, Rejected, TrapCause, Trapped};
pub use exchange::Exchange;
pub use headers::Headers;
pub use host::{FailurePolicy, Host, LogLine, Settings};
pub use module::{Module, Source};
pub use outcome::{Increment, LocalReply, Outcome, Seen, Violation};
pub use property::Property;
pub use quirks::{HostKind, Quirks};
pub use scenario::{Chunking, Ending, Request, UpstreamAnswer, run_exchange};
pub use store::{Metric, SharedValue};
pub use worker::{PluginContext, Worker};
