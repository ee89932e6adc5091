//! Reports to the rate-limit services of a fleet, in the background: by whichever worker has the turn; and what a worker's
//! own reservations have come to.

use hemostat_engine::base::callout::CalloutReply;
use hemostat_engine::base::sorted_map::SortedMap;
use hemostat_engine::fleet::{Commit, GlobalLimit, ServiceApi, UsageReport};
use hemostat_engine::limits::{FLEET_ANSWER_BYTES, FLEET_CALLS, FLEET_COMMIT_MS};
use hemostat_engine::policy::Program;

use crate::host::{self, Buffer};
use crate::telemetry::Trouble;
use crate::{accounts, effects};

/// Calls of one configuration to the services of its fleet.
#[derive(Debug)]
pub struct Exchanger {
    /// The context that calls.
    root: u32,
    under_way: SortedMap<u32, Box<Sent>>,
}

/// What a call tells.
#[derive(Debug)]
enum Sent {
    Report(UsageReport),
    Commit(Commit),
}

fn shared(program: &Program) -> impl Iterator<Item = &GlobalLimit> {
    program.limits.rules.iter().filter_map(|limit| limit.global.as_ref())
}

/// How often what is owed under this policy is reported, in milliseconds; `None`: it shares nothing.
pub fn every_ms(program: &Program) -> Option<u64> {
    shared(program).map(|global| u64::from(global.target.sync_ms)).min()
}

/// How often this worker looks whether something is to be sent, in milliseconds; `None`: nothing ever is.
pub fn look_ms(program: &Program) -> Option<u64> {
    let mut limits = shared(program);
    let reserves = limits.any(|own| own.strict && own.target.service.api == ServiceApi::Limitador);
    every_ms(program).map(|every| if reserves { every.min(FLEET_COMMIT_MS) } else { every })
}

impl Exchanger {
    /// One that has called nobody yet, for this root.
    pub fn new(root: u32) -> Self {
        Self { root, under_way: SortedMap::default() }
    }

    /// Sends what is due, if it is this worker's turn.
    pub fn round(&mut self, every_ms: u64) {
        let table = accounts::fleet();
        if table.take_turn(every_ms) {
            let room = (2 * FLEET_CALLS).saturating_sub(self.under_way.len());
            for parcel in table.due(room) {
                self.send(Sent::Report(parcel));
            }
        }
    }

    /// Tells services of reservations that have ended.
    pub fn commit(&mut self, program: &Program) {
        let room = FLEET_CALLS.saturating_sub(self.under_way.len());
        for commit in accounts::fleet().commits(room) {
            self.send(Sent::Commit(commit));
        }
        effects::apply_for(program, accounts::fleet().effects());
    }

    /// A call has ended.
    pub fn answered(&mut self, token: u32, status: u32, size: usize, program: &Program) {
        let Some(sent) = self.under_way.remove(&token) else { return };
        let message = message(status, size);
        if let Some(next) = sent.answered(answer(status, message.as_deref())) {
            self.send(next);
        }
        self.commit(program);
    }

    fn send(&mut self, sent: Sent) {
        let call = match &sent {
            Sent::Report(parcel) => parcel.call(),
            Sent::Commit(commit) => commit.call(),
        };
        match host::call::grpc(self.root, &call) {
            Ok(token) => {
                self.under_way.insert(token, Box::new(sent));
            }
            Err(error) => {
                Trouble { call: "grpc_call", error }.report();
                // What was not sent has no consequences.
                let _ = sent.answered(CalloutReply::NotSent);
            }
        }
    }
}

impl Sent {
    /// Takes note of an answer. Gives what follows, if something does.
    fn answered(self, answer: CalloutReply<'_>) -> Option<Self> {
        let table = accounts::fleet();
        match self {
            Self::Report(parcel) => table.answered(parcel, answer).map(Self::Report),
            Self::Commit(commit) => {
                table.committed(&commit, answer);
                None
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

/// The outcome of a call, in the engine's terms.
pub fn answer(status: u32, message: Option<&[u8]>) -> CalloutReply<'_> {
    message.map_or(CalloutReply::Status(status), CalloutReply::Message)
}
