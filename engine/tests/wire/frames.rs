//! Frames: the WHATWG grammar case by case, an independent reading of it on random bytes, and every way to cut.

use std::path::{Path, PathBuf};

use hemostat_engine::wire::frame::{Frame, Framing, Piece};
use hemostat_engine::wire::framer::Framer;
use proptest::prelude::*;
use serde_json::Value;

fn testdata(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata").join(path)
}

fn frames_of<'a>(
    framing: Framing,
    limit: usize,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Piece<'static>> {
    let mut framer = Framer::with_limit(framing, limit);
    let mut out = Vec::new();
    for chunk in chunks {
        framer.feed(chunk, &mut out);
        assert!(framer.held() <= limit);
    }
    framer.finish(&mut out);
    assert_eq!(framer.held(), 0);
    out
}

fn whole(framing: Framing, stream: &[u8]) -> Vec<Piece<'static>> {
    frames_of(framing, usize::MAX, [stream])
}

/// The stream cut at these places.
fn cut<'a>(stream: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = places.iter().map(|place| place % (stream.len() + 1)).collect();
    places.extend([0, stream.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect()
}

fn joined(pieces: &[Piece]) -> Vec<u8> {
    pieces.iter().flat_map(|piece| piece.raw().to_vec()).collect()
}

/// Blank lines and nothing else.
fn blank(piece: &Piece) -> bool {
    matches!(piece, Piece::Frame(frame) if frame.is_blank_lines() && !frame.truncated)
}

/// Pieces without the ways in which an oversized frame may fall into parts, and blank lines into frames.
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
            (Some(last), Piece::Frame(frame))
                if blank(last) && frame.is_blank_lines() && !frame.truncated =>
            {
                let Piece::Frame(last) = last else { continue };
                last.raw.to_mut().extend_from_slice(&frame.raw);
                last.mixed |= frame.mixed;
            }
            (_, piece) => out.push(piece),
        }
    }
    out
}

fn show(pieces: &[Piece]) -> Value {
    let text = |bytes: &[u8]| Value::from(String::from_utf8_lossy(bytes).into_owned());
    let show = |piece: &Piece| {
        let Piece::Frame(frame) = piece else { panic!("oversized") };
        let mut shown = serde_json::Map::new();
        shown.insert("raw".into(), text(&frame.raw));
        if !frame.payload.is_empty() {
            shown.insert("payload".into(), text(&frame.payload_bytes()));
        }
        if let Some(event) = frame.event_name() {
            shown.insert("event".into(), text(event));
        }
        if frame.truncated {
            shown.insert("truncated".into(), true.into());
        }
        Value::Object(shown)
    };
    pieces.iter().map(show).collect()
}

fn check_cases(framing: Framing, file: &str) {
    let cases = std::fs::read(testdata(file)).unwrap();
    let cases: Vec<Value> = serde_json::from_slice(&cases).unwrap();
    assert!(cases.len() > 10);
    for case in cases {
        let stream = case["stream"].as_str().unwrap().as_bytes();
        let bytewise = frames_of(framing, usize::MAX, stream.chunks(1));
        assert_eq!(show(&bytewise), case["frames"], "{}, byte by byte", case["name"]);
        let (whole, bytewise) = (merged(whole(framing, stream)), merged(bytewise));
        assert_eq!(show(&whole), show(&bytewise), "{}", case["name"]);
    }
}

#[test]
fn sse_cases() {
    check_cases(Framing::Sse, "sse/framing.json");
}

#[test]
fn array_cases() {
    check_cases(Framing::JsonArray, "json/array-framing.json");
}

/// A stream that uses CR alone must not wait for a byte that comes with the next event.
#[test]
fn cr_alone_does_not_stall() {
    for stream in ["data: a\r\r", "data: a\n\r", "data: a\n\n"] {
        let mut out = Vec::new();
        let mut framer = Framer::new(Framing::Sse);
        framer.feed(stream.as_bytes(), &mut out);
        assert_eq!((out.len(), framer.held()), (1, 0), "{stream:?}");
    }
}

