//! Question: what does the built module add to an event of a streamed answer, in wasm?
//!
//! Input: the recorded streams of each dialect through `dist/hemostat.wasm` (`./just wasm`) in the wasmtime host, in
//! chunks of 4 KiB and event by event. The baseline is a module without callbacks in the same host: what is above it is
//! the filter's. Fuel (about one unit an instruction) is printed beside the times, since it is the same on every run;
//! counting it costs time as well, which no proxy pays.

#![allow(missing_docs, reason = "criterion_group makes a public function")]
#![allow(clippy::unwrap_used, reason = "a bench stops at what it did not expect")]

use std::path::Path;
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hemostat_benches::streams::{self, DIALECTS, Stream};
use host_tests::{Host, Module, PluginContext, Settings, Worker};

const CHUNK: usize = 4096;

/// A module that takes part in nothing.
const PASSES: &str = r#"(module (memory (export "memory") 1)
    (func (export "malloc") (param i32) (result i32) i32.const 1024)
    (func (export "proxy_abi_version_0_2_1")))"#;

struct Proxy {
    worker: Worker,
    plugin: PluginContext,
}

impl Proxy {
    fn new(module: &Module, configuration: &str) -> Proxy {
        let settings = Settings { allow_on_headers_stop_iteration: true, ..Settings::default() };
        let worker = Host::with(module, settings).worker().unwrap();
        let plugin = worker.configure(configuration).unwrap();
        Proxy { worker, plugin }
    }

    /// Runs one exchange: bytes that reached the caller, and fuel.
    fn run(&self, stream: &Stream, chunks: &[&[u8]]) -> (usize, u64) {
        let mut exchange = self.worker.exchange(&self.plugin);
        let length = stream.request.len().to_string();
        let headers = [
            (":method", "POST"),
            (":path", &stream.path),
            (":authority", "a"),
            ("content-length", &length),
        ];
        exchange.request_headers(headers, false).request_data(&stream.request, true);
        exchange
            .response_headers([(":status", "200"), ("content-type", "text/event-stream")], false);
        for chunk in chunks {
            exchange.response_data(chunk, false);
        }
        exchange.response_data("", true);
        let outcome = exchange.finish();
        assert_eq!(outcome.trapped, None);
        (outcome.downstream.increments.iter().map(|part| part.bytes.len()).sum(), outcome.fuel)
    }
}

fn run_all(proxy: &Proxy, work: &[(&Stream, Vec<&[u8]>)]) -> (usize, u64) {
    let ran = work.iter().map(|(stream, chunks)| proxy.run(stream, chunks));
    ran.fold((0, 0), |(bytes, fuel), (own, more)| (bytes + own, fuel + more))
}

fn wasm(criterion: &mut Criterion) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/hemostat.wasm");
    let before = Instant::now();
    let module =
        Module::load(path).unwrap_or_else(|error| panic!("{error}; run `./just wasm` first"));
    println!("module: {} bytes, compiled by cranelift in {:?}", module.size(), before.elapsed());
    let passes = Module::load(wat::parse_str(PASSES).unwrap()).unwrap();
    for (name, configuration) in [("empty", streams::EMPTY), ("guard", streams::GUARD)] {
        let worker = Host::new(&module).worker().unwrap();
        let before = Instant::now();
        worker.configure(configuration).unwrap();
        println!(
            "configure `{name}` (a throw-away instance, then the worker's): {:?}, {} KiB of memory",
            before.elapsed(),
            worker.memory_bytes() / 1024
        );
    }
    let proxies = [
        ("baseline: no filter", Proxy::new(&passes, "")),
        ("empty", Proxy::new(&module, streams::EMPTY)),
        ("one pattern", Proxy::new(&module, streams::ONE_PATTERN)),
        ("guard", Proxy::new(&module, streams::GUARD)),
    ];
    for dialect in DIALECTS {
        let recorded = streams::recorded(dialect).unwrap();
        let bytes: usize = recorded.iter().map(|stream| stream.answer.len()).sum();
        let events: usize = recorded.iter().map(Stream::events).sum();
        let mut group = criterion.benchmark_group(format!("wasm/{dialect}"));
        group.sample_size(10);
        group.throughput(Throughput::ElementsAndBytes {
            elements: events as u64,
            bytes: bytes as u64,
        });
        for (cut, by_event) in [("4KiB", false), ("event", true)] {
            let work: Vec<(&Stream, Vec<&[u8]>)> = recorded
                .iter()
                .map(|own| {
                    (
                        own,
                        if by_event { own.by_event() } else { own.answer.chunks(CHUNK).collect() },
                    )
                })
                .collect();
            for (name, proxy) in &proxies {
                run_all(proxy, &work);
                let (out, fuel) = run_all(proxy, &work);
                assert!(*name == "guard" || out == bytes, "{name} changes nothing");
                println!(
                    "{dialect}/{name}/{cut}: {events} events, {} units of fuel an event",
                    fuel / events as u64
                );
                group.bench_function(format!("{name}/{cut}"), |bench| {
                    bench.iter(|| assert_eq!(run_all(proxy, &work).0, out));
                });
            }
        }
        group.finish();
    }
}

criterion_group!(benches, wasm);
criterion_main!(benches);
