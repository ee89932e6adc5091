//! Messages from a server: the tools that it lists, and the texts that a model may be shown.

use crate::splice::remove;
use crate::texts::TextWalk;
use crate::tools::{at, strings};
use crate::wire::edit::Edit;
use crate::wire::json::{Doc, Kind, NodeId, Value};
use crate::word::{self, Word, WordSet};
use crate::{InputParts, Item, Role, definitions};

/// The kinds of message from a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerMessage {
    /// It answers a request of the caller.
    Answer,
    /// It requests something from the caller (sampling, elicitation, roots).
    Request,
    /// It only reports something (progress, a log line).
    Notification,
}

/// The kind of a message.
#[must_use]
pub fn sent(message: &Value<'_>) -> ServerMessage {
    let has = |name| message.get(name).is_some();
    match (has("result") || has("error"), has("method"), has("id")) {
        (false, true, true) => ServerMessage::Request,
        (false, true, false) => ServerMessage::Notification,
        _ => ServerMessage::Answer,
    }
}

/// The tools that a message lists, with every name of each and, if requested, the digest of its definition.
#[must_use]
pub fn listed(message: &Value<'_>, digests: bool) -> Vec<(NodeId, Vec<String>, Option<String>)> {
    let mut tools = Vec::new();
    for list in lists(message) {
        tools.extend(list.children().map(|tool| {
            let definition = digests.then(|| definitions::of(&tool)).flatten();
            let definition = definition.map(|definition| definition.digest);
            (tool.id(), strings(&tool, "name"), definition)
        }));
    }
    tools
}

/// The texts of the definitions that a message lists.
pub fn definitions(message: &Value<'_>, doc: &Doc, payload: &[u8], items: &mut Vec<Item>) {
    let role = Role::Input(InputParts { tool_definitions: true, ..InputParts::default() });
    let mut texts = TextWalk::request(doc, payload, items, role);
    for list in lists(message) {
        texts.leaves(&list);
    }
}

/// The edits that remove tools (by node, ascending) from the lists.
#[must_use]
pub fn without(message: &Value<'_>, gone: &[NodeId]) -> Vec<Edit> {
    let mut edits = Vec::new();
    for list in lists(message) {
        remove(&list, |tool| gone.binary_search(&tool.id()).is_ok(), &mut edits);
    }
    edits
}

fn lists<'a>(message: &Value<'a>) -> Vec<Value<'a>> {
    let mut lists = at(message, &["result", "tools"]);
    lists.retain(|list| list.kind() == Kind::Array);
    lists
}

/// Members that are not text: names defined by the protocol, tokens that must be returned unchanged.
#[rustfmt::skip]
static PLUMBING: WordSet = WordSet::of([
    word::_meta, word::tools, word::nextCursor, word::requestState, word::resultType, word::ttlMs, word::cacheScope,
    word::code, word::progressToken, word::requestId, word::level, word::protocolVersion, word::capabilities,
    word::serverInfo, word::requestedSchema, word::elicitationId,
]);

/// True for a result that asks for more input before the call is done: the caller calls again (revision 2026-07-28).
#[must_use]
pub fn wants_input(message: &Value<'_>) -> bool {
    message
        .get("result")
        .and_then(|result| result.get("resultType"))
        .is_some_and(|kind| kind.is_str("input_required"))
}

/// True if an edit removes a number or a key from a result's structured content: a client that validates it against the
/// tool's `outputSchema` would reject what is left.
#[must_use]
pub fn breaks_schema(message: &Value<'_>, edits: &[Edit]) -> bool {
    let touched = |span: &std::ops::Range<usize>| {
        edits.iter().any(|edit| edit.at.start < span.end && span.start < edit.at.end)
    };
    let breaks = |value: Value<'_>| {
        (value.kind() == Kind::Number && touched(&value.span()))
            || value.key_span().is_some_and(|key| touched(&key))
    };
    at(message, &["result", "structuredContent"])
        .iter()
        .any(|content| content.descendants().any(breaks))
}

/// Pushes the texts of a message: results, errors, and the server's requests and notifications, but not tool
/// definitions. Returns the number of files that cannot be read.
pub fn texts(message: &Value<'_>, doc: &Doc, payload: &[u8], items: &mut Vec<Item>) -> u32 {
    let parts = InputParts { tool_results: true, last: true, ..InputParts::default() };
    let mut texts = TextWalk::request(doc, payload, items, Role::Input(parts));
    for member in message.children() {
        match Word::key(&member) {
            word::jsonrpc | word::id | word::method => {}
            word::result | word::error | word::params if member.kind() == Kind::Object => {
                for part in member.children() {
                    match Word::key(&part) {
                        word::structuredContent => texts.leaves(&part),
                        key if PLUMBING.has(key) => {}
                        _ => texts.under(&part),
                    }
                }
            }
            _ => texts.under(&member),
        }
    }
    texts.remote
}
