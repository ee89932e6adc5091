//! Question: what do 1, 5 and 20 limits add to a request that is metered, beside the same request without limits?
//!
//! Each exchange is a chat call with a whole answer that says what it used: charged, read and settled. Every limit is an
//! account of its own in a store in memory, so host calls are not in the figures (`limits_wasm` has them). Two more: what
//! four workers cost one another on one hot key, and a million distinct keys through one limit, with the bytes that they
//! leave in the store.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a helper of a test may panic as the test itself may"
)]
#![allow(missing_docs, reason = "criterion_group makes a public function")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hemostat_engine::exchange::{Exchange, RequestFacts, RequestVerdict};
use hemostat_engine::ledger::{
    AccountKey, Book, Cap, LimitKey, MemoryStore, ReservationOutcome, Store, StoredValue,
    WriteOutcome,
};
use hemostat_engine::limits::LEDGER_WAYS;
use hemostat_engine::policy::Program;
use hemostat_engine::policy::config::Config;
use serde_json::json;

const NOW: u64 = 1_764_000_000_000_000_000;

fn program(limits: usize) -> Rc<Program> {
    let units = ["requests", "tokens", "usd", "tokens"];
    let limits: Vec<_> = (0..limits)
        .map(|n| {
            let mut allow = json!({"every": "1h"});
            let unit = units.get(n % units.len()).copied().unwrap_or("requests");
            // More than a bench asks for: the clock stands still, so nothing flows back in.
            let amount = if unit == "usd" { 1_000_000_u64 } else { 1_000_000_000_000 };
            allow[unit] = json!(amount);
            json!({"id": format!("l{n}"), "per": ["tenant"], "allow": allow, "burst": amount})
        })
        .collect();
    let policy = json!({
        "hemostat": 1, "labels": {"tenant": [{"header": "x-tenant"}]}, "limits": limits,
        "prices": {"*": {"input": 1, "output": 1}},
        // What all of them need: the body is read with and without limits.
        "guardrails": [{"id": "g", "scan": ["input", "output"], "find": "zzqq", "do": "block"}],
    });
    let config = json!({"hold_headers": true, "policy": policy}).to_string();
    Rc::new(Program::compile(&Config::parse(config.as_bytes()).unwrap().0).unwrap())
}

fn exchange(program: &Rc<Program>, book: &Rc<Book>, request: &[u8], answer: &[u8]) -> usize {
    let mut exchange = Exchange::with_book(Rc::clone(program), Rc::clone(book));
    let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    let headers = vec![
        pair(":method", "POST"),
        pair(":path", "/v1/chat/completions"),
        pair(":authority", "a"),
        pair("x-tenant", "acme"),
    ];
    let facts = RequestFacts { headers: headers.into(), now_ns: NOW, ..RequestFacts::default() };
    exchange.request_headers(facts, false);
    let verdict = exchange.request_body(Some(request));
    assert!(matches!(verdict, RequestVerdict::Pass { .. }));
    let headers = vec![pair(":status", "200"), pair("content-type", "application/json")];
    exchange.response_headers(&headers.into(), false, false, NOW);
    exchange.response_body(Some(answer), NOW);
    exchange.finish(b"");
    exchange.effects().len()
}

fn cost(criterion: &mut Criterion) {
    let text = "The quick brown fox jumps over the lazy dog. ".repeat(40);
    let request =
        json!({"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": text}]});
    let answer = json!({
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1}
    });
    let (request, answer) = (request.to_string().into_bytes(), answer.to_string().into_bytes());
    let mut group = criterion.benchmark_group("limits");
    group.throughput(Throughput::Elements(1));
    for limits in [0, 1, 5, 20] {
        let program = program(limits);
        group.bench_function(format!("{limits}"), |bencher| {
            let store = Rc::new(MemoryStore::new(NOW));
            let book = Rc::new(Book::new(store));
            bencher.iter(|| black_box(exchange(&program, &book, &request, &answer)));
        });
    }
    group.finish();
}

/// Storage that workers share, as a proxy has it: one lock for all of it, held for a look-up and a copy.
#[derive(Debug, Clone, Default)]
struct Shared {
    values: Arc<Mutex<Values>>,
    lost: Arc<AtomicU64>,
}

