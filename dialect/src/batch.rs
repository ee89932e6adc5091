//! Batches: many requests at once, whose answers are fetched elsewhere. They are recognised so that a rule about
//! answers can refuse what it will not see.

use super::request::Speaker;
use super::texts::TextWalk;
use super::{Call, Recognised, RequestView};
use crate::wire::json::Doc;

/// Reads a batch: every string in it is a text that a model will be shown.
#[must_use]
pub fn read_batch(recognised: &Recognised, doc: &Doc, body: &[u8]) -> RequestView {
    let mut texts = Vec::new();
    TextWalk::request(doc, body, &mut texts, Speaker::User.role(true)).walk(&doc.root(body));
    RequestView {
        call: Call::without_body(recognised.clone()),
        texts,
        remote: 0,
        edits: Vec::new(),
    }
}
