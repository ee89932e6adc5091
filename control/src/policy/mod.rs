//! The policy: what people write, checked and compiled into what runs.
//!
//! ```text
//! text ─ source ─▶ tree ─ shape (language) ─▶ decode ─▶ Document ─ check ─▶ findings ─ program ─▶ Program
//! ```

pub mod check;
pub mod config;
mod decode;
pub mod diagnostic;
pub mod document;
pub mod explain;
pub mod language;
pub mod path;
pub mod program;
pub mod reference;
pub mod schema;
pub mod sections;
mod seen;
mod shape;
pub mod source;
mod suggest;
pub mod trust;

pub use diagnostic::{Diagnostic, Severity};
pub use document::Document;
pub use program::Program;

use path::Path;
use source::SourceNode;

/// Checks a tree as a policy: shapes first, then how fields relate to each other. The document contains everything that
/// could be read, whatever the findings; it may be used if none of them is an error.
///
/// `now` is Unix time in seconds, if there is a clock: it only adds warnings about times in the past.
#[must_use]
pub fn judge(tree: &SourceNode, now: Option<u64>) -> (Document, Vec<Diagnostic>) {
    let mut found = shape::check(tree, &language::POLICY, &Path::ROOT);
    let document = decode::policy(tree, &Path::ROOT);
    diagnostic::add(&mut found, check::check(&document, tree, &Path::ROOT, now));
    (document, diagnostic::in_order(found, tree))
}

/// Everything that is wrong with the shape of a map of the language.
pub(crate) fn shape_of(tree: &SourceNode, is: &'static language::Struct) -> Vec<Diagnostic> {
    diagnostic::in_order(shape::check(tree, is, &Path::ROOT), tree)
}
