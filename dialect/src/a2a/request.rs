//! Requests: which are A2A, what they ask for, and the texts in them.

use std::rc::Rc;

use super::super::mcp::{self, each, folds_to, has_only_rpc, one};
use super::super::request::{Speaker, root_object};
use super::super::texts::{TextWalk, short};
use super::super::{
    AnswerEnvelope, Call, CallKind, DialectId, Item, Recognised, RequestView, Unreadable,
    recognise as line,
};
use super::answer;
use crate::base::headers::Headers;
use crate::path::RequestTarget;
use crate::wire::json::{Doc, Kind, Value};
use crate::word::{self, Word};

/// Methods that ask an agent something, in lower case: of 1.0, of 0.3 and of earlier versions.
const ASKS: [&str; 6] = [
    "sendmessage",
    "sendstreamingmessage",
    "message/send",
    "message/stream",
    "tasks/send",
    "tasks/sendsubscribe",
];

/// Methods that fetch an agent's answer.
const FETCHES: [&str; 5] =
    ["gettask", "listtasks", "subscribetotask", "tasks/get", "tasks/resubscribe"];

/// True for an A2A method that asks an agent or fetches its answer.
pub(in super::super) fn is_method(method: &str) -> bool {
    let method = method.trim().to_ascii_lowercase();
    ASKS.iter().chain(&FETCHES).any(|own| *own == method)
}

/// What a JSON-RPC request is recognised as before its body has been read.
#[must_use]
pub fn recognised() -> Recognised {
    let envelope = AnswerEnvelope { id: Some("null".to_owned()), ..AnswerEnvelope::default() };
    Recognised { envelope: Some(Rc::new(envelope)), ..line::call(DialectId::A2a, None) }
}

/// A GET for a task, if a header identifies the protocol: the path alone is not specific to A2A.
#[must_use]
pub fn stored(method: &str, target: &str, headers: &Headers) -> Option<Recognised> {
    let own = method.eq_ignore_ascii_case("GET") && headers.values("a2a-version").next().is_some();
    let of_task = || {
        let target = RequestTarget::parse(target);
        target.is(0, "tasks") || target.is(1, "tasks")
    };
    (own && of_task())
        .then(|| Recognised { kind: CallKind::StoredAnswer, ..line::call(DialectId::A2a, None) })
}

/// True if any message of a body has an A2A method, however its key is written and however often it occurs.
pub fn names_a_method(doc: &Doc, body: &[u8]) -> bool {
    any_method(doc, body, is_method, |message| has(message, "id") || !has(message, "taskid"))
}

/// True if any message of a body has an MCP method that A2A does not share.
pub fn names_one_of_mcp(doc: &Doc, body: &[u8]) -> bool {
    let is = |name: &str| mcp::is_method(name) && !is_method(name);
    any_method(doc, body, is, |message| has(message, "taskid"))
}

