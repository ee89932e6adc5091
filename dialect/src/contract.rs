//! What a dialect is: data about a format, and the functions that read and write it.
//!
//! It is a static, so a dialect that is another one at a different path or in other frames reuses the shared parts
//! (`tools: openai_chat::DIALECT.tools`) instead of forwarding every call.

use super::answer::Answer;
use super::call::{Call, Recognised, RequestView, Unreadable};
use super::id::DialectId;
use super::item::Speech;
use super::output_cap::OutputCap;
use super::own_answers::OwnAnswers;
use super::recognise::RequestLine;
use super::record_members::RecordMembers;
use super::reply::{CannedAnswer, ErrorAnswer, Reply};
use super::spend::{Spending, Usage};
use super::tools::{RemovedTools, Tool};
use crate::wire::edit::Edit;
use crate::wire::frame::Framing;
use crate::wire::json::{Doc, Value};

/// One provider's format.
#[derive(Debug, Clone, Copy)]
pub struct Dialect {
    pub(super) about: About,
    pub(super) requests: Requests,
    pub(super) tools: OfferedTools,
    pub(super) answers: Answers,
    pub(super) spend: Spend,
}

/// Name and origin of a dialect.
#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    pub(super) id: DialectId,
    /// [`Dialect::name`]
    pub(super) name: &'static str,
    /// [`Dialect::counter`]
    pub(super) counter: &'static str,
    /// [`Dialect::kin`]
    pub(super) kin: DialectId,
    /// [`Dialect::operation`]
    pub(super) operation: &'static str,
    /// [`Dialect::provider`]
    pub(super) provider: &'static str,
}

/// A chat dialect that is its own kin: its id, its name and its provider.
macro_rules! about {
    ($id:expr, $name:literal, $provider:literal) => {
        $crate::contract::About {
            id: $id,
            name: $name,
            counter: concat!("hemostat_requests_total;dialect=", $name),
            kin: $id,
            operation: "chat",
            provider: $provider,
        }
    };
}

pub(super) use about;

/// How requests are recognised and read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Requests {
    /// [`Dialect::recognise`]
    pub(super) recognise: fn(&RequestLine<'_>) -> Option<Recognised>,
    /// [`Dialect::takes`]; `None` if no other service uses the path.
    pub(super) takes: Option<fn(&Value<'_>) -> bool>,
    /// [`Dialect::read_request`]
    pub(super) read: fn(&Recognised, &Doc, &[u8]) -> Result<RequestView, Unreadable>,
}

/// The tools that a request offers.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfferedTools {
    /// [`Dialect::tools`]
    pub(super) list: fn(&Value<'_>) -> Vec<Tool>,
    /// [`Dialect::without_tools`]
    pub(super) without: fn(&Value<'_>, &RemovedTools<'_>) -> Vec<Edit>,
}

impl OfferedTools {
    /// For formats whose requests offer no tools.
    pub(super) const NONE: Self = Self { list: |_| Vec::new(), without: |_, _| Vec::new() };
}

/// How answers are read and written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answers {
    /// [`Dialect::answer`]
    pub(super) read: fn(&Call, Framing) -> Box<dyn Answer>,
    /// [`Dialect::canned`] and [`Dialect::blocked`]
    pub(super) made: OwnAnswers,
    /// [`Dialect::error`]
    pub(super) error: fn(&Recognised, &ErrorAnswer) -> Reply,
    /// [`Dialect::speech`]; `None` if an answer contains no words.
    pub(super) speech: Option<fn(u8) -> Speech>,
    /// [`Dialect::has_choices`]
    pub(super) choices: bool,
    /// [`Dialect::record_members`]
    pub(super) members: &'static RecordMembers,
}