/// The events as WHATWG HTML says to interpret a stream: type and data, of those that have data. Written from the
/// text of the standard, on the whole stream at once.
fn whatwg(stream: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let stream = stream.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(stream);
    let mut lines = vec![Vec::new()];
    let mut bytes = stream.iter().peekable();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\r' => {
                bytes.next_if_eq(&&b'\n');
                lines.push(Vec::new());
            }
            b'\n' => lines.push(Vec::new()),
            byte => lines.last_mut().unwrap().push(byte),
        }
    }
    lines.pop(); // not ended: never interpreted as a line, and its event is discarded
    let (mut events, mut event, mut data) = (Vec::new(), Vec::new(), None::<Vec<u8>>);
    for line in lines {
        if line.is_empty() {
            let event = std::mem::take(&mut event);
            events.extend(data.take().map(|data| (event, data)));
            continue;
        }
        let colon = line.iter().position(|&byte| byte == b':');
        let (name, value) = match colon {
            Some(0) => continue,
            Some(at) => (&line[..at], line[at + 1..].strip_prefix(b" ").unwrap_or(&line[at + 1..])),
            None => (&line[..], &[][..]),
        };
        match name {
            b"event" => event = value.to_vec(),
            b"data" => match &mut data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend(value);
                }
                None => data = Some(value.to_vec()),
            },
            _ => {}
        }
    }
    events
}

fn events_of(pieces: &[Piece]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let frames = pieces.iter().filter_map(|piece| match piece {
        Piece::Frame(frame) if !frame.truncated && !frame.payload.is_empty() => Some(frame),
        _ => None,
    });
    let event = |frame: &Frame| frame.event_name().unwrap_or_default().to_vec();
    frames.map(|frame| (event(frame), frame.payload_bytes().into_owned())).collect()
}

/// Streams made of what matters to the grammar, in any order.
fn sse_stream() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        4 => Just(&b"\n"[..]), 4 => Just(&b"\r"[..]), 4 => Just(&b"\r\n"[..]),
        2 => Just(&b"data"[..]), 4 => Just(&b"data: "[..]), 2 => Just(&b"data:"[..]), 2 => Just(&b"event: "[..]),
        1 => Just(&b"event"[..]), 1 => Just(&b": ping"[..]), 1 => Just(&b":"[..]), 1 => Just(&b" "[..]),
        2 => Just(&b"{\"a\":\"\\n\"}"[..]), 1 => Just(&b"\xEF\xBB\xBF"[..]), 1 => Just("\u{2028}".as_bytes()),
        1 => Just(&b"\xE2\x82"[..]), 1 => Just(&b"\0"[..]),
    ];
    proptest::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat())
}

fn array_stream() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        3 => Just("["), 3 => Just("]"), 3 => Just("{"), 3 => Just("}"), 3 => Just("\""), 2 => Just("\\"),
        3 => Just(","), 2 => Just("\r\n"), 2 => Just(" "), 3 => Just("{\"a\":1}"), 1 => Just("12"), 1 => Just("é"),
    ];
    let tokens = proptest::collection::vec(token, 0..40);
    (any::<bool>(), tokens).prop_map(|(array, tokens)| {
        let mut stream = if array { b"[".to_vec() } else { Vec::new() };
        stream.extend(tokens.concat().bytes());
        stream
    })
}

fn any_framing() -> impl Strategy<Value = Framing> {
    prop_oneof![
        Just(Framing::Sse),
        Just(Framing::JsonArray),
        Just(Framing::NdJson),
        Just(Framing::Json)
    ]
}

/// The events as a client reads them that splits at line feeds alone, and drops a carriage return before one.
fn line_feeds_alone(stream: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut ended: Vec<u8> = Vec::new();
    for line in stream.split_inclusive(|byte| *byte == b'\n') {
        let Some(line) = line.strip_suffix(b"\n") else { break };
        // What is left of other line ends stands for itself.
        let own = line.strip_suffix(b"\r").unwrap_or(line);
        ended.extend(own.iter().map(|byte| if *byte == b'\r' { 1 } else { *byte }));
        ended.push(b'\n');
    }
    whatwg(&ended)
}

