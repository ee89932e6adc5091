//! The rules of every lever.

use super::policy::MONEY;
use super::{Field, Kind, Struct, Word, field, word, word_with};

pub(super) const MODE: &[Word] = &[
    word("enforce", "decide, count and act"),
    word("shadow", "decide and count; hold and change nothing"),
    word("disabled", "as if it were not there"),
];

const ID: Field =
    field("id", Kind::Id, "its name, unique in the policy").default("a name made of its place");
const RULE_MODE: Field =
    field("mode", Kind::Words(MODE), "wins over the policy's `mode`").default("the policy's");
const WHEN_FIELD: Field =
    field("when", Kind::Struct(&WHEN), "whom it holds for").default("all recognised traffic");

/// `when`: labels to globs, and two more keys.
pub(super) const WHEN: Struct = Struct {
    name: "`when`",
    fields: &[
        field("percent", Kind::Percent, "a share of traffic: a number, or `{share, by}`"),
        field("until", Kind::Time, "when the rule stops by itself"),
    ],
    others: Some((&Kind::Label, &Kind::List(&Kind::Glob))),
    one_of: &[],
};

/// `percent` as a map.
pub(in super::super) const PERCENT: Struct = Struct {
    name: "`percent`",
    fields: &[
        field("share", Kind::Number(0, 100), "how much of the traffic, in percent").required(),
        field("by", Kind::Label, "the label whose values are kept together")
            .default("the first trusted of `tenant`, `key`, `user`, else the request"),
    ],
    others: None,
    one_of: &[],
};

pub(super) const OTHER_TRAFFIC: Struct = Struct {
    name: "an `other_traffic` entry",
    fields: &[
        field("when", Kind::Struct(&WHEN), "`host`, `path` and `method` only")
            .default("all other traffic"),
        field(
            "do",
            Kind::Action(&[word("pass", "untouched"), word("block", "403")]),
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
        field("rule", Kind::Text, "the rule's id").required(),
        field("until", Kind::Time, "when it is back").required(),
    ],
    others: None,
    one_of: &[],
};

const SET: Struct = Struct {
    name: "`set`",
    fields: &[
        field("model", Kind::Text, "the model that is asked"),
        field(
            "body",
            Kind::Map(&Kind::Pointer, &Kind::Any),
            "values in the request body, by JSON pointer",
        ),
        field("headers", Kind::Map(&Kind::Header, &Kind::Text), "request headers"),
    ],
    others: Some((&Kind::Label, &Kind::Text)),
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
            Kind::Struct(&SET),
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
        field("upstream", Kind::Text, "value of `x-hemostat-upstream` for the proxy's route table"),
        field("model", Kind::Text, "the model that is asked there"),
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
        field("to", Kind::Struct(&TO), "where the traffic goes").required(),
    ],
    others: None,
    one_of: &[],
};