/// Values by key, and the number of the last write.
type Values = (BTreeMap<u32, (Vec<u8>, u32)>, u32);

impl Store for Shared {
    fn get(&self, key: u32) -> Result<Option<StoredValue>, ()> {
        let inner = self.values.lock().unwrap();
        Ok(inner.0.get(&key).map(|(bytes, cas)| StoredValue { bytes: bytes.clone(), cas: *cas }))
    }

    fn set(&self, key: u32, bytes: &[u8], cas: Option<u32>) -> WriteOutcome {
        let mut inner = self.values.lock().unwrap();
        if inner.0.get(&key).map(|(_, cas)| *cas) != cas {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return WriteOutcome::Mismatch;
        }
        inner.1 += 1;
        let written = inner.1;
        inner.0.insert(key, (bytes.to_vec(), written));
        WriteOutcome::Done
    }

    fn now_ns(&self) -> u64 {
        NOW
    }
}

/// Workers that reserve and settle as fast as they can, each `pairs` times, on keys that `key` names.
fn race(workers: usize, pairs: u64, key: impl Fn(usize) -> String + Sync) -> (Duration, f64) {
    let shared = Shared::default();
    let gate = Barrier::new(workers + 1);
    let cap = Cap::Bucket { amount: 1 << 40, every_ns: 3_600_000_000_000, burst: 1 << 40 };
    let took = std::thread::scope(|scope| {
        let all: Vec<_> = (0..workers)
            .map(|worker| {
                let (shared, gate, key) = (shared.clone(), &gate, key(worker));
                scope.spawn(move || {
                    let book = Book::new(Rc::new(shared));
                    let key = AccountKey::new(&LimitKey::new(b"limit"), &[&key], LEDGER_WAYS);
                    gate.wait();
                    for _ in 0..pairs {
                        let taken = loop {
                            // One that is contended is told so, and comes back.
                            if let Ok(ReservationOutcome::Admitted { hold, .. }) =
                                book.reserve(&key, &cap, 10, &[])
                            {
                                break hold;
                            }
                        };
                        let _ = black_box(book.settle(taken, 7));
                    }
                })
            })
            .collect();
        gate.wait();
        let began = Instant::now();
        all.into_iter().for_each(|worker| worker.join().unwrap());
        began.elapsed()
    });
    let writes = workers as f64 * pairs as f64 * 2.0;
    (took, shared.lost.load(Ordering::Relaxed) as f64 / writes)
}

fn contention(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("limits/workers");
    group.sample_size(10);
    let cases = [("1", 1, true), ("4, a key each", 4, false), ("4, one hot key", 4, true)];
    for (name, workers, hot) in cases {
        let key = |worker| if hot { "hot".to_owned() } else { format!("own-{worker}") };
        let (_, lost) = race(workers, 20_000, key);
        println!("limits/workers/{name}: {lost:.4} writes lost for each that stood");
        // Time for as many pairs in all, however many workers share them.
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|pairs| race(workers, pairs.div_ceil(workers as u64), key).0);
        });
    }
    group.finish();
}

fn a_million_keys(criterion: &mut Criterion) {
    let store = Rc::new(MemoryStore::new(NOW));
    let book = Book::new(Rc::clone(&store) as Rc<_>);
    let cap = Cap::Bucket { amount: 2, every_ns: 3_600_000_000_000, burst: 2 };
    let mut n = 0_u64;
    let mut next = || {
        n += 1;
        let key = AccountKey::new(&LimitKey::new(b"limit"), &[&n.to_string()], LEDGER_WAYS);
        let _ = black_box(book.reserve(&key, &cap, 1, &[]));
    };
    (0..1_000_000).for_each(|_| next());
    criterion
        .bench_function("limits/a key when the store is full", |bencher| bencher.iter(&mut next));
    let (slots, bytes) = store.size();
    println!("after {n} keys: {slots} slots, {bytes} bytes");
    assert!(bytes + slots * 128 < 16 * 1024 * 1024);
}

criterion_group!(benches, cost, contention, a_million_keys);
criterion_main!(benches);
