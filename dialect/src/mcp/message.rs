//! JSON-RPC messages of a request's body, and the texts in them.
//!
//! The caller chooses the bytes, and servers read unusual ones in different ways: Go's JSON reader ignores the case of
//! keys, others use the first or the last of two. So the body is unreadable if a key occurs twice, or is one of the
//! protocol's in another case.

use std::cmp::Ordering;

use crate::limits;
use crate::splice::remove;
use crate::texts::TextWalk;
use crate::wire::edit::Edit;
use crate::wire::json::{Doc, Kind, NodeId, Value};
use crate::word::{self, Word, WordSet};
use crate::{InputParts, Item, Role, Unreadable};

/// The kinds of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// It has a method and an id, and will be answered.
    Request,
    /// It has a method and no id, and will not be answered.
    Notification,
    /// It answers a request of the server (sampling, elicitation).
    Response,
}

/// A tool call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// The tool; `None` if there is no name, or no single one.
    pub name: Option<String>,
    /// The arguments, if there are any.
    pub arguments: Option<NodeId>,
    /// It asks for a task: the result is fetched later, and the direct answer is not a tool's result.
    pub task: bool,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpcMessage {
    /// Its position.
    pub node: NodeId,
    /// What it is.
    pub kind: MessageKind,
    /// Its id as it is written; `null` if it has none.
    pub id: Vec<u8>,
    /// Its method; empty for a response.
    pub method: String,
    /// The call that it makes (`tools/call`).
    pub call: Option<ToolCall>,
}

/// Prefixes of methods that no other JSON-RPC protocol has.
const METHODS: &[&str] = &[
    "tools/",
    "prompts/",
    "resources/",
    "completion/",
    "logging/",
    "sampling/",
    "elicitation/",
    "roots/",
    "tasks/",
    "subscriptions/",
    "notifications/",
    "server/discover",
    "initialize",
];

/// True for an MCP method.
pub(crate) fn is_method(method: &str) -> bool {
    let method = method.trim().to_ascii_lowercase();
    METHODS.iter().any(|known| method.starts_with(known))
}

/// The messages in a body: itself, or the items of a batch.
pub(crate) fn each<'a>(doc: &'a Doc, body: &'a [u8]) -> impl Iterator<Item = Value<'a>> {
    let root = doc.root(body);
    let batch = root.kind() == Kind::Array;
    let mut alone = Some(root).filter(|_| !batch && !doc.is_empty());
    let mut items = root.children();
    std::iter::from_fn(move || if batch { items.next() } else { alone.take() })
}

/// False only if no message declares JSON-RPC or has a method.
#[must_use]
pub fn may_be_rpc(doc: &Doc, body: &[u8]) -> bool {
    each(doc, body).flat_map(|message| message.children()).any(|member| {
        let key = member.key();
        // Most keys are told by their length alone.
        (key.len() == "method".len() || key.len() == "jsonrpc".len() || !key.is_ascii())
            && (folds_to(&member, "method") || folds_to(&member, "jsonrpc"))
    })
}

/// True if any message has an MCP method, however its key is written and however often it occurs.
#[must_use]
pub fn names_a_method(doc: &Doc, body: &[u8]) -> bool {
    each(doc, body).any(|message| {
        let mut members = message.children().filter(|child| folds_to(child, "method"));
        message.kind() == Kind::Object
            && members.any(|method| method.as_str().is_some_and(|method| is_method(&method)))
    })
}

/// True if any message declares JSON-RPC.
#[must_use]
pub fn is_json_rpc(doc: &Doc, body: &[u8]) -> bool {
    each(doc, body).any(|message| {
        message.kind() == Kind::Object
            && message.children().any(|child| folds_to(&child, "jsonrpc"))
    })
}

