//! Releases in the built module: workers that share memory, a source that answers, a host that fails. They need
//! `dist/hemostat.wasm` (`./just wasm`). The releases are those of `testdata/releases`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a helper of a test may panic as the test itself may"
)]

#[path = "releases/in_force.rs"]
mod in_force;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use hemostat_engine::bundle::PAYLOAD_TYPE;
use hemostat_engine::counters;
use hemostat_engine::dsse::SecretKey;
use host_tests::{
    CallAnswer, Chunking, Host, HostKind, Module, Outcome, PluginContext, Quirks, Request,
    Settings, Status, UpstreamAnswer, Worker, run_exchange,
};
use serde_json::{Value, json};

/// How often a worker looks for a new release.
const TICK: Duration = Duration::from_millis(200);

fn module() -> Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    let load = || {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/hemostat.wasm");
        Module::load(path).unwrap_or_else(|error| panic!("{error}; run `./just wasm` first"))
    };
    MODULE.get_or_init(load).clone()
}

fn release(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../testdata/releases");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// The golden releases' configuration, with these fields.
fn configuration(fields: &Value) -> String {
    let mut all: Value = serde_json::from_str(&release("configuration.json")).unwrap();
    for (key, value) in fields.as_object().unwrap() {
        all[key] = value.clone();
    }
    all.to_string()
}

fn settings() -> Settings {
    Settings { allow_on_headers_stop_iteration: true, ..Settings::default() }
}

/// A worker with a configuration for traffic and one for operators.
struct Side {
    worker: Worker,
    traffic: PluginContext,
    control: PluginContext,
}

impl Side {
    fn new(host: &Host, fields: &Value) -> Side {
        let worker = host.worker().unwrap();
        let traffic = worker.configure(configuration(fields)).unwrap();
        let control = json!({"control": {"releases": true}});
        let control = worker.configure(configuration(&control)).unwrap();
        Side { worker, traffic, control }
    }

    fn post(&self, release: &str) -> (u16, Value) {
        let request = Request::post("/.hemostat/release", release).cut(Chunking::Bytes(100));
        let outcome = self.run(&self.control, request);
        let body = serde_json::from_slice(&outcome.downstream.body()).unwrap_or_default();
        (outcome.downstream.status().unwrap_or_default(), body)
    }

    fn run(&self, plugin: &PluginContext, request: Request) -> Outcome {
        let answer = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#;
        let answer = UpstreamAnswer::json(answer);
        let outcome = run_exchange(&self.worker, plugin, request, answer, &Chunking::Whole);
        assert!(outcome.trapped.is_none(), "{:?}", outcome.trapped);
        outcome
    }

    /// The version that a new stream meets.
    fn version(&self) -> String {
        let body = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
        let outcome = self.run(&self.traffic, Request::post("/v1/chat/completions", body));
        outcome.downstream.header("x-hemostat-policy").unwrap_or("-").to_owned()
    }
}

#[test]
fn what_one_worker_takes_all_of_them_follow() {
    let host = Host::with(&module(), settings());
    let sides = [Side::new(&host, &json!({})), Side::new(&host, &json!({}))];
    let [one, two] = &sides;
    assert_eq!((one.version(), two.version()), ("baseline".to_owned(), "baseline".to_owned()));
    let (status, said) = one.post(&release("01-whole.json"));
    assert_eq!((status, &said["outcome"]), (200, &json!("activated")), "{said}");
    assert_eq!(two.version(), "2026-11-24.1", "a stream that begins looks for itself");
    assert_eq!(two.post(&release("02-texts.json")).0, 200);
    assert_eq!(one.post(&release("03-rollback.json")).0, 200);
    for side in &sides {
        assert_eq!(side.version(), "2026-11-24.1");
        assert_eq!(side.post(&release("01-whole.json")).1["code"], "stale-serial");
    }
    // Configured once more, as for every listener and on trial: nothing changes.
    let again = Side::new(&host, &json!({}));
    assert_eq!(again.version(), "2026-11-24.1");
}

#[test]
fn a_stream_keeps_the_policy_that_it_began_with() {
    let host = Host::with(&module(), settings());
    let side = Side::new(&host, &json!({}));
    let mut running = side.worker.exchange(&side.traffic);
    let headers = [(":method", "POST"), (":path", "/v1/chat/completions"), (":authority", "a")];
    running.request_headers(headers, false);
    assert_eq!(side.post(&release("01-whole.json")).0, 200);
    running.request_data(r#"{"model":"m","messages":[]}"#, true);
    running.response_headers([(":status", "200"), ("content-type", "application/json")], false);
    running.response_data("{}", true);
    let outcome = running.finish();
    assert_eq!(outcome.downstream.header("x-hemostat-policy"), Some("baseline"));
    assert_eq!(side.version(), "2026-11-24.1");
}

fn polling() -> Value {
    json!({"source": {"cluster": "policy", "authority": "p", "path": "/current.json", "every_ms": 500}})
}

/// Ticks of all workers; the calls to the source that they made.
fn tick(host: &Host, sides: &[Side]) -> Vec<(usize, u32, Option<String>)> {
    host.advance(TICK);
    let mut calls = Vec::new();
    for (at, side) in sides.iter().enumerate() {
        side.worker.run_due_ticks();
        for call in side.worker.http_calls() {
            let etag = call.headers.text("if-none-match").map(str::to_owned);
            calls.push((at, call.token, etag));
        }
    }
    calls
}

#[test]
fn one_worker_asks_the_source_for_all() {
    let host = Host::with(&module(), settings());
    host.add_cluster("policy");
    let sides =
        [Side::new(&host, &polling()), Side::new(&host, &polling()), Side::new(&host, &polling())];
    let calls = tick(&host, &sides);
    let [(at, token, None)] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!(tick(&host, &sides), calls, "nobody else asks meanwhile");
    let mut answer = CallAnswer::new(200, release("01-whole.json"));
    answer.headers.add("etag", "\"one\"");
    assert!(sides[*at].worker.answer_http(*token, answer));
    for side in &sides {
        assert_eq!(side.version(), "2026-11-24.1");
    }
    // The next question carries what the answer said of itself.
    let mut calls = Vec::new();
    for _ in 0..4 {
        calls = tick(&host, &sides);
        if !calls.is_empty() {
            break;
        }
    }
    let [(at, token, Some(etag))] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!(etag, "\"one\"");
    assert!(sides[*at].worker.answer_http(*token, CallAnswer::new(304, "")));
    assert_eq!(sides[0].version(), "2026-11-24.1");
}

#[test]
fn whatever_a_source_answers_what_is_in_force_goes_on() {
    let garbage = CallAnswer::new(200, "<html>");
    let huge = CallAnswer::new(200, " ".repeat(2_000_000));
    let digest_only = CallAnswer::new(200, release("03-rollback.json"));
    for answer in [
        CallAnswer::reset(),
        CallAnswer::no_healthy_upstream(),
        CallAnswer::timeout(),
        CallAnswer::new(404, ""),
        CallAnswer::new(304, ""),
        garbage,
        huge,
        digest_only,
    ] {
        let host = Host::with(&module(), settings());
        host.add_cluster("policy");
        let sides = [Side::new(&host, &polling())];
        assert_eq!(sides[0].post(&release("01-whole.json")).0, 200);
        assert_eq!(sides[0].post(&release("02-texts.json")).0, 200);
        let calls = tick(&host, &sides);
        let [(_, token, _)] = calls.as_slice() else { panic!("{calls:?}") };
        assert!(sides[0].worker.answer_http(*token, answer));
        assert_eq!(sides[0].version(), "texts");
        assert!(sides[0].worker.dead().is_none());
    }
}

#[test]
fn a_source_whose_cluster_is_missing_is_no_trap() {
    let host = Host::with(&module(), settings());
    let sides = [Side::new(&host, &polling())];
    for _ in 0..20 {
        assert_eq!(tick(&host, &sides), []);
    }
    assert_eq!(sides[0].version(), "baseline");
}

/// Shared memory that fails at any one call: the release is in force everywhere, or refused; nothing traps, and the
/// next release is taken.
#[test]
fn shared_memory_that_fails_loses_nothing() {
    for import in ["proxy_set_shared_data", "proxy_get_shared_data"] {
        for status in [Status::InternalFailure, Status::CasMismatch] {
            for n in 1..8 {
                let host = Host::with(&module(), settings());
                let sides = [Side::new(&host, &json!({})), Side::new(&host, &json!({}))];
                host.fail_nth_call_of(import, n, status);
                let (code, said) = sides[0].post(&release("01-whole.json"));
                assert!(code == 200 || said["code"] == "not-kept", "{import} {n}: {code} {said}");
                host.clear_faults();
                if code == 200 {
                    assert_eq!(sides[0].post(&release("01-whole.json")).1["outcome"], "unchanged");
                }
                assert_eq!(sides[1].post(&release("02-texts.json")).0, 200, "{import} {n}");
                assert_eq!(sides[0].version(), "texts", "{import} {n}");
                assert_eq!(sides[1].version(), "texts", "{import} {n}");
            }
        }
    }
}

/// A release that is over goes back to the baseline, although the host kept nothing when its time came.
#[test]
fn an_end_that_the_host_does_not_keep_is_seen_to_again() {
    let key = SecretKey::from_seed(&[7; 32]);
    let trust = json!({"keys": {"ops": key.public().to_base64()}});
    let host = Host::with(&module(), settings());
    let worker = host.worker().unwrap();
    let configure = |fields: &Value| worker.configure(configuration(fields)).unwrap();
    let traffic = configure(&json!({"trust": trust}));
    let control = configure(&json!({"trust": trust, "control": {"releases": true}}));
    let side = Side { worker, traffic, control };
    let ends = host.now().as_secs() + 60;
    let release = json!({"scope": "prod-eu", "serial": 7, "issued_at": "2026-01-01T00:00:00Z", "issuer": "t",
        "policy": {"hemostat": 1, "version": "short"}, "expires": ends, "on_expiry": "baseline"});
    let release = key.envelope("ops", PAYLOAD_TYPE, release.to_string().as_bytes());
    let (status, said) = side.post(&release);
    assert_eq!((status, side.version().as_str()), (200, "short"), "{said}");
    // Both configurations know of the end.
    host.advance(TICK);
    side.worker.run_due_ticks();
    host.advance(Duration::from_secs(61));
    host.fail_every_call_of("proxy_set_shared_data", Status::InternalFailure);
    side.worker.run_due_ticks();
    host.clear_faults();
    assert_eq!(side.version(), "short");
    host.advance(TICK);
    side.worker.run_due_ticks();
    assert_eq!(side.version(), "baseline");
}

/// A host whose compare-and-swap does not create.
#[test]
fn another_host_shares_memory_too() {
    let mut quirks = Quirks::of(HostKind::Envoy);
    quirks.cas_creates_missing_key = false;
    let host = Host::with(&module(), Settings { quirks, ..settings() });
    let sides = [Side::new(&host, &json!({})), Side::new(&host, &json!({}))];
    assert_eq!(sides[0].post(&release("01-whole.json")).0, 200);
    assert_eq!(sides[1].version(), "2026-11-24.1");
}

impl Side {
    fn status(&self) -> Value {
        let outcome = self.run(&self.control, Request::get("/.hemostat/status"));
        serde_json::from_slice(&outcome.downstream.body()).unwrap()
    }
}

/// A listener with another key takes nothing of what the control listener says is in force; status and the answer to
/// the release say so, an event is raised, and the next configuration that can follow clears it.
#[test]
fn a_listener_with_another_key_is_not_following_and_status_says_so() {
    let host = Host::with(&module(), settings());
    host.add_cluster("alerts");
    let worker = host.worker().unwrap();
    let other = SecretKey::from_seed(&[9; 32]).public().to_base64();
    let notify = json!({"cluster": "alerts", "path": "/hook", "authority": "hooks.internal"});
    let traffic = json!({"trust": {"keys": {"ops-2026": other}}, "allow": {"clusters": ["alerts"]},
        "policy": {"hemostat": 1, "version": "baseline", "notify": notify}});
    let traffic = worker.configure(configuration(&traffic)).unwrap();
    let control = json!({"control": {"releases": true}});
    let control = worker.configure(configuration(&control)).unwrap();
    let side = Side { worker, traffic, control };
    let ticks = |n: usize| {
        for _ in 0..n {
            host.advance(TICK);
            side.worker.run_due_ticks();
        }
    };
    ticks(2);
    assert_eq!(side.status()["in_force"], "everywhere");
    let (status, said) = side.post(&release("01-whole.json"));
    assert_eq!((status, &said["in_force"]), (200, &json!("on-its-way")), "{said}");
    ticks(2);
    assert_eq!(side.version(), "baseline");
    let shown = side.status();
    assert_eq!(shown["in_force"], "not-everywhere", "{shown}");
    let [problem] = shown["not_following"].as_array().unwrap().as_slice() else {
        panic!("{shown}")
    };
    assert_eq!((&problem["code"], &problem["listener"]), (&json!("untrusted"), &json!("traffic")));
    assert_eq!((&problem["serial"], &problem["version"]), (&json!(0), &json!("baseline")));
    assert_eq!(
        host.metrics()["hemostat_not_following;scope=prod-eu"],
        host_tests::Metric::Gauge(1)
    );
    let calls = side.worker.http_calls();
    let events: Vec<Value> =
        calls.iter().map(|c| serde_json::from_slice(&c.body).unwrap()).collect();
    assert!(
        events.iter().any(|e| e["event"] == "not_following" && e["hemostat.reason"] == "untrusted"),
        "{events:?}"
    );
    // The release that is pushed next is answered with the problem at once.
    assert_eq!(side.post(&release("02-texts.json")).1["in_force"], "not-everywhere");
    // A minute later it is still so, and status says for how long.
    ticks(300);
    assert!(side.status()["not_following"][0]["age_s"].as_u64().unwrap() >= 60);
    // A configuration of its kind with the right key follows; the old one is gone, as after an update of the listener.
    let host = Host::with(&module(), settings());
    let side = Side::new(&host, &json!({}));
    assert_eq!(side.post(&release("01-whole.json")).0, 200);
    host.advance(TICK);
    side.worker.run_due_ticks();
    let shown = side.status();
    assert_eq!((&shown["in_force"], &shown["not_following"]), (&json!("everywhere"), &json!([])));
    assert_eq!(shown["followers"].as_array().unwrap().len(), 2);
}

/// Nobody follows this scope: a release is taken, and holds for nobody.
#[test]
fn a_release_that_no_listener_with_traffic_follows_is_in_force_nowhere() {
    let host = Host::with(&module(), settings());
    let worker = host.worker().unwrap();
    let traffic = worker.configure(configuration(&json!({"scope": "prod-us"}))).unwrap();
    let control = json!({"control": {"releases": true}});
    let control = worker.configure(configuration(&control)).unwrap();
    let side = Side { worker, traffic, control };
    assert_eq!(side.post(&release("01-whole.json")).0, 200);
    for _ in 0..5 {
        host.advance(TICK);
        side.worker.run_due_ticks();
    }
    assert_eq!(
        (side.status()["in_force"].as_str(), side.version().as_str()),
        (Some("nowhere"), "baseline")
    );
}

/// `hold_headers: true`, and a host that was not told: the request waits for a body that never comes.
#[test]
fn a_host_that_delivers_no_bodies_is_told_of() {
    let host =
        Host::with(&module(), Settings { allow_on_headers_stop_iteration: false, ..settings() });
    let guard = json!({"id": "g", "scan": ["input"], "find": ["x"], "do": "block"});
    let policy = json!({"policy": {"hemostat": 1, "version": "v", "guardrails": [guard]}});
    let side = Side::new(&host, &policy);
    let mut waits = side.worker.exchange(&side.traffic);
    let headers = [(":method", "POST"), (":path", "/v1/chat/completions"), (":authority", "a")];
    waits.request_headers(headers, false);
    waits.request_data(r#"{"model":"m","messages":[]}"#, true);
    let ticks = |n: usize| {
        for _ in 0..n {
            host.advance(TICK);
            side.worker.run_due_ticks();
        }
    };
    ticks(20);
    assert_eq!(side.status()["not_following"], json!([]), "a caller may be slow");
    ticks(10);
    let shown = side.status();
    assert_eq!(shown["not_following"][0]["code"], "no-bodies", "{shown}");
    assert_eq!(host.counter("hemostat_bodies_late_total"), 1);
    let lines = host.log();
    let said =
        lines.iter().filter(|line| format!("{line:?}").contains("allow_on_headers_stop_iteration"));
    assert_eq!(said.count(), 1, "{lines:?}");
}

/// An alert on what happens once needs the counter before it happens: everything that the filter may ever count is there
/// at 0 as soon as a configuration is active, and so is what the rules of a policy may do.
#[test]
fn every_counter_is_there_at_0_once_a_configuration_is_active() {
    let host = Host::with(&module(), settings());
    let guard = json!({"id": "g", "scan": ["output"], "find": ["x"], "do": {"redact": "y"}});
    let limit = json!({"id": "l", "allow": {"requests": 5, "every": "1m"}, "warn_at": [0.5]});
    let policy = json!({"hemostat": 1, "version": "v1", "severity": "sev2", "guardrails": [guard], "limits": [limit]});
    let worker = host.worker().unwrap();
    worker.configure(json!({"hold_headers": true, "policy": policy}).to_string()).unwrap();
    let metrics = host.metrics();
    let own = [
        "rule_hits_total;rule=g;action=redact",
        "rule_hits_total;rule=g;action=block",
        "rule_hits_total;rule=l;action=reject",
        "limit_warnings_total;rule=l;percent=50",
        "limit_overrun_total;rule=l",
        "host_trouble_total;reason=http_call",
    ];
    let own = own.iter().map(|name| format!("hemostat_{name}"));
    for name in counters::fixed().into_iter().chain(own) {
        assert_eq!(metrics.get(&name), Some(&host_tests::Metric::Counter(0)), "{name}");
    }
    let gauge = |name: &str| metrics.get(&format!("hemostat_{name}")).cloned();
    use host_tests::Metric::Gauge;
    assert_eq!(gauge("policy_serial"), Some(Gauge(0)));
    assert_eq!(gauge("policy_ends_seconds"), Some(Gauge(0)));
    assert_eq!(gauge("policy_severity"), Some(Gauge(2)));
    assert_eq!(gauge("policy_info;version=v1"), Some(Gauge(1)));
    assert_eq!(gauge("not_following"), Some(Gauge(0)));
}
