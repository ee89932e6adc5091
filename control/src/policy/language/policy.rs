//! The policy itself, and its top-level fields.

use super::rules::{
    DISABLE, FAILSAFE, FALLBACK, GUARDRAIL, LIMIT, MODE, MONEY, OTHER_TRAFFIC, ROLLBACK, SWITCH,
    TOOLS, WHEN,
};
use super::{LanguageField, LanguageWord, Struct, ValueKind, field, word};
use crate::limits;

const SEVERITY: &[LanguageWord] = &[
    word("sev1", "all is on fire"),
    word("sev2", "a part is on fire"),
    word("sev3", "it smells of smoke"),
];

const SHOW: &[LanguageWord] = &[
    word("full", "policy version, actions and decision id"),
    word("decision", "only the decision id"),
    word("none", "nothing"),
];

const ON_HOLD_LIMIT: &[LanguageWord] = &[
    word("block", "the answer ends as a refusal"),
    word("release", "the held text leaves without a verdict, and is counted"),
];

const ON_CUT: &[LanguageWord] = &[
    word("drain", "what upstream still sends is swallowed and its usage counted"),
    word(
        "cancel",
        "the connection is reset one chunk after the ending; no more tokens are paid for",
    ),
];

const ON_UNREADABLE: &[LanguageWord] =
    &[word("pass", "it goes on unchecked, and is counted"), word("block", "it is refused")];

const UNKNOWN_LANES: &[LanguageWord] = &[
    word("pass", "they pass, counted as `lane` wherever an enforced rule would hold"),
    word("block", "403 there; an upgrade to a websocket 426"),
];

const UNPRICED: &[LanguageWord] = &[
    word("reject", "403, naming what has no price"),
    word("count_zero", "it costs nothing, and is counted"),
];

const SOURCE: Struct = Struct {
    name: "a source",
    fields: &[
        field("header", ValueKind::Header, "a request header"),
        field("json", ValueKind::Pointer, "a JSON pointer into the request body"),
        field(
            "property",
            ValueKind::List(&ValueKind::Text),
            "a property of the proxy, as its path",
        ),
        field("digest", ValueKind::Bool, "keep only `sha256:` of the value, never the value")
            .default("false"),
        field(
            "match",
            ValueKind::Text,
            "a pattern: its first group in the value is the label's value",
        ),
        field(
            "json_text",
            ValueKind::Bool,
            "the value is JSON text: `json` points into it, beside `header` or `property` too",
        )
        .default("false"),
    ],
    others: None,
    one_of: &["header", "json", "property"],
};

const ABOVE: Struct = Struct {
    name: "`above`",
    fields: &[
        field(
            "tokens",
            ValueKind::Whole(1, 1_000_000_000),
            "input tokens up to which the ordinary price holds",
        )
        .required(),
        field("input", ValueKind::Number(0, MONEY), "USD per million input tokens").required(),
        field("output", ValueKind::Number(0, MONEY), "USD per million output tokens").required(),
        field(
            "cached_input",
            ValueKind::Number(0, MONEY),
            "USD per million input tokens read from a cache",
        )
        .default("dearer as `input` is"),
        field(
            "cache_write",
            ValueKind::Number(0, MONEY),
            "USD per million input tokens written to a cache",
        )
        .default("dearer as `input` is"),
        field(
            "cache_write_1h",
            ValueKind::Number(0, MONEY),
            "USD per million input tokens written to a cache for an hour",
        )
        .default("dearer as `input` is"),
    ],
    others: None,
    one_of: &[],
};

const PRICE: Struct = Struct {
    name: "a price",
    fields: &[
        field("input", ValueKind::Number(0, MONEY), "USD per million input tokens").required(),
        field("output", ValueKind::Number(0, MONEY), "USD per million output tokens").required(),
        field(
            "cached_input",
            ValueKind::Number(0, MONEY),
            "USD per million input tokens read from a cache",
        )
        .default("`input`"),
        field(
            "cache_write",
            ValueKind::Number(0, MONEY),
            "USD per million input tokens written to a cache",
        )
        .default("twice `input`"),
        field(
            "cache_write_1h",
            ValueKind::Number(0, MONEY),
            "USD per million input tokens written to a cache for an hour",
        )
        .default("the dearer of `cache_write` and twice `input`"),
        field("above", ValueKind::Struct(&ABOVE), "other prices for a request with long input"),
        field(
            "surcharge",
            ValueKind::Map(&ValueKind::Text, &ValueKind::Number(0, MONEY)),
            "what costs more: a factor (`service_tier=priority: 2`) or USD a use (`web_search: 0.01`)",
        ),
    ],
    others: None,
    one_of: &[],
};

const NOTIFY: Struct = Struct {
    name: "`notify`",
    fields: &[
        field("cluster", ValueKind::Text, "the proxy's cluster that takes events").required(),
        field("path", ValueKind::Text, "the path to POST to").required(),
        field("authority", ValueKind::Text, "the `host` to send").required(),
    ],
    others: None,
    one_of: &[],
};

/// What may be captured of an exchange.
pub(in super::super) const CAPTURED: &[LanguageWord] = &[
    word("input", "what the model was asked, as it was sent"),
    word("output", "what the caller got"),
    word("tool_args", "arguments of the tool calls that the caller got"),
];

