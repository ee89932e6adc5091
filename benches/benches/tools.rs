//! Questions: what do tools rules cost on answers without calls, and what does one grant cost, in wasm?
//!
//! Input: the recorded streams of each dialect that hold no call, through `dist/hemostat.wasm` (`./just wasm`) in the
//! wasmtime host, event by event: under one guardrail, and under the same with tools rules. Expected: the rules are not
//! to be seen, since a guarded event is read anyway. Beside it, tools rules alone: they make the filter read what it
//! would let pass. Then one whole answer with a call that needs leave: without a grant, and with a good one, whose
//! difference is the grant (base64, an envelope, one Ed25519 verification, the memory of used grants).
//! Fuel (about one unit an instruction) is the same on every run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench may panic as a test may"
)]

use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use hemostat_benches::streams::{self, Recording};
use hemostat_engine::dsse::SecretKey;
use hemostat_engine::grant::{Grant, GrantTarget, LIFE_S};
use host_tests::{Host, Module, PluginContext, Settings, Worker};
use serde_json::json;

const TOOL: &str = "refund";

struct Proxy {
    host: Host,
    worker: Worker,
    plugin: PluginContext,
}

#[derive(Debug, Clone, Copy, Default)]
struct Ran {
    bytes: usize,
    fuel: u64,
    time: Duration,
}

impl Proxy {
    fn new(module: &Module, configuration: &str) -> Proxy {
        let settings = Settings { allow_on_headers_stop_iteration: true, ..Settings::default() };
        let host = Host::with(module, settings);
        let worker = host.worker().unwrap();
        let plugin = worker.configure(configuration).unwrap();
        Proxy { host, worker, plugin }
    }

    /// Runs one exchange; the answer alone is measured.
    fn run(
        &self,
        path: &str,
        request: &[u8],
        grant: Option<&str>,
        answer: (&str, &[&[u8]]),
    ) -> Ran {
        let mut exchange = self.worker.exchange(&self.plugin);
        let length = request.len().to_string();
        let mut headers = vec![
            (":method", "POST"),
            (":path", path),
            (":authority", "a"),
            ("content-length", &length),
        ];
        headers.extend(grant.map(|grant| ("x-hemostat-approval", grant)));
        exchange.request_headers(headers.as_slice(), false).request_data(request, true);
        let fuel_before = exchange.so_far().fuel;
        let begun = Instant::now();
        exchange.response_headers([(":status", "200"), ("content-type", answer.0)], false);
        for chunk in answer.1 {
            exchange.response_data(chunk, false);
        }
        exchange.response_data("", true);
        let time = begun.elapsed();
        let seen = exchange.so_far();
        assert_eq!(exchange.finish().trapped, None);
        let bytes = seen.downstream.increments.iter().map(|part| part.bytes.len()).sum();
        Ran { bytes, fuel: seen.fuel - fuel_before, time }
    }

    fn run_all(&self, recorded: &[Recording]) -> Ran {
        recorded.iter().fold(Ran::default(), |sum, own| {
            let ran = self.run(
                &own.path,
                &own.request,
                None,
                (&own.content_type, own.frames().as_slice()),
            );
            Ran {
                bytes: sum.bytes + ran.bytes,
                fuel: sum.fuel + ran.fuel,
                time: sum.time + ran.time,
            }
        })
    }
}

fn policy(sections: serde_json::Value) -> String {
    let mut policy = sections;
    policy["hemostat"] = json!(1);
    json!({"hold_headers": true, "policy": policy}).to_string()
}

