//! The rules of every lever.

use super::{LanguageField, LanguageWord, Struct, ValueKind, field, word, word_with};

/// No price or cap reaches a million dollars; in millionths it still fits a `u64` many times over.
pub(super) const MONEY: u64 = 1_000_000;

pub(super) const MODE: &[LanguageWord] = &[
    word("enforce", "decide, count and act"),
    word("shadow", "decide and count; hold and change nothing"),
    word("disabled", "as if it were not there"),
];

const ID: LanguageField = field("id", ValueKind::Id, "its name, unique in the policy")
    .default("a name made of its place");
const RULE_MODE: LanguageField =
    field("mode", ValueKind::Words(MODE), "wins over the policy's `mode`").default("the policy's");
const WHEN_FIELD: LanguageField =
    field("when", ValueKind::Struct(&WHEN), "whom it holds for").default("all recognised traffic");

/// `when`: labels to globs, and two more keys.
pub(super) const WHEN: Struct = Struct {
    name: "`when`",
    fields: &[
        field("percent", ValueKind::Percent, "a share of traffic: a number, or `{share, by}`"),
        field("until", ValueKind::Time, "when the rule stops by itself"),
    ],
    others: Some((&ValueKind::Label, &ValueKind::List(&ValueKind::Glob))),
    one_of: &[],
};

/// `percent` as a map.
pub(in super::super) const PERCENT: Struct = Struct {
    name: "`percent`",
    fields: &[
        field("share", ValueKind::Number(0, 100), "how much of the traffic, in percent").required(),
        field("by", ValueKind::Label, "the label whose values are kept together")
            .default("the first trusted of `tenant`, `key`, `user`, else the request"),
    ],
    others: None,
    one_of: &[],
};

pub(super) const OTHER_TRAFFIC: Struct = Struct {
    name: "an `other_traffic` entry",
    fields: &[
        field("when", ValueKind::Struct(&WHEN), "`host`, `path` and `method` only")
            .default("all other traffic"),
        field(
            "do",
            ValueKind::Action(&[word("pass", "untouched"), word("block", "403")]),
            "what happens to it",
        )
        .required(),
    ],
    others: None,
    one_of: &[],
};

pub(super) const DISABLE: Struct = Struct {
    name: "a `disable` entry",
    fields: &[
        field("rule", ValueKind::Text, "the rule's id").required(),
        field("until", ValueKind::Time, "when it is back").required(),
    ],
    others: None,
    one_of: &[],
};

const SET: Struct = Struct {
    name: "`set`",
    fields: &[
        field("model", ValueKind::Text, "the model that is asked"),
        field(
            "body",
            ValueKind::Map(&ValueKind::Pointer, &ValueKind::Any),
            "values in the request body, by JSON pointer",
        ),
        field("headers", ValueKind::Map(&ValueKind::Header, &ValueKind::Text), "request headers"),
    ],
    others: Some((&ValueKind::Label, &ValueKind::Text)),
    one_of: &[],
};

pub(super) const ROLLBACK: Struct = Struct {
    name: "a rollback rule",
    fields: &[
        ID,
        WHEN_FIELD,
        RULE_MODE,
        field(
            "set",
            ValueKind::Struct(&SET),
            "what is put back: labels to the place they were read from",
        )
        .required(),
    ],
    others: None,
    one_of: &[],
};

const TO: Struct = Struct {
    name: "`to`",
    fields: &[
        field(
            "upstream",
            ValueKind::Text,
            "value of `x-hemostat-upstream` for the proxy's route table",
        ),
        field("model", ValueKind::Text, "the model that is asked there"),
    ],
    others: None,
    one_of: &[],
};

pub(super) const SWITCH: Struct = Struct {
    name: "a switch rule",
    fields: &[
        ID,
        WHEN_FIELD,
        RULE_MODE,
        field("to", ValueKind::Struct(&TO), "where the traffic goes").required(),
    ],
    others: None,
    one_of: &[],
};