/// `capture` as a map.
pub(in super::super) const CAPTURE: Struct = Struct {
    name: "`capture`",
    fields: &[
        field("what", ValueKind::List(&ValueKind::Words(CAPTURED)), "which texts").required(),
        field("when", ValueKind::Struct(&WHEN), "whose exchanges")
            .default("all recognised calls of a model"),
        field("share", ValueKind::Percent, "how many of them: a number, or `{share, by}`")
            .default("100"),
        field(
            "max_bytes",
            ValueKind::Whole(limits::CAPTURE_LEAST_BYTES, limits::CAPTURE_MOST_BYTES),
            "the most text of one exchange; longer ones are cut, and say so",
        )
        .default("65536"),
        field("to", ValueKind::Struct(&CAPTURE_TO), "a receiver of OTLP/HTTP with protobuf")
            .required(),
    ],
    others: None,
    one_of: &[],
};

const CAPTURE_TO: Struct = Struct {
    name: "`to`",
    fields: &[
        field("cluster", ValueKind::Text, "the proxy's cluster that takes spans").required(),
        field("path", ValueKind::Text, "the path to POST to").default("`/v1/traces`"),
        field("authority", ValueKind::Text, "the `host` to send").required(),
        field(
            "headers",
            ValueKind::Map(&ValueKind::Header, &ValueKind::Text),
            "what the receiver asks for beside them, such as the name of a project",
        ),
    ],
    others: None,
    one_of: &[],
};

/// The whole policy.
pub static POLICY: Struct = Struct { name: "a policy", fields: FIELDS, others: None, one_of: &[] };

const FIELDS: &[LanguageField] = &[
    field("hemostat", ValueKind::Whole(1, 1), "version of this language"),
    field("version", ValueKind::Id, "free label, shown in headers, metrics and logs"),
    field("reason", ValueKind::Text, "why it was written; goes to the change log"),
    field("severity", ValueKind::Words(SEVERITY), "how bad the incident is"),
    field("mode", ValueKind::Words(MODE), "what all rules do that do not say otherwise")
        .default("enforce"),
    field(
        "labels",
        ValueKind::Map(&ValueKind::Label, &ValueKind::List(&ValueKind::Struct(&SOURCE))),
        "where a request's labels are read from; the first source that has a value wins",
    ),
    field(
        "trusted_headers",
        ValueKind::List(&ValueKind::Header),
        "headers that the proxy vouches for: it sets them, or removes the caller's",
    ),
    field(
        "other_traffic",
        ValueKind::List(&ValueKind::Struct(&OTHER_TRAFFIC)),
        "lanes that are not generating calls; first match wins, else they pass",
    ),
    field(
        "disable",
        ValueKind::List(&ValueKind::Struct(&DISABLE)),
        "rules switched off for a while",
    ),
    field("show", ValueKind::Words(SHOW), "what callers are shown").default("full"),
    field(
        "on_hold_limit",
        ValueKind::Words(ON_HOLD_LIMIT),
        "when partial matches hold too much text",
    )
    .default("block"),
    field("on_cut", ValueKind::Words(ON_CUT), "how upstream's answer goes on after a cut")
        .default("drain"),
    field("on_unreadable", ValueKind::Words(ON_UNREADABLE), "bodies that cannot be read")
        .default("`block` where an enforced rule needed the body, else `pass`"),
    field(
        "unknown_lanes",
        ValueKind::Words(UNKNOWN_LANES),
        "calls of a model in a shape that is not read here",
    )
    .default("pass"),
    field(
        "prices",
        ValueKind::Map(&ValueKind::Glob, &ValueKind::Struct(&PRICE)),
        "USD per million tokens by model; an exact name wins, then the glob with most literal characters",
    ),
    field(
        "default_max_output_tokens",
        ValueKind::Whole(1, 4_000_000),
        "the most output that a request is taken to make which names no maximum",
    )
    .default("4096"),
    field("cap_output", ValueKind::Bool, "write that maximum into such requests").default("false"),
    field("unpriced", ValueKind::Words(UNPRICED), "what has no price under a `usd` limit")
        .default("reject"),
    field(
        "capture",
        ValueKind::Capture,
        "keep what was said, after redaction: `true` or `[tool_args]` the arguments of calls that wait for leave; a map, or a list of maps, sends exchanges to a backend for traces",
    ),
    field(
        "rollback",
        ValueKind::List(&ValueKind::Struct(&ROLLBACK)),
        "lever 1: put prompt, model or config back",
    ),
    field(
        "switch",
        ValueKind::List(&ValueKind::Struct(&SWITCH)),
        "lever 2: move traffic to another provider or model",
    ),
    field(
        "guardrails",
        ValueKind::List(&ValueKind::Struct(&GUARDRAIL)),
        "lever 3: filter what goes in and comes out",
    ),
    field(
        "tools",
        ValueKind::List(&ValueKind::Struct(&TOOLS)),
        "lever 4: disable tools or force approval",
    ),
    field("limits", ValueKind::List(&ValueKind::Struct(&LIMIT)), "lever 5: cap rate and cost"),
    field(
        "failsafe",
        ValueKind::List(&ValueKind::Struct(&FAILSAFE)),
        "lever 6: a canned answer, or a human",
    ),
    field(
        "fallbacks",
        ValueKind::Map(&ValueKind::Id, &ValueKind::Struct(&FALLBACK)),
        "canned answers by id",
    ),
    field("notify", ValueKind::Struct(&NOTIFY), "one JSON POST an event"),
];
