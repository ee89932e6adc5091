//! Room that a service holds for a request, and what it has come to.
//!
//! `Commit` counts what was used, whether the service still knows the reservation or not, and counts it again when it is
//! told again: it is `Report` with one thing more, that the room is given back at once. So what a `Commit` certainly did
//! not count is owed like other usage, and one that nobody answers is not sent again.
//! (`limitador-server/proto/kuadrantrls.proto`, and Kuadrant's RFC 0021)

use super::FleetAccount;
use super::call::callout;
use super::wire;
use crate::base::callout::Callout;

/// Room that a service holds, by the id that it gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation(pub(super) Vec<u8>);

/// The end of a reservation, on its way to the service: it is shown again with its answer.
#[derive(Debug, Clone)]
pub struct Commit {
    pub(super) account: FleetAccount,
    pub(super) reservation: Reservation,
    /// What was used, in the service's unit.
    pub(super) amount: u64,
    /// When it was taken; zero: it was not yet (Unix nanoseconds).
    pub(super) sent_ns: u64,
}

impl Commit {
    /// What is to be sent.
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
