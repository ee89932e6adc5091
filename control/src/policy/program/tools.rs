//! Lever 4, compiled: which rule applies to a tool call.

mod args;

pub use args::{Args, TestResult};

use std::cell::RefCell;

use super::label::{LabelId, LabelTable};
use super::rule::Rule;
use crate::base::sorted_map::SortedMap;
use crate::dsse::TrustedKey;
use crate::limits::TOOLS_CHANGED;
use crate::policy::config::Config;
use crate::policy::document::{Argument, Globs, ToolAction};

/// All tools rules of a policy, and who may approve calls.
#[derive(Debug, Default)]
pub struct Tools {
    /// The rules in the policy's order.
    pub rules: Vec<ToolRule>,
    /// Keys that may sign grants.
    pub approvers: Vec<TrustedKey>,
    /// The configuration's scope.
    pub scope: String,
    /// The configuration names its scope itself: then grants must name it too.
    pub scope_named: bool,
    /// The label that a grant may be bound to.
    pub tenant: Option<LabelId>,
    /// Tools in MCP's lists that this worker has seen with another definition than a rule pins: rule and name.
    changed: RefCell<SortedMap<(usize, String), ()>>,
}

/// A tools rule.
#[derive(Debug)]
pub struct ToolRule {
    /// Name, selector, mode.
    pub rule: Rule,
    /// What it does.
    pub action: ToolAction,
    /// The arguments that an approval is for; empty: all.
    pub id_args: Vec<Vec<String>>,
    /// It holds only while the tool's definition has another digest.
    pub pin: Option<String>,
    tools: Globs,
    when_args: Vec<(Vec<String>, Argument)>,
}

/// What the rules decide about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ToolVerdict {
    /// It is forwarded. The rule that decided so, if one did.
    Through(Option<usize>),
    /// It is forwarded only with a grant. The rule.
    Approve(usize),
    /// It is not forwarded. The rule.
    Deny(usize),
}

impl ToolVerdict {
    /// The stricter of two verdicts.
    #[must_use]
    pub fn strictest(self, other: Self) -> Self {
        let rank = |verdict: Self| match verdict {
            Self::Through(_) => 0,
            Self::Approve(_) => 1,
            Self::Deny(_) => 2,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

/// The names of a call or tool: all of them count.
pub type Names<'a> = [&'a str];

impl ToolRule {
    /// True if the rule is about a tool of these names. A negated glob must match none of them.
    #[must_use]
    pub fn names(&self, names: &Names<'_>) -> bool {
        let any = |globs: &[String]| {
            globs.iter().any(|glob| names.iter().any(|name| super::glob::matches(glob, name)))
        };
        !any(&self.tools.negated) && (self.tools.plain.is_empty() || any(&self.tools.plain))
    }

    /// True if the rule applies to only some calls of the tool.
    #[must_use]
    pub fn asks_args(&self) -> bool {
        !self.when_args.is_empty()
    }

    /// True if the rule holds for a call with these arguments. What is unknown counts against the call.
    fn holds(&self, args: &Args) -> bool {
        let tests = self.when_args.iter().map(|(pointer, argument)| args.test(pointer, argument));
        let worst = tests.fold(TestResult::Yes, |worst, test| match (worst, test) {
            (TestResult::No, _) | (_, TestResult::No) => TestResult::No,
            (TestResult::Unknown, _) | (_, TestResult::Unknown) => TestResult::Unknown,
            _ => TestResult::Yes,
        });
        match worst {
            TestResult::Yes => true,
            TestResult::No => false,
            TestResult::Unknown => self.action != ToolAction::Allow,
        }
    }
}

impl Tools {
    /// Compiles the policy's tools rules.
    #[must_use]
    pub fn compile(config: &Config, labels: &LabelTable) -> Self {
        let document = &config.policy;
        let rules = document.tools.iter().map(|rule| ToolRule {
            rule: Rule::compile(&rule.rule, document, labels),
            action: rule.action,
            id_args: rule.id_args.clone(),
            pin: rule.pin.clone(),
            tools: rule.tools.clone(),
            when_args: rule.when_args.clone(),
        });
        Self {
            rules: rules.collect(),
            approvers: config.trust.keys.iter().filter(|key| key.may.approve).cloned().collect(),
            scope: config.scope.clone(),
            // A default scope is a digest of the keys.
            scope_named: !config.scope.is_empty() && !config.scope.starts_with("sha256:"),
            tenant: labels.id("tenant"),
            changed: RefCell::default(),
        }
    }

    /// True if any rule pins a definition.
    #[must_use]
    pub fn any_pins(&self) -> bool {
        self.rules.iter().any(|rule| rule.pin.is_some())
    }

    /// Those of these rules that apply to a tool that is listed with this definition; which pins it breaks is
    /// remembered for its calls. `None`: the tool has no definition that could be pinned.
    #[must_use]
    pub fn unpinned(&self, rules: &[usize], name: &str, definition: Option<&str>) -> Vec<usize> {
        let mut changed = self.changed.borrow_mut();
        let mut holds = |at: &usize| {
            let Some(rule) = self.rules.get(*at) else { return false };
            let Some(pin) = rule.pin.as_deref().filter(|_| rule.names(&[name])) else {
                return rule.pin.is_none();
            };
            let key = (*at, name.to_owned());
            let differs = definition != Some(pin);
            if !differs {
                changed.remove(&key);
            } else if changed.len() < TOOLS_CHANGED {
                changed.insert(key, ());
            }
            differs
        };
        rules.iter().copied().filter(|at| holds(at)).collect()
    }

    /// Those of these rules that apply to a call in MCP, which does not contain the tool's definition: a pin applies if
    /// the tool was listed with another one.
    #[must_use]
    pub fn for_mcp_call(&self, rules: &[usize], name: &str) -> Vec<usize> {
        let changed = self.changed.borrow();
        let holds = |at: &usize| {
            self.rules.get(*at).is_some_and(|rule| rule.pin.is_none())
                || changed.contains_key(&(*at, name.to_owned()))
        };
        rules.iter().copied().filter(holds).collect()
    }

    /// The decision of the first of these rules (indexes, ascending) that applies to a call. `None`: its arguments are
    /// needed.
    #[must_use]
    pub fn judge(
        &self,
        rules: &[usize],
        names: &Names<'_>,
        args: Option<&Args>,
    ) -> Option<ToolVerdict> {
        for &at in rules {
            let Some(rule) = self.rules.get(at).filter(|rule| rule.names(names)) else { continue };
            if rule.asks_args() && !rule.holds(args?) {
                continue;
            }
            return Some(match rule.action {
                ToolAction::Allow => ToolVerdict::Through(Some(at)),
                ToolAction::Deny => ToolVerdict::Deny(at),
                ToolAction::Approve => ToolVerdict::Approve(at),
            });
        }
        Some(ToolVerdict::Through(None))
    }

    /// The first of these rules that removes a tool from a request: it denies every call of it.
    #[must_use]
    pub fn takes_out(&self, rules: &[usize], names: &Names<'_>) -> Option<usize> {
        match self.judge(rules, names, None) {
            Some(ToolVerdict::Deny(at)) => Some(at),
            _ => None,
        }
    }
}
