//! Events in the built module: a receiver that answers, refuses, hangs, a host that fails. They need
//! `dist/hemostat.wasm` (`./just wasm`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test may panic as the test itself may"
)]

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use host_tests::{
    CallAnswer, Chunking, Host, HostKind, HttpCall, Module, PluginContext, Request, Settings,
    Status, UpstreamAnswer, Worker, run_exchange,
};
use serde_json::{Value, json};

/// How often a worker looks at its events.
const TICK: Duration = Duration::from_millis(200);

/// A secret of the caller's, and one of the model's.
const CREDENTIAL: &str = "sk-live-4711";

fn module() -> Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    let load = || {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/hemostat.wasm");
        Module::load(path).unwrap_or_else(|error| panic!("{error}; run `./just wasm` first"))
    };
    MODULE.get_or_init(load).clone()
}

fn policy() -> Value {
    json!({"hemostat": 1, "version": "v1",
        "labels": {"tenant": [{"header": "x-tenant"}], "key": [{"header": "authorization", "digest": true}]},
        "notify": {"cluster": "alerts", "path": "/hook", "authority": "hooks.internal"},
        "tools": [{"id": "ask", "match": "refund", "do": "approve"}],
        "failsafe": [{"id": "kill", "when": {"tenant": "kill*"}, "do": {"fallback": "human"}}],
        "fallbacks": {"human": {"text": "A colleague answers.", "handoff": true}}})
}

/// A worker with a configuration for traffic and one for operators.
struct Side {
    host: Host,
    worker: Worker,
    traffic: PluginContext,
    control: PluginContext,
}

impl Side {
    fn new(host: &Host) -> Side {
        let key = "vduUATwikDizCzzPLMV1+1N6K8VwZeiKt10xdC0Lu7U=";
        let trust = json!({"keys": {"oncall": {"key": key, "may": ["approve"]}}});
        let traffic =
            json!({"hold_headers": true, "scope": "s", "trust": trust, "policy": policy()});
        let mut control = traffic.clone();
        control["control"] = json!({"show_labels": ["tenant"]});
        let worker = host.worker().unwrap();
        let configure = |own: &Value| {
            worker
                .configure(own.to_string())
                .unwrap_or_else(|refused| panic!("{refused}: {:?}", host.log()))
        };
        let (traffic, control) = (configure(&traffic), configure(&control));
        Side { host: host.clone(), worker, traffic, control }
    }

    /// A request of this tenant, whose answer calls `refund`.
    fn ask(&self, tenant: &str, amount: u64) -> String {
        let body = r#"{"model":"gpt-5","messages":[{"role":"user","content":"my secret"}]}"#;
        let request = Request::post("/v1/chat/completions", body)
            .header("x-tenant", tenant)
            .header("authorization", &format!("Bearer {CREDENTIAL}"));
        let arguments = json!({"amount": amount}).to_string();
        let call = json!({"id": "c", "type": "function", "function": {"name": "refund", "arguments": arguments}});
        let answer = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "finish_reason": "tool_calls",
                         "message": {"role": "assistant", "content": null, "tool_calls": [call]}}]});
        let answer = UpstreamAnswer::json(answer.to_string());
        let outcome = run_exchange(&self.worker, &self.traffic, request, answer, &Chunking::Whole);
        assert!(outcome.trapped.is_none(), "{:?}", outcome.trapped);
        String::from_utf8(outcome.downstream.body()).unwrap()
    }

    /// Time passes; the calls that are under way then.
    fn tick(&self) -> Vec<HttpCall> {
        self.host.advance(TICK);
        self.worker.run_due_ticks();
        self.worker.http_calls()
    }

    fn counted(&self, outcome: &str) -> u64 {
        let metrics = self.host.metrics();
        let of = |name: &&String| {
            name.starts_with("hemostat_events_total")
                && name.ends_with(&format!("outcome={outcome}"))
        };
        metrics.keys().filter(of).map(|name| self.host.counter(name)).sum()
    }

    fn status(&self) -> Value {
        let request = Request::get("/.hemostat/status");
        let answer = UpstreamAnswer::json("{}");
        let outcome = run_exchange(&self.worker, &self.control, request, answer, &Chunking::Whole);
        serde_json::from_slice(&outcome.downstream.body()).unwrap()
    }
}

