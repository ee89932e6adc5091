//! How fast does a text pass the scanner, and what would the obvious way cost?
//!
//! The text is what models said in the recorded streams, 20 times over, with one secret planted in each round. All rows
//! must find the same matches. `stream` feeds it event by event; `whole` at once; `rescan` is the obvious way: after
//! every event each pattern searches all text so far (over a hundredth of the text, since its time grows with the
//! square).

#![allow(clippy::unwrap_used, reason = "a bench fails by panicking")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hemostat_benches::corpus::recorded_streams;
use hemostat_engine::search::{Hit, Matcher, Pattern, StreamSearch};
use regex_automata::nfa::thompson::pikevm::PikeVM;
use std::hint::black_box;

const ROUNDS: usize = 20;

/// Patterns such as operators write, none of which needs rewriting for a plain engine.
const PATTERNS: [&str; 20] = [
    "AKIA[A-Z2-7]{16}",
    "gh[pousr]_[A-Za-z0-9]{36,}",
    "github_pat_[A-Za-z0-9_]{40,}",
    "glpat-[A-Za-z0-9_-]{20,}",
    "xox[abprs]-[A-Za-z0-9-]{10,}",
    "sk_live_[A-Za-z0-9]{16,}",
    "AIza[0-9A-Za-z_-]{35}",
    "sk-ant-[A-Za-z0-9_-]{20,}",
    "sk-proj-[A-Za-z0-9_-]{20,}",
    "hf_[A-Za-z0-9]{34,}",
    "npm_[A-Za-z0-9]{36}",
    "eyJ[A-Za-z0-9_-]{8,}[.]eyJ[A-Za-z0-9_-]{8,}[.][A-Za-z0-9_-]{8,}",
    "-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----",
    "[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}[.][A-Za-z]{2,24}",
    "[0-9]{3}-[0-9]{2}-[0-9]{4}",
    "[0-9]{4}[ -][0-9]{4}[ -][0-9]{4}[ -][0-9]{4}",
    "[Ii]gnore (?:all )?(?:previous|prior) instructions",
    "[Pp]roject [Nn]ightingale",
    "[Ss]ystem [Pp]rompt:",
    "do anything now",
];

fn matcher(patterns: &[Pattern]) -> Matcher {
    Matcher::new((0..).zip(patterns)).unwrap()
}

fn stream(matcher: &Matcher, events: &[String]) -> Vec<Hit> {
    let (mut scan, mut hits) = (StreamSearch::default(), Vec::new());
    for event in events {
        scan.feed(matcher, event, &mut hits);
        black_box(scan.clear());
    }
    scan.finish(matcher, &mut hits);
    hits
}

fn rescan(engines: &[PikeVM], events: &[String]) -> usize {
    let mut caches: Vec<_> = engines.iter().map(PikeVM::create_cache).collect();
    let mut text = String::new();
    let mut found = 0;
    for event in events {
        text.push_str(event);
        found = engines
            .iter()
            .zip(&mut caches)
            .map(|(engine, cache)| engine.find_iter(cache, &text).count())
            .sum();
    }
    found
}

fn bench(c: &mut Criterion) {
    let streams = recorded_streams();
    let mut events = Vec::new();
    for _ in 0..ROUNDS {
        events.extend(streams.iter().flatten().cloned());
        events.push(format!(" gh{}_{} ", "p", "q9WmZ4tLr8Kd2Vb7Xc5Nf3Hj6Pg1Ys0TaEuRiO"));
    }
    let text = events.concat();
    let patterns: Vec<Pattern> =
        PATTERNS.iter().map(|source| Pattern::parse(source, false).unwrap().remove(0)).collect();
    let mut packs = Vec::new();
    for pack in ["pack:secrets", "pack:pii", "pack:prompt-injection"] {
        packs.extend(Pattern::parse(pack, false).unwrap());
    }
    let mut folded = Vec::new();
    for pack in ["pack:secrets", "pack:pii", "pack:prompt-injection"] {
        folded.extend(Pattern::parse(pack, true).unwrap());
    }
    let mut group = c.benchmark_group("scan");
    group.sample_size(20);
    group.throughput(Throughput::Bytes(text.len() as u64));
    for (name, patterns, expected) in [
        ("20-patterns", &patterns, ROUNDS),
        ("packs", &packs, ROUNDS),
        ("packs-folded", &folded, ROUNDS),
    ] {
        let matcher = matcher(patterns);
        let found = stream(&matcher, &events);
        assert!(found.len() >= expected, "{name}: {} hits", found.len());
        group.bench_function(format!("{name}/stream"), |b| {
            b.iter(|| assert_eq!(stream(&matcher, &events).len(), found.len()));
        });
        group.bench_function(format!("{name}/whole"), |b| {
            b.iter(|| {
                let (mut scan, mut hits) = (StreamSearch::default(), Vec::new());
                scan.feed(&matcher, &text, &mut hits);
                scan.finish(&matcher, &mut hits);
                assert_eq!(hits.len(), found.len());
            });
        });
    }
    let few = events.get(..events.len() / 100).unwrap_or_default();
    let engines: Vec<PikeVM> = PATTERNS.iter().map(|source| PikeVM::new(source).unwrap()).collect();
    let expected = stream(&matcher(&patterns), few).len();
    group.sample_size(10);
    group.throughput(Throughput::Bytes(few.concat().len() as u64));
    group.bench_function("20-patterns/rescan", |b| {
        b.iter(|| assert_eq!(rescan(&engines, few), expected));
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
