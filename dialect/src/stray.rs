//! Calls at places where their dialect has none: in a gateway's wrapper around an answer, in a copy within another
//! event, in a server's own field. An object with a name and arguments is judged as a call, and removed if it is
//! stopped.
//!
//! Nothing replaces it, since it is unknown what a client makes of that place.

use super::bounded_set::pieces_at;
use super::item::{ArgsForm, CallName, Item, TextKey};
use super::number::name_number;
use super::splice::remove;
use super::texts::TextWalk;
use super::{CallPiece, Leaves};
use crate::wire::json::{Doc, Kind, NodeId, Value};
use crate::word::{self, Word};

impl TextKey {
    /// The kind of calls that no dialect expects; `a` is derived from the name, `b` from the arguments.
    pub const STRAY: u8 = u8::MAX - 1;
}

/// Members that wrap a call, beside its id and its type.
const WRAPPERS: [&str; 6] =
    ["function", "functionCall", "function_call", "custom", "toolCall", "toolUse"];

impl<'a> TextWalk<'a, '_> {
    /// Judges an object of an answer if it looks like a call. Its texts are read like any other.
    pub(super) fn stray(&mut self, body: &Value<'a>) {
        // A tool that a provider ran itself may have a type in place of a name (Groq's `executed_tools`).
        let by_type = || body.get("type").filter(|_| body.get("arguments").is_some());
        let name = body.get("name").or_else(|| body.get("toolName")).or_else(by_type);
        let Some(name) = name else { return };
        let args = ["arguments", "input", "args"].iter().find_map(|args| body.get(args));
        let Some(args) = args.filter(|args| matches!(args.kind(), Kind::String | Kind::Object))
        else {
            return;
        };
        let text = name.as_bytes();
        if name.kind() != Kind::String || text.is_empty() {
            return;
        }
        let arguments = name_number(args.raw());
        let call = TextKey { kind: TextKey::STRAY, a: name_number(&text), b: arguments };
        let form = if args.kind() == Kind::String { ArgsForm::Whole } else { ArgsForm::Value };
        for item in [
            Item::CallBegin { call, name: Some(name.id()) },
            Item::CallPiece { call, node: whole(body).id() },
            Item::CallName { call, name: CallName::Node(name.id()), open: false },
            Item::CallArgs { call, node: args.id(), form },
            Item::CallEnd { call },
        ] {
            self.push(item);
        }
    }
}

/// The outermost object that belongs to a call: its wrapper, if that is empty without it.
fn whole<'a>(body: &Value<'a>) -> Value<'a> {
    let wrapped = WRAPPERS.iter().any(|name| body.key_is(name));
    let Some(holder) = body.parent().filter(|_| wrapped) else { return *body };
    let about = |member: &Value<'_>| {
        matches!(Word::key(member), word::id | word::type_ | word::index | word::thoughtSignature)
    };
    let nothing_else = holder.children().all(|member| member.id() == body.id() || about(&member));
    let listed = holder.parent().is_some_and(|list| list.kind() == Kind::Array);
    if nothing_else && listed { holder } else { *body }
}

/// Removes the stopped ones from a frame.
pub fn take_out(doc: &Doc, payload: &[u8], pieces: &[CallPiece<'_>], leaves: &mut Leaves) {
    let is_stray =
        |piece: &&CallPiece<'_>| piece.call.kind == TextKey::STRAY && piece.stopped.is_some();
    let gone = |value: &Value<'_>| pieces_at(pieces, value.id()).iter().any(|own| is_stray(&own));
    let holder = |piece: &CallPiece<'_>| doc.value(payload, piece.node)?.parent();
    // Each container once, however many calls it holds and whatever is between them.
    let mut holders: Vec<NodeId> = Vec::new();
    for piece in pieces.iter().filter(is_stray) {
        match holder(piece) {
            Some(holder) => holders.push(holder.id()),
            None => leaves.dropped = true,
        }
    }
    holders.sort_unstable();
    holders.dedup();
    for holder in holders.into_iter().filter_map(|holder| doc.value(payload, holder)) {
        remove(&holder, gone, &mut leaves.edits);
    }
}
