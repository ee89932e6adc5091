//! What must hold for any bytes. The targets call these; the engine's own tests run them on seeds.

use std::rc::Rc;

use hemostat_engine::bundle::Release;
use hemostat_engine::dsse::{KeyPermissions, SecretKey, TrustedKey};
use hemostat_engine::exchange::{Effect, Exchange, RequestFacts, RequestVerdict, ResponseVerdict};
use hemostat_engine::grant::{Grant, PAYLOAD_TYPE};
use hemostat_engine::policy::Program;
use hemostat_engine::policy::config::Config;
use hemostat_engine::wire::edit::{Edit, apply};
use hemostat_engine::wire::eventstream;
use hemostat_engine::wire::frame::{Framing, Piece};
use hemostat_engine::wire::framer::Framer;
use hemostat_engine::wire::inner::{Inner, InnerEvent, InnerJson};
use hemostat_engine::wire::json::{self, Doc};
use hemostat_engine::wire::text::{Decoded, TextMap};
use testkit::dialects;

/// What a first byte from here on chooses besides: a limit of frames, rules that act.
const SECOND_HALF: u8 = 128;

/// The framings that a first byte chooses among.
const FRAMINGS: [Framing; 4] =
    [Framing::Sse, Framing::JsonArray, Framing::EventStream, Framing::NdJson];

/// The first byte with which [`frames`] reads this framing without a limit.
#[must_use]
pub fn choice_of_framing(framing: Framing) -> Option<u8> {
    FRAMINGS.iter().position(|own| *own == framing)?.try_into().ok()
}

/// The first byte with which [`exchange`] plays this row of `testdata/dialects.json`.
#[must_use]
pub fn choice_of_dialect(name: &str, acts: bool) -> Option<u8> {
    let row: u8 = dialects::all().iter().position(|row| row.name() == name)?.try_into().ok()?;
    Some(if acts { row + SECOND_HALF } else { row })
}

thread_local! {
    /// Rules that find nothing.
    static NEVER: Rc<Program> = compiled(r#""guardrails": [{"id": "r", "scan": ["output", "input", "tool_args"],
        "find": ["nobody says [0-9]{9} this"], "do": "redact"}]"#);
    /// Rules that act.
    static ACTS: Rc<Program> = compiled(r#""guardrails": [{"id": "r", "scan": ["output", "input", "tool_args"],
        "find": ["zanzibar", "be[^!]+!"], "do": "redact"}], "tools": [{"match": ["bad_*"], "do": "deny"}]"#);
}

/// Compiled once: it takes longer than most exchanges.
fn compiled(rules: &str) -> Rc<Program> {
    let policy = format!(
        r#"{{"hold_headers": true, "policy": {{"hemostat": 1, "on_unreadable": "pass", "on_hold_limit": "release", {rules}}}}}"#
    );
    let Ok((config, _)) = Config::parse(policy.as_bytes()) else { panic!("it is a policy") };
    let Ok(program) = Program::compile(&config) else { panic!("it compiles") };
    Rc::new(program)
}

fn pieces(framing: Framing, limit: usize, stream: &[u8], chunk: usize) -> Vec<Piece<'static>> {
    let mut framer = Framer::with_limit(framing, limit);
    let mut out = Vec::new();
    for chunk in stream.chunks(chunk.max(1)) {
        framer.feed(chunk, &mut out);
        assert!(framer.held() <= limit.max(12));
    }
    framer.finish(&mut out);
    out
}

fn frames_only(pieces: Vec<Piece>) -> Vec<Piece> {
    pieces.into_iter().filter(|piece| matches!(piece, Piece::Frame(_))).collect()
}

