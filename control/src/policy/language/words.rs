//! Words from other tools, or typed at 3 a.m., and what to write here instead.

/// Labels that always exist.
pub const BUILT_IN_LABELS: &[&str] = &["dialect", "model", "method", "host", "path"];

/// What to write instead of an unknown word: `place` is the name of the map or field it is in (`a policy`, `a
/// guardrail`, `mode` …).
#[must_use]
pub fn redirect(place: &str, word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase().replace('-', "_");
    let word = word.as_str();
    TABLE
        .iter()
        .find(|(places, words, _)| places.contains(&place) && words.contains(&word))
        .map(|(_, _, help)| *help)
}

/// Places, words, help.
type Row = (&'static [&'static str], &'static [&'static str], &'static str);

const TOP: &[&str] = &["a policy", "a plugin configuration"];
const DO_GUARD: &[&str] = &["a guardrail: do"];
const DO_FAILSAFE: &[&str] = &["a failsafe rule: do"];
const DO_TOOLS: &[&str] = &["a tools rule: do"];
const OVER: &[&str] = &["a limit: over"];
const DO_OTHER: &[&str] = &["an `other_traffic` entry: do"];
const RULES: &[&str] = &[
    "a guardrail",
    "a failsafe rule",
    "a tools rule",
    "a limit",
    "a switch rule",
    "a rollback rule",
];

