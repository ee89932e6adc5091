//! Answers: events and whole bodies.

use super::super::fields::string;
use super::super::last_members::LastMembers;
use super::super::names::NameSet;
use super::super::number::number;
use super::super::splice::twice;
use super::super::texts::{NO_ITEM, TextWalk, short};
use super::super::{
    Answer, ArgsForm, Call, CallName, CallPiece, Ending, Item, Leaves, Role, TextKey, ValueShape,
};
use super::ending::Sent;
use super::event::StreamEventKind;
use super::kind;
use super::own;
use super::stopped::Leaving;
use crate::done;
use crate::limits;
use crate::wire::frame::Framing;
use crate::wire::json::{Doc, Kind, NodeId, Value};
use crate::wire::own::OwnEvents;
use crate::word::{self, Word};

/// Members of an interaction that hold no text of the answer: ids and timestamps, then the echo of the request.
#[rustfmt::skip]
static SKIPPED: NameSet<19> = NameSet::new([
    "updated", "continuation_token", "continuation_ids", "environment_id", "previous_interaction_id",
    "input", "system_instruction", "tools", "generation_config", "agent", "agent_config", "response_format",
    "response_mime_type", "response_modalities", "safety_settings", "webhook_config", "labels", "cached_content",
    "environment",
]);

/// What a step turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StepKind {
    Says,
    Thinks,
    /// A call, including those that the provider runs.
    Calls,
    Other,
}

impl StepKind {
    /// Judged by its type.
    fn of(kind: &[u8]) -> Self {
        match Word::of(kind) {
            word::model_output | word::text => Self::Says,
            _ if kind.starts_with(b"thought") => Self::Thinks,
            _ if is_call(kind) => Self::Calls,
            _ => Self::Other,
        }
    }
}

/// `function_call`, `code_execution_call`, `mcp_server_tool_call` …
pub(super) fn is_call(kind: &[u8]) -> bool {
    kind.ends_with(b"_call")
}

/// The names that rules may use for a tool that the provider runs, by the type of its call.
fn built_in(kind: &[u8]) -> &'static [&'static str] {
    match Word::of(kind) {
        word::mcp_server_tool_call => &["mcp", "mcp_server"],
        word::code_execution_call => &["code_execution"],
        word::google_search_call => &["google_search", "web_search"],
        word::url_context_call => &["url_context"],
        word::file_search_call => &["file_search"],
        word::google_maps_call => &["google_maps"],
        word::retrieval_call => &["retrieval"],
        word::tool_search_call => &["tool_search"],
        _ => &[],
    }
}

fn text(kind: u8, step: u32) -> TextKey {
    TextKey { kind, a: step, b: 0 }
}

/// Reads one answer.
#[derive(Debug)]
pub(super) struct Reading {
    call: Call,
    framing: Framing,
    /// Steps that have begun and not stopped.
    open: Vec<(u32, StepKind)>,
    ended: bool,
    model: Option<String>,
    sent: Sent,
    leaving: Leaving,
}

impl Reading {
    pub(super) fn new(call: &Call, framing: Framing) -> Self {
        Self {
            call: call.clone(),
            framing,
            open: Vec::new(),
            ended: false,
            model: None,
            sent: Sent::default(),
            leaving: Leaving::default(),
        }
    }