fn answers_without_calls(criterion: &mut Criterion, module: &Module) {
    let guard =
        json!([{"id": "one", "scan": ["output"], "do": "redact", "find": ["zzqq[0-9]{9}"]}]);
    let tools = json!([
        {"match": ["delete_*", "shell"], "do": "deny"},
        {"match": "refund", "when_args": {"/amount": {"lt": 20}}, "do": "allow"},
        {"match": ["refund", "transfer_*"], "do": "approve"}]);
    let proxies = [
        ("guardrail", Proxy::new(module, &policy(json!({"guardrails": guard})))),
        (
            "guardrail and tools",
            Proxy::new(module, &policy(json!({"guardrails": guard, "tools": tools}))),
        ),
        ("tools alone", Proxy::new(module, &policy(json!({"tools": tools})))),
        ("empty", Proxy::new(module, &policy(json!({})))),
    ];
    for dialect in streams::dialects() {
        let mut recorded = streams::recorded(dialect);
        let row = testkit::dialects::dialect(dialect);
        let calls = |frame: &[u8]| row.brings(frame) == testkit::dialects::Brings::Call;
        let plain = |own: &Recording| !own.frames().into_iter().any(calls);
        recorded.retain(plain);
        let events: usize = recorded.iter().map(|own| own.frames().len()).sum();
        let mut group = criterion.benchmark_group(format!("tools/{dialect}"));
        group.sample_size(10);
        for (name, proxy) in &proxies {
            proxy.run_all(&recorded);
            let ran = proxy.run_all(&recorded);
            println!(
                "{dialect}/{name}: {} streams without calls, {events} events, {} units of fuel an event",
                recorded.len(),
                ran.fuel / (events as u64).max(1)
            );
            group.bench_function(*name, |bench| {
                bench.iter_custom(|times| (0..times).map(|_| proxy.run_all(&recorded).time).sum());
            });
        }
        group.finish();
    }
}

fn one_grant(criterion: &mut Criterion, module: &Module) {
    let secret = SecretKey::from_seed(&[7; 32]);
    let trust =
        json!({"keys": {"oncall": {"key": secret.public().to_base64(), "may": ["approve"]}}});
    let policy = json!({"hemostat": 1, "tools": [{"id": "ask", "match": TOOL, "do": "approve"}]});
    let configuration =
        json!({"hold_headers": true, "scope": "s", "trust": trust, "policy": policy});
    let proxy = Proxy::new(module, &configuration.to_string());
    let made = Cell::new(0_u64);
    let grant = || {
        made.set(made.get() + 1);
        let now = proxy.host.now().as_secs();
        let grant = Grant {
            scope: Some("s".to_owned()),
            what: GrantTarget::AnyArgsOf(TOOL.to_owned()),
            tenant: None,
            issued_at: now,
            expires: now + LIFE_S,
            nonce: made.get().to_string(),
        };
        grant.sign(&secret, "oncall")
    };
    let request = br#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
    let call = json!({"id": "c", "type": "function", "function": {"name": TOOL, "arguments": "{\"amount\":150}"}});
    let answer = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": null, "tool_calls": [call]}}]});
    let answer = answer.to_string().into_bytes();
    let run = |grant: Option<&str>| {
        proxy.run("/v1/chat/completions", request, grant, ("application/json", &[&answer]))
    };
    run(None);
    let (without, with) = (run(None), run(Some(&grant())));
    assert!(without.bytes != answer.len() && with.bytes == answer.len(), "the grant is good");
    println!("a call that waits: {} units of fuel; with a good grant: {}", without.fuel, with.fuel);
    let mut group = criterion.benchmark_group("tools/grant");
    group.sample_size(10);
    group.bench_function("none", |bench| {
        bench.iter_custom(|times| (0..times).map(|_| run(None).time).sum());
    });
    group.bench_function("good", |bench| {
        bench.iter_custom(|times| {
            let sum = |sum: Duration, _| {
                if made.get().is_multiple_of(2000) {
                    // The memory of used grants is bounded: those of before are over and forgotten.
                    proxy.host.advance(Duration::from_secs(2 * 3600 + LIFE_S));
                }
                sum + run(Some(&grant())).time
            };
            (0..times).fold(Duration::ZERO, sum)
        });
    });
    group.finish();
}

fn tools(criterion: &mut Criterion) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/hemostat.wasm");
    let module =
        Module::load(path).unwrap_or_else(|error| panic!("{error}; run `./just wasm` first"));
    answers_without_calls(criterion, &module);
    one_grant(criterion, &module);
}

criterion_group!(benches, tools);
criterion_main!(benches);