proptest! {
    /// Where no frame says that they differ, such a client reads what the standard reads, from the first line feed on.
    #[test]
    fn readers_that_differ_are_told(mut stream in sse_stream()) {
        // The last line is one to both.
        stream.push(b'\n');
        let frames = whole(Framing::Sse, &stream);
        let mixed = frames.iter().any(|piece| matches!(piece, Piece::Frame(frame) if frame.mixed));
        let (standard, other) = (whatwg(&stream), line_feeds_alone(&stream));
        // A stream without a line feed, up to the first: one line, which nobody reads.
        let other: Vec<_> = other.into_iter().filter(|(_, data)| !data.contains(&1)).collect();
        prop_assert!(mixed || standard.ends_with(&other), "{:?} {:?}", standard, other);
    }

    #[test]
    fn sse_reads_what_the_standard_reads(stream in sse_stream()) {
        prop_assert_eq!(events_of(&whole(Framing::Sse, &stream)), whatwg(&stream));
    }

    #[test]
    fn any_cut_gives_the_same_frames(
        stream in prop_oneof![sse_stream(), array_stream(), proptest::collection::vec(any::<u8>(), 0..200)],
        framing in any_framing(),
        limit in prop_oneof![Just(usize::MAX), 4_usize..60],
        places in proptest::collection::vec(any::<usize>(), 0..12),
    ) {
        let at_once = frames_of(framing, limit, [&stream[..]]);
        prop_assert_eq!(joined(&at_once), &stream[..]);
        let at_once = merged(at_once);
        let in_chunks = merged(frames_of(framing, limit, cut(&stream, &places)));
        prop_assert_eq!(&in_chunks, &at_once);
        let bytewise = merged(frames_of(framing, limit, stream.chunks(1)));
        prop_assert_eq!(&bytewise, &at_once);
        for piece in &at_once {
            // What is oversized is so for its length alone, and nothing else is.
            let long = piece.raw().len() > limit && !blank(piece);
            prop_assert_eq!(matches!(piece, Piece::Oversized { .. }), long);
            let ended = matches!(piece, Piece::Frame(_) | Piece::Oversized { last: true, .. });
            prop_assert!(ended);
        }
    }

    #[test]
    fn payload_ranges_find_their_bytes(stream in sse_stream(), from in any::<usize>(), len in 0_usize..30) {
        for piece in whole(Framing::Sse, &stream) {
            let Piece::Frame(frame) = piece else { panic!("oversized") };
            let payload = frame.payload_bytes();
            let start = from % (payload.len() + 1);
            let end = (start + len).min(payload.len());
            let parts: Vec<_> = frame.raw_ranges(start..end).map(|range| &frame.raw[range]).collect();
            prop_assert_eq!(parts.join(&b'\n'), &payload[start..end]);
        }
    }
}

fn recorded(extension: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for folder in ["recorded", "canned"] {
        for dialect in std::fs::read_dir(testdata(folder)).unwrap() {
            let Ok(entries) = std::fs::read_dir(dialect.unwrap().path()) else { continue };
            for entry in entries {
                let path = entry.unwrap().path();
                if path.to_string_lossy().ends_with(extension) {
                    let bytes = std::fs::read(&path).unwrap();
                    files.push((path, bytes));
                }
            }
        }
    }
    files.sort();
    files
}

/// Every recording, whole and cut: the same frames. Every single cut where the file is small, else every cut of its
/// first and last kilobytes (a cut inside an event looks the same in the middle).
#[test]
fn recordings_survive_every_cut() {
    let mut events = 0;
    for (path, stream) in recorded(".sse") {
        let expected = whole(Framing::Sse, &stream);
        assert_eq!(joined(&expected), stream);
        assert_eq!(events_of(&expected), whatwg(&stream), "{path:?}");
        assert_eq!(frames_of(Framing::Sse, usize::MAX, stream.chunks(1)), expected, "{path:?}");
        events += events_of(&expected).len();
        // Cutting near a frame is all that can matter; so each short stretch is read with all its cuts.
        for stretch in stream.chunks(1500).take(2).chain(stream.chunks(1500).last()) {
            let expected = whole(Framing::Sse, stretch);
            for place in 0..=stretch.len() {
                let cut = frames_of(Framing::Sse, usize::MAX, cut(stretch, &[place]));
                assert_eq!(cut, expected, "{path:?} cut at {place}");
            }
        }
    }
    assert!(events > 5_000, "{events}");
}