/// Frames joined are the stream, however it is cut; an edit that changes nothing changes nothing. The first byte
/// chooses framing and limit, the second the cut.
pub fn frames(data: &[u8]) {
    let [choice, chunk, stream @ ..] = data else { return };
    let Some(framing) = FRAMINGS.get(usize::from(*choice) % FRAMINGS.len()) else { return };
    let framing = *framing;
    let limit = if *choice < SECOND_HALF { usize::MAX } else { usize::from(*choice) - 120 };
    let at_once = pieces(framing, limit, stream, stream.len());
    let joined: Vec<u8> = at_once.iter().flat_map(|piece| piece.raw().to_vec()).collect();
    assert_eq!(joined, stream);
    let cut = pieces(framing, limit, stream, usize::from(*chunk));
    assert_eq!(frames_only(cut), frames_only(at_once.clone()));
    for piece in at_once {
        let Piece::Frame(frame) = piece else { continue };
        let payload = frame.payload_bytes();
        let at = usize::from(*chunk).min(payload.len())..payload.len();
        let with = payload.get(at.clone()).unwrap_or_default().to_vec();
        // What stands as base64 may have had another spelling.
        let wrapped = frame.message.as_ref().is_some_and(|message| message.inner.is_some());
        if !with.contains(&b'\n') && !with.contains(&b'\r') && !wrapped {
            assert_eq!(apply(&frame, &[Edit { at, with }]), &*frame.raw);
        }
    }
}

/// Messages that are ours with hostile bytes among them: the stream stays whole for every cut, and what is changed in
/// a message makes a message. The first byte chooses where a byte is altered, the second the cut.
pub fn messages(data: &[u8]) {
    let [altered, chunk, payload @ ..] = data else { return };
    let mut stream = Vec::new();
    eventstream::event("delta", &String::from_utf8_lossy(payload), &mut stream);
    eventstream::chunk(payload, &mut stream);
    eventstream::exception("x", "{}", &mut stream);
    let whole = pieces(Framing::EventStream, usize::MAX, &stream, stream.len());
    assert!(matches!(&whole[..], [Piece::Frame(_), Piece::Frame(_), Piece::Frame(_)]));
    for piece in &whole {
        let Piece::Frame(frame) = piece else { continue };
        if frame.payload_bytes().is_empty() {
            continue;
        }
        let edit = Edit { at: 0..frame.payload_bytes().len(), with: b"{}".to_vec() };
        let changed = apply(frame, &[edit]);
        let again = pieces(Framing::EventStream, usize::MAX, &changed, changed.len());
        assert!(matches!(&again[..], [Piece::Frame(again)]
            if *again.payload_bytes() == *b"{}" && again.event_name() == frame.event_name()));
    }
    if let Some(byte) = stream.get_mut(usize::from(*altered)) {
        *byte ^= 1 + (altered % 255);
    }
    let at_once = pieces(Framing::EventStream, usize::MAX, &stream, stream.len());
    let joined: Vec<u8> = at_once.iter().flat_map(|piece| piece.raw().to_vec()).collect();
    assert_eq!(joined, stream);
    let cut = pieces(Framing::EventStream, usize::MAX, &stream, usize::from(*chunk));
    assert_eq!(frames_only(cut), frames_only(at_once));
}

/// Spans of a document are within their parents, and decoded strings lead back to their bytes.
pub fn json(data: &[u8]) {
    let (mut doc, mut text) = (Doc::default(), Decoded::new());
    text.read(data);
    assert_eq!(text.text(), json::decode(data));
    assert_eq!(TextMap::of(data).raw_range(0..text.text().len()), 0..data.len());
    if doc.parse(data).is_err() {
        assert!(doc.is_empty());
        return;
    }
    for value in doc.root(data).descendants() {
        let parent = value.parent().map(|parent| parent.span()).unwrap_or_default();
        assert!(parent.start < value.span().start && value.span().end < parent.end);
        if let Some(content) = value.content_span().and_then(|span| data.get(span)) {
            text.read(content);
            assert_eq!(Some(text.text()), value.as_str().as_deref());
        }
    }
}

/// Inner texts and their places do not depend on the cut. The first byte chooses it.
pub fn inner(data: &[u8]) {
    let [chunk, arguments @ ..] = data else { return };
    let Ok(arguments) = std::str::from_utf8(arguments) else { return };
    assert_eq!(inner_texts(arguments, usize::from(*chunk)), inner_texts(arguments, usize::MAX));
}

