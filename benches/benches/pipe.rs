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
use hemostat_benches::streams::{self, DIALECTS, Stream};
use hemostat_engine::policy::Program;
use hemostat_engine::search::{Hit, Matcher, Pattern, StreamSearch};

const CHUNK: usize = 4096;

fn chunked(streams: &[Stream], by_event: bool) -> Vec<(&Stream, Vec<&[u8]>)> {
    streams
        .iter()
        .map(|stream| match by_event {
            true => (stream, stream.by_event()),
            false => (stream, stream.answer.chunks(CHUNK).collect()),
        })
        .collect()
}

fn run_all(program: &Rc<Program>, work: &[(&Stream, Vec<&[u8]>)]) -> (usize, usize) {
    let ran = work.iter().map(|(stream, chunks)| streams::run(program, stream, chunks));
    ran.fold((0, 0), |(out, hits), ran| (out + ran.out, hits + ran.hits))
}

/// Every string of an event, as one would look for text without knowing the dialect.
fn strings(value: &serde_json::Value, text: &mut String) {
    match value {
        serde_json::Value::String(own) => text.push_str(own),
        serde_json::Value::Array(items) => items.iter().for_each(|item| strings(item, text)),
        serde_json::Value::Object(members) => {
            for name in ["choices", "delta", "content", "text", "candidates", "parts"] {
                if let Some(member) = members.get(name) {
                    strings(member, text);
                }
            }
        }
        _ => {}
    }
}

fn rescan(matcher: &Matcher, stream: &Stream) -> usize {
    let (mut text, mut hits) = (String::new(), Vec::<Hit>::new());
    for line in stream.answer.split(|byte| *byte == b'\n') {
        let Some(payload) = line.strip_prefix(b"data:") else { continue };
        if let Ok(event) = serde_json::from_slice(payload) {
            strings(&event, &mut text);
        }
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
    for dialect in DIALECTS {
        let recorded = streams::recorded(dialect);
        let bytes: usize = recorded.iter().map(|stream| stream.answer.len()).sum();
        let events: usize = recorded.iter().map(Stream::events).sum();
        assert!(events > 300, "{dialect}: {events} events");
        // The guard works: a planted word is found, where a recording has a text to plant it in.
        let planted: Vec<Stream> =
            recorded.iter().filter_map(|own| streams::plant(dialect, own)).collect();
        let (_, hits) = run_all(&guard, &chunked(&planted, false));
        assert!(hits * 2 > planted.len(), "{dialect}: {hits} hits in {} streams", planted.len());

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
                for chunk in recorded.iter().flat_map(|stream| stream.answer.chunks(CHUNK)) {
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
