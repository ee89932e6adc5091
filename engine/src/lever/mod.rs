//! The levers: each a value with its own state, or functions, over what one exchange knows (`Context`). None of them
//! knows the exchange that asks it, nor another lever; `exchange` is their order.

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
