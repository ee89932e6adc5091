//! Question: what does an event cost from bytes to JSON and decoded strings, beside a JSON tree made by `serde_json`?
//!
//! Input: every recorded SSE answer, in chunks of 4 KiB. Both sides must find the same events and, where both read
//! JSON, the same number of strings.

#![allow(missing_docs, reason = "criterion_group makes a public function")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hemostat_engine::wire::frame::{Framing, Piece};
use hemostat_engine::wire::framer::Framer;
use hemostat_engine::wire::json::Doc;
use hemostat_engine::wire::text::Decoded;

const CHUNK: usize = 4096;

fn recorded() -> Vec<Vec<u8>> {
    let all = testkit::recordings().into_iter();
    let mut streams: Vec<_> = all
        .filter(|own| own.content_type.starts_with("text/event-stream"))
        .map(|own| own.response)
        .collect();
    streams.sort();
    streams
}

/// Every frame's payload, that of an answer which broke off included.
fn frames(streams: &[Vec<u8>], mut each: impl FnMut(&[u8])) {
    let mut out = Vec::new();
    let mut give = |out: &mut Vec<Piece>| {
        for piece in out.drain(..) {
            if let Piece::Frame(frame) = &piece
                && !frame.payload.is_empty()
            {
                each(&frame.payload_bytes());
            }
        }
    };
    for stream in streams {
        let mut framer = Framer::new(Framing::Sse);
        for chunk in stream.chunks(CHUNK) {
            framer.feed(chunk, &mut out);
            give(&mut out);
        }
        framer.finish(&mut out);
        give(&mut out);
    }
}

fn ours(streams: &[Vec<u8>]) -> (usize, usize) {
    let (mut events, mut strings) = (0, 0);
    let (mut doc, mut text) = (Doc::default(), Decoded::new());
    frames(streams, |payload| {
        events += 1;
        if doc.parse(payload).is_ok() {
            for value in doc.root(payload).descendants() {
                if let Some(content) = value.content_span().and_then(|span| payload.get(span)) {
                    text.read(content);
                    black_box(text.text());
                    strings += 1;
                }
            }
        }
    });
    (events, strings)
}

/// The usual way: lines, then a tree.
fn tree(streams: &[Vec<u8>]) -> (usize, usize) {
    fn strings(value: &serde_json::Value) -> usize {
        match value {
            serde_json::Value::String(_) => 1,
            serde_json::Value::Array(items) => items.iter().map(strings).sum(),
            serde_json::Value::Object(members) => members.values().map(strings).sum(),
            _ => 0,
        }
    }
    let (mut events, mut found) = (0, 0);
    for line in streams.iter().flat_map(|stream| stream.split(|byte| *byte == b'\n')) {
        if let Some(payload) = line.strip_prefix(b"data: ") {
            events += 1;
            found += serde_json::from_slice(payload).map_or(0, |value| strings(&value));
        }
    }
    (events, found)
}

fn stream(criterion: &mut Criterion) {
    let streams = recorded();
    let (events, strings) = tree(&streams);
    assert!(events > 5000 && strings > events);
    assert_eq!(ours(&streams), (events, strings));
    let mut group = criterion.benchmark_group("stream");
    group.throughput(Throughput::ElementsAndBytes {
        elements: events as u64,
        bytes: streams.iter().map(|stream| stream.len() as u64).sum(),
    });
    group.bench_function("frames", |bench| {
        bench.iter(|| {
            let mut count = 0;
            frames(&streams, |payload| count += usize::from(!black_box(payload).is_empty()));
            count
        });
    });
    group.bench_function("frames, json, strings", |bench| bench.iter(|| ours(&streams)));
    group.bench_function("baseline: lines, serde_json tree", |bench| bench.iter(|| tree(&streams)));
    group.finish();
}

criterion_group!(benches, stream);
criterion_main!(benches);
