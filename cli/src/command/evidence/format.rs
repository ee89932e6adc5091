//! The format that writer and verifier share.

/// The payload type of the envelope on the last line.
pub(super) const PAYLOAD_TYPE: &str = "application/vnd.hemostat.evidence+json";

/// The digest that the first line has in place of a preceding line's.
pub(super) const NOTHING: &str =
    "sha256:0000000000000000000000000000000000000000000000000000000000000000";