const TABLE: &[Row] = &[
    // Sections.
    (
        TOP,
        &["kill", "kill_switch", "killswitch", "stop", "off", "maintenance", "circuit_breaker"],
        "the kill switch is lever `failsafe`: a rule without `upstream`, `do: {fallback: ID}` or `do: block`",
    ),
    (
        TOP,
        &[
            "throttle",
            "rate_limit",
            "rate_limits",
            "ratelimit",
            "quota",
            "quotas",
            "budget",
            "budgets",
            "cost",
        ],
        "caps on rate and cost are lever `limits`",
    ),
    (
        TOP,
        &[
            "block", "deny", "redact", "filter", "filters", "rules", "patterns", "mask", "dlp",
            "pii", "secrets",
        ],
        "patterns are lever `guardrails`: `scan`, `find`, `do`",
    ),
    (
        TOP,
        &["approve", "approval", "approvals", "tool", "functions", "mcp"],
        "tools are lever `tools`: `match`, `do`",
    ),
    (
        TOP,
        &[
            "route",
            "routes",
            "reroute",
            "failover",
            "provider",
            "upstream",
            "upstreams",
            "switch_model",
        ],
        "another provider or model is lever `switch`; an answer when upstream fails is `failsafe` with `upstream`",
    ),
    (
        TOP,
        &["model", "prompt", "revert", "pin", "rollbacks"],
        "to put prompt or model back is lever `rollback`",
    ),
    (
        TOP,
        &["fallback", "canned", "responses", "messages"],
        "canned answers stand in `fallbacks`, by id",
    ),
    (TOP, &["shadow", "dry_run", "dryrun", "monitor"], "write `mode: shadow`"),
    (TOP, &["until", "expires"], "a rule stops by itself with `when: {until: …}`"),
    (TOP, &["alerts", "webhook", "alert"], "events are sent by `notify`"),
    (TOP, &["log", "logging", "capture_bodies"], "prompts and answers are kept by `capture`"),
    (TOP, &["timeout", "status"], "write it in `upstream` of a `failsafe` rule"),
    // Fields of rules.
    (RULES, &["action", "actions", "then", "on_match"], "the action is `do`"),
    (RULES, &["name"], "the name is `id`"),
    (
        RULES,
        &["if", "match_labels", "where", "selector", "who", "matches"],
        "the selector is `when`",
    ),
    (RULES, &["until", "percent"], "it stands in `when`"),
    (
        RULES,
        &["shadow", "dry_run", "enforce", "monitor"],
        "write `mode: shadow` or `mode: enforce`",
    ),
    (
        RULES,
        &["enabled", "disabled", "enable", "disable"],
        "write `mode: disabled`, or leave the rule out",
    ),
    (
        &["a guardrail"],
        &["pattern", "patterns", "regex", "regexes", "match", "rules", "detect", "pack", "packs"],
        "patterns stand in `find`",
    ),
    (
        &["a guardrail"],
        &["on", "in", "where_to_look", "target", "targets", "direction", "apply_to"],
        "where to look is `scan`",
    ),
    (
        &["a guardrail"],
        &["fallback", "redact", "block", "replace", "replacement"],
        "write it as the action: `do: block`, `do: {redact: TEXT}`, `do: {fallback: ID}`",
    ),
    (&["a guardrail"], &["ignore_case", "case_insensitive"], "begin the pattern with `(?i)`"),
    (&["a failsafe rule"], &["status", "timeout"], "it stands in `upstream`"),
    (
        &["a failsafe rule"],
        &["fallback", "block", "answer"],
        "write it as the action: `do: {fallback: ID}`",
    ),
    (&["a failsafe rule"], &["find", "scan"], "patterns stand in a rule of `guardrails`"),
    (&["a tools rule"], &["tool", "tools", "names", "name"], "the tools are `match`"),
    (
        &["a limit"],
        &["requests", "tokens", "usd", "concurrent", "calls", "every"],
        "it stands in `allow`",
    ),
    (&["a limit"], &["by", "key", "for", "group_by"], "the account's labels are `per`"),
    (
        &["a fallback"],
        &["message", "content", "body", "answer", "response"],
        "what it says is `text`",
    ),
    (
        &["a fallback"],
        &["status", "code"],
        "a canned answer is a complete answer with status 200; to refuse, use `do: block`",
    ),
    (
        &["`when`"],
        &["headers", "header"],
        "read the header into a label first: `labels: {NAME: [{header: …}]}`",
    ),
    (&["`upstream`"], &["statuses", "code", "codes"], "the statuses are `status`"),
    (
        &["a source"],
        &["body", "pointer", "path", "jsonpath"],
        "a value of the body is `json`, a JSON pointer",
    ),
    (&["a source"], &["claim", "jwt", "metadata"], "a verified claim is a host `property`"),
    // Words.
    (DO_GUARD, &["deny", "reject", "refuse", "drop", "forbid", "cut"], "to refuse is `block`"),
    (
        DO_GUARD,
        &["mask", "replace", "scrub", "anonymize", "hide", "remove"],
        "to replace the match is `redact`",
    ),
    (
        DO_GUARD,
        &["log", "count", "warn", "monitor", "alert", "audit", "flag", "report"],
        "to count only is `tag`; to try out an action is `mode: shadow`",
    ),
    (
        DO_GUARD,
        &["kill", "stop", "handoff"],
        "to stop all traffic is lever `failsafe`; to end an answer is `block` or `{fallback: ID}`",
    ),
    (DO_GUARD, &["throttle", "limit", "downgrade"], "caps are lever `limits`"),
    (DO_GUARD, &["approve"], "approval is lever `tools`"),
    (
        DO_GUARD,
        &["allow", "pass", "ignore"],
        "there are no exceptions by pattern; narrow the rule with `when`",
    ),
    (
        DO_FAILSAFE,
        &["deny", "kill", "stop", "reject", "refuse", "drop"],
        "to refuse is `block`; to answer is `{fallback: ID}`",
    ),
    (
        DO_FAILSAFE,
        &["retry", "switch", "reroute", "failover"],
        "another provider is lever `switch`",
    ),
    (DO_FAILSAFE, &["redact", "tag", "mask"], "patterns are lever `guardrails`"),
    (DO_FAILSAFE, &["handoff"], "give the fallback `handoff: true`"),
    (
        DO_TOOLS,
        &["block", "disable", "remove", "reject", "drop", "kill", "stop"],
        "to take a tool out is `deny`",
    ),
    (DO_TOOLS, &["ask", "confirm", "review", "approval"], "to force approval is `approve`"),
    (OVER, &["block", "deny", "throttle", "refuse", "drop"], "to refuse above the cap is `reject`"),
    (OVER, &["switch", "model"], "another model above the cap is `{downgrade: MODEL}`"),
    (DO_OTHER, &["deny", "reject", "refuse", "drop", "kill", "stop"], "to refuse is `block`"),
    (DO_OTHER, &["allow", "ignore"], "to let it through is `pass`"),
    (
        &["mode"],
        &["dry_run", "dryrun", "monitor", "audit", "log", "observe", "test", "permissive", "warn"],
        "to decide and count only is `shadow`",
    ),
    (
        &["mode"],
        &["on", "enabled", "active", "block", "enforced", "enforcing"],
        "to act is `enforce`",
    ),
    (&["mode"], &["off", "disable", "inactive", "none"], "to switch off is `disabled`"),
    (
        &["scan"],
        &["response", "responses", "answer", "answers", "completion", "reasoning"],
        "the answer is `output`",
    ),
    (
        &["scan"],
        &["request", "requests", "prompt", "prompts", "messages"],
        "all that the model is shown is `input`; its parts are `system`, `user`, `history`, `tool_results`, `last`",
    ),
    (&["scan"], &["both", "all", "everything"], "write `[input, output, tool_args]`"),
    (
        &["scan"],
        &["tools", "tool_calls", "arguments", "args"],
        "arguments of calls in answers are `tool_args`; what tools returned is `tool_results`",
    ),
    (&["severity"], &["1", "p1", "critical", "high"], "write `sev1`"),
    (&["severity"], &["2", "p2", "medium"], "write `sev2`"),
    (&["severity"], &["3", "p3", "low"], "write `sev3`"),
];