/// True if a body is JSON-RPC with an MCP method, or answers a server's request, and has no other member that a model's
/// server could take for a call.
#[must_use]
pub fn is_nothing_else(doc: &Doc, body: &[u8]) -> bool {
    let answers = |message: Value<'_>| {
        ["result", "error"]
            .iter()
            .any(|name| message.children().any(|child| folds_to(&child, name)))
    };
    let speaks =
        names_a_method(doc, body) || (is_json_rpc(doc, body) && each(doc, body).all(answers));
    each(doc, body).next().is_some()
        && each(doc, body).all(|message| has_only_rpc(&message))
        && speaks
}

/// True for an object that has only JSON-RPC's members.
pub(crate) fn has_only_rpc(message: &Value<'_>) -> bool {
    const OWN: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];
    message.kind() == Kind::Object
        && message.children().all(|child| OWN.iter().any(|name| folds_to(&child, name)))
}

/// True if some reader takes the member's key for `name`: case is ignored, and so are the two non-ASCII letters that
/// fold to ASCII.
#[inline]
pub(crate) fn folds_to(member: &Value<'_>, name: &str) -> bool {
    let key = member.key();
    match key.len().cmp(&name.len()) {
        Ordering::Less => false,
        Ordering::Equal => key.eq_ignore_ascii_case(name.as_bytes()),
        // Those two letters take more bytes than what they fold to.
        Ordering::Greater => !key.is_ascii() && folds_letters_to(key, name),
    }
}

#[cold]
fn folds_letters_to(key: &[u8], name: &str) -> bool {
    let Ok(key) = std::str::from_utf8(key) else { return false };
    let fold = |c: char| match c {
        'ſ' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    key.len() <= name.len() * 3 && key.chars().map(fold).eq(name.chars())
}

/// The only member with this name.
#[inline(never)]
pub(crate) fn one<'a>(
    object: &Value<'a>,
    name: &str,
    field: &'static str,
) -> Result<Option<Value<'a>>, Unreadable> {
    let mut found = None;
    for child in object.children().filter(|child| folds_to(child, name)) {
        if found.replace(child).is_some() || child.key() != name.as_bytes() {
            return Err(Unreadable { field });
        }
    }
    Ok(found)
}

/// Reads all messages of a body.
///
/// # Errors
/// A field that a decision depends on occurs twice, or is written so that readers differ; or there are too many
/// messages.
pub fn messages(doc: &Doc, body: &[u8]) -> Result<Vec<RpcMessage>, Unreadable> {
    if each(doc, body).nth(limits::BATCH_MESSAGES).is_some() {
        return Err(Unreadable { field: "" });
    }
    let mut messages = Vec::new();
    for message in each(doc, body) {
        messages.push(read(&message)?);
    }
    Ok(messages)
}

/// The edits that remove messages (by node, ascending) from a batch.
#[must_use]
pub fn without_messages(doc: &Doc, body: &[u8], gone: &[NodeId]) -> Vec<Edit> {
    let mut edits = Vec::new();
    remove(&doc.root(body), |message| gone.binary_search(&message.id()).is_ok(), &mut edits);
    edits
}

fn read(message: &Value<'_>) -> Result<RpcMessage, Unreadable> {
    if message.kind() != Kind::Object {
        return Err(Unreadable { field: "" });
    }
    let method = one(message, "method", "/method")?;
    let id = one(message, "id", "/id")?.filter(|id| !id.is_null());
    let params = one(message, "params", "/params")?.filter(|params| !params.is_null());
    one(message, "jsonrpc", "/jsonrpc")?;
    let method = match &method {
        Some(method) => Some(method.as_str().ok_or(Unreadable { field: "/method" })?),
        None => None,
    };
    // The answer will carry this id, so it must be a valid one.
    if id.is_some_and(|id| !matches!(id.kind(), Kind::String | Kind::Number)) {
        return Err(Unreadable { field: "/id" });
    }
    let kind = match (&method, id) {
        (Some(_), Some(_)) => MessageKind::Request,
        (Some(_), None) => MessageKind::Notification,
        (None, _) => MessageKind::Response,
    };
    let calls =
        method.as_ref().is_some_and(|method| method.trim().eq_ignore_ascii_case("tools/call"));
    Ok(RpcMessage {
        node: message.id(),
        kind,
        id: id.map_or_else(|| b"null".to_vec(), |id| id.raw().to_vec()),
        method: method.map(|method| method.into_owned()).unwrap_or_default(),
        call: if calls { Some(call(params)?) } else { None },
    })
}