fn host() -> Host {
    let settings = Settings { allow_on_headers_stop_iteration: true, ..Settings::default() };
    let host = Host::with(&module(), settings);
    host.add_cluster("alerts");
    host
}

fn body(call: &HttpCall) -> Value {
    serde_json::from_slice(&call.body).unwrap()
}

#[test]
fn a_stopped_call_is_told_once_and_listed() {
    let side = Side::new(&host());
    for _ in 0..3 {
        assert!(side.ask("acme", 150).contains("needs approval: ap_"));
    }
    let calls = side.tick();
    let [call] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!(call.headers.text(":path"), Some("/hook"));
    let event = body(call);
    assert_eq!((&event["event"], &event["count"]), (&json!("approval_wanted"), &json!(3)));
    assert_eq!(event["gen_ai.tool.name"], "refund");
    assert_eq!(event["labels"], json!({"tenant": "acme"}));
    let text = String::from_utf8(call.body.clone()).unwrap();
    assert!(!text.contains("my secret") && !text.contains(CREDENTIAL) && !text.contains("sha256:"));
    assert!(!text.contains("150"), "arguments are told only where `capture` says so");
    assert_eq!(side.tick(), calls, "nothing is told twice");
    assert!(side.worker.answer_http(call.token, CallAnswer::new(204, "")));
    assert_eq!((side.tick(), side.counted("sent")), (vec![], 1));
    let pending = &side.status()["pending_approvals"];
    assert_eq!(pending[0]["id"], event["hemostat.approval.id"]);
    assert_eq!((&pending[0]["tenant"], &pending[0]["count"]), (&json!("acme"), &json!(3)));
}

#[test]
fn a_receiver_that_fails_is_asked_again_a_few_times_and_given_up() {
    for answer in [CallAnswer::reset(), CallAnswer::no_healthy_upstream(), CallAnswer::timeout()] {
        let side = Side::new(&host());
        side.ask("acme", 1);
        let mut tried = 0;
        for _ in 0..200 {
            for call in side.tick() {
                tried += 1;
                assert!(side.worker.answer_http(call.token, answer.clone()));
            }
        }
        assert_eq!((tried, side.counted("retry"), side.counted("failed")), (3, 2, 1));
        assert!(side.worker.dead().is_none());
    }
}

#[test]
fn a_receiver_that_never_answers_holds_up_nothing() {
    let side = Side::new(&host());
    for amount in 0..20 {
        side.ask("acme", amount);
    }
    assert_eq!(side.tick().len(), 4, "so many are under way at most");
    for _ in 0..2000 {
        side.tick();
    }
    assert_eq!(side.counted("failed"), 20);
    assert!(side.ask("kill", 1).contains("A colleague answers."));
    assert!(side.worker.dead().is_none());
}

#[test]
fn what_does_not_fit_is_dropped_and_counted() {
    let side = Side::new(&host());
    for amount in 0..300 {
        side.ask("acme", amount);
    }
    assert_eq!(side.counted("dropped"), 300 - 64);
    assert_eq!(side.status()["pending_approvals"].as_array().unwrap().len(), 32);
}

#[test]
fn a_cluster_that_is_missing_is_no_trap() {
    let side = Side::new(&{
        let settings = Settings { allow_on_headers_stop_iteration: true, ..Settings::default() };
        Host::with(&module(), settings)
    });
    side.ask("acme", 1);
    for _ in 0..100 {
        assert_eq!(side.tick(), []);
    }
    assert_eq!(side.counted("failed"), 1);
    assert!(side.worker.dead().is_none());
}