#[test]
fn recorded_arrays_give_their_elements() {
    let mut arrays = 0;
    for (path, body) in recorded("response.json") {
        if body.trim_ascii_start().first() != Some(&b'[') {
            continue;
        }
        arrays += 1;
        let elements: Vec<Value> = serde_json::from_slice(&body).unwrap();
        let pieces = frames_of(Framing::JsonArray, usize::MAX, body.chunks(7));
        let frames = pieces.iter().map(|piece| match piece {
            Piece::Frame(frame) => frame,
            Piece::Oversized { .. } | Piece::Lost { .. } => panic!("oversized"),
        });
        let read: Vec<Value> = frames
            .filter(|frame| !frame.payload.is_empty())
            .map(|frame| serde_json::from_slice(&frame.payload_bytes()).unwrap())
            .collect();
        assert_eq!(read, elements, "{path:?}");
        assert_eq!(joined(&pieces), body, "{path:?}");
    }
    assert!(arrays > 0);
}

/// 100 MB without an end: memory stays bounded, every byte comes back, and reading goes on afterwards.
#[test]
fn an_endless_event_is_not_buffered() {
    let limit = hemostat_engine::limits::EVENT_BYTES;
    let chunk = vec![b'x'; 64 * 1024];
    let (mut framer, mut out, mut given) = (Framer::new(Framing::Sse), Vec::new(), 0);
    let mut parts = 0;
    framer.feed(b"data: ", &mut out);
    for _ in 0..1600 {
        framer.feed(&chunk, &mut out);
        assert!(framer.held() <= limit);
        for piece in out.drain(..) {
            assert!(matches!(piece, Piece::Oversized { last: false, .. }));
            given += piece.raw().len();
            parts += 1;
        }
    }
    assert_eq!(given, 6 + 1600 * chunk.len());
    assert!(parts > 1500);
    framer.feed(b"\n\ndata: a\n\n", &mut out);
    assert_eq!(out.remove(0), Piece::Oversized { raw: b"\n\n".into(), last: true });
    assert_eq!(events_of(&out), [(Vec::new(), b"a".to_vec())]);
}

#[test]
fn too_many_data_lines_are_oversized() {
    let mut stream = b"data\n".repeat(hemostat_engine::limits::EVENT_LINES);
    let fits = [&stream[..], b"\n"].concat();
    assert!(matches!(whole(Framing::Sse, &fits)[..], [Piece::Frame(_)]));
    stream.extend(b"data\n\ndata: a\n\n");
    for chunk in [stream.len(), 1000] {
        let pieces = merged(frames_of(Framing::Sse, usize::MAX, stream.chunks(chunk)));
        assert!(matches!(pieces[..], [Piece::Oversized { last: true, .. }, Piece::Frame(_)]));
    }
}

#[test]
fn one_document_a_line() {
    let payloads = |stream: &str| -> Vec<(String, bool)> {
        let pieces = whole(Framing::NdJson, stream.as_bytes());
        assert_eq!(joined(&pieces), stream.as_bytes());
        let payload = |piece: &Piece| match piece {
            Piece::Frame(frame) => {
                (String::from_utf8_lossy(&frame.payload_bytes()).into_owned(), frame.truncated)
            }
            _ => panic!("not a frame"),
        };
        pieces.iter().map(payload).collect()
    };
    let all = |lines: &[&str]| -> Vec<(String, bool)> {
        lines.iter().map(|line| ((*line).to_owned(), false)).collect()
    };
    assert_eq!(
        payloads("{\"a\":1}\n{\"b\":2}\r\n \t{} \n"),
        all(&["{\"a\":1}", "{\"b\":2}", "{}"])
    );
    assert_eq!(payloads("{}\n\n \n{}"), all(&["{}", "", "", "{}"]));
    assert_eq!(payloads("{}\n{\"a\""), [("{}".to_owned(), false), ("{\"a\"".to_owned(), true)]);
    assert_eq!(payloads(""), []);
}
