//! A request that waits for callouts: they are sent, and their replies decide whether it goes on.

use hemostat_engine::base::callout::{Callout, CalloutReply};

use super::Stream;
use super::state::{Gathering, RequestState};
use crate::context::Action;
use crate::exchanger;
use crate::host;
use crate::telemetry::Trouble;

impl Stream {
    /// Sends these callouts; the request waits for all of them. One that the host cannot send is answered as not sent.
    pub(super) fn ask(
        &mut self,
        calls: &[Callout],
        gathered: Option<Gathering>,
    ) -> Result<Action, Trouble> {
        self.request = RequestState::Waiting(gathered);
        self.asked.clear();
        let mut verdict = None;
        for (number, call) in calls.iter().enumerate() {
            match host::call::grpc(self.context_id, call) {
                Ok(token) => self.asked.push(Some(token)),
                Err(error) => {
                    Trouble { call: "grpc_call", error }.report();
                    self.asked.push(None);
                    verdict = self.exchange.callout_answered(number, CalloutReply::NotSent);
                }
            }
        }
        match verdict {
            Some(verdict) => self.apply_request(verdict, gathered),
            None => Ok(Action::Pause),
        }
    }

    /// A callout has ended.
    pub(super) fn service_answered(&mut self, token: u32, status: u32, size: usize) {
        let Some(number) = self.asked.iter().position(|own| *own == Some(token)) else { return };
        if let Some(own) = self.asked.get_mut(number) {
            *own = None;
        }
        let message = exchanger::message(status, size);
        let answer = exchanger::answer(status, message.as_deref());
        let verdict = self.exchange.callout_answered(number, answer);
        // Meanwhile the request may have been answered otherwise.
        let (Some(verdict), RequestState::Waiting(gathered)) = (verdict, self.request) else {
            return self.settle();
        };
        let done = self.apply_request(verdict, gathered);
        self.settle();
        if done.unwrap_or_else(|trouble| self.fail(trouble)) == Action::Continue
            && let Err(error) = host::resume_request()
        {
            Trouble { call: "continue_stream", error }.report();
        }
    }
}