const SCAN: &[Word] = &[
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

const GUARD_ACTIONS: &[Word] = &[
    Word {
        name: "redact",
        argument: Some(&Kind::Text),
        alone: true,
        doc: super::words("put this text (default `[REDACTED]`) in place of the match"),
    },
    word("block", "refuse: 403 on input, a refusal in place of an answer"),
    word_with("fallback", &Kind::Id, "the canned answer with this id"),
    word("tag", "change nothing; count and show it"),
];

pub(super) const GUARDRAIL: Struct = Struct {
    name: "a guardrail",
    fields: &[
        ID,
        WHEN_FIELD,
        RULE_MODE,
        field("scan", Kind::List(&Kind::Words(SCAN)), "where to look").required(),
        field("find", Kind::List(&Kind::Pattern), "regular expressions and packs").required(),
        field("do", Kind::Action(GUARD_ACTIONS), "what happens to a match").required(),
        field("fold", Kind::Bool, "match through invisible and look-alike characters, and case")
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
        field("match", Kind::List(&Kind::Glob), "globs on the tool's name").required(),
        field(
            "do",
            Kind::Action(&[
                word("allow", "as if there were no rule"),
                word("deny", "the tool is taken out, and a call to it is replaced"),
                word("approve", "a call is let through only with a grant"),
            ]),
            "what happens to a call",
        )
        .required(),
        field(
            "when_args",
            Kind::Map(&Kind::Pointer, &Kind::Argument),
            "only calls whose arguments pass, by JSON pointer: globs, or a map of tests",
        ),
        field("id_args", Kind::List(&Kind::Pointer), "the arguments that an approval is for")
            .default("all"),
        field(
            "pin",
            Kind::Text,
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
        field("gt", Kind::Real, "greater than this number"),
        field("lt", Kind::Real, "less than this number"),
        field("eq", Kind::Scalar, "equal to this value"),
        field("glob", Kind::List(&Kind::Glob), "matches one of these"),
        field("exists", Kind::Bool, "is there (`true`), or is not (`false`)"),
    ],
    others: None,
    one_of: &[],
};

const ALLOW: Struct = Struct {
    name: "`allow`",
    fields: &[
        field("requests", Kind::Whole(1, u64::MAX), "so many requests"),
        field("tokens", Kind::Whole(1, u64::MAX), "so many tokens, in and out"),
        field("usd", Kind::Number(0, MONEY), "so much money"),
        field("concurrent", Kind::Whole(1, u64::MAX), "so many requests in flight"),
        field("calls", Kind::Whole(1, u64::MAX), "so many tool calls"),
        field(
            "every",
            Kind::Window,
            "the window: `1s`, `5m`, `1h` are token buckets, `day` and `month` calendar windows in UTC",
        ),
    ],
    others: None,
    one_of: &["requests", "tokens", "usd", "concurrent", "calls"],
};

const GLOBAL: Struct = Struct {
    name: "`global`",
    fields: &[
        field("domain", Kind::Text, "the rate-limit service's domain").required(),
        field("cluster", Kind::Text, "the proxy's cluster of the service").required(),
        field(
            "api",
            Kind::Words(&[
                word("limitador", "`kuadrant.service.ratelimit.v1`"),
                word("envoy", "`envoy.service.ratelimit.v3`"),
            ]),
            "what it speaks",
        )
        .required(),
        field("sync_every", Kind::Span, "how often settled usage is reported").default("500ms"),
        field("strict", Kind::Bool, "ask before each request").default("false"),
        field(
            "on_error",
            Kind::Words(&[
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
        field("per", Kind::List(&Kind::Label), "one account for each value of these labels")
            .default("one account"),
        field("allow", Kind::Struct(&ALLOW), "how much").required(),
        field("burst", Kind::Whole(1, u64::MAX), "how much at once (token buckets)")
            .default("the amount"),
        field("warn_at", Kind::List(&Kind::Number(0, 1)), "shares of the cap that raise an event"),
        field(
            "over",
            Kind::Action(&[
                word("reject", "429"),
                word_with("fallback", &Kind::Id, "the canned answer with this id"),
                word_with("downgrade", &Kind::Text, "another model, and all limits once more"),
            ]),
            "what happens above the cap",
        )
        .default("reject"),
        field("cut_when_spent", Kind::Bool, "end a running stream that passes its reservation")
            .default("false"),
        field("epoch", Kind::Whole(0, u64::MAX), "when changed, accounts start anew").default("0"),
        field("global", Kind::Struct(&GLOBAL), "count in a rate-limit service too"),
    ],
    others: None,
    one_of: &[],
};

const UPSTREAM: Struct = Struct {
    name: "`upstream`",
    fields: &[
        field("status", Kind::List(&Kind::Whole(100, 599)), "statuses that fire the rule"),
        field("timeout", Kind::Bool, "the proxy's own 408, 503 and 504 fire it").default("false"),
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
        field("upstream", Kind::Struct(&UPSTREAM), "judged when response headers come")
            .default("judged before; the model is never called"),
        field(
            "do",
            Kind::Action(&[
                word_with("fallback", &Kind::Id, "the canned answer with this id"),
                word("block", "refuse with 403"),
            ]),
            "what the caller gets",
        )
        .required(),
        field(
            "running",
            Kind::Words(&[
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
        field("text", Kind::Text, "what it says").required(),
        field("json", Kind::Any, "what a caller gets that asked for structured output"),
        field("handoff", Kind::Bool, "a human takes over: adds `x-hemostat-handoff: true`")
            .default("false"),
        field(
            "ends_as",
            Kind::Words(&[
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
