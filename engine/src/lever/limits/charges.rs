//! What one exchange was charged, and what it has used so far.

use std::cell::RefCell;
use std::rc::Rc;

use super::estimated_use::EstimatedUse;
use super::fleet::FleetShare;
use super::meter::Meter;
use super::used::AnswerOutcome;
use crate::dialect::spend::Spending;
use crate::ledger::{Book, Hold};
use crate::policy::program::limit::{Cost, Limit};

/// What one exchange was charged, and what it has used so far.
#[derive(Debug, Default)]
pub(crate) struct Charges {
    /// The accounts; `None` if there is no storage for them.
    pub(super) book: Option<Rc<Book>>,
    pub(super) taken: Vec<Charge>,
    /// Reservations of places in flight, shared with the code that renews them.
    pub(super) leases: Rc<RefCell<Vec<Hold>>>,
    pub(super) asked: Option<EstimatedUse>,
    pub(super) cost: Option<Box<Cost>>,
    pub(super) meter: Option<Box<Meter>>,
    /// The filter itself asked for the usage, so that event is not forwarded.
    pub(super) hide_usage: bool,
    /// When leases were last renewed (Unix nanoseconds).
    pub(super) renewed_ns: u64,
    pub(super) ended: AnswerOutcome,
    /// What the request says about its cost.
    pub(super) spending: Spending,
    /// The limit that ends the answer (`cut_when_spent`).
    pub(super) spent_by: Option<Rc<Limit>>,
    /// The fleet's share.
    pub(super) fleet: FleetShare,
}

/// A charge that must be settled.
#[derive(Debug)]
pub(super) struct Charge {
    pub(super) limit: Rc<Limit>,
    /// The reservation.
    pub(super) hold: Hold,
    /// Further reservations, for an answer that exceeded it.
    pub(super) more: Vec<Hold>,
    /// No more can be reserved.
    pub(super) spent: bool,
}

impl Charge {
    /// The sum of all reservations.
    pub(super) fn charge(&self) -> u64 {
        self.more.iter().fold(self.hold.charge(), |sum, hold| sum.saturating_add(hold.charge()))
    }

    /// All reservations, in the order in which they were taken.
    pub(super) fn holds(self) -> impl Iterator<Item = Hold> {
        std::iter::once(self.hold).chain(self.more)
    }
}