    /// An interaction: its steps and errors, but not its echo of the request.
    fn interaction<'a>(&mut self, texts: &mut TextWalk<'a, '_>, interaction: &Value<'a>) {
        let mut last = LastMembers::default();
        for field in texts.fields(interaction) {
            let string = field.kind() == Kind::String;
            match Word::key(&field) {
                word::model if self.model.is_none() && string => self.model = short(Some(field)),
                word::steps
                    if field.kind() == Kind::Array && last.is(interaction, &field, 0, "steps") =>
                {
                    whole_steps(texts, &field);
                }
                word::outputs
                    if field.kind() == Kind::Array
                        && last.is(interaction, &field, 1, "outputs") =>
                {
                    whole_steps(texts, &field);
                }
                word::steps | word::outputs if !field.is_null() => {
                    texts.push(Item::Twice);
                    texts.walk(&field);
                }
                _ if SKIPPED.has(&field) => {}
                key => texts.walk_as(&field, key),
            }
        }
    }

    /// A step begins; if it is a call that is stopped, the whole event is removed.
    fn begin<'a>(
        &mut self,
        texts: &mut TextWalk<'a, '_>,
        root: &Value<'a>,
        step: &Value<'a>,
        at: u32,
    ) {
        if step.kind() != Kind::Object {
            texts.walk(step);
            return;
        }
        let kind = StepKind::of(&string(step.get("type")));
        self.open(at, kind);
        let call = text(kind::ARGUMENTS, at);
        if kind == StepKind::Calls {
            call_begins(texts, step, call);
            call_piece(texts, step, call, root.id());
            texts.erase = signature(step);
        }
        let key = text(if kind == StepKind::Thinks { kind::THOUGHT } else { kind::TEXT }, at);
        let mut last = LastMembers::default();
        for field in step.children() {
            match (Word::key(&field), kind) {
                (word::text, StepKind::Says | StepKind::Thinks)
                    if last.is(step, &field, 0, "text") =>
                {
                    texts.running(&field, key, ValueShape::Text, Role::Output);
                }
                (word::content | word::summary, StepKind::Says | StepKind::Thinks)
                    if field.kind() == Kind::Array =>
                {
                    field.children().for_each(|part| content(texts, &part, key));
                }
                (word::signature, StepKind::Thinks) => texts.seal(&field, key),
                (name, _) => call_field(texts, &field, name, call, kind == StepKind::Calls),
            }
        }
        texts.erase = None;
    }

    fn open(&mut self, at: u32, kind: StepKind) {
        self.open.retain(|(own, _)| *own != at);
        if self.open.len() < limits::OPEN_TEXTS {
            self.open.push((at, kind));
        }
    }

    fn is_open(&self, at: u32, kind: StepKind) -> bool {
        self.open.contains(&(at, kind))
    }

    /// The meaning of a delta follows from its fields, not only from its type.
    fn delta<'a>(
        &mut self,
        texts: &mut TextWalk<'a, '_>,
        root: &Value<'a>,
        delta: &Value<'a>,
        at: u32,
    ) {
        let kind = string(delta.get("type"));
        let thinks = kind.starts_with(b"thought") || self.is_open(at, StepKind::Thinks);
        let key = text(if thinks { kind::THOUGHT } else { kind::TEXT }, at);
        let call = text(kind::ARGUMENTS, at);
        let calls = self.is_open(at, StepKind::Calls);
        let of_call = calls || is_call(&kind) || delta.get("arguments").is_some();
        if of_call {
            if !calls && is_call(&kind) {
                self.open(at, StepKind::Calls);
                call_begins(texts, delta, call);
            }
            call_piece(texts, delta, call, root.id());
            texts.erase = signature(delta);
        }
        let media =
            matches!(Word::of(&kind), word::audio | word::image | word::video | word::document);
        let mut last = LastMembers::default();
        for field in texts.fields(delta) {
            match Word::key(&field) {
                word::text if last.is(delta, &field, 0, "text") => {
                    texts.running(&field, key, ValueShape::Text, Role::Output);
                }
                word::content if thinks && last.is(delta, &field, 1, "content") => {
                    content(texts, &field, key);
                }
                word::signature if thinks => texts.seal(&field, key),
                word::data if media && field.kind() == Kind::String => {}
                // An unknown field continues too.
                name => call_field(texts, &field, name, call, of_call),
            }
        }
        texts.erase = None;
    }

    fn stop(&mut self, texts: &mut TextWalk<'_, '_>, root: &Value<'_>, at: u32) {
        let call = text(kind::ARGUMENTS, at);
        let calls = self.is_open(at, StepKind::Calls);
        self.open.retain(|(own, _)| *own != at);
        for kind in [kind::TEXT, kind::THOUGHT] {
            texts.push(Item::TextEnd(text(kind, at)));
        }
        texts.push(Item::TextEnd(TextKey::all_unknown(at)));
        if calls {
            texts.push(Item::CallPiece { call, node: root.id() });
            texts.push(Item::TextEnd(call));
            texts.push(Item::CallEnd { call });
        }
    }

    fn event<'a>(&mut self, texts: &mut TextWalk<'a, '_>, root: &Value<'a>) {
        let event = StreamEventKind::of(root);
        let index = root.get("index");
        let at = number(index);
        texts.item = index.map_or(NO_ITEM, |_| at);
        if twice(root, &["event_type", "index", "step", "content", "delta", "interaction"]) {
            texts.push(Item::Twice);
        }
        if event == StreamEventKind::Created {
            // Another answer in the same body has an end of its own.
            self.ended = false;
            self.open.clear();
        }
        let mut last = LastMembers::default();
        for field in root.children() {
            match (Word::key(&field), event) {
                (word::delta, StreamEventKind::Delta) if last.is(root, &field, 0, "delta") => {
                    self.delta(texts, root, &field, at);
                }
                (word::step, StreamEventKind::Start) if last.is(root, &field, 1, "step") => {
                    self.begin(texts, root, &field, at);
                }
                (word::content, StreamEventKind::Start) if last.is(root, &field, 2, "content") => {
                    self.begin(texts, root, &field, at);
                }
                (word::step, StreamEventKind::Stop) => {
                    texts.again_below(&field, text(kind::TEXT, at))
                }
                (word::interaction, _) if last.is(root, &field, 3, "interaction") => {
                    self.interaction(texts, &field);
                }
                (
                    word::event_type
                    | word::event_id
                    | word::interaction_id
                    | word::continuation_token,
                    _,
                ) if field.kind() == Kind::String => {}
                (key, _) => texts.walk_as(&field, key),
            }
        }
        match event {
            StreamEventKind::Stop => self.stop(texts, root, at),
            StreamEventKind::Completed if !std::mem::replace(&mut self.ended, true) => {
                texts.push(Item::AnswerEnd);
            }
            _ => {}
        }
    }
}

