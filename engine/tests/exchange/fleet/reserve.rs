//! Strict limits of a service that has reservations: room is held before a request leaves, and what was used is told when
//! it has ended, once.

mod interleaved;

use super::*;
use crate::support::rls::{Request, Rls};
use hemostat_engine::fleet::Commit;
use hemostat_engine::limits::{FLEET_CALLS, FLEET_COMMITS};

const UNIMPLEMENTED: CalloutReply<'_> = CalloutReply::Status(12);
const UNAVAILABLE: CalloutReply<'_> = CalloutReply::Status(14);
const TOO_LATE: CalloutReply<'_> = CalloutReply::Status(4);

fn strict(allow: Value) -> Value {
    policy(allow, json!({"api": "limitador", "strict": true}))
}

fn a_day(unit: &str, most: u64) -> Value {
    json!({unit: most, "every": "day"})
}

/// Limits `l` and `second`, of tokens and requests, each strict.
fn two() -> Value {
    let mut two = strict(a_day("tokens", 1_000_000));
    let mut second = two["limits"][0].clone();
    second["id"] = json!("second");
    second["allow"] = a_day("requests", 100_000);
    two["limits"].as_array_mut().unwrap().push(second);
    two
}

fn methods(sent: &Sent) -> Vec<&'static str> {
    sent.asks.iter().map(|call| call.method).collect()
}

/// Answers all that a request asks, as the service does.
fn served(rls: &mut Rls, sent: &mut Sent) {
    for (number, call) in sent.asks.clone().iter().enumerate() {
        sent.answer(number, CalloutReply::Message(&rls.answer(call)));
    }
}

impl Proxy {
    fn commits(&self) -> Vec<Commit> {
        self.table.commits(FLEET_COMMITS)
    }

    /// Tells the service of what has ended, and of what is owed. Gives what it was told of reservations.
    fn tell(&self, rls: &mut Rls) -> Vec<Request> {
        let mut told = Vec::new();
        for commit in self.commits() {
            told.push(Request::read(&commit.call()));
            self.table.committed(&commit, CalloutReply::Message(&rls.answer(&commit.call())));
        }
        for parcel in self.round() {
            let answer = rls.answer(&parcel.call());
            if let Some(check) = self.table.answered(parcel, CalloutReply::Message(&answer)) {
                assert_eq!(self.table.answered(check, CalloutReply::Message(OK)), None);
            }
        }
        told
    }
}

#[test]
fn a_strict_limit_reserves_first_and_commits_at_the_end() {
    let proxy = Proxy::new(strict(a_day("tokens", 1000)));
    let mut rls = Rls::default();
    let mut sent = proxy.chat("a");
    let [call] = sent.asks.clone().try_into().unwrap();
    let asked = Request::read(&call);
    assert_eq!((asked.method, asked.ttl_s, sent.status()), ("Reserve", 600, 0));
    // Input by estimate, and `max_tokens`.
    assert!((101..150).contains(&asked.amount), "{asked:?}");
    served(&mut rls, &mut sent);
    assert_eq!(sent.status(), 200);
    assert!(proxy.commits().is_empty(), "it is under way");
    proxy.end(sent, 30, 20);
    let [told] = proxy.tell(&mut rls).try_into().unwrap();
    assert_eq!((told.method, told.amount, told.id.as_str()), ("Commit", 50, "id-1"));
    assert_eq!((rls.total(), rls.held.len()), (50, 0));
    proxy.wait(1000);
    assert!(proxy.tell(&mut rls).is_empty());
    assert_eq!(rls.total(), 50, "what was committed is not reported");

    let mut over = proxy.chat("a");
    over.answer(0, CalloutReply::Message(OVER));
    assert_eq!(over.status(), 429);
    let (_, body) = over.reply.clone().unwrap();
    assert!(body.contains("over the fleet"), "{body}");
    over.exchange.finish(b"");
    assert!(proxy.tell(&mut rls).is_empty());
}

#[test]
fn money_is_reserved_in_whole_cents_and_committed_without_the_rest() {
    let proxy = Proxy::new(strict(a_day("usd", 5)));
    let mut rls = Rls::default();
    for (used, committed) in [(1500, 1), (500, 0), (2400, 2)] {
        // 1,000 tokens out are one cent; the most, 100, are a tenth of one.
        let mut sent = proxy.chat("a");
        assert_eq!(Request::read(&sent.asks[0]).amount, 1);
        served(&mut rls, &mut sent);
        proxy.end(sent, 0, used);
        let [told] = proxy.tell(&mut rls).try_into().unwrap();
        assert_eq!(told.amount, committed);
        proxy.wait(500);
    }
    proxy.tell(&mut rls);
    assert_eq!(rls.total(), 4, "4.4 cents: the rest is carried on");
}

