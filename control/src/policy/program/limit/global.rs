//! `global`, compiled: where the accounts of a limit are counted besides this process, and under which names.

use std::rc::Rc;

use crate::fleet::{
    FleetTarget, FleetWindow, GlobalLimit, OnServiceError, RateLimitService, ServiceApi,
};
use crate::policy::document::{self, Amount, GlobalApi, OnSilence, Window};

/// Micro-dollars in a cent, the unit in which such services count money.
const CENT: u32 = 10_000;

/// The window in such a service's terms; `None` if it has none (refused by `check`).
pub(in crate::policy) fn every(window: Window) -> Option<FleetWindow> {
    Some(match window {
        Window::Seconds(1) => FleetWindow::Second,
        Window::Seconds(60) => FleetWindow::Minute,
        Window::Seconds(3600) => FleetWindow::Hour,
        Window::Day => FleetWindow::Day,
        Window::Seconds(_) | Window::Month => return None,
    })
}

pub(super) fn compile(
    global: &document::GlobalDocument,
    limit: &document::LimitDocument,
) -> Option<GlobalLimit> {
    let api = match global.api {
        GlobalApi::Limitador => ServiceApi::Limitador,
        GlobalApi::Envoy => ServiceApi::Envoy,
    };
    let (cluster, domain) = (global.cluster.clone(), global.domain.clone());
    Some(GlobalLimit {
        target: Rc::new(FleetTarget {
            service: RateLimitService { cluster, domain, api },
            every: every(limit.allow.every?)?,
            unit: if matches!(limit.allow.amount, Amount::Usd(_)) { CENT } else { 1 },
            sync_ms: u32::try_from(global.sync_every_ms).unwrap_or(u32::MAX),
        }),
        labels: limit.per.clone(),
        strict: global.strict,
        on_error: match global.on_error {
            OnSilence::Local => OnServiceError::Local,
            OnSilence::Open => OnServiceError::Open,
            OnSilence::Closed => OnServiceError::Closed,
        },
    })
}