const SCAN: &[LanguageWord] = &[
    word("output", "the answer, reasoning included"),
    word("tool_args", "arguments of tool calls in answers"),
    word("input", "every text the model would be shown"),
    word("system", "part of input: system prompts"),
    word("user", "part of input: user turns"),
    word("history", "part of input: everything before the last turn"),
    word("tool_results", "part of input: results of tools"),
    word("last", "part of input: what follows the last assistant turn"),
    word(
        "tool_definitions",
        "definitions of tools in requests and in MCP's lists; no part of input",
    ),
];

const GUARD_ACTIONS: &[LanguageWord] = &[
    LanguageWord {
        name: "redact",
        argument: Some(&ValueKind::Text),
        alone: true,
        doc: super::words("put this text (default `[REDACTED]`) in place of the match"),
    },
    word("block", "refuse: 403 on input, a refusal in place of an answer"),
    word_with("fallback", &ValueKind::Id, "the canned answer with this id"),
    word("tag", "change nothing; count and show it"),
];

pub(super) const GUARDRAIL: Struct = Struct {
    name: "a guardrail",
    fields: &[
        ID,
        WHEN_FIELD,
        RULE_MODE,
        field("scan", ValueKind::List(&ValueKind::Words(SCAN)), "where to look").required(),
        field("find", ValueKind::List(&ValueKind::Pattern), "regular expressions and packs")
            .required(),
        field("do", ValueKind::Action(GUARD_ACTIONS), "what happens to a match").required(),
        field(
            "fold",
            ValueKind::Bool,
            "match through invisible and look-alike characters, and case",
        )
        .default("false"),
    ],
    others: None,
    one_of: &[],
};

pub(super) const TOOLS: Struct = Struct {
    name: "a tools rule",
    fields: &[
        ID,
        WHEN_FIELD,
        RULE_MODE,
        field("match", ValueKind::List(&ValueKind::Glob), "globs on the tool's name").required(),
        field(
            "do",
            ValueKind::Action(&[
                word("allow", "as if there were no rule"),
                word("deny", "the tool is taken out, and a call to it is replaced"),
                word("approve", "a call is let through only with a grant"),
            ]),
            "what happens to a call",
        )
        .required(),
        field(
            "when_args",
            ValueKind::Map(&ValueKind::Pointer, &ValueKind::Argument),
            "only calls whose arguments pass, by JSON pointer: globs, or a map of tests",
        ),
        field(
            "id_args",
            ValueKind::List(&ValueKind::Pointer),
            "the arguments that an approval is for",
        )
        .default("all"),
        field(
            "pin",
            ValueKind::Text,
            "the digest of the tool's definition: the rule holds only while it has another",
        ),
    ],
    others: None,
    one_of: &[],
};

/// A condition on one argument.
pub(in super::super) const ARGUMENT: Struct = Struct {
    name: "a condition on an argument",
    fields: &[
        field("gt", ValueKind::Real, "greater than this number"),
        field("lt", ValueKind::Real, "less than this number"),
        field("eq", ValueKind::Scalar, "equal to this value"),
        field("glob", ValueKind::List(&ValueKind::Glob), "matches one of these"),
        field("exists", ValueKind::Bool, "is there (`true`), or is not (`false`)"),
    ],
    others: None,
    one_of: &[],
};

const ALLOW: Struct = Struct {
    name: "`allow`",
    fields: &[
        field("requests", ValueKind::Whole(1, u64::MAX), "so many requests"),
        field("tokens", ValueKind::Whole(1, u64::MAX), "so many tokens, in and out"),
        field("usd", ValueKind::Number(0, MONEY), "so much money"),
        field("concurrent", ValueKind::Whole(1, u64::MAX), "so many requests in flight"),
        field("calls", ValueKind::Whole(1, u64::MAX), "so many tool calls"),
        field(
            "every",
            ValueKind::Window,
            "the window: `1s`, `5m`, `1h` are token buckets, `day` and `month` calendar windows in UTC",
        ),
    ],
    others: None,
    one_of: &["requests", "tokens", "usd", "concurrent", "calls"],
};