/// Every character of the inner texts with its text's number and its place.
fn inner_texts(arguments: &str, chunk: usize) -> Vec<(u32, char, std::ops::Range<u64>)> {
    let (mut reader, mut out, mut texts) = (InnerJson::new(), Inner::default(), Vec::new());
    let mut take = |out: &Inner| {
        for event in out.events() {
            let InnerEvent::Text { n, text } = event else { continue };
            for (at, c) in out.text(text.clone()).char_indices() {
                let start = text.start + at;
                texts.push((*n, c, out.span(start..start + c.len_utf8())));
            }
        }
    };
    let mut rest = arguments;
    while !rest.is_empty() {
        let cut = (chunk.max(1)..rest.len()).find(|&at| rest.is_char_boundary(at));
        let (piece, after) = rest.split_at(cut.unwrap_or(rest.len()));
        reader.feed(piece, &mut out);
        take(&out);
        rest = after;
    }
    reader.finish(&mut out);
    take(&out);
    texts
}

/// A configuration is refused with reasons or becomes a program that a request can meet.
pub fn policy(data: &[u8]) {
    match Config::parse(data) {
        Ok((config, _)) => {
            if let Ok(program) = Program::compile(&config) {
                answered(
                    &Rc::new(program),
                    b"/v1/chat/completions",
                    b"text/event-stream",
                    br#"{"model":"m"}"#,
                    &[b"data: {}\n\n"],
                );
            }
        }
        Err(found) => assert!(!found.is_empty()),
    }
}

/// What strangers send is read or refused: releases, envelopes, grants, a rate-limit service's words.
pub fn envelopes(data: &[u8]) {
    let _ = Release::parse(data);
    let _ = hemostat_engine::dsse::Envelope::read(
        data,
        "application/vnd.hemostat.release+json",
        1 << 20,
    );
    let _ = hemostat_engine::grant::Grant::open(data);
    let _ = hemostat_engine::grant::envelopes([data, b"x"].into_iter());
    let _ = hemostat_engine::fleet::wire::answer(data);
    let _ = hemostat_engine::fleet::wire::reserved(data);
    let _ = hemostat_engine::providers::read(data);
    if let Ok(text) = hemostat_engine::jcs::canonical_text(data) {
        assert_eq!(hemostat_engine::jcs::canonical_text(text.as_bytes()).as_ref(), Ok(&text));
    }
}

/// A request and its answer: a NUL ends the request.
fn two_parts(data: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let first = parts.next().unwrap_or_default();
    parts.next().map_or((&[], first), |answer| (first, answer))
}

/// An answer under rules that find nothing leaves as it came, and under rules that act it leaves the same, however it is cut.
/// The first byte chooses the dialect and the rules, the second the cut.
pub fn exchange(data: &[u8]) {
    let [choice, chunk, rest @ ..] = data else { return };
    let (request, answer) = two_parts(rest);
    let rows = dialects::all();
    let Some(row) = rows.get(usize::from(*choice % SECOND_HALF) % rows.len()) else { return };
    let (path, kind) = (row.path(true).as_bytes(), row.content_type().as_bytes());
    if *choice >= SECOND_HALF {
        return cut_is_whole(path, kind, request, answer, *chunk);
    }
    let chunks: Vec<&[u8]> = answer.chunks(usize::from(*chunk).max(1)).collect();
    let (left, broken) = answered(&NEVER.with(Rc::clone), path, kind, request, &chunks);
    // Half an event at a broken end is no client's to read, and may hold anything.
    assert!(left == answer || (broken && answer.starts_with(&left)));
}

/// An answer that rules act on leaves the same, however it is cut: of an MCP server. The first byte chooses the framing,
/// the second the cut.
pub fn mcp(data: &[u8]) {
    let [choice, chunk, rest @ ..] = data else { return };
    let (request, answer) = two_parts(rest);
    let kind: &[u8] = if choice % 4 == 0 { b"application/json" } else { b"text/event-stream" };
    cut_is_whole(dialects::dialect("mcp").path(true).as_bytes(), kind, request, answer, *chunk);
}