/// A signature, which a change of its siblings invalidates.
fn signature(step: &Value<'_>) -> Option<NodeId> {
    let signature = step.get("signature").filter(|own| own.kind() == Kind::String);
    signature.filter(|own| own.raw().len() > 2).map(|own| own.id())
}

/// A part of a step's output or reasoning.
fn content<'a>(texts: &mut TextWalk<'a, '_>, part: &Value<'a>, key: TextKey) {
    let mut last = LastMembers::default();
    for field in texts.fields(part) {
        match Word::key(&field) {
            word::text if last.is(part, &field, 0, "text") => {
                texts.running(&field, key, ValueShape::Text, Role::Output);
            }
            key => texts.walk_as(&field, key),
        }
    }
}

fn call_begins(texts: &mut TextWalk<'_, '_>, step: &Value<'_>, call: TextKey) {
    let name = step.get("name").filter(|name| name.kind() == Kind::String).map(|name| name.id());
    texts.push(Item::CallBegin { call, name });
}

/// A piece of a call, and the names in it; `node` is the value that contains all of it in this frame.
fn call_piece(texts: &mut TextWalk<'_, '_>, step: &Value<'_>, call: TextKey, node: NodeId) {
    texts.push(Item::CallPiece { call, node });
    if twice(step, &["type", "name", "arguments", "server_name"]) {
        texts.push(Item::Twice);
    }
    let string = |name: &str| step.get(name).filter(|value| value.kind() == Kind::String);
    let kind = super::super::fields::string(step.get("type"));
    let mut named = |name| texts.push(Item::CallName { call, name, open: false });
    let names = built_in(&kind);
    names.iter().for_each(|name| named(CallName::BuiltIn(name)));
    if let Some(server) = string("server_name") {
        named(CallName::Alias(server.id()));
    }
    // Its own name comes last, and completes the names.
    match (string("name"), string("type")) {
        (Some(name), _) => named(CallName::Node(name.id())),
        // A tool of an unknown kind goes by its type. The caller's tools have names.
        (None, Some(own)) if is_call(&kind) && names.is_empty() && *kind != *b"function_call" => {
            named(CallName::Node(own.id()));
        }
        _ => {}
    }
}

