//! Question: what does the built module add to an event of a streamed answer, in wasm?
//!
//! Input: the recorded streams of each dialect through `dist/hemostat.wasm` (`./just wasm`) in the wasmtime host, in
//! chunks of 4 KiB and event by event. The baseline is a module without callbacks in the same host: what is above it is
//! the filter's. Fuel (about one unit an instruction) is printed beside the times, since it is the same on every run;
//! counting it costs time as well, which no proxy pays.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a helper of a test may panic as the test itself may"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hemostat_benches::streams::{self, Recording};
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

    /// Runs one exchange. Only the answer's body is measured: what a request costs is another question.
    fn run(&self, stream: &Recording, chunks: &[&[u8]]) -> Ran {
        let mut exchange = self.worker.exchange(&self.plugin);
        let length = stream.request.len().to_string();
        let headers = [
            (":method", "POST"),
            (":path", &stream.path),
            (":authority", "a"),
            ("content-length", &length),
        ];
        exchange.request_headers(headers, false).request_data(&stream.request, true);
        let headers = [(":status", "200"), ("content-type", &*stream.content_type)];
        exchange.response_headers(headers, false);
        let fuel_before = exchange.so_far().fuel;
        let begun = Instant::now();
        for chunk in chunks {
            exchange.response_data(chunk, false);
        }
        exchange.response_data("", true);
        let time = begun.elapsed();
        let seen = exchange.so_far();
        assert_eq!(exchange.finish().trapped, None);
        let bytes = seen.downstream.increments.iter().map(|part| part.bytes.len()).sum();
        Ran { bytes, fuel: seen.fuel - fuel_before, time }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Ran {
    bytes: usize,
    fuel: u64,
    time: Duration,
}

fn run_all(proxy: &Proxy, work: &[(&Recording, Vec<&[u8]>)]) -> Ran {
    work.iter().map(|(stream, chunks)| proxy.run(stream, chunks)).fold(
        Ran::default(),
        |sum, ran| Ran {
            bytes: sum.bytes + ran.bytes,
            fuel: sum.fuel + ran.fuel,
            time: sum.time + ran.time,
        },
    )
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
    for dialect in streams::dialects() {
        let recorded = streams::recorded(dialect);
        let bytes: usize = recorded.iter().map(|stream| stream.response.len()).sum();
        let events: usize = recorded.iter().map(|own| own.frames().len()).sum();
        let mut group = criterion.benchmark_group(format!("wasm/{dialect}"));
        group.sample_size(10);
        group.throughput(Throughput::ElementsAndBytes {
            elements: events as u64,
            bytes: bytes as u64,
        });
        for (cut, by_event) in [("4KiB", false), ("event", true)] {
            let work: Vec<(&Recording, Vec<&[u8]>)> = recorded
                .iter()
                .map(|own| {
                    (
                        own,
                        if by_event { own.frames() } else { own.response.chunks(CHUNK).collect() },
                    )
                })
                .collect();
            for (name, proxy) in &proxies {
                run_all(proxy, &work);
                let Ran { bytes: out, fuel, .. } = run_all(proxy, &work);
                assert!(*name == "guard" || out == bytes, "{name} changes nothing");
                println!(
                    "{dialect}/{name}/{cut}: {events} events, {} units of fuel an event",
                    fuel / events as u64
                );
                group.bench_function(format!("{name}/{cut}"), |bench| {
                    bench.iter_custom(|times| {
                        let ran = (0..times).map(|_| run_all(proxy, &work));
                        ran.map(|ran| if ran.bytes == out { ran.time } else { Duration::MAX }).sum()
                    });
                });
            }
        }
        group.finish();
    }
}

criterion_group!(benches, wasm);
criterion_main!(benches);
