//! The plugin's own configuration.

use super::policy::POLICY;
use super::{Struct, ValueKind, field, word};

/// The plugin's own configuration, as part of the proxy's configuration of the filter.
pub static CONFIG: Struct = Struct {
    name: "a plugin configuration",
    fields: &[
        field("policy", ValueKind::Struct(&POLICY), "the inline policy, the baseline"),
        field(
            "hold_headers",
            ValueKind::Bool,
            "what Envoy's `allow_on_headers_stop_iteration` is set to; `true` under `host: generic`",
        ),
        field(
            "accept_off",
            ValueKind::List(&ValueKind::Text),
            "ids of rules that may be off under `hold_headers: false`",
        ),
        field(
            "host",
            ValueKind::Words(&[
                word("envoy", "Envoy, and what is built on it"),
                word("generic", "no call that other hosts trap on"),
            ]),
            "what loads the plugin",
        )
        .default("envoy"),
        field(
            "on_error",
            ValueKind::Words(&[word("closed", "503, `retry-after: 1`"), word("open", "it passes")]),
            "what traffic gets while there is no usable policy",
        )
        .default("closed"),
        field(
            "scope",
            ValueKind::Text,
            "configurations with one vm_id and scope follow one release and share accounts; default: a digest of `trust`",
        ),
        field("release", ValueKind::Any, "a signed policy to start with: a DSSE envelope"),
        field(
            "trust",
            ValueKind::Any,
            "whose signatures count: `{keys: {NAME: KEY or {key, may}}, threshold, min_serial}`",
        ),
        field("source", ValueKind::Struct(&SOURCE), "a static HTTP server to poll for releases"),
        field(
            "control",
            ValueKind::Struct(&CONTROL),
            "makes the listener one for status and releases",
        ),
        field(
            "providers",
            ValueKind::Map(&ValueKind::Id, &ValueKind::Struct(&PROVIDER)),
            "status pages of providers to show; rules never act on them",
        ),
        field("allow", ValueKind::Struct(&ALLOW), "what a release may make this proxy do"),
    ],
    others: None,
    one_of: &[],
};

/// `source`
static SOURCE: Struct = Struct {
    name: "a source",
    fields: &[
        field("cluster", ValueKind::Text, "the proxy's cluster").required(),
        field("authority", ValueKind::Text, "the `host` of the request").required(),
        field("path", ValueKind::Text, "the `path` of the request").required(),
        field("every_ms", ValueKind::Whole(100, 3_600_000), "time between two polls")
            .default("500"),
    ],
    others: None,
    one_of: &[],
};

/// One of `providers`
static PROVIDER: Struct = Struct {
    name: "a provider",
    fields: &[
        field("cluster", ValueKind::Text, "the proxy's cluster").required(),
        field("authority", ValueKind::Text, "the `host` of the request").required(),
        field("path", ValueKind::Text, "the `path` of the request").default("/api/v2/summary.json"),
        field("every", ValueKind::Window, "how often it is asked, `10s` or more").default("1m"),
    ],
    others: None,
    one_of: &[],
};

/// `control`
static CONTROL: Struct = Struct {
    name: "`control`",
    fields: &[
        field("prefix", ValueKind::Text, "where its paths begin").default("/.hemostat"),
        field("releases", ValueKind::Bool, "takes releases by `POST`").default("false"),
        field("token", ValueKind::Text, "`sha256:` of the token that a `POST` must carry"),
        field(
            "show_labels",
            ValueKind::List(&ValueKind::Label),
            "labels whose values status shows",
        ),
    ],
    others: None,
    one_of: &[],
};

/// `allow`
static ALLOW: Struct = Struct {
    name: "`allow`",
    fields: &[
        field("capture", ValueKind::Bool, "prompts and answers may be kept").default("false"),
        field("clusters", ValueKind::List(&ValueKind::Text), "clusters that may be called"),
        field(
            "upstreams",
            ValueKind::List(&ValueKind::Text),
            "upstreams that `switch` may send traffic to: what the proxy's routes know as `x-hemostat-upstream`",
        ),
    ],
    others: None,
    one_of: &[],
};
