//! One plugin configuration: read, build completely, swap.

use std::rc::Rc;

use hemostat_engine::exchange::Effect;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use crate::host::{self, Buffer, Level};
use crate::load::{self, Active, Loaded};
use crate::stream::{NoPolicy, Stream};
use crate::{clock, telemetry};

/// The filter's version, for logs.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The context of one plugin configuration. Envoy makes a new one for every update and lets streams in flight finish on
/// the old; other hosts configure the same one again. Either way streams keep the [`Active`] that they began with.
#[derive(Debug, Default)]
pub struct Root {
    active: Option<Rc<Active>>,
}

/// How often places in flight are renewed: four times before they lapse.
const RENEW_MS: u32 = 30_000;

impl Root {
    fn configure(&mut self, size: usize) -> Result<Vec<String>, Vec<String>> {
        let bytes = host::bytes(Buffer::Configuration, size)
            .map_err(|error| vec![format!("the host does not give the configuration: {error}")])?;
        let Loaded { active, warnings } = load::load(&bytes)?;
        // Streams in flight of a configuration before this one still need their places.
        if !active.program.limits.rules.is_empty() || active.book.has_leases() {
            host::set_tick_period(RENEW_MS)
                .map_err(|error| vec![format!("the host gives no ticks: {error}")])?;
        }
        self.active = Some(Rc::new(active));
        Ok(warnings)
    }
}

impl Context for Root {}

impl RootContext for Root {
    /// False refuses the configuration: an update is rejected and the one before goes on, a first one keeps the
    /// listener from starting.
    fn on_configure(&mut self, size: usize) -> bool {
        // The first call of the VM: from here on its numbers differ from those of other workers.
        clock::now_ns();
        match self.configure(size) {
            Ok(warnings) => {
                for warning in warnings {
                    telemetry::line(Level::Warn, &warning);
                }
                telemetry::line(Level::Info, &format!("hemostat {VERSION}: configuration active"));
                true
            }
            Err(reasons) => {
                for reason in reasons {
                    telemetry::line(Level::Error, &reason);
                }
                let kept = if self.active.is_some() {
                    "the one before goes on"
                } else {
                    "there is none before it"
                };
                telemetry::line(
                    Level::Error,
                    &format!("hemostat {VERSION}: configuration refused, {kept}"),
                );
                false
            }
        }
    }

    /// Requests in flight keep their places, however long they take.
    fn on_tick(&mut self) {
        let lapsed = self.active.as_ref().map_or(0, |active| active.book.renew_all());
        let counted = |_| Effect::Count("hemostat_limit_lapsed_total".to_owned());
        telemetry::apply((0..lapsed).map(counted).collect());
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(match &self.active {
            Some(active) => Box::new(Stream::new(Rc::clone(active), context_id)),
            None => Box::new(NoPolicy),
        })
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
