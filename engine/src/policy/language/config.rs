//! The plugin's own configuration.

use super::policy::POLICY;
use super::{Kind, Struct, field, word};

/// The plugin's own configuration, in the proxy's configuration of the filter.
pub static CONFIG: Struct = Struct {
    name: "a plugin configuration",
    fields: &[
        field("policy", Kind::Struct(&POLICY), "the inline policy, the baseline"),
        field(
            "hold_headers",
            Kind::Bool,
            "what Envoy's `allow_on_headers_stop_iteration` is set to",
        ),
        field(
            "accept_off",
            Kind::List(&Kind::Text),
            "ids of rules that may be off under `hold_headers: false`",
        ),
        field(
            "host",
            Kind::Words(&[
                word("envoy", "Envoy, and what is built on it"),
                word("generic", "no call that other hosts trap on"),
            ]),
            "what loads the plugin",
        )
        .default("envoy"),
        field(
            "on_error",
            Kind::Words(&[word("closed", "503, `retry-after: 1`"), word("open", "it passes")]),
            "what traffic gets while there is no usable policy",
        )
        .default("closed"),
        field("scope", Kind::Text, "configurations with one vm_id and scope share accounts"),
        field("release", Kind::Any, "a signed policy to start with"),
        field("trust", Kind::Any, "the keys that may sign"),
        field("source", Kind::Any, "where to poll for releases"),
        field("control", Kind::Any, "a listener of its own for status and releases"),
        field("allow", Kind::Any, "what a release may make this proxy do"),
    ],
    others: None,
    one_of: &[],
};