fn call(params: Option<Value<'_>>) -> Result<ToolCall, Unreadable> {
    let Some(params) = params.filter(|params| params.kind() == Kind::Object) else {
        return Ok(ToolCall { name: None, arguments: None, task: false });
    };
    let name = one(&params, "name", "/params/name")?;
    let arguments = one(&params, "arguments", "/params/arguments")?;
    let task = one(&params, "task", "/params/task")?.is_some_and(|task| !task.is_null());
    let name = name.and_then(|name| name.as_str()).map(|name| name.into_owned());
    Ok(ToolCall {
        // Half a surrogate pair, or invalid UTF-8: servers would read different names.
        name: name.filter(|name| !name.is_empty() && !name.contains(char::REPLACEMENT_CHARACTER)),
        arguments: arguments.filter(|value| !value.is_null()).map(|value| value.id()),
        task,
    })
}

/// Members of `params` that contain no text of a person or a model.
#[rustfmt::skip]
static PLUMBING: WordSet = WordSet::of([
    word::_meta, word::name, word::uri, word::cursor, word::ref_, word::task, word::taskId, word::requestState,
    word::protocolVersion, word::capabilities, word::clientInfo, word::level, word::progressToken, word::requestId,
]);

/// Pushes the texts of a message: arguments of tools, and what people or models wrote (arguments of prompts, answers to
/// elicitation and sampling). What people fill into forms (`content` of an answer to elicitation, `inputResponses` of a
/// call's next round) has keys chosen by the server: every value is scanned, whatever its key. Returns the number of
/// files that cannot be read.
pub(super) fn texts(message: &RpcMessage, doc: &Doc, body: &[u8], items: &mut Vec<Item>) -> u32 {
    let Some(root) = doc.value(body, message.node) else { return 0 };
    let said = Role::Input(InputParts { user: true, last: true, ..InputParts::default() });
    let mut texts = TextWalk::request(doc, body, items, said);
    let arguments = message.call.as_ref().and_then(|call| call.arguments);
    for member in root.children() {
        match Word::key(&member) {
            word::jsonrpc | word::id | word::method => {}
            word::params if message.kind != MessageKind::Response => {
                for part in member.children() {
                    if arguments == Some(part.id()) {
                        texts.role = Role::ToolArgs;
                        texts.leaves(&part);
                        texts.role = said;
                    } else if part.key_is("arguments") || folds_to(&part, "inputresponses") {
                        texts.leaves(&part);
                    } else if !PLUMBING.has(Word::key(&part)) {
                        texts.under(&part);
                    }
                }
            }
            word::result if member.kind() == Kind::Object => {
                for part in member.children() {
                    match Word::key(&part) {
                        word::content if part.kind() == Kind::Object => texts.leaves(&part),
                        _ => texts.under(&part),
                    }
                }
            }
            _ => texts.under(&member),
        }
    }
    texts.remote
}

