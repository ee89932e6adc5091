//! What is signed: the payload of a release.

use super::{Kind, Struct, field, word};
use crate::limits::SERIALS;

/// The payload of a release's envelope. Its policy is judged apart, with the configuration that is to take it.
pub static RELEASE: Struct = Struct {
    name: "a release",
    fields: &[
        field("scope", Kind::Text, "the proxies it is for: equal to their configuration's")
            .required(),
        field("serial", Kind::Whole(1, SERIALS - 1), "its number: higher than the last one's")
            .required(),
        field("issued_at", Kind::Any, "when it was made").required(),
        field("issuer", Kind::Text, "who made it; free text").required(),
        field("policy", Kind::Any, "the whole policy"),
        field("policy_digest", Kind::Text, "the digest of a policy that the proxy holds"),
        field(
            "prepared",
            Kind::List(&Kind::Text),
            "digests of reviewed policies that on-call keys may activate",
        ),
        field("reason", Kind::Text, "why; goes to the change log"),
        field(
            "rolls_back",
            Kind::Whole(1, SERIALS - 1),
            "the serial that it takes back; a record, not a condition",
        ),
        field("drill", Kind::Bool, "an exercise: version, header, status and history say so")
            .default("false"),
        field("expires", Kind::Any, "when it is over"),
        field(
            "on_expiry",
            Kind::Words(&[
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