#[test]
fn a_request_is_committed_when_it_leaves_and_a_call_when_it_ends() {
    let mut rls = Rls::default();
    let proxy = Proxy::new(strict(a_day("requests", 10)));
    let mut sent = proxy.chat("a");
    served(&mut rls, &mut sent);
    assert_eq!(proxy.tell(&mut rls).len(), 1);
    proxy.end(sent, 1, 1);
    assert!(proxy.tell(&mut rls).is_empty());
    assert_eq!((rls.total(), rls.held.len()), (1, 0));
    for unit in ["requests", "calls"] {
        let mut rls = Rls::default();
        let proxy = Proxy::new(strict(a_day(unit, 10)));
        for kind in ["input_required", "input_required", "complete"] {
            let call = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call",
                "params": {"name": "refund", "arguments": {},
                    "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}});
            let mut sent = proxy.send_to("/mcp", "a", call);
            served(&mut rls, &mut sent);
            assert_eq!(sent.status(), 200, "{unit}");
            let result = json!({"resultType": kind, "content": [], "inputRequests": {}});
            proxy.answered(sent, &json!({"jsonrpc": "2.0", "id": 7, "result": result}));
            proxy.tell(&mut rls);
        }
        assert_eq!((rls.total(), rls.held.len(), rls.committed.len()), (1, 0, 3), "{unit}");
    }
}

/// All limits hold room for a request, or none does.
#[test]
fn what_one_limit_refuses_no_other_holds() {
    for refuses in [0, 1] {
        let proxy = Proxy::new(two());
        let mut rls = Rls::default();
        let mut sent = proxy.chat("a");
        assert_eq!(methods(&sent), ["Reserve", "Reserve"]);
        for (number, call) in sent.asks.clone().iter().enumerate() {
            assert_eq!(sent.status(), 0, "it waits for both");
            let answer = if number == refuses { OVER.to_vec() } else { rls.answer(call) };
            sent.answer(number, CalloutReply::Message(&answer));
        }
        assert_eq!(sent.status(), 429);
        sent.exchange.finish(b"");
        let [told] = proxy.tell(&mut rls).try_into().unwrap();
        assert_eq!((told.amount, rls.total(), rls.held.len()), (0, 0, 0));
    }
}

/// So is what was held for a model in whose place another is asked.
/// A header under the caller's own signature (AWS SigV4) would have to change: that is known when all limits have admitted it.
#[test]
fn a_request_that_is_refused_behind_all_limits_has_used_nothing() {
    let signed = "AWS4-HMAC-SHA256 Credential=AKIA/20261124/us-east-1/bedrock/aws4_request, \
        SignedHeaders=host;x-config, Signature=00";
    for global in [json!({"api": "limitador", "strict": true}), json!({"api": "limitador"})] {
        let mut rules = policy(a_day("requests", 100), global);
        rules["rollback"] = json!([{"id": "b", "set": {"headers": {"x-config": "stable"}}}]);
        let proxy = Proxy::new(rules);
        let mut rls = Rls::default();
        let body = json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}]});
        let more = [("authorization", signed)];
        let mut sent = proxy.send_with("/model/amazon.nova/converse", "a", &more, body);
        served(&mut rls, &mut sent);
        assert_eq!(sent.status(), 403);
        sent.exchange.finish(b"");
        proxy.tell(&mut rls);
        proxy.wait(1000);
        proxy.tell(&mut rls);
        assert_eq!((rls.total(), rls.held.len()), (0, 0));
    }
}

#[test]
fn a_changed_model_holds_nothing_for_the_one_before() {
    let mut policy = two();
    policy["limits"][0]["per"] = json!(["tenant", "model"]);
    policy["limits"][0]["over"] = json!({"downgrade": "small"});
    let proxy = Proxy::new(policy);
    let mut rls = Rls::default();
    let mut sent = proxy.chat("a");
    sent.answer(0, CalloutReply::Message(OVER));
    let held = rls.answer(&sent.asks[1]);
    sent.answer(1, CalloutReply::Message(&held));
    assert_eq!((sent.status(), sent.asks.len()), (0, 2), "both are asked once more");
    served(&mut rls, &mut sent);
    assert_eq!(sent.status(), 200);
    proxy.end(sent, 5, 5);
    let mut told: Vec<u64> = proxy.tell(&mut rls).iter().map(|told| told.amount).collect();
    told.sort_unstable();
    assert_eq!((told, rls.total(), rls.held.len()), (vec![0, 1, 10], 11, 0));
}

