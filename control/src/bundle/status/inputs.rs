//! The inputs of status.

use crate::bundle::adopt::{ActivePolicy, Terms};
use crate::bundle::followers::Followers;
use crate::bundle::last_refusal::LastRefusal;
use crate::bundle::marks::Marks;
use crate::bundle::poll::Poll;
use crate::bundle::state::Releases;
use crate::event::pending::WaitingApproval;
use crate::ledger::Book;

/// The inputs of status.
#[derive(Debug)]
pub struct StatusInputs<'a> {
    /// The configuration of the listener that responds.
    pub terms: &'a Terms,
    /// The releases of the process.
    pub state: &'a Releases,
    /// What runs; `None` if nothing does.
    pub running: Option<&'a ActivePolicy>,
    /// The last refusal.
    pub trouble: Option<&'a LastRefusal>,
    /// The accounts of limits.
    pub book: Option<&'a Book>,
    /// Tool calls that wait for approval.
    pub pending: &'a [WaitingApproval],
    /// The rate-limit services of the running policy, as JSON ([`crate::fleet::status`]).
    pub global: &'a str,
    /// The polled source.
    pub poll: Option<&'a Poll>,
    /// The last events of the scope, as JSON.
    pub events: &'a str,
    /// The status pages of providers, as JSON.
    pub providers: &'a str,
    /// Counter values when it came into force.
    pub marks: Option<&'a Marks>,
    /// What the configurations of the scope report that they run.
    pub followers: &'a Followers,
    /// Unix milliseconds.
    pub now_ms: u64,
    /// The filter's version.
    pub filter: &'a str,
}
