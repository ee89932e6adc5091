//! What one exchange knows, whoever asks: what the host said, the caller's labels, what was done and is to be told, and
//! the verdicts that the host applies.

pub mod facts;
pub mod labels;
pub(crate) mod mcp;
pub mod memory;
mod origin;
pub mod record;
pub(crate) mod refusal;
mod request;
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
    /// The one policy that it is under (invariant 3).
    pub program: Rc<Program>,
    pub facts: Rc<RequestFacts>,
    pub labels: Labels,
    /// Both as they were before any lever changed them, once they are read.
    pub asked: Option<(Rc<RequestFacts>, Labels)>,
    pub record: Record,
    pub recognised: Option<Recognised>,
    pub call: Option<Call>,
    /// Why there is no body to be read, where more is known than that the host did not give it.
    pub no_body: Option<Unchecked>,
    /// What is known of it if it is MCP, or may be.
    pub mcp: Option<Box<Mcp>>,
    pub memory: ExchangeMemory,
}

impl Context {
    /// Nothing is known yet.
    pub(crate) fn new(program: Rc<Program>) -> Self {
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
            memory: ExchangeMemory::of(&VmMemory::default()),
        }
    }

    /// True if this is MCP.
    pub(crate) fn is_mcp(&self) -> bool {
        self.recognised.as_ref().is_some_and(|own| own.dialect == DialectId::Mcp)
    }

    /// True if this is a call of a dialect that may be read as MCP too: rules for both hold.
    pub(crate) fn is_also_mcp(&self) -> bool {
        self.mcp.as_ref().is_some_and(|mcp| mcp.beside == Some(DialectId::Mcp))
    }

    /// True if this was a call's round that was not its last.
    pub(crate) fn goes_on(&self) -> bool {
        self.mcp.as_ref().is_some_and(|mcp| mcp.wants_input)
    }

    /// True if this only ends a session of MCP's, which costs nothing and tells nothing.
    pub(crate) fn ends_session(&self) -> bool {
        let method = facts::text(&self.facts.headers, ":method");
        self.is_mcp() && method.is_some_and(|method| method.eq_ignore_ascii_case("DELETE"))
    }

    /// True if a guardrail looks at requests like this one. Tools are called in MCP's requests, not in its answers.
    pub(crate) fn reads_request(&self, guard: &Guard) -> bool {
        guard.on_request() || ((self.is_mcp() || self.is_also_mcp()) && guard.on_tool_args())
    }

    /// True if a guardrail looks at the answer. What MCP's answers say is input of a model.
    pub(crate) fn reads_answer(&self, guard: &Guard) -> bool {
        if self.is_mcp() {
            guard.on_request()
        } else if !self.answer_speaks() {
            false
        } else {
            guard.on_answer() || (self.is_also_mcp() && guard.on_request())
        }
    }

    /// False where an answer is vectors or pictures: rules over what a model says pass it by.
    pub(crate) fn answer_speaks(&self) -> bool {
        let speaks = |own: &dialect::Recognised| dialect::dialect(own.dialect).speaks();
        self.recognised.as_ref().is_none_or(speaks)
    }
}
