//! The levers: each a value with its own state, or functions, over what one exchange knows ([`Context`]). None of them
//! knows the exchange that asks it, nor another lever; `exchange` is their order.
//!
//! | file | what it does | what it returns |
//! |---|---|---|
//! | `choose` | which rules of all levers hold, and what they need before the body has arrived | [`need::Needs`], or a refusal |
//! | `failsafe` | answers in the model's place | a reply |
//! | `running` | decides which running streams a new policy ends | a [`running::StreamStop`] |
//! | `change/` | `rollback` and `switch` write into a request | headers and a body |
//! | `tools` | takes tools out of a request; judges calls in MCP | a body, or a text in a call's place |
//! | `guardrails` | searches the texts of a request for patterns | a body, a canned answer, or a refusal |
//! | `limits/` | charges a request, and settles by what it used | an [`limits::Admission`], then a bill |
//! | `other_traffic`, `unknown_lane` | refuse traffic that no dialect can read | a reply |
//! | `signed` | refuses changes that a caller's signature would not survive | a refusal |
//! | `capture`, `describe` | gather what goes to traces and the access log | entries of the record |
//!
//! [`Context`]: crate::context::Context

pub(crate) mod capture;
pub(crate) mod change;
pub(crate) mod choose;
pub(crate) mod describe;
pub(crate) mod failsafe;
pub(crate) mod guardrails;
pub mod limits;
pub(crate) mod need;
pub(crate) mod other_traffic;
pub mod running;
pub(crate) mod signed;
pub(crate) mod tools;
pub(crate) mod unknown_lane;