/// True if a message has a method that satisfies `is`, or the method of both protocols and satisfies `shared`.
fn any_method(
    doc: &Doc,
    body: &[u8],
    is: impl Fn(&str) -> bool,
    shared: impl Fn(&Value<'_>) -> bool,
) -> bool {
    each(doc, body).filter(|message| message.kind() == Kind::Object).any(|message| {
        let (mut own, mut both) = (false, false);
        for method in message.children().filter(|child| folds_to(child, "method")) {
            let name = method.as_str().unwrap_or_default();
            match is_shared(&name) {
                true => both = true,
                false => own |= is(&name),
            }
        }
        own || (both && shared(&message))
    })
}

/// True for the one method that both protocols have, with different parameters.
fn is_shared(method: &str) -> bool {
    method.trim().eq_ignore_ascii_case("tasks/get")
}

fn has(message: &Value<'_>, name: &str) -> bool {
    let mut params = message.children().filter(|member| folds_to(member, "params"));
    params.any(|params| params.children().any(|own| folds_to(&own, name)))
}

/// True if a body is A2A's JSON-RPC and contains nothing that a model's server could take for a call.
pub fn is_alone(doc: &Doc, body: &[u8]) -> bool {
    each(doc, body).all(|message| has_only_rpc(&message))
}

/// The texts for an agent in a request that is also a model call. They are marked as signed: if one is to be changed,
/// the request is refused, since no client means both.
pub fn texts_beside(doc: &Doc, body: &[u8], items: &mut Vec<Item>) {
    let mut own = Vec::new();
    let mut texts = TextWalk::request(doc, body, &mut own, Speaker::User.role(true));
    for message in each(doc, body) {
        for params in message.children().filter(|member| folds_to(member, "params")) {
            params.children().for_each(|part| texts.leaves(&part));
        }
    }
    for mut item in own {
        if let Item::Text { signed, .. } = &mut item {
            *signed = true;
        }
        items.push(item);
    }
}

/// Reads a request body.
///
/// # Errors
/// A field that a decision depends on occurs twice, or is written so that readers differ.
pub(super) fn read(
    recognised: &Recognised,
    doc: &Doc,
    body: &[u8],
) -> Result<RequestView, Unreadable> {
    let root = doc.root(body);
    root_object(&root)?;
    let rpc = recognised.envelope.as_ref().is_some_and(|envelope| envelope.id.is_some());
    let (call, params) = match rpc {
        true => by_method(recognised, &root)?,
        false => (Call::without_body(recognised.clone()), Some(root)),
    };
    let params = params.filter(|params| params.kind() == Kind::Object);
    let message = match &params {
        Some(params) => match one(params, "message", "/message")? {
            None => one(params, "request", "/request")?,
            message => message,
        },
        None => None,
    };
    let said = Speaker::User.role(true);
    let mut items = Vec::new();
    let mut texts = TextWalk::request(doc, body, &mut items, said);
    for member in root.children() {
        match Word::key(&member) {
            word::jsonrpc | word::id | word::method if rpc => {}
            _ if params.is_some_and(|params| params.id() == member.id()) => {
                member.children().for_each(|part| self::param(&mut texts, &part));
            }
            _ => param(&mut texts, &member),
        }
    }
    let remote = texts.remote;
    let background = match &params {
        Some(params) => answers_elsewhere(params)?,
        None => false,
    };
    let call = enveloped(call, message.as_ref());
    let call = Call { background, ..call };
    Ok(RequestView { call, texts: items, remote, edits: Vec::new() })
}

/// What a JSON-RPC message asks for, and its parameters.
fn by_method<'a>(
    recognised: &Recognised,
    root: &Value<'a>,
) -> Result<(Call, Option<Value<'a>>), Unreadable> {
    one(root, "jsonrpc", "/jsonrpc")?;
    let method = one(root, "method", "/method")?.and_then(|method| method.as_str());
    let method = method.ok_or(Unreadable { field: "/method" })?.trim().to_ascii_lowercase();
    if !is_method(&method) {
        return Err(Unreadable { field: "/method" });
    }
    let id = one(root, "id", "/id")?.filter(|id| !id.is_null());
    if id.is_some_and(|id| !matches!(id.kind(), Kind::String | Kind::Number)) {
        return Err(Unreadable { field: "/id" });
    }
    let id = id.map_or_else(|| "null".to_owned(), |id| String::from_utf8_lossy(id.raw()).into());
    let old = method.contains('/');
    let envelope = AnswerEnvelope { id: Some(id), old, context: None };
    let fetches = FETCHES.contains(&&*method);
    let recognised = Recognised {
        kind: if fetches { CallKind::StoredAnswer } else { recognised.kind },
        stream: method.contains("stream") || method.contains("subscribe"),
        envelope: Some(Rc::new(envelope)),
        ..recognised.clone()
    };
    Ok((Call::without_body(recognised), one(root, "params", "/params")?))
}

/// Adds to the call what its message tells about the answer's form.
fn enveloped(mut call: Call, message: Option<&Value<'_>>) -> Call {
    let mut envelope = call.recognised.envelope.as_deref().cloned().unwrap_or_default();
    if let Some(message) = message {
        envelope.old |= envelope.id.is_none() && message.get("content").is_some();
        envelope.context = short(message.get("contextId").or_else(|| message.get("context_id")));
    }
    call.recognised.envelope = Some(Rc::new(envelope));
    call
}

/// True if the answer, or all but its beginning, is fetched later or sent to another address.
fn answers_elsewhere(params: &Value<'_>) -> Result<bool, Unreadable> {
    let Some(wishes) = one(params, "configuration", "/configuration")? else { return Ok(false) };
    Ok(wishes.children().any(|own| {
        let name = own.key().to_ascii_lowercase();
        match Word::of(&name) {
            word::blocking => own.as_bool() == Some(false),
            word::returnimmediately | word::return_immediately => own.as_bool() == Some(true),
            _ => name.windows(4).any(|word| word == b"push") && !own.is_null(),
        }
    }))
}

/// A member of the parameters: the message, or what accompanies it.
fn param<'a>(texts: &mut TextWalk<'a, '_>, member: &Value<'a>) {
    match Word::key(member) {
        // 0.3 over HTTP accepts either name.
        word::message | word::request if member.kind() == Kind::Object => {
            for field in member.children() {
                match Word::key(&field) {
                    word::parts | word::content if field.kind() == Kind::Array => {
                        field.children().for_each(|part| answer::part(texts, &part, None));
                    }
                    _ if answer::is_plumbing(&field) && field.kind() == Kind::String => {}
                    _ => texts.under(&field),
                }
            }
        }
        // Addresses, and credentials for them.
        word::configuration => {}
        _ if answer::is_plumbing(member) && member.kind() == Kind::String => {}
        _ => texts.under(member),
    }
}
