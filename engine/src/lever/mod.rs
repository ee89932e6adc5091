//! The levers: each a value with its own state, or functions, over what one exchange knows (`Context`). None of them
//! knows the exchange that asks it, nor another lever; `exchange` is their order.

pub mod limits;
pub(crate) mod need;
