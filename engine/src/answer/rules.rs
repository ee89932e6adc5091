//! The guardrails that hold for one answer (or request), with the matchers for their patterns.

use std::rc::Rc;

use crate::context::record::Record;
use crate::dialect::Role;
use crate::policy::Program;
use crate::policy::program::guard::{Action, Guard};
use crate::search::{Hit, Matcher};

/// Which guardrails hold for an exchange: acting ones change bytes; watching ones (shadow, `tag`) only count, and so
/// never hold anything back.
#[derive(Debug, Clone, Default)]
pub struct ChosenRules {
    /// Indexes of enforced rules that redact, block or fall back, ascending.
    pub acting: Vec<usize>,
    /// Indexes of shadow rules and tags, with true for shadow, ascending.
    pub watching: Vec<(usize, bool)>,
    /// The answer's texts may be an MCP server's, which a model will read: rules for `input` look at it too.
    pub as_input: bool,
}

impl ChosenRules {
    /// True if no rule holds.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.acting.is_empty() && self.watching.is_empty()
    }

    /// Keeps the rules that satisfy `keep`.
    #[must_use]
    pub fn only(&self, program: &Program, keep: &dyn Fn(&Guard) -> bool) -> Self {
        let kept = |at: usize| program.guards.rules.get(at).is_some_and(keep);
        Self {
            acting: self.acting.iter().copied().filter(|&at| kept(at)).collect(),
            watching: self.watching.iter().copied().filter(|&(at, _)| kept(at)).collect(),
            as_input: self.as_input,
        }
    }
}

/// True if the guardrail looks at texts of this role; `as_input`: also at everything that rules for `input` look at.
fn looks_at(guard: &Guard, role: Role, as_input: bool) -> bool {
    guard.looks_at(role) || (as_input && role == Role::Output && guard.on_request())
}

/// The matchers for one role of text.
#[derive(Debug, Clone, Default)]
struct Matchers {
    acting: Option<Rc<Matcher>>,
    watching: Option<Rc<Matcher>>,
}

/// The guardrails of one answer.
#[derive(Debug, Clone)]
pub struct Rules {
    program: Rc<Program>,
    chosen: ChosenRules,
    output: Matchers,
    tool_args: Matchers,
    input: Matchers,
    /// An acting rule that stops looks at tool arguments: a call must be seen as a whole before any of it leaves.
    pub holds_calls: bool,
}

impl Rules {
    /// Prepares the chosen rules.
    #[must_use]
    pub fn new(program: Rc<Program>, chosen: ChosenRules) -> Self {
        let matchers = |looks: &dyn Fn(&Guard) -> bool| {
            let chosen = chosen.only(&program, &looks);
            let watching: Vec<usize> = chosen.watching.iter().map(|&(at, _)| at).collect();
            Matchers {
                acting: program.guards.matcher(&chosen.acting),
                watching: program.guards.matcher(&watching),
            }
        };
        let output = matchers(&|guard| looks_at(guard, Role::Output, chosen.as_input));
        let tool_args = matchers(&|guard| guard.looks_at(Role::ToolArgs));
        // One matcher for all parts of input: which rule looks at which part is checked for each hit.
        let input = matchers(&Guard::on_request);
        let stops_calls = |guard: &Guard| guard.looks_at(Role::ToolArgs) && guard.action.stops();
        let holds_calls = !chosen.only(&program, &stops_calls).acting.is_empty();
        Self { program, chosen, output, tool_args, input, holds_calls }
    }

    /// The watching rules without the acting ones; `None` if there are none.
    #[must_use]
    pub fn watching_alone(&self) -> Option<Self> {
        let mut own = Some(self.clone()).filter(|own| !own.chosen.watching.is_empty())?;
        for matchers in [&mut own.output, &mut own.tool_args, &mut own.input] {
            matchers.acting = None;
        }
        Some(own)
    }

    #[inline(always)]
    fn matchers(&self, role: Role) -> &Matchers {
        match role {
            Role::Output => &self.output,
            Role::ToolArgs => &self.tool_args,
            Role::Input(_) => &self.input,
        }
    }

    /// The matcher of the acting rules for texts of this role.
    #[must_use]
    pub fn acting(&self, role: Role) -> Option<&Matcher> {
        self.matchers(role).acting.as_deref()
    }

    /// The matcher of the watching rules for texts of this role.
    #[must_use]
    pub fn watching(&self, role: Role) -> Option<&Matcher> {
        self.matchers(role).watching.as_deref()
    }

    /// True if any rule looks at texts of this role.
    #[must_use]
    pub fn look_at(&self, role: Role) -> bool {
        let both = self.matchers(role);
        both.acting.is_some() || both.watching.is_some()
    }

    /// False if no rule finds anything in a complete text of this role.
    #[must_use]
    pub fn may_find(&self, role: Role, text: &str) -> bool {
        let both = self.matchers(role);
        [&both.acting, &both.watching].into_iter().flatten().any(|matcher| matcher.may_match(text))
    }

    /// True if any rule may change bytes: only then is anything held.
    #[must_use]
    pub fn act(&self) -> bool {
        !self.chosen.acting.is_empty()
    }

    /// True if this rule acts on texts of this role here.
    #[must_use]
    pub fn acts(&self, rule: usize, role: Role) -> bool {
        self.chosen.acting.binary_search(&rule).is_ok()
            && self.guard(rule).is_some_and(|guard| looks_at(guard, role, self.chosen.as_input))
    }

    /// True if this rule ends an answer.
    #[must_use]
    pub fn stops(&self, rule: usize) -> bool {
        self.guard(rule).is_some_and(|guard| guard.action.stops())
    }

    /// The replacement of this rule's matches.
    #[must_use]
    pub fn replacement(&self, rule: usize) -> &str {
        match self.guard(rule).map(|guard| &guard.action) {
            Some(Action::Redact(with)) => with,
            _ => "",
        }
    }

    /// The rule.
    #[must_use]
    pub fn guard(&self, rule: usize) -> Option<&Guard> {
        self.program.guards.rules.get(rule)
    }

    /// Counts hits of watching rules.
    pub fn watched(&self, role: Role, hits: &mut Vec<Hit>, record: &mut Record) {
        for hit in hits.drain(..) {
            let rule = hit.tag as usize;
            let watching = self.chosen.watching.iter().find(|(at, _)| *at == rule);
            if let (Some(&(_, shadow)), Some(guard)) = (watching, self.guard(rule))
                && looks_at(guard, role, self.chosen.as_input)
            {
                record.action(&guard.rule.id, guard.action.word(), shadow);
            }
        }
    }

    /// Records that an acting rule acted.
    pub fn acted(&self, rule: usize, record: &mut Record) {
        if let Some(guard) = self.guard(rule) {
            record.action(&guard.rule.id, guard.action.word(), false);
        }
    }
}
