//! Calls among the parts of a content, as Anthropic has them: gateways pass such answers on in the shape of this one.

use super::super::super::fields::string;
use super::super::super::number::name_number;
use super::super::super::texts::TextWalk;
use super::super::super::{ArgsForm, CallName, Item, Role, TextKey};
use super::super::parts;
use super::{OLD_CALL, Reading};
use crate::wire::json::{Kind, Value};

/// True for a part that is a call.
pub(in super::super) fn is_call(part: &Value<'_>) -> bool {
    let kind = string(part.get("type"));
    kind.ends_with(b"tool_use") || matches!(&*kind, b"tool_call" | b"tool-call" | b"function_call")
}

impl Reading {
    /// The parts of a content that is a list.
    pub(super) fn parts<'a>(
        &mut self,
        texts: &mut TextWalk<'a, '_>,
        list: &Value<'a>,
        choice: u32,
    ) {
        for (at, part) in list.children().enumerate() {
            match is_call(&part) {
                true => self.part_call(texts, &part, choice, at),
                false => parts::part(texts, &part, choice),
            }
        }
    }

    /// A call that stands whole in a part, or once more: then it leaves or stays with the one that it repeats.
    fn part_call<'a>(
        &mut self,
        texts: &mut TextWalk<'a, '_>,
        part: &Value<'a>,
        choice: u32,
        at: usize,
    ) {
        let body = part.get("function").filter(|body| body.kind() == Kind::Object);
        let body = body.unwrap_or(*part);
        let id = ["id", "tool_use_id", "toolCallId"].iter().find_map(|name| part.get(name));
        let id = string(id);
        let id = (!id.is_empty()).then(|| name_number(&id));
        let name = ["name", "toolName"].iter().find_map(|name| body.get(name));
        let name = name.filter(|name| name.kind() == Kind::String);
        let known =
            self.calls.iter().find(|own| own.choice == choice && id.is_some() && own.id == id);
        let known = known.map(|own| own.key());
        let call = known.unwrap_or_else(|| {
            // Behind all that have a number of their own.
            let at = u32::try_from(at).unwrap_or(0).saturating_add(1);
            self.begin(texts, choice, OLD_CALL.saturating_sub(at), id, name)
        });
        texts.push(Item::CallPiece { call, node: part.id() });
        if let Some(name) = name {
            let name = if known.is_some() {
                CallName::Alias(name.id())
            } else {
                CallName::Node(name.id())
            };
            texts.push(Item::CallName { call, name, open: false });
        }
        for field in texts.fields(part) {
            if field.id() == body.id() {
                body.children().for_each(|field| argument(texts, &field, call, known.is_none()));
            } else {
                argument(texts, &field, call, known.is_none());
            }
        }
        if known.is_none() {
            texts.push(Item::CallEnd { call });
        }
    }
}

/// A member of a call. `own`: it is not a copy of one whose arguments are known.
fn argument<'a>(texts: &mut TextWalk<'a, '_>, field: &Value<'a>, call: TextKey, own: bool) {
    match &*field.key() {
        b"input" | b"arguments" | b"args" => {
            let text = field.kind() == Kind::String;
            let form = if text { ArgsForm::Whole } else { ArgsForm::Value };
            if own {
                texts.push(Item::CallArgs { call, node: field.id(), form });
            }
            texts.role = Role::ToolArgs;
            if text {
                texts.walk(field);
            } else {
                texts.leaves(field);
            }
            texts.role = Role::Output;
        }
        b"name" | b"toolName" if field.kind() == Kind::String => texts.name(field),
        _ => texts.walk(field),
    }
}