/// The same of messages of an event stream: as they came, or as one that holds them as its payload. The first byte
/// chooses which, and where one byte is altered; the second the cut.
pub fn eventstream(data: &[u8]) {
    let [choice, chunk, bytes @ ..] = data else { return };
    let mut stream = Vec::new();
    let text = String::from_utf8_lossy(bytes);
    match choice % 3 {
        0 => stream.extend_from_slice(bytes),
        1 => eventstream::event("contentBlockDelta", &text, &mut stream),
        _ => {
            for word in ["zanz", "ibar ", &text] {
                let delta = format!(r#"{{"contentBlockIndex":0,"delta":{{"text":"{word}"}}}}"#);
                eventstream::event("contentBlockDelta", &delta, &mut stream);
            }
        }
    }
    if let Some(byte) = stream.get_mut(usize::from(*choice) * 2) {
        *byte ^= choice / 3;
    }
    let row = dialects::dialect("bedrock");
    let (path, kind) = (row.path(true).as_bytes(), row.content_type().as_bytes());
    cut_is_whole(path, kind, br#"{"messages":[]}"#, &stream, *chunk);
}

fn cut_is_whole(path: &[u8], kind: &[u8], request: &[u8], answer: &[u8], chunk: u8) {
    let program = ACTS.with(Rc::clone);
    let chunks: Vec<&[u8]> = answer.chunks(usize::from(chunk).max(1)).collect();
    let whole = answered(&program, path, kind, request, &[answer]);
    assert_eq!(answered(&program, path, kind, request, &chunks), whole);
}

/// What a key signs is a grant that says what was signed, and altered it is none. The first byte alters the envelope,
/// at the place that the second and third name.
pub fn grants(data: &[u8]) {
    const SEED: [u8; 32] = [7; 32];
    let [altered, high, low, payload @ ..] = data else { return };
    let key = SecretKey::from_seed(&SEED);
    let keys = [TrustedKey { id: "k".to_owned(), key: key.public(), may: KeyPermissions::ALL }];
    let mut envelope = key.envelope("k", PAYLOAD_TYPE, payload).into_bytes();
    let signed = Grant::verify(&envelope, &keys);
    if let Ok(grant) = &signed {
        let again = key.envelope("k", PAYLOAD_TYPE, grant.to_json().as_bytes());
        assert_eq!(Grant::verify(again.as_bytes(), &keys).as_ref(), Ok(grant));
    }
    let place = usize::from(u16::from_be_bytes([*high, *low])) % envelope.len().max(1);
    if let Some(byte) = envelope.get_mut(place) {
        *byte ^= altered;
    }
    // Some bytes of an envelope say nothing (blanks, spare bits of base64): what verifies is what was signed.
    if let Ok(grant) = Grant::verify(&envelope, &keys) {
        assert_eq!(Ok(grant), signed);
    }
}

/// What leaves of an answer of this content type that comes in these chunks, and whether it ends in the middle of an event.
fn answered(
    program: &Rc<Program>,
    path: &[u8],
    kind: &[u8],
    request: &[u8],
    chunks: &[&[u8]],
) -> (Vec<u8>, bool) {
    const NOW: u64 = 1_764_000_000_000_000_000;
    let mut exchange = Exchange::new(Rc::clone(program));
    let pair = |name: &[u8], value: &[u8]| (name.to_vec(), value.to_vec());
    let headers = vec![
        pair(b":method", b"POST"),
        pair(b":path", path),
        pair(b"content-type", b"application/json"),
    ];
    let facts = RequestFacts { headers: headers.into(), now_ns: NOW, ..RequestFacts::default() };
    match exchange.request_headers(facts, false) {
        RequestVerdict::NeedBody { .. } => drop(exchange.request_body(Some(request))),
        RequestVerdict::Peek { .. } => exchange.request_chunk(request, true),
        RequestVerdict::Sniff { .. } => drop(exchange.request_sniff(request, true)),
        _ => {}
    }
    let headers = vec![pair(b":status", b"200"), pair(b"content-type", kind)];
    let mut left = Vec::new();
    let verdict = exchange.response_headers(&headers.into(), false, false, NOW);
    for chunk in chunks {
        match verdict {
            ResponseVerdict::Stream { .. } => {
                left.extend(exchange.response_chunk(chunk, false, NOW).leaving(chunk))
            }
            _ => left.extend_from_slice(chunk),
        }
    }
    if matches!(verdict, ResponseVerdict::Stream { .. }) {
        left.extend(exchange.response_chunk(b"", true, NOW).leaving(b""));
    }
    exchange.finish(b"");
    let broken = |effect: &Effect| matches!(effect, Effect::Count(name) if name == "hemostat_broken_upstream_total");
    let broken = exchange.effects().iter().any(broken);
    (left, broken)
}
