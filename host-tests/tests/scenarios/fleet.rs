//! Limits that a fleet shares: what is sent, and what becomes of calls that fail, never end, or are answered in nonsense.

use std::time::Duration;

use host_tests::{
    Call, Chunking, Exchange, Host, HostKind, Outcome, PluginContext, Settings, Status, Worker,
};
use serde_json::{Value, json};

use crate::rig::{Proxy, chat, configuration, envoy, module};

const OK: &[u8] = &[8, 1];
const OVER: &[u8] = &[8, 2];

fn policy(more: Value) -> Value {
    let mut global =
        json!({"domain": "llm", "cluster": "rls", "api": "limitador", "sync_every": "100ms"});
    global.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"labels": {"tenant": [{"header": "x-tenant"}]},
        "limits": [{"id": "l", "per": ["tenant"], "allow": {"requests": 5, "every": "day"}, "global": global}]})
}

/// A process with a cluster `rls`, and one of its workers.
struct Process {
    host: Host,
    worker: Worker,
    plugin: PluginContext,
}

impl Process {
    fn new(more: Value) -> Process {
        Process::under(policy(more))
    }

    fn under(policy: Value) -> Process {
        let host = Host::with(&module(), envoy());
        host.add_cluster("rls");
        host.add_cluster("alerts");
        let worker = host.worker().unwrap();
        let plugin = worker.configure(configuration(policy)).unwrap();
        Process { host, worker, plugin }
    }

    /// Another worker of the same process.
    fn other(&self, more: Value) -> Process {
        let worker = self.host.worker().unwrap();
        let plugin = worker.configure(configuration(policy(more))).unwrap();
        Process { host: self.host.clone(), worker, plugin }
    }

    /// A request, up to where the model would be asked.
    fn begin(&self) -> Exchange {
        let mut exchange = self.worker.exchange(&self.plugin);
        let body = r#"{"model":"m","messages":[{"role":"user","content":"Hi"}]}"#;
        let length = body.len().to_string();
        exchange.request_headers(
            [
                (":method", "POST"),
                (":path", "/v1/chat/completions"),
                (":authority", "a"),
                ("content-length", length.as_str()),
                ("x-tenant", "t"),
            ],
            false,
        );
        exchange.request_data(body, true);
        exchange
    }

    /// The model answers what was let through.
    fn end(mut exchange: Exchange) -> Outcome {
        if exchange.so_far().local_reply.is_none() {
            exchange.response_headers(
                [(":status", "200"), ("content-type", "application/json")],
                false,
            );
            exchange.response_data("{}", true);
        }
        exchange.finish()
    }

    fn status(&self) -> u16 {
        status(&Self::end(self.begin()))
    }

    fn tick(&self) {
        self.host.advance(Duration::from_millis(150));
        self.worker.run_due_ticks();
    }

    /// The calls that are open.
    fn calls(&self) -> Vec<Call> {
        self.worker.grpc_calls()
    }

    /// Answers every open call, and those that follow.
    fn answer(&self, message: &[u8]) {
        while let Some(call) = self.calls().first() {
            assert!(self.worker.answer_grpc(call.token, message));
        }
    }

    fn counted(&self, name: &str) -> u64 {
        let metrics = self.host.metrics();
        metrics.keys().filter(|own| own.starts_with(name)).map(|own| self.host.counter(own)).sum()
    }
}

fn status(outcome: &Outcome) -> u16 {
    assert_eq!(outcome.trapped, None);
    assert_eq!(outcome.violations, []);
    outcome.downstream.header(":status").unwrap().parse().unwrap()
}

#[test]
fn usage_is_reported_and_the_word_holds_for_every_worker() {
    let one = Process::new(json!({}));
    let other = one.other(json!({}));
    assert_eq!((one.status(), other.status()), (200, 200));
    one.tick();
    other.worker.run_due_ticks();
    assert!(other.calls().is_empty(), "one reports for its process");
    let [report] = one.calls().try_into().unwrap();
    assert_eq!(report.cluster, b"rls");
    assert_eq!(report.service, b"kuadrant.service.ratelimit.v1.RateLimitService");
    assert_eq!(report.method, b"Report");
    assert!(report.sent[0].ends_with(&[0x18, 2]), "both workers' requests");
    assert!(one.worker.answer_grpc(report.token, OK));
    let [check] = one.calls().try_into().unwrap();
    assert_eq!(check.method, b"CheckRateLimit");
    assert!(one.worker.answer_grpc(check.token, OVER));
    assert_eq!((one.status(), other.status()), (429, 429));
    assert_eq!(one.counted("hemostat_global_decisions_total;rule=l;action=over"), 2);
}

