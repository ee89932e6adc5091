//! The sections of a policy that contain rules, and those that contain what rules use.

/// Lists of rules.
pub const RULES: &[&str] = &[
    "rollback",
    "switch",
    "guardrails",
    "tools",
    "limits",
    "failsafe",
    "other_traffic",
    "disable",
];

/// Maps of named things.
pub const NAMED: &[&str] = &["labels", "prices", "fallbacks"];
