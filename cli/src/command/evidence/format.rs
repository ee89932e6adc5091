//! What writer and verifier of a record agree on.

/// What the last line's envelope holds.
pub(super) const PAYLOAD_TYPE: &str = "application/vnd.hemostat.evidence+json";

/// What the first line names as the one before it.
pub(super) const NOTHING: &str =
    "sha256:0000000000000000000000000000000000000000000000000000000000000000";
