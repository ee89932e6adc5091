//! What one exchange knows, shared by all levers: the host's facts, the caller's labels, the record of what was done,
//! and the verdicts that the host applies.

pub mod facts;
pub mod labels;
pub(crate) mod mcp;
mod mcp_replies;
pub mod memory;
mod origin;
pub mod record;
pub(crate) mod refusal;
pub(crate) mod request;
pub mod verdict;

use std::rc::Rc;

pub use crate::counters::Unchecked;
use crate::dialect::{self, Call, DialectId, Recognised};
use crate::policy::Program;
use crate::policy::program::guard::Guard;
use crate::policy::program::selector::Labels;
pub use facts::RequestFacts;
use mcp::Mcp;
use memory::{ExchangeMemory, VmMemory};
use record::Record;
pub(crate) use refusal::Refusal;
pub use verdict::{HeaderEdit, RequestVerdict, ResponseVerdict, StreamVerdict, WholeVerdict};

/// What one exchange knows of itself: every lever reads it, and writes to the record.
#[derive(Debug)]
pub(crate) struct Context {
    /// The one policy that it is decided by (invariant 3).
    pub program: Rc<Program>,
    pub facts: Rc<RequestFacts>,
    pub labels: Labels,
    /// Facts and labels as they were before any lever changed them, once both are read.
    pub asked: Option<(Rc<RequestFacts>, Labels)>,
    pub record: Record,
    pub recognised: Option<Recognised>,
    pub call: Option<Call>,
    /// Why there is no readable body, where a more exact reason is known than that the host did not provide it.
    pub no_body: Option<Unchecked>,
    /// What is known if the exchange is or may be MCP.
    pub mcp: Option<Box<Mcp>>,
    pub memory: ExchangeMemory,
}

impl Context {
    /// A context in which nothing is known yet.
    pub(crate) fn new(program: Rc<Program>, vm: &VmMemory) -> Self {
        Self {
            program,
            facts: Rc::default(),
            labels: Labels::default(),
            asked: None,
            record: Record::default(),
            recognised: None,
            call: None,
            no_body: None,
            mcp: None,
            memory: ExchangeMemory::of(vm),
        }
    }

    /// True if this is MCP.
    pub(crate) fn is_mcp(&self) -> bool {
        self.recognised.as_ref().is_some_and(|own| own.dialect == DialectId::Mcp)
    }

    /// True if this is a call of a dialect that can also be read as MCP: rules for both apply.
    pub(crate) fn is_also_mcp(&self) -> bool {
        self.mcp.as_ref().is_some_and(|mcp| mcp.beside == Some(DialectId::Mcp))
    }

    /// True if this was not the last round of a call.
    pub(crate) fn goes_on(&self) -> bool {
        self.mcp.as_ref().is_some_and(|mcp| mcp.wants_input)
    }

    /// True if this only ends an MCP session, which costs nothing and carries no text.
    pub(crate) fn ends_session(&self) -> bool {
        let method = facts::text(&self.facts.headers, ":method");
        self.is_mcp() && method.is_some_and(|method| method.eq_ignore_ascii_case("DELETE"))
    }

    /// True if a guardrail looks at requests like this one. In MCP, tool calls stand in requests, not in answers.
    pub(crate) fn reads_request(&self, guard: &Guard) -> bool {
        guard.on_request() || ((self.is_mcp() || self.is_also_mcp()) && guard.on_tool_args())
    }

    /// True if a guardrail looks at the answer. The texts of MCP answers are a model's input.
    pub(crate) fn reads_answer(&self, guard: &Guard) -> bool {
        if self.is_mcp() {
            guard.on_request()
        } else if !self.answer_speaks() {
            false
        } else {
            guard.on_answer() || (self.is_also_mcp() && guard.on_request())
        }
    }

    /// False where an answer is vectors or pictures: rules about what a model says do not apply to it.
    pub(crate) fn answer_speaks(&self) -> bool {
        let speaks = |own: &dialect::Recognised| dialect::dialect(own.dialect).speaks();
        self.recognised.as_ref().is_none_or(speaks)
    }
}
