//! Question: what does an event of a streamed answer cost from bytes in to bytes out, natively, with all packs and three
//! patterns of the operator's own?
//!
//! Input: the recorded streams of each dialect, request included, in chunks of 4 KiB and event by event. Baselines: a
//! copy of the bytes; one pattern instead of all; and the obvious way (a `serde_json` tree an event, and the whole text
//! scanned again after each).

#![allow(missing_docs, reason = "criterion_group makes a public function")]
#![allow(clippy::unwrap_used, reason = "a bench stops at what it did not expect")]

use std::hint::black_box;
use std::rc::Rc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hemostat_benches::streams::{self, Recording};
use hemostat_engine::policy::Program;
use hemostat_engine::search::{Hit, Matcher, Pattern, StreamSearch};

const CHUNK: usize = 4096;

fn chunked(streams: &[Recording], by_event: bool) -> Vec<(&Recording, Vec<&[u8]>)> {
    streams
        .iter()
        .map(|stream| match by_event {
            true => (stream, stream.frames()),
            false => (stream, stream.response.chunks(CHUNK).collect()),
        })
        .collect()
}

fn run_all(program: &Rc<Program>, work: &[(&Recording, Vec<&[u8]>)]) -> (usize, usize) {
    let ran = work.iter().map(|(stream, chunks)| streams::run(program, stream, chunks));
    ran.fold((0, 0), |(out, hits), ran| (out + ran.out, hits + ran.hits))
}

fn rescan(matcher: &Matcher, stream: &Recording) -> usize {
    let pointer = testkit::dialects::dialect(&stream.dialect).text_pointer().unwrap();
    let (mut text, mut hits) = (String::new(), Vec::<Hit>::new());
    for event in testkit::text::events(stream, &stream.response) {
        text.extend(event.pointer(&pointer).and_then(serde_json::Value::as_str));
        hits.clear();
        let mut scan = StreamSearch::default();
        scan.feed(matcher, &text, &mut hits);
        scan.finish(matcher, &mut hits);
    }
    hits.len()
}

fn pipe(criterion: &mut Criterion) {
    let guard = streams::program(streams::GUARD).unwrap();
    let one = streams::program(streams::ONE_PATTERN).unwrap();
    let mut patterns = Vec::new();
    for source in [
        "pack:secrets",
        "pack:pii",
        "pack:prompt-injection",
        "(?i)project\\s+nightingale",
        "ACME-[0-9]{6}",
    ] {
        patterns.extend(Pattern::parse(source, false).unwrap());
    }
    let matcher = Matcher::new((0..).zip(&patterns)).unwrap();
    for dialect in streams::dialects() {
        let recorded = streams::recorded(dialect);
        let bytes: usize = recorded.iter().map(|stream| stream.response.len()).sum();
        let events: usize = recorded.iter().map(|own| own.frames().len()).sum();
        assert!(events > 0, "{dialect}: no recorded streams");
        // The guard works: a planted word is found in half of the recordings that have a text, or more.
        let planted: Vec<Recording> = recorded.iter().filter_map(streams::plant).collect();
        let (_, hits) = run_all(&guard, &chunked(&planted, false));
        let found = hits * 2 >= planted.len();
        assert!(found, "{dialect}: {hits} hits in {} streams", planted.len());

        let mut group = criterion.benchmark_group(format!("pipe/{dialect}"));
        group.sample_size(20);
        group.throughput(Throughput::ElementsAndBytes {
            elements: events as u64,
            bytes: bytes as u64,
        });
        for (cut, by_event) in [("4KiB", false), ("event", true)] {
            let work = chunked(&recorded, by_event);
            let expected = run_all(&guard, &work);
            assert_eq!(run_all(&one, &work), (bytes, 0), "unchanged means unchanged");
            group.bench_function(format!("guard/{cut}"), |bench| {
                bench.iter(|| assert_eq!(run_all(&guard, &work), expected));
            });
            group.bench_function(format!("one pattern/{cut}"), |bench| {
                bench.iter(|| assert_eq!(run_all(&one, &work).0, bytes));
            });
        }
        group.bench_function("baseline: copy", |bench| {
            bench.iter(|| {
                let mut out = Vec::new();
                for chunk in recorded.iter().flat_map(|stream| stream.response.chunks(CHUNK)) {
                    out = black_box(chunk).to_vec();
                }
                out
            });
        });
        group.sample_size(10);
        group.bench_function("baseline: tree and rescan", |bench| {
            bench.iter(|| recorded.iter().map(|stream| rescan(&matcher, stream)).sum::<usize>());
        });
        group.finish();
    }
}

criterion_group!(benches, pipe);
criterion_main!(benches);