/// A member of a step, or of a piece of one, that is not text of the answer; `of_call`: it belongs to a call.
fn call_field<'a>(
    texts: &mut TextWalk<'a, '_>,
    field: &Value<'a>,
    name: Word,
    call: TextKey,
    of_call: bool,
) {
    match name {
        word::arguments if of_call => match field.kind() {
            Kind::String => {
                let form = ArgsForm::Piece;
                texts.push(Item::CallArgs { call, node: field.id(), form });
                texts.running(field, call, ValueShape::Json, Role::ToolArgs);
            }
            // An empty one is a placeholder, and pieces follow.
            Kind::Object if field.children().next().is_none() => {}
            _ => {
                let form = ArgsForm::Value;
                texts.push(Item::CallArgs { call, node: field.id(), form });
                texts.walk(field);
            }
        },
        word::name | word::id | word::server_name if of_call && field.kind() == Kind::String => {
            texts.name(field);
        }
        key => texts.walk_as(field, key),
    }
}

/// Whole steps in an interaction, which a stream repeats.
fn whole_steps<'a>(texts: &mut TextWalk<'a, '_>, steps: &Value<'a>) {
    let outer = std::mem::replace(&mut texts.whole, true);
    for (at, step) in steps.children().enumerate() {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        whole_step(texts, &step, at);
    }
    texts.whole = outer;
}

fn whole_step<'a>(texts: &mut TextWalk<'a, '_>, step: &Value<'a>, at: u32) {
    texts.erase = signature(step);
    if is_call(&string(step.get("type"))) {
        let call = text(kind::ARGUMENTS, at);
        call_begins(texts, step, call);
        call_piece(texts, step, call, step.id());
        for field in texts.fields(step) {
            if field.key_is("arguments") && field.kind() == Kind::String {
                let form = ArgsForm::Whole;
                texts.push(Item::CallArgs { call, node: field.id(), form });
                texts.walk(&field);
            } else {
                call_field(texts, &field, Word::key(&field), call, true);
            }
        }
        texts.push(Item::CallEnd { call });
    } else {
        texts.walk(step);
    }
    texts.erase = None;
}

impl Answer for Reading {
    fn read(&mut self, doc: &Doc, payload: &[u8], items: &mut Vec<Item>) {
        let mut texts = TextWalk::event(doc, payload, items, self.framing);
        let root = texts.root();
        if self.framing == Framing::Json {
            self.interaction(&mut texts, &root);
            items.push(Item::AnswerEnd);
        } else if root.kind() == Kind::Object {
            self.event(&mut texts, &root);
        } else {
            texts.walk(&root);
        }
    }

    fn read_other(&mut self, payload: &[u8], items: &mut Vec<Item>) {
        if done::is(payload) && !std::mem::replace(&mut self.ended, true) {
            items.push(Item::AnswerEnd);
        }
    }

    fn goes_on(&self, root: &Value<'_>) -> bool {
        StreamEventKind::of(root) == StreamEventKind::Delta
    }

    fn keeps_words(&self) -> bool {
        false
    }

    fn leave(&mut self, doc: &Doc, payload: &[u8], pieces: &[CallPiece<'_>]) -> Leaves {
        self.leaving.frame(&doc.root(payload), self.framing, pieces)
    }

    fn sent(&mut self, doc: &Doc, payload: &[u8]) {
        self.sent.frame(&doc.root(payload));
    }

    fn sent_other(&mut self, bytes: &[u8]) {
        self.sent.other(bytes);
    }

    fn ending(&mut self, ending: &Ending) -> OwnEvents {
        if self.framing == Framing::Json {
            return OwnEvents::one(own::whole(&self.call, &ending.how, &ending.decision));
        }
        self.sent.ending(&self.call, self.model.as_deref(), ending)
    }

    fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }
}
