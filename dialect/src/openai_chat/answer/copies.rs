//! Calls that are repeated at another place: in the message so far beside a delta, at the choice or the root, in a
//! server's own field. They leave or are removed with the call that they repeat.

use super::super::super::fields::string;
use super::super::super::number::{name_number, number};
use super::super::super::texts::TextWalk;
use super::super::super::{CallName, Item};
use super::{BegunCall, OLD_CALL, Reading};
use crate::wire::json::{Kind, Value};
use crate::word::Word;

impl Reading {
    /// The message so far beside a delta, or a server's own field: calls in it belong to those in the deltas.
    pub(super) fn copy<'a>(
        &mut self,
        texts: &mut TextWalk<'a, '_>,
        holder: &Value<'a>,
        key: Word,
        choice: u32,
    ) {
        let mut known = false;
        holder.children().for_each(|list| known |= self.copied(texts, &list, choice));
        texts.calls_known = known;
        texts.walk_as(holder, key);
        texts.calls_known = false;
    }

    /// The same for one member, which may be a list of calls.
    pub(super) fn member<'a>(
        &mut self,
        texts: &mut TextWalk<'a, '_>,
        member: &Value<'a>,
        key: Word,
        choice: u32,
    ) {
        texts.calls_known = self.copied(texts, member, choice);
        texts.walk_as(member, key);
        texts.calls_known = false;
    }

    /// A list of calls, or the old `function_call`, at another place than usual. False if it is neither.
    fn copied<'a>(&mut self, texts: &mut TextWalk<'a, '_>, list: &Value<'a>, choice: u32) -> bool {
        let (old, calls) = match list.kind() {
            Kind::Object if list.key_is("function_call") => (true, 0),
            Kind::Array if list.key_is("tool_calls") => (false, usize::MAX),
            _ => return false,
        };
        let alone = std::iter::once(*list).take(usize::from(old));
        for (at, call) in list.children().take(calls).chain(alone).enumerate() {
            let at = u32::try_from(at).unwrap_or(OLD_CALL);
            let index = call.get("index").map_or(at, |i| number(Some(i)));
            let index = if old { OLD_CALL } else { index };
            let id = string(call.get("id"));
            let id = (!id.is_empty()).then(|| name_number(&id));
            let body = call.get("function").or_else(|| call.get("custom")).unwrap_or(call);
            let until = self.calls.get(..self.after(choice, index)).unwrap_or_default();
            let same = |own: &&BegunCall| (own.choice, own.index) == (choice, index);
            let known = until.iter().rev().take_while(same).find(|own| own.id == id);
            let call_key = match known {
                Some(known) => known.key(),
                None => self.begin(texts, choice, index, id, body.get("name")),
            };
            texts.push(Item::CallPiece { call: call_key, node: call.id() });
            if let Some(name) = body.get("name").filter(|name| name.kind() == Kind::String) {
                let name = CallName::Alias(name.id());
                texts.push(Item::CallName { call: call_key, name, open: false });
            }
        }
        true
    }
}