#[test]
fn a_caller_that_hangs_up_while_others_are_asked_holds_nothing() {
    let proxy = Proxy::new(two());
    let mut rls = Rls::default();
    let mut sent = proxy.chat("a");
    let held = rls.answer(&sent.asks[1]);
    sent.answer(1, CalloutReply::Message(&held));
    sent.exchange.finish(b"");
    sent.answer(0, CalloutReply::Message(&held));
    assert!(!sent.passed);
    assert_eq!(proxy.tell(&mut rls).len(), 1);
    assert_eq!((rls.total(), rls.held.len()), (0, 0));
}

#[test]
fn a_service_without_reservations_is_asked_otherwise_and_known() {
    let proxy = Proxy::new(two());
    let mut rls = Rls::default();
    let plain = |proxy: &Proxy| {
        hemostat_engine::fleet::status::json(&proxy.program, &proxy.table)
            .contains(r#""reserves":false"#)
    };
    let mut sent = proxy.chat("a");
    sent.answer(0, UNIMPLEMENTED);
    let held = rls.answer(&sent.asks[1]);
    sent.answer(1, CalloutReply::Message(&held));
    // Only what is not known is asked once more, of the same request.
    assert_eq!((methods(&sent), sent.status()), (vec!["CheckRateLimit"], 0));
    sent.answer(0, CalloutReply::Message(OK));
    assert_eq!(sent.status(), 200);
    proxy.end(sent, 30, 20);
    assert_eq!(proxy.tell(&mut rls).len(), 1);
    assert_eq!(
        (rls.total(), rls.held.len()),
        (51, 0),
        "tokens are reported, the request committed"
    );
    assert!(plain(&proxy));
    // Another worker of the process knows it too.
    let other = FleetTable::new(Rc::clone(&proxy.stores[1]) as Rc<_>);
    let other = Proxy { table: Rc::new(other), ..Proxy::new(two()) };
    assert_eq!(methods(&other.chat("b")), ["CheckRateLimit", "CheckRateLimit"]);
    // After ten minutes it is tried again, and as long as it has none not sooner than after ten more.
    proxy.wait(600_000);
    assert!(!plain(&proxy));
    let mut sent = proxy.chat("a");
    assert_eq!(methods(&sent), ["Reserve", "Reserve"]);
    sent.answer(0, UNIMPLEMENTED);
    sent.answer(1, UNIMPLEMENTED);
    assert_eq!(methods(&sent), ["CheckRateLimit", "CheckRateLimit"]);
    sent.answer(1, CalloutReply::Message(OK));
    sent.answer(0, CalloutReply::Message(OVER));
    assert_eq!(sent.status(), 429);
    proxy.wait(1000);
    assert_eq!(methods(&proxy.chat("a")), ["CheckRateLimit", "CheckRateLimit"]);
    // One that does not know how to be asked otherwise either does not answer.
    let mut neither = Proxy::new(strict(a_day("requests", 5))).chat("a");
    neither.answer(0, UNIMPLEMENTED);
    neither.answer(0, UNIMPLEMENTED);
    assert_eq!(
        neither.counts().last().unwrap(),
        "hemostat_global_decisions_total;rule=l;action=local"
    );
    assert_eq!(neither.status(), 200);
}

/// A clock that was set back does not make a service one without reservations for years.
#[test]
fn what_was_noted_at_a_time_to_come_is_tried() {
    let proxy = Proxy::new(strict(a_day("requests", 5)));
    proxy.chat("a").answer(0, UNIMPLEMENTED);
    proxy.stores.iter().for_each(|store| store.set_now_ns(T0 - S));
    assert_eq!(methods(&proxy.chat("a")), ["Reserve"]);
}

/// What the service certainly did not count is reported; what nobody can tell is not sent again.
#[test]
fn every_fate_of_a_commit_counts_at_most_once() {
    let garbage = CalloutReply::Status(0);
    for (answer, took_ms, reported) in [
        (CalloutReply::Message(b""), 0, 0),
        (CalloutReply::Message(&[8, 1]), 0, 0),
        (garbage, 0, 0),
        (TOO_LATE, 0, 0),
        (CalloutReply::Status(1), 0, 0),
        (UNAVAILABLE, 0, 50),
        (UNAVAILABLE, 400, 50),
        (UNAVAILABLE, 500, 0),
        (UNIMPLEMENTED, 0, 50),
        (CalloutReply::NotSent, 0, 50),
    ] {
        let proxy = Proxy::new(strict(a_day("tokens", 1000)));
        let mut rls = Rls::default();
        let mut sent = proxy.chat("a");
        served(&mut rls, &mut sent);
        proxy.end(sent, 30, 20);
        let [commit] = proxy.commits().try_into().unwrap();
        proxy.wait(took_ms);
        proxy.table.committed(&commit, answer);
        for _ in 0..3 {
            assert!(proxy.tell(&mut rls).is_empty(), "{answer:?}: not a second time");
            proxy.wait(500);
        }
        assert_eq!(rls.total(), reported, "{answer:?} after {took_ms} ms");
    }
}

/// While the service is silent nothing is sent to it that would be lost.
#[test]
fn what_ends_in_an_outage_is_reported_after_it() {
    let proxy = Proxy::new(strict(a_day("tokens", 1000)));
    let mut rls = Rls::default();
    let (mut first, mut second) = (proxy.chat("a"), proxy.chat("a"));
    served(&mut rls, &mut first);
    served(&mut rls, &mut second);
    proxy.chat("a").answer(0, UNAVAILABLE);
    proxy.wait(1000);
    proxy.end(first, 30, 20);
    proxy.end(second, 3, 4);
    assert!(proxy.commits().is_empty());
    for _ in 0..2 {
        proxy.tell(&mut rls);
        proxy.wait(500);
    }
    assert_eq!(rls.total(), 57);
}

#[test]
fn a_limit_that_the_service_holds_nothing_for_is_unknown_to_it() {
    for (cap, unknown) in [(1000, true), (1, false)] {
        let proxy = Proxy::new(strict(a_day("requests", cap)));
        let mut rls = Rls::default();
        let mut sent = proxy.chat("a");
        sent.answer(0, CalloutReply::Message(OK));
        assert_eq!(sent.status(), 200);
        let counts = sent.counts();
        // What is counted for no one exchange is among the effects of the table.
        let notes = format!("{counts:?} {:?}", proxy.table.effects());
        assert_eq!(notes.contains("hemostat_global_unlimited_total"), unknown, "{notes}");
        let status = hemostat_engine::fleet::status::json(&proxy.program, &proxy.table);
        assert_eq!(status.contains(r#""knows_limit":false"#), unknown, "{status}");
        assert!(proxy.tell(&mut rls).is_empty());
        assert_eq!(rls.total(), 1, "it is reported as ever");
        proxy.wait(500);
        let mut next = proxy.chat("b");
        served(&mut rls, &mut next);
        let status = hemostat_engine::fleet::status::json(&proxy.program, &proxy.table);
        assert!(!status.contains("knows_limit"), "it holds room: it knows");
    }
}

/// Whatever is answered is bounded in this process: an id that is too long holds nothing that could be ended.
#[test]
fn nothing_grows_without_a_bound() {
    let proxy = Proxy::new(strict(a_day("requests", 100_000)));
    let mut rls = Rls::default();
    let all = FLEET_COMMITS + 100;
    for _ in 0..all {
        let mut sent = proxy.chat("a");
        served(&mut rls, &mut sent);
        sent.exchange.finish(b"");
    }
    let some = proxy.table.commits(FLEET_CALLS);
    assert_eq!(some.len(), FLEET_CALLS, "as many as are asked for");
    for commit in some {
        proxy.table.committed(&commit, CalloutReply::Message(&rls.answer(&commit.call())));
    }
    assert_eq!(proxy.tell(&mut rls).len(), FLEET_COMMITS - FLEET_CALLS);
    assert_eq!(rls.total(), u64::try_from(all).unwrap(), "the others are reported");
    let long = [&[8, 1, 0x12, 0xac, 2][..], &[b'x'; 300]].concat();
    let mut sent = proxy.chat("a");
    sent.answer(0, CalloutReply::Message(&long));
    assert!(sent.counts().iter().any(|name| name.ends_with("action=local")));
    assert!(proxy.commits().is_empty());
}
