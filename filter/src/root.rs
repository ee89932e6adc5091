//! One plugin configuration: read, build completely, swap.

use std::rc::Rc;

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

impl Root {
    fn configure(&mut self, size: usize) -> Result<Vec<String>, Vec<String>> {
        let bytes = host::bytes(Buffer::Configuration, size)
            .map_err(|error| vec![format!("the host does not give the configuration: {error}")])?;
        let Loaded { active, warnings } = load::load(&bytes)?;
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
                // A host may configure a new root context for each update: what runs elsewhere is not known here.
                telemetry::line(
                    Level::Error,
                    &format!("hemostat {VERSION}: configuration refused, nothing of it is used"),
                );
                false
            }
        }
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
