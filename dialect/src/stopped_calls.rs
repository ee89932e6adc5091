//! What is remembered of an answer's calls once some are stopped: whose results are withheld, and whether a stop reason
//! that asks the caller to run tools still holds.

use super::CallPiece;
use super::answer::{Leaves, StoppedCall};
use super::bounded_set::{BoundedSet, CallIds, pieces_at};
use super::splice::replace;
use crate::wire::json::Value;

/// Replaces the result of a stopped call that the provider ran.
pub(super) const RESULT: &str = "The result of a stopped tool call was withheld";

/// What happened to the calls.
#[derive(Debug, Default)]
pub(super) struct StoppedCalls {
    /// A call that the caller carries out has left.
    pub(super) through: bool,
    /// A call was stopped.
    stopped: bool,
    /// Ids of stopped calls, whose results are withheld.
    ids: CallIds,
    /// Indexes of blocks with withheld results that have begun and not ended.
    pub(super) withheld: BoundedSet<u32>,
}

impl StoppedCalls {
    /// A call with this id was stopped.
    pub(super) fn stop(&mut self, id: Option<Value<'_>>) {
        self.stopped = true;
        self.ids.add(id);
    }

    /// True for the id of a stopped call, whose result is withheld.
    pub(super) fn has(&self, id: Option<Value<'_>>) -> bool {
        self.ids.has(id)
    }

    /// If calls were stopped and none has left, a stop reason that asks for results of calls becomes `ends` (JSON).
    pub(super) fn keep_true(
        &self,
        holder: &Value<'_>,
        (member, asks, ends): (&str, &str, &str),
        leaves: &mut Leaves,
    ) {
        if !self.stopped || self.through {
            return;
        }
        for reason in holder.children().filter(|own| own.key_is(member) && own.is_str(asks)) {
            replace(&reason, ends, &mut leaves.edits);
        }
    }
}

/// The stopped call that has a piece at this value.
pub(super) fn stopped_at<'a>(
    value: &Value<'_>,
    pieces: &[CallPiece<'a>],
) -> Option<&'a StoppedCall> {
    pieces_at(pieces, value.id()).first().and_then(|piece| piece.stopped)
}
