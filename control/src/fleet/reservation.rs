//! Room that a service holds for a request, and how much of it was used.
//!
//! `Commit` counts what was used, whether or not the service still knows the reservation, and counts it again if it is
//! repeated: it is `Report`, with the addition that the room is released at once. So usage that a `Commit` certainly
//! did not count is owed like other usage, and a commit without an answer is not repeated.
//! (`limitador-server/proto/kuadrantrls.proto`, and Kuadrant's RFC 0021)

use super::FleetAccount;
use super::call::callout;
use super::wire;
use crate::base::callout::Callout;

/// Room that a service holds, by the id that it assigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation(pub(super) Vec<u8>);

/// The end of a reservation, on its way to the service; it is passed back with its answer.
#[derive(Debug, Clone)]
pub struct Commit {
    pub(super) account: FleetAccount,
    pub(super) reservation: Reservation,
    /// What was used, in the service's unit.
    pub(super) amount: u64,
    /// When it was sent; zero if not yet (Unix nanoseconds).
    pub(super) sent_ns: u64,
}

impl Commit {
    /// The callout that sends it.
    #[must_use]
    pub fn call(&self) -> Callout {
        let Self { account: FleetAccount { target, entries, .. }, reservation, amount, .. } = self;
        let message = wire::commit(&target.service.domain, entries, &reservation.0, *amount);
        callout(target, "Commit", message)
    }

    /// What was used, in the limit's own unit.
    pub(super) fn used(&self) -> u64 {
        self.amount.saturating_mul(self.account.unit())
    }
}
