//! Every decision Hemostat makes, and nothing else.
//!
//! This crate is pure: it takes bytes, facts and `now`, and returns verdicts with evidence. It uses no proxy, clock,
//! randomness, file or log (ARCHITECTURE, invariant 1). The same code runs in the wasm filter, in the operator's
//! command, in the native tests and in the benches.
//!
//! The rooms, in the order a byte meets them. Rooms of the other crates are re-exported: `hemostat-ground` is built for
//! speed, `hemostat-control` for size, and `hemostat-dialect` like this one.
//!
//! | room | what it does |
//! |---|---|
//! | [`policy`] | text → [`policy::Document`] → checked → a program that runs |
//! | [`exchange`] | the two state machines, request and response, that give verdicts, and the order of the levers |
//! | [`context`] | what one exchange knows: facts, labels, the call, the record, verdicts |
//! | [`lever`] | the levers, each a value with its own state over what the exchange knows |
//! | [`answer`] | frames on their way to the caller: searched, held, changed, or brought to an end |
//! | [`wire`] | bytes → frames (SSE, JSON array, binary messages, whole body) → JSON with spans, and edits back |
//! | [`dialect`] | what the bytes mean for one provider: texts, tools, endings, errors |
//! | [`search`] | patterns → hits in running text, holding only what must wait |
//! | [`base`] | the ground floor: base32, base64, time, decimal numbers |
//! | [`dsse`] | signed envelopes: who signed what |
//! | [`jcs`] | canonical JSON (RFC 8785), over which digests are computed |
//! | [`grant`] | a person's approval of one tool call |
//! | [`bundle`] | how a policy is delivered: signed releases, and the state that a process keeps of them |
//! | [`capture`] | what was said, for a backend that keeps traces: messages, spans, and when they are sent |
//! | [`event`] | what operators are told of at once: events for `notify`, calls that wait for approval |
//! | [`effect`] | what the host does besides moving bytes: counters, log lines, events |
//! | [`providers`] | what the status pages of providers say |
//! | [`counters`] | every counter that may ever be shown |
//! | [`ledger`] | accounts of limits: state + charge + now → state, kept in a storage that workers share |
//! | [`fleet`] | caps that proxies share: usage to report to a rate-limit service, its last decision, the messages |
//! | [`limits`] | every bound, with the reason for its number |

pub mod answer;
pub mod capture;
pub mod context;
pub mod exchange;
pub mod lever;
mod mcp;

use hemostat_control::written;
pub use hemostat_control::{
    bundle, counters, dsse, effect, event, fleet, grant, ledger, policy, providers,
};
pub use hemostat_dialect::{self as dialect, jcs};
pub use hemostat_ground::{base, limits, search, wire};
