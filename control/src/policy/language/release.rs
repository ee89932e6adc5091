//! The payload of a release.

use super::{Struct, ValueKind, field, word};
use crate::limits::SERIALS;

/// The payload of a release's envelope. Its policy is checked separately, with the configuration that is to accept it.
pub static RELEASE: Struct = Struct {
    name: "a release",
    fields: &[
        field("scope", ValueKind::Text, "the proxies it is for: equal to their configuration's")
            .required(),
        field("serial", ValueKind::Whole(1, SERIALS - 1), "its number: higher than the last one's")
            .required(),
        field("issued_at", ValueKind::Any, "when it was made").required(),
        field("issuer", ValueKind::Text, "who made it; free text").required(),
        field("policy", ValueKind::Any, "the whole policy"),
        field("policy_digest", ValueKind::Text, "the digest of a policy that the proxy holds"),
        field(
            "prepared",
            ValueKind::List(&ValueKind::Text),
            "digests of reviewed policies that on-call keys may activate",
        ),
        field("reason", ValueKind::Text, "why; goes to the change log"),
        field(
            "rolls_back",
            ValueKind::Whole(1, SERIALS - 1),
            "the serial that it takes back; a record, not a condition",
        ),
        field("drill", ValueKind::Bool, "an exercise: version, header, status and history say so")
            .default("false"),
        field("expires", ValueKind::Any, "when it is over"),
        field(
            "on_expiry",
            ValueKind::Words(&[
                word("keep", "it goes on, with a warning"),
                word("baseline", "the configuration's inline policy takes over"),
                word("previous", "the policy before it takes over"),
            ]),
            "what happens then",
        )
        .default("keep"),
    ],
    others: None,
    one_of: &["policy", "policy_digest"],
};