/// Limitador says yes to all of a limit that it does not know: more than the cap has been reported, and something is left.
#[test]
fn a_limit_that_the_service_does_not_know_is_told_where_the_policy_says() {
    let mut policy = policy(json!({}));
    policy["notify"] = json!({"cluster": "alerts", "authority": "a", "path": "/hook"});
    let one = Process::under(policy);
    for _ in 0..5 {
        assert_eq!(one.status(), 200);
    }
    one.tick();
    one.answer(OK);
    one.host.advance(Duration::from_secs(1));
    one.worker.run_due_ticks();
    let posts = one.worker.http_calls();
    let told: Vec<_> = posts.iter().map(|post| String::from_utf8_lossy(&post.body)).collect();
    assert!(told.iter().any(|told| told.contains("limit_unknown")), "{told:?}");
}

#[test]
fn a_strict_request_waits_for_its_answer() {
    for (answer, wanted) in [(OK, 200), (OVER, 429)] {
        let proxy = Process::new(json!({"strict": true}));
        let exchange = proxy.begin();
        assert!(exchange.so_far().upstream.headers.is_none(), "nothing has left");
        let [ask] = proxy.calls().try_into().unwrap();
        assert!(ask.timeout > Duration::ZERO && ask.timeout <= Duration::from_secs(1));
        assert!(proxy.worker.answer_grpc(ask.token, answer));
        let outcome = Process::end(exchange);
        assert_eq!(status(&outcome), wanted);
        assert_eq!(outcome.upstream.text().is_empty(), wanted == 429);
    }
}

/// Limitador's answer to a reservation with the id `r`.
const HOLDS: &[u8] = &[8, 1, 0x12, 1, b'r'];

#[test]
fn what_was_reserved_is_committed_by_the_worker_that_had_it() {
    let one = Process::new(json!({"strict": true, "sync_every": "10s"}));
    let other = one.other(json!({"strict": true, "sync_every": "10s"}));
    let exchange = one.begin();
    let [ask] = one.calls().try_into().unwrap();
    assert_eq!(ask.method, b"Reserve");
    assert!(one.worker.answer_grpc(ask.token, HOLDS));
    // A request counts when it leaves.
    one.tick();
    other.worker.run_due_ticks();
    assert!(other.calls().is_empty());
    let [commit] = one.calls().try_into().unwrap();
    assert_eq!(commit.method, b"Commit");
    assert!(commit.sent[0].ends_with(&[0x1a, 1, b'r', 0x20, 1]), "{:?}", commit.sent);
    assert!(one.worker.answer_grpc(commit.token, b""), "it says no more than that it has expired");
    assert_eq!(status(&Process::end(exchange)), 200);
    one.tick();
    assert!(one.calls().is_empty());
    assert_eq!(one.counted("hemostat_global_expired_total"), 1);
    assert_eq!(one.counted("hemostat_global_calls_total;action=commit;reason=ok"), 1);
    assert_eq!(one.counted("hemostat_global_calls_total;action=report"), 0);
}

/// One call follows the other: a turn is not waited for.
#[test]
fn commits_go_on_as_their_answers_come() {
    let mut policy = policy(json!({"strict": true, "sync_every": "10s"}));
    policy["limits"][0]["allow"]["requests"] = json!(1000);
    let proxy = Process::under(policy);
    for _ in 0..200 {
        let exchange = proxy.begin();
        let [ask] = proxy.calls().try_into().unwrap();
        assert!(proxy.worker.answer_grpc(ask.token, HOLDS));
        assert_eq!(status(&Process::end(exchange)), 200);
    }
    proxy.tick();
    assert_eq!(proxy.calls().len(), 64, "so many at once");
    proxy.answer(&[8, 1]);
    assert_eq!(proxy.counted("hemostat_global_calls_total;action=commit;reason=ok"), 200);
}

