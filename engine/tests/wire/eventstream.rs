//! Event streams: recorded ones against an independent reading, every way to cut, and every way to be wrong.

use std::path::{Path, PathBuf};

use crate::messages::{chunk, message, messages, with_headers};
use hemostat_engine::wire::edit::{Edit, apply};
use hemostat_engine::wire::frame::{Frame, Framing, Piece};
use hemostat_engine::wire::framer::Framer;
use proptest::prelude::*;
use serde_json::{Value, json};

fn pieces<'a>(limit: usize, chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Piece<'static>> {
    let mut framer = Framer::with_limit(Framing::EventStream, limit);
    let mut out = Vec::new();
    for chunk in chunks {
        framer.feed(chunk, &mut out);
        assert!(framer.held() <= limit.max(12));
    }
    framer.finish(&mut out);
    assert_eq!(framer.held(), 0);
    out
}

fn at_once(stream: &[u8]) -> Vec<Piece<'static>> {
    pieces(usize::MAX, [stream])
}

fn frames<'a>(pieces: &'a [Piece<'a>]) -> Vec<&'a Frame<'a>> {
    let mut all = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Frame(frame) => all.push(frame),
            other => panic!("{other:?}"),
        }
    }
    all
}

/// Pieces without the ways in which what is no frame may fall into parts.
fn merged(pieces: Vec<Piece<'static>>) -> Vec<Piece<'static>> {
    let mut out: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (out.last_mut(), piece) {
            (
                Some(Piece::Oversized { raw, last: last @ false }),
                Piece::Oversized { raw: more, last: end },
            ) => {
                raw.to_mut().extend_from_slice(&more);
                *last = end;
            }
            (Some(Piece::Lost { raw }), Piece::Lost { raw: more }) => {
                raw.to_mut().extend_from_slice(&more)
            }
            (_, piece) => out.push(piece),
        }
    }
    out
}

fn joined(pieces: &[Piece]) -> Vec<u8> {
    pieces.iter().flat_map(|piece| piece.raw().to_vec()).collect()
}

fn recorded() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/recorded/bedrock");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let streams = entries.filter(|path| path.to_string_lossy().ends_with(".eventstream"));
    let all: Vec<_> = streams.map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect();
    assert!(all.len() > 15);
    all
}

#[test]
fn recorded_streams_are_read_as_others_read_them() {
    for (path, stream) in recorded() {
        let whole = at_once(&stream);
        assert_eq!(joined(&whole), stream);
        let file = path.to_string_lossy().replace(".eventstream", ".events.jsonl");
        let lines = std::fs::read_to_string(file).unwrap();
        let expected: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let found: Vec<Value> = frames(&whole)
            .iter()
            .map(|frame| serde_json::from_slice(&frame.payload_bytes()).unwrap())
            .collect();
        let payloads: Vec<&Value> = expected.iter().map(|event| &event["payload"]).collect();
        assert_eq!(found.iter().collect::<Vec<_>>(), payloads, "{path:?}");
        for (frame, event) in frames(&whole).iter().zip(&expected) {
            let name = event["headers"][":event-type"].as_str().map(str::as_bytes);
            assert_eq!(frame.event_name(), name);
        }
        assert_eq!(pieces(usize::MAX, stream.chunks(1)), whole);
        for size in [2, 3, 7, 11, 13, 64, 1000] {
            assert_eq!(pieces(usize::MAX, stream.chunks(size)), whole);
        }
        if stream.len() < 5000 {
            for at in 0..stream.len() {
                let (head, tail) = stream.split_at(at);
                assert_eq!(pieces(usize::MAX, [head, tail]), whole, "{path:?} cut at {at}");
            }
        }
    }
}

