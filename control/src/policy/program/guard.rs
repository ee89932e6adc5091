//! Guardrails, compiled: rules with their patterns, and matchers for the sets of rules that occur in an exchange.

use std::cell::RefCell;
use std::rc::Rc;

use super::compile_error::CompileError;
use super::label::LabelTable;
use super::rule::{Rule, find};
use crate::base::sorted_map::SortedMap;
use crate::dialect::{InputParts, Role};
use crate::limits::MATCHERS;
use crate::policy::document::{Document, Fallback, GuardAction, Scan};
use crate::search::{Matcher, Pattern};

/// All guardrails of a policy.
#[derive(Debug, Default)]
pub struct Guards {
    /// The rules in the policy's order.
    pub rules: Vec<Guard>,
    /// Matchers made so far, by the rules in them; the first is for all rules. Bounded, since callers choose labels,
    /// and labels choose rules.
    matchers: RefCell<Vec<(Vec<usize>, Rc<Matcher>)>>,
}

/// A guardrail.
#[derive(Debug)]
pub struct Guard {
    /// Name, selector, mode.
    pub rule: Rule,
    /// Where it looks.
    pub scan: Vec<Scan>,
    /// What it does.
    pub action: Action,
    patterns: Vec<Pattern>,
}

/// What a guardrail does.
#[derive(Debug, Clone)]
pub enum Action {
    /// Replaces the match.
    Redact(Rc<str>),
    /// Refuses.
    Block,
    /// Answers with this canned answer.
    Fallback(Rc<Fallback>),
    /// Counts.
    Tag,
}

impl Action {
    /// The word in headers, counters and logs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Redact(_) => "redact",
            Self::Block => "block",
            Self::Fallback(_) => "fallback",
            Self::Tag => "tag",
        }
    }

    /// True if it ends an answer or refuses a request.
    #[must_use]
    pub fn stops(&self) -> bool {
        matches!(self, Self::Block | Self::Fallback(_))
    }
}

impl Guard {
    /// True if it looks at texts of this role.
    #[must_use]
    pub fn looks_at(&self, role: Role) -> bool {
        self.scan.iter().any(|scan| match (scan, role) {
            (Scan::Output, Role::Output) | (Scan::ToolArgs, Role::ToolArgs) => true,
            (scan, Role::Input(parts)) => scans_input(*scan, parts),
            _ => false,
        })
    }

    /// True if it looks at requests.
    #[must_use]
    pub fn on_request(&self) -> bool {
        self.scan.iter().any(|scan| !matches!(scan, Scan::Output | Scan::ToolArgs))
    }

    /// True if it looks at tool definitions.
    #[must_use]
    pub fn on_definitions(&self) -> bool {
        self.scan.contains(&Scan::ToolDefinitions)
    }

    /// True if it looks at arguments of tool calls.
    #[must_use]
    pub fn on_tool_args(&self) -> bool {
        self.scan.contains(&Scan::ToolArgs)
    }

    /// True if it looks at answers.
    #[must_use]
    pub fn on_answer(&self) -> bool {
        self.scan.iter().any(|scan| matches!(scan, Scan::Output | Scan::ToolArgs))
    }
}

fn scans_input(scan: Scan, parts: InputParts) -> bool {
    match scan {
        Scan::Output | Scan::ToolArgs => false,
        Scan::Input => !parts.tool_definitions,
        Scan::ToolDefinitions => parts.tool_definitions,
        Scan::System => parts.system,
        Scan::User => parts.user,
        Scan::History => parts.history,
        Scan::ToolResults => parts.tool_results,
        Scan::Last => parts.last,
    }
}

impl Guards {
    /// Compiles the policy's guardrails.
    ///
    /// # Errors
    /// A pattern or fallback that `check` would have refused.
    pub fn compile(
        document: &Document,
        labels: &LabelTable,
        fallbacks: &SortedMap<String, Rc<Fallback>>,
    ) -> Result<Self, CompileError> {
        let mut rules = Vec::with_capacity(document.guardrails.len());
        for guard in &document.guardrails {
            let mut patterns = Vec::new();
            for source in &guard.find {
                let parsed = Pattern::parse(source, guard.fold)
                    .map_err(|error| CompileError::pattern(&guard.rule.id, &error))?;
                patterns.extend(parsed);
            }
            let action = match &guard.action {
                GuardAction::Redact(with) => Action::Redact(with.as_str().into()),
                GuardAction::Block => Action::Block,
                GuardAction::Fallback(id) => Action::Fallback(find(fallbacks, id, &guard.rule)?),
                GuardAction::Tag => Action::Tag,
            };
            rules.push(Guard {
                rule: Rule::compile(&guard.rule, document, labels),
                scan: guard.scan.clone(),
                action,
                patterns,
            });
        }
        let guards = Self { rules, matchers: RefCell::default() };
        // The matcher of all patterns is the largest that can be needed: if it compiles, every other does.
        let all: Vec<usize> = (0..guards.rules.len()).collect();
        let matcher =
            guards.build(&all).map_err(|error| CompileError::pattern("guardrails", &error))?;
        guards.matchers.borrow_mut().push((all, Rc::new(matcher)));
        Ok(guards)
    }

    fn build(&self, rules: &[usize]) -> Result<Matcher, crate::search::PatternError> {
        Matcher::new(rules.iter().flat_map(|&at| {
            let patterns = self.rules.get(at).map_or(&[][..], |guard| &guard.patterns);
            patterns.iter().map(move |pattern| (at as u32, pattern))
        }))
    }

    /// A matcher that searches for these rules (indexes, ascending), and perhaps for others: callers drop hits of rules
    /// that do not hold. `None` if there is nothing to search for.
    ///
    /// The first [`MATCHERS`] sets get a matcher of exactly their rules, which holds nothing back for others; sets
    /// beyond that share the one for all rules.
    #[must_use]
    pub fn matcher(&self, rules: &[usize]) -> Option<Rc<Matcher>> {
        if rules.is_empty() {
            return None;
        }
        let mut matchers = self.matchers.borrow_mut();
        if let Some((_, matcher)) = matchers.iter().find(|(known, _)| known == rules) {
            return Some(Rc::clone(matcher));
        }
        if matchers.len() > MATCHERS {
            return matchers.first().map(|(_, all)| Rc::clone(all));
        }
        let Ok(matcher) = self.build(rules) else {
            // If all patterns together compile, a subset does. Should it not, the matcher of all rules finds these too
            // (invariant 12).
            return matchers.first().map(|(_, all)| Rc::clone(all));
        };
        let matcher = Rc::new(matcher);
        matchers.push((rules.to_vec(), Rc::clone(&matcher)));
        Some(matcher)
    }
}