/// Any one host call fails, or all of one kind: traffic gets what it would have got, and nothing traps.
#[test]
fn a_host_that_fails_costs_no_traffic() {
    let imports = [
        "proxy_http_call",
        "proxy_get_shared_data",
        "proxy_set_shared_data",
        "proxy_get_header_map_pairs",
        "proxy_get_current_time_nanoseconds",
        "proxy_increment_metric",
    ];
    let play = |fault: Option<(&str, u64)>| {
        let side = Side::new(&host());
        let text = side.ask("acme", 1);
        if let Some((import, n)) = fault {
            let status = Status::InternalFailure;
            side.host.fail_nth_call_of(import, n, status);
        }
        // The events of the request before are sent under the fault.
        for call in side.tick() {
            side.worker.answer_http(call.token, CallAnswer::new(200, ""));
        }
        side.tick();
        side.host.clear_faults();
        assert!(side.worker.dead().is_none(), "{fault:?}");
        assert_eq!(side.ask("acme", 1).len(), text.len(), "{fault:?}");
    };
    play(None);
    for import in imports {
        for n in 1..6 {
            play(Some((import, n)));
        }
    }
}

#[test]
fn the_list_of_waiting_calls_is_a_help_and_no_condition() {
    for import in ["proxy_get_shared_data", "proxy_set_shared_data"] {
        for status in [Status::InternalFailure, Status::CasMismatch] {
            let side = Side::new(&host());
            side.host.fail_every_call_of(import, status);
            assert!(side.ask("acme", 1).contains("needs approval: ap_"), "{import}");
            side.host.clear_faults();
            assert!(side.worker.dead().is_none());
            assert_eq!(side.tick().len(), 1, "the event is told all the same");
        }
    }
}

#[test]
fn another_host_sends_them_too() {
    let host = Host::with(&module(), Settings::of(HostKind::Generic));
    host.add_cluster("alerts");
    let worker = host.worker().unwrap();
    let mut policy = policy();
    policy["failsafe"] =
        json!([{"id": "down", "upstream": {"status": [500]}, "do": {"fallback": "human"}}]);
    policy["tools"] = json!([]);
    let own = json!({"host": "generic", "hold_headers": false, "policy": policy});
    let plugin = worker.configure(own.to_string()).unwrap();
    let body = r#"{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]}"#;
    let request = Request::post("/v1/chat/completions", body);
    let mut answer = UpstreamAnswer::json("{}");
    answer.headers.replace(":status", "500");
    let outcome = run_exchange(&worker, &plugin, request, answer, &Chunking::Whole);
    assert!(outcome.trapped.is_none(), "{:?}", outcome.trapped);
    host.advance(TICK);
    worker.run_due_ticks();
    assert!(!worker.http_calls().is_empty());
    assert!(worker.dead().is_none());
}

/// Five minutes of a source that gives nothing are told once, and a policy that goes on tells of it.
#[test]
fn a_silent_source_is_told_once() {
    let host = host();
    host.add_cluster("policy");
    let key = "vduUATwikDizCzzPLMV1+1N6K8VwZeiKt10xdC0Lu7U=";
    let source =
        json!({"cluster": "policy", "authority": "p", "path": "/current.json", "every_ms": 60_000});
    let own = json!({"hold_headers": true, "scope": "s", "trust": {"keys": {"ops": key}, "min_serial": 1},
                     "source": source, "policy": policy()});
    let worker = host.worker().unwrap();
    worker.configure(own.to_string()).unwrap();
    let mut events = Vec::new();
    for _ in 0..8 * 60 {
        host.advance(Duration::from_secs(1));
        worker.run_due_ticks();
        for call in worker.http_calls() {
            let answer = if call.cluster == b"policy" { 503 } else { 200 };
            if answer == 200 {
                events.push(body(&call)["event"].clone());
            }
            assert!(worker.answer_http(call.token, CallAnswer::new(answer, "")));
        }
    }
    assert_eq!(events, ["source_failing", "source_silent"]);
    assert!(worker.dead().is_none());
}
