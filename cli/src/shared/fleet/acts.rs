//! What rules do now over a fleet: counts by rule and action since the policy in force came.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Status, View};

/// What a rule does on all proxies together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Act {
    pub(crate) rule: String,
    pub(crate) lever: String,
    /// The previous policy did not have it.
    pub(crate) new: bool,
    /// `enforce`, `shadow`, or `disabled` if it is switched off or its `until` has passed.
    pub(crate) mode: String,
    /// It only counts what it would have done.
    pub(crate) shadow: bool,
    /// By action.
    pub(crate) counts: BTreeMap<String, Count>,
}

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Count {
    /// Since the policy in force came.
    pub(crate) since: u64,
    /// Per minute; `None`: too early to say.
    pub(crate) per_minute: Option<f64>,
}

impl Act {
    /// The number of exchanges that it acted on since the policy in force came.
    pub(crate) fn since(&self) -> u64 {
        self.counts.values().map(|count| count.since).sum()
    }

    /// The same per minute, if it is known for every action.
    pub(crate) fn per_minute(&self) -> Option<f64> {
        self.counts.values().map(|count| count.per_minute).sum()
    }

    /// True for an enforced rule that acts on every call that its `when` matches: if it matches nothing, it has no
    /// effect.
    pub(crate) fn is_lever(&self) -> bool {
        ["failsafe", "rollback", "switch", "tools"].contains(&self.lever.as_str())
            && self.mode == "enforce"
            && !self.shadow
    }

    fn read(value: &Value) -> Option<Self> {
        let text =
            |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let truth = |name: &str| value.get(name).and_then(Value::as_bool).unwrap_or_default();
        let counts = value.get("actions")?.as_object()?.iter().map(|(action, count)| {
            let since = count.get("since_release").and_then(Value::as_u64).unwrap_or_default();
            let per_minute = count.get("per_minute").and_then(Value::as_f64);
            (action.clone(), Count { since, per_minute })
        });
        Some(Self {
            rule: value.get("rule")?.as_str()?.to_owned(),
            lever: text("lever"),
            new: truth("new"),
            mode: text("mode"),
            shadow: truth("shadow"),
            counts: counts.collect(),
        })
    }

    fn add(&mut self, other: Self) {
        for (action, count) in other.counts {
            self.counts
                .entry(action)
                .and_modify(|own| {
                    own.since = own.since.saturating_add(count.since);
                    own.per_minute = own.per_minute.zip(count.per_minute).map(|(a, b)| a + b);
                })
                .or_insert(count);
        }
    }
}

impl Status {
    /// What its rules do, new rules first. A filter of an older version reports counts since it started only.
    fn acts(&self) -> Vec<Act> {
        if self.0.get("acts").is_some_and(Value::is_array) {
            return self.list("acts").iter().filter_map(Act::read).collect();
        }
        let rules = self.0.get("rules").and_then(Value::as_object);
        let act = |(rule, counts): (&String, &Value)| {
            let counts = counts.as_object().into_iter().flatten();
            let shadow = counts.clone().any(|(action, _)| action.starts_with("shadow-"));
            let counts = counts.map(|(action, count)| {
                let since = count.as_u64().unwrap_or_default();
                let action = action.trim_start_matches("shadow-").to_owned();
                (action, Count { since, per_minute: None })
            });
            let (lever, mode) = (String::new(), String::new());
            Act { rule: rule.clone(), lever, new: false, mode, shadow, counts: counts.collect() }
        };
        rules.into_iter().flatten().map(act).collect()
    }
}

impl View<'_> {
    /// What the rules of the highest serial do, on all proxies that serve it: new rules first, then by count.
    pub(crate) fn acts(&self) -> Vec<Act> {
        let Some(newest) = self.newest() else { return Vec::new() };
        let (serial, scope) = (newest.serial(), newest.text("scope"));
        let mut all: Vec<Act> = Vec::new();
        for (_, status) in self.reached() {
            if status.serial() != serial || status.text("scope") != scope {
                continue;
            }
            for act in status.acts() {
                match all.iter_mut().find(|known| known.rule == act.rule) {
                    Some(known) => known.add(act),
                    None => all.push(act),
                }
            }
        }
        // A stable sort: new rules keep the order of the policy.
        all.sort_by_key(|act| (!act.new, if act.new { 0 } else { u64::MAX - act.since() }));
        all
    }
}
