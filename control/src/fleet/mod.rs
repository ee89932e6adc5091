//! Limits that a fleet shares (`global`): what this process owes a rate-limit service, and what the service last
//! decided.
//!
//! ```text
//! wire     the messages, as bytes                              (no state)
//! entry    one account: owed, in flight, the service's decision (no storage, no clock)
//! set      the accounts that share one slot of storage
//! health   which services do not answer, and which have no reservations
//! table    all of it over the storage that workers share
//! call     what is sent, and what an answer means
//! reservation  room that a service holds for a request, and how much of it was used
//! ```
//! Usage is *owed* when a request is settled. The worker whose turn it is *takes* what is owed, sends it, and reports
//! the outcome to the table. What was certainly not counted is owed again. What may have been counted is not sent
//! twice: otherwise a service that counts but answers late would be sent the same usage at every turn, and lock the
//! fleet out. The process's own accounts ([`crate::ledger`]) continue in parallel, so usage that is lost here is still
//! capped there.

pub mod call;
mod entry;
mod health;
mod reservation;
mod set;
pub mod status;
pub mod table;
pub mod wire;

use std::rc::Rc;

pub use call::UsageReport;
pub use entry::ServiceDecision;
pub use reservation::{Commit, Reservation};
pub use table::{Asking, FleetTable, StrictAnswer};

use crate::ledger::AccountKey;

const SECOND_NS: u64 = 1_000_000_000;

/// The protocol of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceApi {
    /// `kuadrant.service.ratelimit.v1`: asks by `CheckRateLimit`, charges by `Report`; or `Reserve` and `Commit`.
    Limitador,
    /// `envoy.service.ratelimit.v3`: `ShouldRateLimit` does both.
    Envoy,
}

/// The windows that such services have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FleetWindow {
    /// `1s`
    Second,
    /// `1m`
    Minute,
    /// `1h`
    Hour,
    /// `day`
    Day,
}

impl FleetWindow {
    /// Nanoseconds.
    #[must_use]
    pub fn ns(self) -> u64 {
        let seconds = match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
            Self::Day => 86_400,
        };
        seconds * SECOND_NS
    }
}

/// What admits requests while the service does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnServiceError {
    /// The process's own cap.
    Local,
    /// All requests are admitted.
    Open,
    /// No requests are admitted.
    Closed,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimitService {
    /// The proxy's cluster.
    pub cluster: String,
    /// The service's domain.
    pub domain: String,
    /// Its protocol.
    pub api: ServiceApi,
}

/// Where a limit's accounts are counted, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetTarget {
    /// The service.
    pub service: RateLimitService,
    /// The window.
    pub every: FleetWindow,
    /// How many units of the limit make one of the service's: 10,000 micro-dollars are a cent.
    pub unit: u32,
    /// How often usage is reported, in milliseconds.
    pub sync_ms: u32,
}

/// `global` of a limit, compiled.
#[derive(Debug, Clone)]
pub struct GlobalLimit {
    /// Where it is counted.
    pub target: Rc<FleetTarget>,
    /// The names of the labels in `per`.
    pub labels: Vec<String>,
    /// Ask the service before each request.
    pub strict: bool,
    /// What to do while the service does not answer.
    pub on_error: OnServiceError,
}

/// One account of a limit, as the service knows it.
#[derive(Debug, Clone)]
pub struct FleetAccount {
    /// Its name in this process.
    pub key: AccountKey,
    /// Where it is counted.
    pub target: Rc<FleetTarget>,
    /// The entries of its descriptor.
    pub entries: Vec<(String, String)>,
    /// What the fleet may use in a window, in the limit's own unit.
    pub cap: u64,
}

impl FleetAccount {
    /// How many units of the limit make one of the service's.
    fn unit(&self) -> u64 {
        u64::from(self.target.unit.max(1))
    }
}
