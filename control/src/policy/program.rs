//! What runs: a policy compiled once, shared by every exchange that began under it.

pub mod capture;
pub mod change;
mod compile_error;
pub mod glob;
pub mod guard;
pub mod label;
pub mod limit;
pub mod model_name;
mod rule;
pub mod selector;
pub mod tools;

pub use compile_error::CompileError;
pub use rule::Rule;

use std::rc::Rc;

use crate::base::sorted_map::SortedMap;
use crate::policy::config::{Config, Host};
use crate::policy::document::{
    self, FailsafeAction, Fallback, Mode, Notify, OnCut, OnHoldLimit, OnUnreadable, Show,
    UnknownLanes, Upstream,
};
use capture::Capture;
use change::Changes;
use guard::Guards;
use label::LabelTable;
use limit::Limits;
use rule::find;
use tools::Tools;

/// A compiled policy.
#[derive(Debug)]
pub struct Program {
    /// The policy's version, shown in headers, metrics and logs.
    pub version: Option<String>,
    /// What callers are shown.
    pub show: Show,
    /// What happens when partial matches hold too much.
    pub on_hold_limit: OnHoldLimit,
    /// How an answer continues after a cut.
    pub on_cut: OnCut,
    /// What the operator wants for bodies that cannot be read, if stated.
    pub on_unreadable: Option<OnUnreadable>,
    /// What happens to model calls in a format that is not read.
    pub unknown_lanes: UnknownLanes,
    /// Where labels come from.
    pub labels: LabelTable,
    /// Levers 1 and 2.
    pub changes: Changes,
    /// Lever 3.
    pub guards: Guards,
    /// Lever 4.
    pub tools: Tools,
    /// Lever 5.
    pub limits: Limits,
    /// Lever 6.
    pub failsafe: Vec<Failsafe>,
    /// Lanes of traffic that is not generating calls.
    pub other_traffic: Vec<OtherTraffic>,
    /// Canned answers by id.
    pub fallbacks: SortedMap<String, Rc<Fallback>>,
    /// A request's headers can still be changed when its body is complete: they are held until then, or the host shows
    /// bodies before it forwards anything.
    pub hold_headers: bool,
    /// The host itself holds them, and an answer's too: the path can still be changed, and an answer's headers with its body.
    pub host_holds: bool,
    /// The serial of its release; `None` for an inline policy.
    pub serial: Option<u64>,
    /// Arguments of calls that wait for approval are kept, redacted, for the person who decides.
    pub capture_tool_args: bool,
    /// Exchanges that are sent to a backend for traces.
    pub captures: Vec<Rc<Capture>>,
    /// Where events are sent.
    pub notify: Option<Rc<Notify>>,
    /// It represents the absence of a policy: every call is refused (`on_error: closed`).
    pub unusable: bool,
}

/// A failsafe rule.
#[derive(Debug, Clone)]
pub struct Failsafe {
    /// Name, selector, mode.
    pub rule: Rule,
    /// Evaluated when the answer's headers arrive; `None`: before the model is asked.
    pub upstream: Option<Upstream>,
    /// The canned answer; `None`: refuse.
    pub fallback: Option<Rc<Fallback>>,
    /// Running streams that it would have stopped end when it comes into force.
    pub cuts_running: bool,
}

/// A lane of other traffic.
#[derive(Debug, Clone)]
pub struct OtherTraffic {
    /// Name, selector, mode.
    pub rule: Rule,
    /// 403 if true, else pass.
    pub block: bool,
}

impl Program {
    /// Compiles a configuration whose policy was checked.
    ///
    /// # Errors
    /// A pattern does not compile or a fallback does not exist; `check` finds both earlier.
    pub fn compile(config: &Config) -> Result<Self, CompileError> {
        let document = &config.policy;
        let labels = LabelTable::compile(document);
        let fallbacks: SortedMap<String, Rc<Fallback>> = document
            .fallbacks
            .iter()
            .map(|(id, fallback)| (id.clone(), Rc::new(fallback.clone())))
            .collect();
        let changes = Changes::compile(document, &labels, config.hold_headers);
        let guards = Guards::compile(document, &labels, &fallbacks)?;
        let fallback = |id: &str, rule: &_| find(&fallbacks, id, rule);
        let limits = Limits::compile(document, &config.scope, &labels, fallback)?;
        let failsafe = document
            .failsafe
            .iter()
            .map(|rule| {
                let fallback = match &rule.action {
                    FailsafeAction::Block => None,
                    FailsafeAction::Fallback(id) => Some(find(&fallbacks, id, &rule.rule)?),
                };
                let mut compiled = Rule::compile(&rule.rule, document, &labels);
                if rule.upstream.is_none() && config.hold_headers == Some(false) {
                    // The model would see the headers before the decision: such rules are off, which `accept_off` or
                    // `mode` has accepted.
                    compiled.mode = Mode::Disabled;
                }
                Ok(Failsafe {
                    rule: compiled,
                    upstream: rule.upstream.clone(),
                    fallback,
                    cuts_running: rule.cuts_running && rule.upstream.is_none(),
                })
            })
            .collect::<Result<_, CompileError>>()?;
        let other_traffic = document
            .other_traffic
            .iter()
            .enumerate()
            .map(|(at, lane)| {
                let rule = document::RuleDocument {
                    id: format!("other_traffic[{at}]"),
                    when: lane.when.clone(),
                    mode: None,
                    ..document::RuleDocument::default()
                };
                OtherTraffic { rule: Rule::compile(&rule, document, &labels), block: lane.block }
            })
            .collect();
        Ok(Self {
            version: document.version.clone(),
            show: document.show,
            on_hold_limit: document.on_hold_limit,
            on_cut: document.on_cut,
            on_unreadable: document.on_unreadable,
            unknown_lanes: document.unknown_lanes,
            tools: Tools::compile(config, &labels),
            captures: Capture::compile(document, &labels),
            labels,
            changes,
            guards,
            limits,
            failsafe,
            other_traffic,
            fallbacks,
            hold_headers: config.hold_headers.unwrap_or(false),
            host_holds: config.hold_headers == Some(true) && config.host == Host::Envoy,
            serial: None,
            capture_tool_args: document.capture.approvals,
            notify: document.notify.clone().map(Rc::new),
            unusable: false,
        })
    }

    /// True if any rule acts.
    #[must_use]
    pub fn enforces(&self) -> bool {
        let guards = self.guards.rules.iter().map(|guard| &guard.rule);
        let failsafe = self.failsafe.iter().map(|rule| &rule.rule);
        let tools = self.tools.rules.iter().map(|rule| &rule.rule);
        let changes = self.changes.rules().map(|change| &change.rule);
        let limits = self.limits.rules.iter().map(|limit| &limit.rule);
        let mut all = guards.chain(failsafe).chain(tools).chain(changes).chain(limits);
        all.any(|rule| rule.mode == Mode::Enforce)
    }

    /// Host properties that labels are read from, each as its path; `RequestFacts::properties` has the same order.
    #[must_use]
    pub fn properties(&self) -> &[Vec<String>] {
        &self.labels.properties
    }
}
