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
        field(
            "scope",
            Kind::Text,
            "configurations with one vm_id and scope follow one release and share accounts; default: a digest of `trust`",
        ),
        field("release", Kind::Any, "a signed policy to start with: a DSSE envelope"),
        field(
            "trust",
            Kind::Any,
            "whose signatures count: `{keys: {NAME: KEY or {key, may}}, threshold, min_serial}`",
        ),
        field("source", Kind::Struct(&SOURCE), "a static HTTP server to poll for releases"),
        field("control", Kind::Struct(&CONTROL), "makes the listener one for status and releases"),
        field(
            "providers",
            Kind::Map(&Kind::Id, &Kind::Struct(&PROVIDER)),
            "status pages of providers to show; rules never act on them",
        ),
        field("allow", Kind::Struct(&ALLOW), "what a release may make this proxy do"),
    ],
    others: None,
    one_of: &[],
};

/// `source`
static SOURCE: Struct = Struct {
    name: "a source",
    fields: &[
        field("cluster", Kind::Text, "the proxy's cluster").required(),
        field("authority", Kind::Text, "the `host` of the request").required(),
        field("path", Kind::Text, "the `path` of the request").required(),
        field("every_ms", Kind::Whole(100, 3_600_000), "time between two polls").default("500"),
    ],
    others: None,
    one_of: &[],
};

/// One of `providers`
static PROVIDER: Struct = Struct {
    name: "a provider",
    fields: &[
        field("cluster", Kind::Text, "the proxy's cluster").required(),
        field("authority", Kind::Text, "the `host` of the request").required(),
        field("path", Kind::Text, "the `path` of the request").default("/api/v2/summary.json"),
        field("every", Kind::Window, "how often it is asked, `10s` or more").default("1m"),
    ],
    others: None,
    one_of: &[],
};

/// `control`
static CONTROL: Struct = Struct {
    name: "`control`",
    fields: &[
        field("prefix", Kind::Text, "where its paths begin").default("/.hemostat"),
        field("releases", Kind::Bool, "takes releases by `POST`").default("false"),
        field("token", Kind::Text, "`sha256:` of the token that a `POST` must carry"),
        field("show_labels", Kind::List(&Kind::Label), "labels whose values status shows"),
    ],
    others: None,
    one_of: &[],
};

/// `allow`
static ALLOW: Struct = Struct {
    name: "`allow`",
    fields: &[
        field("capture", Kind::Bool, "prompts and answers may be kept").default("false"),
        field("clusters", Kind::List(&Kind::Text), "clusters that may be called"),
        field(
            "upstreams",
            Kind::List(&Kind::Text),
            "upstreams that `switch` may send traffic to: what the proxy's routes know as `x-hemostat-upstream`",
        ),
    ],
    others: None,
    one_of: &[],
};
