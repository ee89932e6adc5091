//! In MCP no model answers: the exchange reads a server's messages one by one.

use crate::wire::json::Doc;
use crate::wire::own::OwnEvents;
use crate::{Answer, CallPiece, Ending, Item, Leaves};

/// An answer without anything from a model.
#[derive(Debug)]
pub(super) struct Reading;

impl Answer for Reading {
    fn read(&mut self, _doc: &Doc, _payload: &[u8], _items: &mut Vec<Item>) {}

    fn read_other(&mut self, _payload: &[u8], _items: &mut Vec<Item>) {}

    fn leave(&mut self, _doc: &Doc, _payload: &[u8], _pieces: &[CallPiece<'_>]) -> Leaves {
        Leaves::default()
    }

    fn sent(&mut self, _doc: &Doc, _payload: &[u8]) {}

    fn ending(&mut self, _ending: &Ending) -> OwnEvents {
        OwnEvents::default()
    }

    fn model(&self) -> Option<&str> {
        None
    }
}
