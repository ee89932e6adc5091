//! The tool calls of a process that wait for approval: the list from which a person approves one.

use super::PendingCall;
use crate::bundle::code::{coded, decode, encode};
use crate::limits::{PENDING_ARGUMENTS_BYTES, PENDING_CALLS, PENDING_S};
use crate::written::{Object, Written, list};

/// The layout's number: values written by another version of this code are not read.
const FORM: u64 = 1;

/// Calls that wait for approval, shared by all workers of a process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PendingApprovals {
    calls: Vec<WaitingApproval>,
}

/// A call in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingApproval {
    /// The call.
    pub call: PendingCall,
    /// When it was first requested (Unix seconds).
    pub since: u64,
    /// When it was last requested (Unix seconds).
    pub last: u64,
    /// How often it was requested.
    pub count: u64,
}

impl PendingApprovals {
    /// A call was stopped because it was not approved.
    pub fn wanted(&mut self, mut call: PendingCall, now: u64) {
        call.arguments = call.arguments.filter(|json| json.len() <= PENDING_ARGUMENTS_BYTES);
        self.forget(now);
        let known = self.calls.iter_mut().find(|own| is_same(&own.call, &call));
        if let Some(waiting) = known {
            waiting.last = now;
            waiting.count = waiting.count.saturating_add(1);
            waiting.call = call;
            return;
        }
        if self.calls.len() >= PENDING_CALLS {
            self.make_room();
        }
        self.calls.push(WaitingApproval { call, since: now, last: now, count: 1 });
    }

    /// A call was approved, and no longer waits.
    pub fn granted(&mut self, call: &PendingCall) {
        self.calls.retain(|own| !is_same(&own.call, call));
    }

    /// The calls that wait now, the most recently requested one first.
    #[must_use]
    pub fn now(mut self, now: u64) -> Vec<WaitingApproval> {
        self.forget(now);
        self.calls.sort_by_key(|waiting| std::cmp::Reverse(waiting.last));
        self.calls
    }

    fn forget(&mut self, now: u64) {
        self.calls.retain(|waiting| now.saturating_sub(waiting.last) < PENDING_S);
    }

    /// Makes room at the expense of the tenant with the most calls, by dropping its least recently requested one, so
    /// that no tenant can push out the others.
    fn make_room(&mut self) {
        let of = |tenant: &Option<String>| {
            self.calls.iter().filter(|own| own.call.tenant == *tenant).count()
        };
        let most = self.calls.iter().map(|own| of(&own.call.tenant)).max().unwrap_or(0);
        let crowded = self.calls.iter().enumerate().filter(|(_, own)| of(&own.call.tenant) == most);
        let oldest = crowded.min_by_key(|(_, own)| own.last).map(|(at, _)| at);
        if let Some(at) = oldest {
            self.calls.remove(at);
        }
    }

    /// As bytes, for the memory that workers share.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(FORM, self)
    }

    /// Decodes such bytes; invalid ones, and those of another version, give an empty list.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Self {
        decode(FORM, bytes).unwrap_or_default()
    }
}

coded!(PendingApprovals { calls });
coded!(WaitingApproval { call, since, last, count });
coded!(PendingCall { id, tool, tenant, arguments });

/// True for the same call of the same tenant.
fn is_same(one: &PendingCall, other: &PendingCall) -> bool {
    one.id == other.id && one.tenant == other.tenant
}

/// The calls as status shows them. `tenant`: the listener may show that label's values.
#[must_use]
pub fn to_json(calls: &[WaitingApproval], tenant: bool) -> String {
    list(calls, |waiting| {
        let mut out = Object::default();
        out.text("id", &waiting.call.id);
        out.text("tool", &waiting.call.tool);
        if tenant {
            out.set("tenant", waiting.call.tenant.as_deref());
        }
        out.set("since", Written::Time(waiting.since));
        out.set("last", Written::Time(waiting.last));
        out.number("count", waiting.count);
        if let Some(arguments) = &waiting.call.arguments {
            out.raw("arguments", arguments);
        }
        out.end()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn call(id: &str, tenant: &str) -> PendingCall {
        PendingCall {
            id: id.to_owned(),
            tool: "refund".to_owned(),
            tenant: Some(tenant.to_owned()),
            ..PendingCall::default()
        }
    }

    #[test]
    fn a_call_is_counted_until_it_is_granted_or_forgotten() {
        let mut pending = PendingApprovals::default();
        pending.wanted(call("ap_A", "acme"), 100);
        pending.wanted(call("ap_A", "acme"), 130);
        pending.wanted(call("ap_A", "other"), 140);
        let shown = pending.clone().now(150);
        assert_eq!(shown.iter().map(|own| own.count).collect::<Vec<_>>(), [1, 2]);
        assert_eq!((shown[1].since, shown[1].last), (100, 130));
        pending.granted(&call("ap_A", "acme"));
        assert_eq!(pending.clone().now(150).len(), 1);
        assert!(pending.now(140 + PENDING_S).is_empty());
    }

    #[test]
    fn one_tenant_does_not_push_out_the_others() {
        let mut pending = PendingApprovals::default();
        pending.wanted(call("ap_quiet", "quiet"), 1);
        for number in 0..200 {
            pending.wanted(call(&format!("ap_{number}"), "loud"), 2 + number);
        }
        let shown = pending.now(300);
        assert_eq!(shown.len(), PENDING_CALLS);
        assert!(shown.iter().any(|own| own.call.id == "ap_quiet"));
        assert!(shown.iter().any(|own| own.call.id == "ap_199"));
    }

    #[test]
    fn arguments_without_end_are_not_kept() {
        let mut pending = PendingApprovals::default();
        let long = format!("\"{}\"", "x".repeat(PENDING_ARGUMENTS_BYTES));
        pending.wanted(PendingCall { arguments: Some(long), ..call("ap_A", "acme") }, 1);
        assert_eq!(pending.now(1)[0].call.arguments, None);
    }

    #[test]
    fn what_a_listener_may_not_show_it_does_not() {
        let mut pending = PendingApprovals::default();
        let arguments = Some(r#"{"amount":1}"#.to_owned());
        pending.wanted(PendingCall { arguments, ..call("ap_A", "acme") }, 1);
        let calls = pending.now(1);
        assert!(!to_json(&calls, false).contains("acme"));
        let read: serde_json::Value = serde_json::from_str(&to_json(&calls, true)).unwrap();
        assert_eq!(read[0]["tenant"], "acme");
        assert_eq!(read[0]["arguments"]["amount"], 1);
    }

    proptest! {
        #[test]
        fn bytes_come_back(calls in prop::collection::vec(any::<(String, String, Option<String>, Option<String>)>(), 0..50)) {
            let mut pending = PendingApprovals::default();
            for (at, (id, tool, tenant, arguments)) in calls.into_iter().enumerate() {
                pending.wanted(PendingCall { id, tool, tenant, arguments }, at as u64);
            }
            prop_assert_eq!(PendingApprovals::decode(&pending.encode()), pending);
        }

        #[test]
        fn hostile_bytes_are_an_empty_list(bytes: Vec<u8>) {
            let _ = PendingApprovals::decode(&bytes);
        }
    }
}
