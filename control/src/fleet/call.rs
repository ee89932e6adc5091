//! What is sent to a service, and what its answers mean.

use super::wire::{self, DescriptorStatus, Hits};
use super::{FleetTarget, ServiceApi};
use crate::base::callout::{Callout, CalloutReply};
use crate::limits::{FLEET_CALL_MS, FLEET_RESERVATION_S};

/// The purpose of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalloutStep {
    /// Asks, without charging.
    Check,
    /// Charges; a `Check` follows, since its answer tells nothing.
    Report,
    /// Charges and asks.
    Charge,
}

impl CalloutStep {
    /// The word in metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Report => "report",
            Self::Charge => "charge",
        }
    }

    /// How an amount is charged.
    pub(super) fn first(api: ServiceApi, hits: u32) -> Self {
        match (api, hits) {
            (_, 0) => Self::Check,
            (ServiceApi::Limitador, _) => Self::Report,
            (ServiceApi::Envoy, _) => Self::Charge,
        }
    }
}

/// The report of one account, in flight; it is passed back with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageReport {
    pub(super) slot: u32,
    pub(super) id: [u8; 16],
    pub(super) stamp: u64,
    /// When it was sent (Unix nanoseconds).
    pub(super) sent_ns: u64,
    pub(super) hits: u32,
    pub(super) step: CalloutStep,
    pub(super) target: FleetTarget,
    pub(super) entries: Vec<(String, String)>,
}

impl UsageReport {
    /// The callout that sends it.
    #[must_use]
    pub fn call(&self) -> Callout {
        call(&self.target, &self.entries, self.step, self.hits)
    }
}

pub(super) fn call(
    target: &FleetTarget,
    entries: &[(String, String)],
    step: CalloutStep,
    hits: u32,
) -> Callout {
    let (method, hits) = match (target.service.api, step) {
        (ServiceApi::Limitador, CalloutStep::Check) => ("CheckRateLimit", Hits::Unsaid),
        (ServiceApi::Limitador, _) => ("Report", Hits::Request(hits)),
        (ServiceApi::Envoy, _) => ("ShouldRateLimit", Hits::Descriptor(hits)),
    };
    callout(target, method, wire::request(&target.service.domain, entries, hits))
}

/// Reserves room for a request before it is forwarded, in the service's unit.
pub(super) fn reserve(target: &FleetTarget, entries: &[(String, String)], amount: u64) -> Callout {
    let message = wire::reserve(&target.service.domain, entries, amount, FLEET_RESERVATION_S);
    callout(target, "Reserve", message)
}

pub(super) fn callout(target: &FleetTarget, method: &'static str, message: Vec<u8>) -> Callout {
    Callout {
        target: wire::grpc_service(&target.service.cluster),
        service: match target.service.api {
            ServiceApi::Limitador => "kuadrant.service.ratelimit.v1.RateLimitService",
            ServiceApi::Envoy => "envoy.service.ratelimit.v3.RateLimitService",
        },
        method,
        message,
        timeout_ms: FLEET_CALL_MS,
    }
}

/// The meaning of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServiceAnswer {
    /// The service has decided.
    Said(DescriptorStatus),
    /// The answer cannot be read, but what was sent counts.
    Garbage,
    /// The request was certainly not counted: it was not sent, or the service says so.
    Refused,
    /// No answer: it is unknown whether it was counted.
    Lost,
}

impl ServiceAnswer {
    /// Reads an answer that took this long. An error that arrives at the timeout is the proxy's own: Envoy reports
    /// `UNAVAILABLE` for it too, and the service may have counted.
    pub(super) fn read(answer: CalloutReply<'_>, took_ns: u64) -> Self {
        /// `CANCELLED` and `DEADLINE_EXCEEDED`: the service may have received it.
        const UNDECIDED: [u32; 2] = [1, 4];
        /// A little early, since the proxy measures with another clock.
        const LATE_NS: u64 = FLEET_CALL_MS * 900_000;
        match answer {
            CalloutReply::Message(message) => {
                wire::answer(message).map_or(Self::Garbage, Self::Said)
            }
            // A success without a message.
            CalloutReply::Status(0) => Self::Garbage,
            CalloutReply::Status(status) if UNDECIDED.contains(&status) || took_ns >= LATE_NS => {
                Self::Lost
            }
            // Envoy reports `UNAVAILABLE` for a connection that could not be made, and a service for a storage that
            // fails. All other codes come from a service.
            CalloutReply::Status(_) | CalloutReply::NotSent => Self::Refused,
        }
    }

    /// The word in metrics.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Said(said) if said.over => "over",
            Self::Said(_) => "ok",
            Self::Garbage => "garbage",
            Self::Refused => "refused",
            Self::Lost => "lost",
        }
    }

    /// True if the service answered properly.
    pub(super) fn is_answer(self) -> bool {
        matches!(self, Self::Said(_))
    }
}
