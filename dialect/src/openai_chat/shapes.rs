//! Variants of chat answers besides the documented one: chunks in a list, a single choice instead of a list, pieces of
//! calls with an index only now and then.

use super::super::number::number;
use crate::wire::json::{Kind, Value};

/// The chunks of a frame, or the choices under `choices`: the items of the list, or the value in its place.
pub(super) fn each<'a>(value: &Value<'a>) -> impl Iterator<Item = Value<'a>> + use<'a> {
    let is_list = value.kind() == Kind::Array;
    let alone = std::iter::once(*value).take(usize::from(!is_list));
    value.children().take(if is_list { usize::MAX } else { 0 }).chain(alone)
}

/// The last piece of a call.
#[derive(Debug, Default)]
pub(super) struct LastPiece {
    /// Its choice and the index of its call, if there was one.
    of: Option<(u32, u32)>,
    /// The piece had an index.
    numbered: bool,
}

impl LastPiece {
    /// The index of the call that a piece belongs to. A piece continues the last call if it neither begins a call nor
    /// has an index, and also if no call has its index and the last one began without. `at`: its position among the
    /// pieces of its chunk, if there are others.
    pub(super) fn index(
        &mut self,
        piece: &Value<'_>,
        choice: u32,
        at: Option<u32>,
        is_known: impl FnOnce(u32) -> bool,
    ) -> u32 {
        let says =
            |value: Option<Value<'_>>| value.is_some_and(|v| v.raw().len() > 2 && !v.is_null());
        let body = piece.get("function").or_else(|| piece.get("custom"));
        let begins = says(piece.get("id")) || says(body.and_then(|body| body.get("name")));
        let last = self.of.filter(|(own, _)| *own == choice && !begins).map(|(_, index)| index);
        let own = piece.get("index").filter(|index| !index.is_null()).map(|i| number(Some(i)));
        let (index, numbered) = match (own, last) {
            (Some(own), Some(last)) if !self.numbered && !is_known(own) => (last, false),
            (Some(own), _) => (own, true),
            (None, Some(last)) if at.is_none() => (last, false),
            (None, _) => (at.unwrap_or(0), false),
        };
        *self = Self { of: Some((choice, index)), numbered };
        index
    }
}
