//! Reports to the rate-limit services of a fleet: in the background, by whichever worker has the turn.

use hemostat_engine::base::callout::CalloutReply;
use hemostat_engine::base::sorted_map::SortedMap;
use hemostat_engine::fleet::Parcel;
use hemostat_engine::limits::{FLEET_ANSWER_BYTES, FLEET_CALLS};
use hemostat_engine::policy::Program;

use crate::host::{self, Buffer};
use crate::telemetry::Trouble;
use crate::{accounts, effects};

/// Calls of one configuration to the services of its fleet.
#[derive(Debug, Default)]
pub struct Exchanger {
    under_way: SortedMap<u32, Parcel>,
}

/// How often what is owed under this policy is reported, in milliseconds; `None`: it shares nothing.
pub fn every_ms(program: &Program) -> Option<u64> {
    let shared = program.limits.rules.iter().filter_map(|limit| limit.global.as_ref());
    shared.map(|global| u64::from(global.target.sync_ms)).min()
}

impl Exchanger {
    /// Sends what is due, if it is this worker's turn.
    pub fn round(&mut self, every_ms: u64, program: &Program) {
        let table = accounts::fleet();
        if table.take_turn(every_ms) {
            let room = FLEET_CALLS.saturating_sub(self.under_way.len());
            for parcel in table.due(room) {
                self.send(parcel);
            }
        }
        effects::apply_for(program, table.effects());
    }

    /// A call has ended.
    pub fn answered(&mut self, token: u32, status: u32, size: usize, program: &Program) {
        let Some(parcel) = self.under_way.remove(&token) else { return };
        let message = message(status, size);
        let next = accounts::fleet().answered(parcel, answer(status, message.as_deref()));
        if let Some(next) = next {
            self.send(next);
        }
        effects::apply_for(program, accounts::fleet().effects());
    }

    fn send(&mut self, parcel: Parcel) {
        match host::call::grpc(&parcel.call()) {
            Ok(token) => {
                self.under_way.insert(token, parcel);
            }
            Err(error) => {
                Trouble { call: "grpc_call", error }.report();
                // Of what was not sent, nothing follows.
                let _ = accounts::fleet().answered(parcel, CalloutReply::NotSent);
            }
        }
    }
}

/// The message that answers a call; `None`: it has none, it is too long to be one, or the host does not give it.
pub fn message(status: u32, size: usize) -> Option<Vec<u8>> {
    if status != 0 || size > FLEET_ANSWER_BYTES {
        return None;
    }
    match host::bytes(Buffer::Grpc, size) {
        Ok(message) => Some(message),
        Err(error) => {
            Trouble { call: "grpc_message", error }.report();
            None
        }
    }
}

/// What a call has come to, as the engine takes it.
pub fn answer(status: u32, message: Option<&[u8]>) -> CalloutReply<'_> {
    message.map_or(CalloutReply::Status(status), CalloutReply::Message)
}