const GLOBAL: Struct = Struct {
    name: "`global`",
    fields: &[
        field("domain", ValueKind::Text, "the rate-limit service's domain").required(),
        field("cluster", ValueKind::Text, "the proxy's cluster of the service").required(),
        field(
            "api",
            ValueKind::Words(&[
                word("limitador", "`kuadrant.service.ratelimit.v1`"),
                word("envoy", "`envoy.service.ratelimit.v3`"),
            ]),
            "what it speaks",
        )
        .required(),
        field("sync_every", ValueKind::Span, "how often settled usage is reported")
            .default("500ms"),
        field("strict", ValueKind::Bool, "ask before each request").default("false"),
        field(
            "on_error",
            ValueKind::Words(&[
                word("local", "the cap of the process alone holds"),
                word("open", "every request is admitted"),
                word("closed", "none is: as if the cap were used up"),
            ]),
            "when the service does not answer",
        )
        .default("local"),
    ],
    others: None,
    one_of: &[],
};

pub(super) const LIMIT: Struct = Struct {
    name: "a limit",
    fields: &[
        ID,
        WHEN_FIELD,
        RULE_MODE,
        field(
            "per",
            ValueKind::List(&ValueKind::Label),
            "one account for each value of these labels",
        )
        .default("one account"),
        field("allow", ValueKind::Struct(&ALLOW), "how much").required(),
        field("burst", ValueKind::Whole(1, u64::MAX), "how much at once (token buckets)")
            .default("the amount"),
        field(
            "warn_at",
            ValueKind::List(&ValueKind::Number(0, 1)),
            "shares of the cap that raise an event",
        ),
        field(
            "over",
            ValueKind::Action(&[
                word("reject", "429"),
                word_with("fallback", &ValueKind::Id, "the canned answer with this id"),
                word_with("downgrade", &ValueKind::Text, "another model, and all limits once more"),
            ]),
            "what happens above the cap",
        )
        .default("reject"),
        field(
            "cut_when_spent",
            ValueKind::Bool,
            "end a running stream that passes its reservation",
        )
        .default("false"),
        field("epoch", ValueKind::Whole(0, u64::MAX), "when changed, accounts start anew")
            .default("0"),
        field("global", ValueKind::Struct(&GLOBAL), "count in a rate-limit service too"),
    ],
    others: None,
    one_of: &[],
};

const UPSTREAM: Struct = Struct {
    name: "`upstream`",
    fields: &[
        field(
            "status",
            ValueKind::List(&ValueKind::Whole(100, 599)),
            "statuses that fire the rule",
        ),
        field("timeout", ValueKind::Bool, "the proxy's own 408, 503 and 504 fire it")
            .default("false"),
    ],
    others: None,
    one_of: &[],
};

pub(super) const FAILSAFE: Struct = Struct {
    name: "a failsafe rule",
    fields: &[
        ID,
        WHEN_FIELD,
        RULE_MODE,
        field("upstream", ValueKind::Struct(&UPSTREAM), "judged when response headers come")
            .default("judged before; the model is never called"),
        field(
            "do",
            ValueKind::Action(&[
                word_with("fallback", &ValueKind::Id, "the canned answer with this id"),
                word("block", "refuse with 403"),
            ]),
            "what the caller gets",
        )
        .required(),
        field(
            "running",
            ValueKind::Words(&[
                word("finish", "they end under the policy that they began with"),
                word(
                    "cut",
                    "they end as their dialect ends, at their next byte and within five seconds",
                ),
            ]),
            "streams under way that the rule would have stopped",
        )
        .default("finish"),
    ],
    others: None,
    one_of: &[],
};

pub(super) const FALLBACK: Struct = Struct {
    name: "a fallback",
    fields: &[
        field("text", ValueKind::Text, "what it says").required(),
        field("json", ValueKind::Any, "what a caller gets that asked for structured output"),
        field("handoff", ValueKind::Bool, "a human takes over: adds `x-hemostat-handoff: true`")
            .default("false"),
        field(
            "ends_as",
            ValueKind::Words(&[
                word("answer", "as an ordinary answer does"),
                word("refusal", "as a refusal of the dialect"),
            ]),
            "how it ends",
        )
        .default("answer"),
    ],
    others: None,
    one_of: &[],
};