#[test]
fn a_changed_message_is_a_message_and_keeps_its_headers() {
    let headers = [("x", ""), (":event-type", "contentBlockDelta"), (":message-type", "event")];
    let stream = with_headers(&headers, br#"{"delta":{"text":"abc"},"p":"xx"}"#);
    let whole = at_once(&stream);
    let [Piece::Frame(frame)] = &whole[..] else { panic!() };
    let changed = apply(frame, &[Edit { at: 18..21, with: b"a much longer text".to_vec() }]);
    let [read] = &messages(&changed)[..] else { panic!() };
    assert_eq!(read.event(), json!({"delta": {"text": "a much longer text"}, "p": "xx"}));
    assert_eq!(read.headers.len(), 3);
    assert_eq!(read.header(":event-type"), "contentBlockDelta");
    assert_eq!(apply(frame, &[]), stream);
}

#[test]
fn a_models_own_event_is_read_and_changed_inside_its_message() {
    let stream = chunk(r#"{"type":"x","text":"abc"}"#);
    let whole = at_once(&stream);
    let [Piece::Frame(frame)] = &whole[..] else { panic!() };
    assert_eq!(&*frame.payload_bytes(), br#"{"type":"x","text":"abc"}"#);
    let changed = apply(frame, &[Edit { at: 20..23, with: b"#".to_vec() }]);
    let [read] = &messages(&changed)[..] else { panic!() };
    assert_eq!(read.event(), json!({"type": "x", "text": "#"}));
    let outer: Value = serde_json::from_slice(&read.payload).unwrap();
    assert_eq!(outer["p"], "abcdefgh");
    assert_eq!(apply(frame, &[]), stream);
}

#[test]
fn what_hides_an_event_is_not_taken_for_one() {
    let event = hemostat_engine::base::base64::encode(br#"{"type":"x"}"#);
    for payload in [
        format!(r#"{{"bytes":"{event}","bytes":"{event}"}}"#),
        format!(r#"{{"bytes":"{event}!"}}"#),
        format!(r#"{{"bytes":" {event}"}}"#),
        format!(r#"{{"bytes":["{event}"]}}"#),
        format!(r#"{{"BYTES":"{event}"}}"#),
        format!(r#"["{event}"]"#),
        event.clone(),
        String::new(),
    ] {
        let stream = message("chunk", payload.as_bytes());
        let whole = at_once(&stream);
        assert_eq!(&*frames(&whole)[0].payload_bytes(), payload.as_bytes());
    }
    // Escapes are another spelling of the same.
    let spelled =
        format!(r#"{{"bytes":"\u{:04x}{}"}}"#, event.as_bytes()[0], event.get(1..).unwrap());
    let whole = at_once(&message("chunk", spelled.as_bytes()));
    assert_eq!(&*frames(&whole)[0].payload_bytes(), br#"{"type":"x"}"#);
}

/// With checksums that fit what was altered.
fn sealed(mut bytes: Vec<u8>, prelude: bool) -> Vec<u8> {
    let crc = |bytes: &[u8]| crate::messages::crc(bytes).to_be_bytes();
    if prelude {
        let sum = crc(&bytes[..8]);
        bytes[8..12].copy_from_slice(&sum);
    }
    let end = bytes.len() - 4;
    let sum = crc(&bytes[..end]);
    bytes[end..].copy_from_slice(&sum);
    bytes
}

#[test]
fn what_is_no_message_is_lost_with_all_behind_it() {
    let good = message("contentBlockDelta", br#"{"delta":{"text":"secret"}}"#);
    let altered = |at: usize, with: u8, seal: Option<bool>| {
        let mut bytes = good.clone();
        bytes[at] = with;
        match seal {
            Some(prelude) => sealed(bytes, prelude),
            None => bytes,
        }
    };
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a wrong checksum of the prelude", altered(8, good[8] ^ 1, Some(false))),
        ("a wrong length", altered(3, good[3] ^ 1, Some(false))),
        (
            "a wrong checksum of the message",
            altered(good.len() - 1, good[good.len() - 1] ^ 1, None),
        ),
        ("another payload", altered(good.len() - 10, b'x', None)),
        (
            "a length below the least",
            sealed(
                {
                    let mut bytes = good.clone();
                    bytes[..4].copy_from_slice(&15_u32.to_be_bytes());
                    bytes
                },
                true,
            ),
        ),
        (
            "headers longer than the message",
            sealed(
                {
                    let mut bytes = good.clone();
                    bytes[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
                    bytes
                },
                true,
            ),
        ),
        ("a header's type that nobody knows", altered(12 + 1 + 11, 10, Some(true))),
        ("a header that goes on past the headers", altered(12, 255, Some(true))),
        ("a header without a name", altered(12, 0, Some(true))),
        ("no stream of messages at all", b"data: {\"text\":\"secret\"}\n\n".to_vec()),
        ("a message that is cut off", good[..good.len() - 1].to_vec()),
        ("a prelude that is cut off", good[..7].to_vec()),
        ("two types", with_headers(&[(":event-type", "a"), (":event-type", "b")], b"{}")),
    ];
    for (name, bad) in cases {
        let stream = [&good[..], &bad, &good].concat();
        let cut_off = name.ends_with("is cut off");
        let stream = if cut_off { [&good[..], &bad].concat() } else { stream };
        let whole = merged(at_once(&stream));
        let [Piece::Frame(_), Piece::Lost { raw }] = &whole[..] else {
            panic!("{name}: {whole:?}")
        };
        assert_eq!(**raw, stream[good.len()..], "{name}");
        for size in [1, 5, 12, 13] {
            assert_eq!(merged(pieces(usize::MAX, stream.chunks(size))), whole, "{name}");
        }
    }
}

#[test]
fn a_message_that_is_too_long_passes_by_and_the_next_is_read() {
    let long = message("contentBlockDelta", &vec![b' '; 5000]);
    let good = message("contentBlockStop", b"{}");
    let stream = [&long[..], &good].concat();
    for size in [1, 100, 4096, usize::MAX] {
        let whole = merged(pieces(4096, stream.chunks(size)));
        let [Piece::Oversized { raw, last: true }, Piece::Frame(frame)] = &whole[..] else {
            panic!("{whole:?}")
        };
        assert_eq!((&**raw, &*frame.raw), (&*long, &*good));
    }
    // One that says so and never comes holds nothing.
    let mut framer = Framer::with_limit(Framing::EventStream, 4096);
    let mut out = Vec::new();
    framer.feed(&long[..2000], &mut out);
    assert_eq!(framer.held(), 0);
}

proptest! {
    #[test]
    fn any_cut_gives_the_same(
        parts in proptest::collection::vec(prop_oneof![
            4 => "[a-z\"{}:]{0,30}".prop_map(|text| message("contentBlockDelta", text.as_bytes())),
            2 => "[a-z]{0,30}".prop_map(|text| chunk(&text)),
            1 => proptest::collection::vec(any::<u8>(), 0..40),
        ], 0..6),
        limit in prop_oneof![Just(usize::MAX), 12_usize..120],
        places in proptest::collection::vec(any::<usize>(), 0..12),
        flip in any::<Option<(usize, u8)>>(),
    ) {
        let mut stream = parts.concat();
        if let Some((at, with)) = flip && !stream.is_empty() {
            let at = at % stream.len();
            stream[at] ^= with;
        }
        let whole = pieces(limit, [&stream[..]]);
        prop_assert_eq!(joined(&whole), &stream[..]);
        let mut places: Vec<_> = places.iter().map(|place| place % (stream.len() + 1)).collect();
        places.extend([0, stream.len()]);
        places.sort_unstable();
        let chunks = places.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
        let whole = merged(whole);
        prop_assert_eq!(&merged(pieces(limit, chunks)), &whole);
        prop_assert_eq!(&merged(pieces(limit, stream.chunks(1))), &whole);
    }
}
