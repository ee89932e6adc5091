//! What the benches share: the corpus and the baselines.

pub mod corpus;
pub mod peers;
pub mod streams;