/// The texts of a message within a model call. They are marked as signed: if one is to be changed, the request is
/// refused, since no client means both.
///
/// # Errors
/// A field that a decision depends on cannot be read.
pub fn texts_beside(doc: &Doc, body: &[u8], items: &mut Vec<Item>) -> Result<(), Unreadable> {
    for message in messages(doc, body)? {
        let Some(root) = doc.value(body, message.node) else { continue };
        let own: Vec<(NodeId, NodeId)> = root
            .children()
            .filter(|member| ["params", "result", "error"].iter().any(|n| folds_to(member, n)))
            .map(|member| (member.id(), member.after()))
            .collect();
        let mut all = Vec::new();
        texts(&message, doc, body, &mut all);
        items.extend(all.into_iter().filter_map(|item| match item {
            Item::Text { node, shape, role, text, erase, .. }
                if own.iter().any(|(from, to)| (*from..*to).contains(&node)) =>
            {
                Some(Item::Text { node, shape, role, text, signed: true, erase })
            }
            _ => None,
        }));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(body: &str) -> Result<Vec<RpcMessage>, Unreadable> {
        let mut doc = Doc::default();
        doc.parse(body.as_bytes()).unwrap();
        messages(&doc, body.as_bytes())
    }

    #[test]
    fn what_a_message_is() {
        let request = all(
            r#"{"method":"tools/c\u0061ll","params":{"n\u0061me":"a","arguments":{}},"id":"x\n"}"#,
        );
        let request = request.unwrap().remove(0);
        assert_eq!(request.kind, MessageKind::Request);
        assert_eq!(request.id, br#""x\n""#);
        assert_eq!(request.call.unwrap().name.as_deref(), Some("a"));
        let kinds: Vec<MessageKind> =
            all(r#"[{"method":"a"},{"id":0,"result":{}},{"id":null,"method":"b"}]"#)
                .unwrap()
                .iter()
                .map(|message| message.kind)
                .collect();
        assert_eq!(
            kinds,
            [MessageKind::Notification, MessageKind::Response, MessageKind::Notification]
        );
    }

    #[test]
    fn what_readers_differ_in_is_unreadable() {
        for body in [
            r#"{"method":"ping","method":"tools/call","id":1}"#,
            r#"{"Method":"tools/call","id":1}"#,
            r#"{"method":"ping","METHOD":"tools/call","id":1}"#,
            r#"{"method":"tools/call","param\u017f":{"name":"a"},"id":1}"#,
            r#"{"method":"tools/call","params":{"name":"a","Name":"b"},"id":1}"#,
            r#"{"method":"tools/call","params":{"name":"a","arguments":{},"arguments":{}},"id":1}"#,
            r#"{"method":["tools/call"],"id":1}"#,
            r#"{"method":"tools/call","id":{}}"#,
            r#"[[{"method":"tools/call","id":1}]]"#,
            r#""tools/call""#,
        ] {
            assert!(all(body).is_err(), "{body}");
        }
    }

    #[test]
    fn a_call_without_one_name_has_none() {
        for params in [
            r#"["a"]"#,
            r#"{"name":["a"]}"#,
            r#"{"name":""}"#,
            r#"{"name":"a\ud800"}"#,
            "null",
            "{}",
        ] {
            let found = all(&format!(r#"{{"method":" Tools/Call","params":{params},"id":1}}"#));
            assert_eq!(found.unwrap().remove(0).call.unwrap().name, None, "{params}");
        }
    }

    #[test]
    fn a_key_folds_to_a_name_as_its_letters_do() {
        let letters = [
            "m", "M", "et", "eT", "hod", "HOD", "s", "S", r"\u017f", "ſ", r"\u0065", "é", "k",
            "\u{212a}", "",
        ];
        for seed in 0..letters.len().pow(4) {
            let picked =
                (0..4).map(|place| letters[seed / letters.len().pow(place) % letters.len()]);
            let key = picked.collect::<String>();
            let text = format!(r#"{{"{key}":1}}"#);
            let mut doc = Doc::default();
            doc.parse(text.as_bytes()).unwrap();
            let member = doc.root(text.as_bytes()).children().next().unwrap();
            for name in ["method", "s", "k", "methods"] {
                let is = folds_letters_to(member.key(), name);
                assert_eq!(folds_to(&member, name), is, "{key} {name}");
            }
        }
    }
}