/// What a request and an answer report about cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spend {
    /// [`Dialect::spending`]
    pub(super) spending: fn(&Value<'_>) -> Result<Spending, Unreadable>,
    /// [`Dialect::usage`]
    pub(super) usage: fn(&Value<'_>, &mut Usage),
    /// [`Dialect::cap`]
    pub(super) cap: Option<OutputCap>,
    /// [`Dialect::ask_usage`]
    pub(super) ask_usage: fn(&Value<'_>) -> Option<Edit>,
    /// [`Dialect::is_usage_event`]
    pub(super) is_usage_event: fn(&Value<'_>) -> bool,
}

impl Spend {
    /// Nothing is reported and nothing can be asked for: the base of other constants.
    pub(super) const NONE: Self = Self {
        spending: |_| Ok(Spending::default()),
        usage: |_, _| {},
        cap: None,
        ask_usage: |_| None,
        is_usage_event: |_| false,
    };
}

impl Dialect {
    /// The dialect's id.
    #[must_use]
    pub fn id(&self) -> DialectId {
        self.about.id
    }

    /// The value of the label `dialect`. Several dialects may share one.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.about.name
    }

    /// The counter of its requests, label included.
    #[must_use]
    pub fn counter(&self) -> &'static str {
        self.about.counter
    }

    /// The dialect that it resembles in matters other than format: how many tokens its requests have, and what callers
    /// above a cap are told.
    #[must_use]
    pub fn kin(&self) -> DialectId {
        self.about.kin
    }

    /// The operation in the GenAI conventions (`gen_ai.operation.name`).
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.about.operation
    }

    /// The provider's name in the GenAI conventions (`gen_ai.provider.name`): the maker of the format. Which service
    /// answers is decided by the proxy's routes.
    #[must_use]
    pub fn provider(&self) -> &'static str {
        self.about.provider
    }

    /// Recognises a request line of this dialect. No line is recognised by two dialects.
    #[must_use]
    pub fn recognise(&self, line: &RequestLine<'_>) -> Option<Recognised> {
        (self.requests.recognise)(line)
    }

    /// True if other services use the same path, so that only the body shows whose it is ([`Dialect::takes`]).
    #[must_use]
    pub fn shares_its_path(&self) -> bool {
        self.requests.takes.is_some()
    }

    /// False for a body that is not in this dialect's format: at a shared path, such a request is an unknown lane or
    /// other traffic.
    #[must_use]
    pub fn takes(&self, root: &Value<'_>) -> bool {
        self.requests.takes.is_none_or(|takes| takes(root))
    }

    /// Reads a request body that parsed as JSON.
    ///
    /// # Errors
    /// A field that a decision needs cannot be read.
    pub fn read_request(
        &self,
        recognised: &Recognised,
        doc: &Doc,
        body: &[u8],
    ) -> Result<RequestView, Unreadable> {
        (self.requests.read)(recognised, doc, body)
    }

    /// The tools that a request offers, including those that the provider runs.
    #[must_use]
    pub fn tools(&self, doc: &Doc, body: &[u8]) -> Vec<Tool> {
        (self.tools.list)(&doc.root(body))
    }

    /// The edits that remove tools from a request and leave the rest valid. `gone`: positions in [`Dialect::tools`],
    /// ascending.
    #[must_use]
    pub fn without_tools(&self, doc: &Doc, body: &[u8], gone: &[usize]) -> Vec<Edit> {
        let root = doc.root(body);
        let tools = (self.tools.list)(&root);
        (self.tools.without)(&root, &RemovedTools::new(&tools, gone))
    }

    /// Begins to read an answer.
    #[must_use]
    pub fn answer(&self, call: &Call, framing: Framing) -> Box<dyn Answer> {
        (self.answers.read)(call, framing)
    }

    /// A complete answer with status 200: a stream if the call asked for one, else a whole body.
    #[must_use]
    pub fn canned(&self, call: &Call, canned: &CannedAnswer) -> Reply {
        self.answers.made.canned(self.answers.read, call, canned)
    }

    /// A complete answer with status 200, not streamed, that ends with the dialect's content-filter or refusal stop.
    /// (A stream is ended with [`Answer::ending`].)
    #[must_use]
    pub fn blocked(&self, call: &Call, decision: &str, now: u64) -> Reply {
        self.answers.made.blocked(call, decision, now)
    }

    /// An error body.
    #[must_use]
    pub fn error(&self, call: &Recognised, error: &ErrorAnswer) -> Reply {
        (self.answers.error)(call, error)
    }

    /// False if answers are vectors or pictures: rules about what a model says have nothing to look at.
    #[must_use]
    pub fn speaks(&self) -> bool {
        self.answers.speech.is_some()
    }

    /// What running texts of this kind are ([`TextKey::kind`](super::TextKey::kind)).
    #[must_use]
    pub fn speech(&self, kind: u8) -> Speech {
        self.answers.speech.map_or(Speech::Says, |speech| speech(kind))
    }

    /// True if `a` of a [`TextKey`](super::TextKey) is one of several answers to the same request.
    #[must_use]
    pub fn has_choices(&self) -> bool {
        self.answers.choices
    }

    /// The members of its answers that the record of a call is made from.
    #[must_use]
    pub fn record_members(&self) -> &'static RecordMembers {
        self.answers.members
    }

    /// What a request says about its cost.
    ///
    /// # Errors
    /// A field that the price depends on cannot be read.
    pub fn spending(&self, root: &Value<'_>) -> Result<Spending, Unreadable> {
        (self.spend.spending)(root)
    }

    /// Adds the usage that an event or a whole body reports.
    pub fn usage(&self, root: &Value<'_>, usage: &mut Usage) {
        (self.spend.usage)(root, usage);
    }

    /// Sets the maximum of output tokens in a request that names none (or `null`).
    #[must_use]
    pub fn cap(&self, root: &Value<'_>, most: u64) -> Option<Edit> {
        self.spend.cap?.set(root, most)
    }

    /// Requests usage for a stream that would not report it.
    #[must_use]
    pub fn ask_usage(&self, root: &Value<'_>) -> Option<Edit> {
        (self.spend.ask_usage)(root)
    }

    /// True for an event that is in the stream only because usage was requested.
    #[must_use]
    pub fn is_usage_event(&self, root: &Value<'_>) -> bool {
        (self.spend.is_usage_event)(root)
    }
}