#[test]
fn a_service_without_reservations_is_asked_otherwise_at_once() {
    let proxy = Process::new(json!({"strict": true}));
    for (methods, wanted) in [(&["Reserve", "CheckRateLimit"][..], 200), (&["CheckRateLimit"], 429)]
    {
        let exchange = proxy.begin();
        for method in methods {
            let [ask] = proxy.calls().try_into().unwrap();
            assert_eq!(ask.method, method.as_bytes());
            if *method == "Reserve" {
                assert!(proxy.worker.close_grpc(ask.token, 12, "no such method"));
            } else {
                let word = if wanted == 200 { OK } else { OVER };
                assert!(proxy.worker.answer_grpc(ask.token, word));
            }
        }
        assert_eq!(status(&Process::end(exchange)), wanted);
    }
    assert_eq!(proxy.counted("hemostat_global_decisions_total;rule=l;action=local"), 0);
}

#[test]
fn every_fate_of_a_commit_leaves_traffic_alone() {
    for fate in FATES {
        let proxy = Process::new(json!({"strict": true}));
        let exchange = proxy.begin();
        let [ask] = proxy.calls().try_into().unwrap();
        assert!(proxy.worker.answer_grpc(ask.token, HOLDS));
        assert_eq!(status(&Process::end(exchange)), 200);
        if let Fate::NotSent(status) = fate {
            proxy.host.fail_every_call_of("proxy_grpc_call", status);
        }
        proxy.tick();
        let first = proxy.calls();
        for call in &first {
            assert_eq!(call.method, b"Commit", "{fate:?}");
            match fate {
                Fate::Status(code) => assert!(proxy.worker.close_grpc(call.token, code, "no")),
                Fate::Says(message) => assert!(proxy.worker.answer_grpc(call.token, message)),
                Fate::NotSent(_) => panic!("it was sent"),
            }
        }
        proxy.host.clear_faults();
        let mut reported = 0;
        for _ in 0..3 {
            proxy.tick();
            for call in proxy.calls() {
                reported += usize::from(call.method == b"Report");
                assert!(proxy.worker.answer_grpc(call.token, OK));
            }
            proxy.answer(OK);
        }
        let again = matches!(fate, Fate::NotSent(_) | Fate::Status(14 | 2));
        assert_eq!(reported, usize::from(again), "{fate:?}");
        assert_eq!(proxy.worker.dead(), None, "{fate:?}");
    }
}

#[test]
fn a_caller_that_hangs_up_while_it_waits_leaves_nothing_behind() {
    let proxy = Process::new(json!({"strict": true}));
    for _ in 0..10 {
        let mut exchange = proxy.begin();
        exchange.downstream_reset();
        let outcome = exchange.finish();
        assert_eq!(outcome.trapped, None);
    }
    // The answers come to nobody.
    proxy.answer(OK);
    let exchange = proxy.begin();
    proxy.answer(OK);
    assert_eq!(status(&Process::end(exchange)), 200, "ten would be above the cap of five");
}

