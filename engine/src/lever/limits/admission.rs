//! A request on its way through the limits, and their decision.

use std::rc::Rc;

use crate::base::callout::Callout;
use crate::context::verdict::HeaderEdit;
use crate::dialect::Reply;

/// What the limits decide about a request.
#[derive(Debug)]
pub(crate) enum Admission {
    /// It is forwarded with these changes.
    Pass {
        /// Changes to its headers.
        edits: Vec<HeaderEdit>,
        /// Its body, if a lever has changed it.
        body: Option<Vec<u8>>,
    },
    /// It waits until these callouts are answered.
    Ask(Vec<Callout>),
    /// The caller gets this reply instead.
    Reply(Reply),
}

/// A request on its way through the limits.
#[derive(Debug)]
pub(super) struct LimitedRequest {
    pub(super) edits: Vec<HeaderEdit>,
    pub(super) body: Option<Vec<u8>>,
    /// The model that replaces the one that was asked for.
    pub(super) downgraded: Option<Rc<str>>,
}
