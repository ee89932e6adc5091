//! Question: what do 1, 5 and 20 limits add to a call in the built module, host calls included?
//!
//! One chat call with a whole answer that says what it used, through `dist/hemostat.wasm` (`./just wasm`) in the wasmtime
//! host. The baseline is the same policy without limits, whose guardrail reads request and answer as well. Every limit
//! charges an account of its own and settles it: a read and a write of shared data each. Fuel (about one unit an
//! instruction) is the same on every run; times are worth their ratios alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a helper of a test may panic as the test itself may"
)]
#![allow(missing_docs, reason = "criterion_group makes a public function")]

use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use host_tests::{Host, Module, PluginContext, Settings, Worker};
use serde_json::{Value, json};

fn configuration(limits: usize) -> String {
    let units = ["requests", "tokens", "usd", "concurrent"];
    let limits: Vec<Value> = (0..limits)
        .map(|n| {
            let unit = units[n % units.len()];
            let amount = if unit == "usd" { 1_000_000_u64 } else { 1_000_000_000 };
            let mut allow = json!({ unit: amount });
            if unit != "concurrent" {
                allow["every"] = json!("1h");
            }
            json!({"id": format!("l{n}"), "per": ["tenant"], "allow": allow})
        })
        .collect();
    let policy = json!({
        "hemostat": 1, "labels": {"tenant": [{"header": "x-tenant"}]}, "limits": limits,
        "prices": {"*": {"input": 1, "output": 1}},
        "guardrails": [{"id": "g", "scan": ["input", "output"], "find": "zzqq", "do": "block"}],
    });
    json!({"hold_headers": true, "policy": policy}).to_string()
}

struct Proxy {
    worker: Worker,
    plugin: PluginContext,
}

impl Proxy {
    fn new(module: &Module, configuration: &str) -> Self {
        let settings = Settings { allow_on_headers_stop_iteration: true, ..Settings::default() };
        let worker = Host::with(module, settings).worker().unwrap();
        let plugin = worker.configure(configuration).unwrap();
        Self { worker, plugin }
    }

    /// One call; gives its fuel.
    fn call(&self, request: &str, answer: &str) -> u64 {
        let mut exchange = self.worker.exchange(&self.plugin);
        let length = request.len().to_string();
        let headers = [
            (":method", "POST"),
            (":path", "/v1/chat/completions"),
            (":authority", "a"),
            ("x-tenant", "acme"),
            ("content-length", &length),
        ];
        exchange.request_headers(headers, false).request_data(request, true);
        let length = answer.len().to_string();
        let headers =
            [(":status", "200"), ("content-type", "application/json"), ("content-length", &length)];
        exchange.response_headers(headers, false).response_data(answer, true);
        let seen = exchange.finish();
        assert_eq!(seen.trapped, None);
        seen.fuel
    }
}

fn limits(criterion: &mut Criterion) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/hemostat.wasm");
    let module =
        Module::load(path).unwrap_or_else(|error| panic!("{error}; run `./just wasm` first"));
    let text = "The quick brown fox jumps over the lazy dog. ".repeat(40);
    let request =
        json!({"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": text}]})
            .to_string();
    let answer = json!({
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1}
    })
    .to_string();
    let mut group = criterion.benchmark_group("wasm/limits");
    let mut none = 0;
    for limits in [0, 1, 5, 20] {
        let proxy = Proxy::new(&module, &configuration(limits));
        // The first call of a worker builds what later ones use.
        proxy.call(&request, &answer);
        let fuel = proxy.call(&request, &answer);
        if limits == 0 {
            none = fuel;
        }
        println!(
            "wasm/limits/{limits}: {fuel} units of fuel a call, {:.2} times that without limits",
            fuel as f64 / none as f64
        );
        group.bench_function(limits.to_string(), |bencher| {
            bencher.iter(|| proxy.call(&request, &answer));
        });
    }
    group.finish();
}

criterion_group!(benches, limits);
criterion_main!(benches);
