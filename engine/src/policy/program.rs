//! What runs: a policy compiled once, shared by every exchange that began under it.

/// A compiled policy.
#[derive(Debug)]
pub struct Program {}

impl Program {
    /// Host properties that labels are read from, each as its path; [`crate::exchange::RequestFacts::properties`]
    /// comes in this order.
    #[must_use]
    pub fn properties(&self) -> &[Vec<String>] {
        &[]
    }
}
