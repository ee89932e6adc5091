//! The memory of used grants: values that all workers of a process share.

use hemostat_engine::grant::used::{GrantSlots, SlotsFailed, UsedGrant};

use crate::host::HostError;
use crate::host::shared::{self, Shared};
use crate::telemetry::Trouble;

/// The host's shared data.
#[derive(Debug)]
pub struct SharedSlots;

fn key(slot: u32) -> String {
    format!("hemostat.grants.{slot}")
}

fn broken(call: &'static str) -> impl FnOnce(HostError) -> SlotsFailed {
    move |error| {
        Trouble { call, error }.report();
        SlotsFailed
    }
}

impl GrantSlots for SharedSlots {
    fn get(&self, slot: u32) -> Result<Option<UsedGrant>, SlotsFailed> {
        let found = shared::get(&key(slot)).map_err(broken("get_shared_data"))?;
        Ok(found.map(|Shared { value, cas }| UsedGrant { bytes: value, cas }))
    }

    fn replace(
        &self,
        slot: u32,
        old: Option<&UsedGrant>,
        bytes: &[u8],
    ) -> Result<bool, SlotsFailed> {
        let old = old.map(|old| Shared { value: Vec::new(), cas: old.cas });
        shared::replace(&key(slot), old.as_ref(), bytes).map_err(broken("set_shared_data"))
    }
}