/// What can become of a call.
#[derive(Debug, Clone, Copy)]
enum Fate {
    NotSent(Status),
    Status(i32),
    Says(&'static [u8]),
}

const FATES: [Fate; 9] = [
    Fate::NotSent(Status::InternalFailure),
    Fate::NotSent(Status::ParseFailure),
    Fate::Status(14),
    Fate::Status(4),
    Fate::Status(2),
    Fate::Status(0),
    Fate::Says(b""),
    Fate::Says(b"<html>not gRPC at all</html>"),
    Fate::Says(&[8, 0]),
];

#[test]
fn every_fate_of_a_question_is_decided_as_the_limit_says() {
    for fate in FATES {
        for (word, wanted) in [("local", 200), ("open", 200), ("closed", 429)] {
            let proxy = Process::new(json!({"strict": true, "on_error": word}));
            if let Fate::NotSent(status) = fate {
                proxy.host.fail_every_call_of("proxy_grpc_call", status);
            }
            let exchange = proxy.begin();
            for call in proxy.calls() {
                match fate {
                    Fate::Status(code) => assert!(proxy.worker.close_grpc(call.token, code, "no")),
                    Fate::Says(message) => assert!(proxy.worker.answer_grpc(call.token, message)),
                    Fate::NotSent(_) => panic!("it was sent"),
                }
            }
            assert_eq!(status(&Process::end(exchange)), wanted, "{fate:?} {word}");
            assert_eq!(proxy.worker.dead(), None, "{fate:?}");
        }
    }
}

#[test]
fn every_fate_of_a_report_leaves_traffic_alone() {
    for fate in FATES {
        let proxy = Process::new(json!({}));
        assert_eq!(proxy.status(), 200);
        if let Fate::NotSent(status) = fate {
            proxy.host.fail_every_call_of("proxy_grpc_call", status);
        }
        for _ in 0..20 {
            proxy.tick();
            for call in proxy.calls() {
                match fate {
                    Fate::Status(code) => assert!(proxy.worker.close_grpc(call.token, code, "no")),
                    Fate::Says(message) => assert!(proxy.worker.answer_grpc(call.token, message)),
                    Fate::NotSent(_) => panic!("it was sent"),
                }
            }
        }
        let statuses: Vec<u16> = (0..6).map(|_| proxy.status()).collect();
        assert_eq!(statuses, [200, 200, 200, 200, 429, 429], "{fate:?}: its own cap holds");
        assert_eq!(proxy.worker.dead(), None, "{fate:?}");
        // It is back: what is owed is reported.
        proxy.host.clear_faults();
        for _ in 0..3 {
            proxy.tick();
            proxy.answer(OK);
        }
        assert!(
            proxy.counted("hemostat_global_calls_total;action=report;reason=ok") > 0,
            "{fate:?}"
        );
    }
}

#[test]
fn a_call_that_never_ends_holds_nothing_up() {
    let proxy = Process::new(json!({}));
    assert_eq!(proxy.status(), 200);
    proxy.tick();
    assert_eq!(proxy.calls().len(), 1);
    for _ in 0..10 {
        proxy.tick();
    }
    assert_eq!(proxy.status(), 200);
    proxy.tick();
    let calls = proxy.calls();
    assert_eq!(calls.len(), 2, "the next report does not wait for the one before");
    assert_eq!(proxy.counted("hemostat_global_lost_total;reason=unanswered"), 1);
    // The late answer is nobody's any more.
    assert!(proxy.worker.answer_grpc(calls[0].token, OVER));
    assert_eq!(proxy.status(), 200);
}

#[test]
fn memory_that_workers_share_may_fail_at_any_call() {
    let run = |fault: Option<(&str, u64)>| {
        let proxy = Process::new(json!({}));
        if let Some((import, n)) = fault {
            proxy.host.fail_nth_call_of(import, n, Status::InternalFailure);
        }
        let before = proxy.host.calls();
        proxy.status();
        proxy.tick();
        proxy.answer(OVER);
        proxy.host.clear_faults();
        proxy.tick();
        proxy.answer(OK);
        assert_eq!(proxy.worker.dead(), None, "{fault:?}");
        let after = proxy.host.calls();
        [
            "proxy_get_shared_data",
            "proxy_set_shared_data",
            "proxy_grpc_call",
            "proxy_get_buffer_bytes",
        ]
        .map(|import| {
            let count = |calls: &std::collections::BTreeMap<&'static str, u64>| {
                calls.get(import).copied().unwrap_or(0)
            };
            (import, count(&after) - count(&before))
        })
    };
    for (import, calls) in run(None) {
        // Most reads are of empty slots, one as another.
        let step = (calls / 40).max(1);
        for n in (1..=calls).step_by(usize::try_from(step).unwrap()) {
            run(Some((import, n)));
        }
    }
}

#[test]
fn other_hosts_refuse_the_policy() {
    let host = Host::with(&module(), Settings::of(HostKind::Generic));
    let worker = host.worker().unwrap();
    let mut policy = policy(json!({}));
    policy["hemostat"] = json!(1);
    let own = json!({"host": "generic", "hold_headers": false, "policy": policy}).to_string();
    assert!(worker.configure(&own).is_err());
    let log: Vec<String> = host.log().into_iter().map(|line| line.text).collect();
    assert!(log.iter().any(|line| line.contains("needs gRPC")), "{log:?}");
    assert_eq!(worker.dead(), None);
}

#[test]
fn a_policy_without_it_calls_nobody() {
    let proxy =
        Proxy::new(json!({"limits": [{"id": "l", "allow": {"requests": 9, "every": "day"}}]}));
    proxy.run(chat().request(false, "hi"), chat().whole("ho"), &Chunking::AsGiven);
    proxy.host.advance(Duration::from_secs(60));
    proxy.worker.run_due_ticks();
    assert!(proxy.worker.grpc_calls().is_empty());
    assert_eq!(proxy.host.calls().get("proxy_grpc_call"), None);
}
