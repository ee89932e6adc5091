//! What a call gets while there is no usable policy (`on_error: closed`).

use super::Exchange;
use crate::context::verdict::RequestVerdict;

impl Exchange {
    /// 503 in the caller's dialect, to be tried again: a policy may come any moment.
    pub(super) fn no_policy(&mut self) -> RequestVerdict {
        const UNAVAILABLE: u16 = 503;
        self.cx.record.count("hemostat_no_policy_total".to_owned());
        let mut reply = self.cx.error(UNAVAILABLE, "no_policy", "the proxy has no usable policy");
        reply.headers.push(("retry-after", "1".to_owned()));
        self.answered(reply)
    }
}
