//! Handles Ctrl-C during work that must not be left half done or unreported.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::shared::error::{Error, Result, plain};

/// Returns a flag that the first Ctrl-C sets, so that the command can end in order. The second one ends it at once.
pub(crate) fn watch() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let set = flag::register_conditional_default(signal, Arc::clone(&stop))
            .and_then(|_| flag::register(signal, Arc::clone(&stop)));
        set.map_err(|error| Error::failed(format!("Ctrl-C cannot be watched: {}", plain(&error))))?;
    }
    Ok(stop)
}
