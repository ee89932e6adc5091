//! Frames that are known by their bytes: a loop that knows them shows what a loop shows that parses and reads every one.
//!
//! Every recording in its own chunks, in long ones and cut at random; recordings with bytes changed; and streams made of
//! recorded events, each repeated with other texts and numbers in it. `PROPTEST_CASES` makes it long.

use std::ops::Range;
use std::sync::OnceLock;

use hemostat_engine::answer::FrameLoop;
use hemostat_engine::answer::frame_loop::FrameContent;
use hemostat_engine::dialect::{self, Call, Item, recognise};
use hemostat_engine::wire::eventstream;
use hemostat_engine::wire::frame::Framing;
use hemostat_engine::wire::json::Kind;
use proptest::prelude::*;

use crate::support::{Cut, Recording, events, recordings};

/// A value of a document, in full.
type Node = (Kind, Range<usize>, Option<Range<usize>>, Option<u32>, u32, String, bool);

/// All that a loop shows of a frame.
#[derive(Debug, PartialEq)]
struct Seen {
    raw: Vec<u8>,
    payload: Vec<u8>,
    event: Option<Vec<u8>>,
    truncated: bool,
    content: FrameContent,
    number: u64,
    nodes: Vec<Node>,
    items: Vec<Item>,
    model: Option<String>,
}

fn framing(recording: &Recording) -> Framing {
    match () {
        () if recording.is_messages() => Framing::EventStream,
        () if recording.is_array() => Framing::JsonArray,
        () if recording.content_type == "application/x-ndjson" => Framing::NdJson,
        () => Framing::Sse,
    }
}

fn show(recording: &Recording, chunks: &[&[u8]], repeats: bool) -> Vec<Seen> {
    let call = Call::without_body(recognise(&recording.method, &recording.path).unwrap());
    let framing = framing(recording);
    let reader = dialect::dialect(call.recognised.dialect).answer(&call, framing);
    let mut frames = FrameLoop::new(framing, Some(reader));
    if !repeats {
        frames = frames.without_repeats();
    }
    let mut seen = Vec::new();
    let mut see = |frames: &FrameLoop,
                   shown: hemostat_engine::answer::frame_loop::ShownFrame<'_>| {
        let payload = shown.frame.payload_bytes().into_owned();
        let view = frames.view(shown.content, &payload);
        let root = view.doc.root(&payload);
        let json = shown.content == FrameContent::Json;
        let all = std::iter::once(root).chain(root.descendants()).filter(|_| json);
        let nodes = all.map(|value| {
            let text = value.as_str().map(|text| text.into_owned()).unwrap_or_default();
            let parent = value.parent().map(|parent| parent.id());
            (
                value.kind(),
                value.span(),
                value.key_span(),
                parent,
                value.after(),
                text,
                value.has_plain_keys(),
            )
        });
        seen.push(Seen {
            raw: shown.frame.raw.to_vec(),
            payload: payload.clone(),
            event: shown.frame.event_name().map(<[u8]>::to_vec),
            truncated: shown.frame.truncated,
            content: shown.content,
            number: shown.number,
            nodes: nodes.collect(),
            items: view.items.to_vec(),
            model: frames.model().map(str::to_owned),
        });
    };
    for chunk in chunks {
        let mut rest = *chunk;
        while let Some(shown) = frames.next(&mut rest) {
            see(&frames, shown);
        }
    }
    while let Some(shown) = frames.last() {
        see(&frames, shown);
    }
    seen
}

fn assert_same(recording: &Recording, chunks: &[&[u8]]) {
    let (known, read) = (show(recording, chunks, true), show(recording, chunks, false));
    for (known, read) in known.iter().zip(&read) {
        assert_eq!(known, read, "{}\n{}", recording.name, String::from_utf8_lossy(&read.raw));
    }
    assert_eq!(known.len(), read.len(), "{}", recording.name);
}

pub fn streams() -> &'static [Recording] {
    static STREAMS: OnceLock<Vec<Recording>> = OnceLock::new();
    STREAMS.get_or_init(read_streams)
}

fn read_streams() -> Vec<Recording> {
    let fits = |own: &Recording| {
        own.content_type.starts_with("text/event-stream")
            && own.response.len() < 40_000
            && recognise(&own.method, &own.path).is_some()
    };
    let all: Vec<Recording> = recordings().into_iter().filter(fits).collect();
    assert!(all.len() > 80, "{}", all.len());
    all
}

#[test]
fn recordings_are_shown_the_same() {
    for recording in streams() {
        assert_same(recording, &events(&recording.response));
        for cut in [Cut::Whole, Cut::Every(1000), Cut::Random(11), Cut::Random(12)] {
            assert_same(recording, &cut.chunks(&recording.response));
        }
    }
}

/// Streams that are no events of lines: what is known of them is their documents.
#[test]
fn documents_are_shown_the_same() {
    let fits = |own: &Recording| {
        own.is_stream()
            && framing(own) != Framing::Sse
            && recognise(&own.method, &own.path).is_some()
    };
    let all: Vec<Recording> = recordings().into_iter().filter(fits).collect();
    for wanted in [Framing::EventStream, Framing::JsonArray, Framing::NdJson] {
        assert!(all.iter().any(|own| framing(own) == wanted), "{wanted:?}");
    }
    for recording in &all {
        for cut in [Cut::Whole, Cut::Every(100), Cut::Every(1000), Cut::Random(11)] {
            assert_same(recording, &cut.chunks(&recording.response));
        }
    }
}

/// Binary messages with these texts, and two blocks in turn; every ninth has another name.
fn messages(texts: &[String]) -> Vec<u8> {
    let mut body = Vec::new();
    eventstream::event("messageStart", r#"{"p":"abc","role":"assistant"}"#, &mut body);
    for (number, text) in texts.iter().enumerate() {
        let (block, padding) = (number % 2, &"abcdefghij"[..number % 10]);
        let json = format!(
            r#"{{"contentBlockIndex":{block},"delta":{{"text":"{text}"}},"p":"{padding}"}}"#
        );
        let name = if number % 9 == 8 { "contentBlockStart" } else { "contentBlockDelta" };
        eventstream::event(name, &json, &mut body);
    }
    body
}

fn converse() -> Recording {
    let of = |own: &Recording| own.is_messages() && own.path.contains("converse-stream");
    recordings().into_iter().find(of).unwrap()
}

#[test]
fn most_messages_are_known() {
    let recording = converse();
    let call = Call::without_body(recognise(&recording.method, &recording.path).unwrap());
    let reader = dialect::dialect(call.recognised.dialect).answer(&call, Framing::EventStream);
    let mut frames = FrameLoop::new(Framing::EventStream, Some(reader));
    let body = messages(&(0..100).map(|number| format!("word{number} ")).collect::<Vec<_>>());
    let mut rest = body.as_slice();
    while frames.next(&mut rest).is_some() {}
    assert!(frames.repeated_frames() > 60, "{}", frames.repeated_frames());
}

/// Most of a recording's deltas are known by their bytes, or all this proves nothing.
#[test]
fn most_deltas_are_known() {
    let name = "ai--__fixtures__--openai-text-stream--0";
    let recording = recordings().into_iter().find(|own| own.name.ends_with(name)).unwrap();
    let call = Call::without_body(recognise(&recording.method, &recording.path).unwrap());
    let reader = dialect::dialect(call.recognised.dialect).answer(&call, Framing::Sse);
    let mut frames = FrameLoop::new(Framing::Sse, Some(reader));
    let mut rest = recording.response.as_slice();
    let mut all = 0;
    while frames.next(&mut rest).is_some() {
        all += 1;
    }
    assert!(
        all > 100 && frames.repeated_frames() * 10 > all * 9,
        "{} of {all}",
        frames.repeated_frames()
    );
}

/// Pieces of a call's arguments are such events too.
#[test]
fn most_pieces_of_arguments_are_known() {
    let event = |call: &str| {
        format!(
            "data: {{\"id\":\"c\",\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{{\"tool_calls\":[{call}]}}}}]}}\n\n"
        )
    };
    let begin =
        r#"{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}"#;
    let mut body = event(begin);
    for number in 0..100 {
        let piece = format!("{{\"index\":0,\"function\":{{\"arguments\":\"word{number} \"}}}}");
        body += &event(&piece);
    }
    let call = Call::without_body(recognise("POST", "/v1/chat/completions").unwrap());
    let reader = dialect::dialect(call.recognised.dialect).answer(&call, Framing::Sse);
    let mut frames = FrameLoop::new(Framing::Sse, Some(reader));
    let mut rest = body.as_bytes();
    while frames.next(&mut rest).is_some() {}
    assert!(frames.repeated_frames() > 90, "{}", frames.repeated_frames());
}

/// An event with every string's content replaced that follows one of these keys, and some digits.
pub fn varied(event: &[u8], texts: &[String], digits: u8) -> Vec<u8> {
    let mut out = String::from_utf8_lossy(event).into_owned();
    for (key, text) in
        ["\"delta\":\"", "\"content\":\"", "\"text\":\"", "\"obfuscation\":\"", "\"thinking\":\""]
            .iter()
            .zip(texts)
    {
        if let Some(at) = out.find(key) {
            let from = at + key.len();
            let mut end = from;
            while let Some(&byte) = out.as_bytes().get(end) {
                match byte {
                    b'"' => break,
                    b'\\' => end += 2,
                    _ => end += 1,
                }
            }
            if out.is_char_boundary(end.min(out.len())) && end <= out.len() {
                out.replace_range(from..end, text);
            }
        }
    }
    if let Some(at) = out.find("\"sequence_number\":") {
        let from = at + "\"sequence_number\":".len();
        let end = out[from..].find([',', '}']).map_or(out.len(), |length| from + length);
        out.replace_range(
            from..end,
            ["7", "12", "100", "007", "1.5", "-3", "1e2", "999999999999999999"]
                [usize::from(digits % 8)],
        );
    }
    out.into_bytes()
}

/// What stands in a JSON string, right or wrong.
pub fn content() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => "[a-z ]{1,12}",
        1 => Just(String::new()),
        1 => Just("\\n".to_owned()),
        1 => Just("\\u00e9\\ud83d\\ude00".to_owned()),
        1 => Just("\\ud83d".to_owned()),
        1 => Just("é🛡".to_owned()),
        1 => Just("\\\"}".to_owned()),
        1 => Just("\\x".to_owned()),
        1 => Just("\\u12".to_owned()),
        1 => Just("\n".to_owned()),
        1 => Just("\u{1}".to_owned()),
        1 => Just("\"".to_owned()),
        1 => "[ -~]{30,60}".prop_map(|text| text.replace(['"', '\\'], "_")),
    ];
    proptest::collection::vec(piece, 1..3).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn changed_recordings_are_shown_the_same(
        which in any::<usize>(), seed in any::<u64>(),
        changes in proptest::collection::vec((any::<usize>(), prop_oneof![any::<u8>(), Just(b'"'), Just(b' '), Just(b'\r'), Just(b'\n'), Just(b'{'), Just(b'7')]), 0..4),
    ) {
        let all = streams();
        let recording = &all[which % all.len()];
        let mut body = recording.response.clone();
        for (at, byte) in changes {
            let at = at % body.len();
            body[at] = byte;
        }
        assert_same(recording, &Cut::Random(seed).chunks(&body));
        assert_same(recording, &Cut::Whole.chunks(&body));
    }

    #[test]
    fn messages_with_other_texts_are_shown_the_same(
        texts in proptest::collection::vec(content(), 1..30), seed in any::<u64>(),
    ) {
        static CONVERSE: OnceLock<Recording> = OnceLock::new();
        let recording = CONVERSE.get_or_init(converse);
        let body = messages(&texts);
        assert_same(recording, &Cut::Whole.chunks(&body));
        assert_same(recording, &Cut::Random(seed).chunks(&body));
    }

    #[test]
    fn events_in_any_order_are_shown_the_same(
        which in any::<usize>(), seed in any::<u64>(),
        order in proptest::collection::vec((any::<usize>(), 1_usize..4, proptest::collection::vec(content(), 5), any::<u8>()), 1..14),
    ) {
        let all = streams();
        let recording = &all[which % all.len()];
        let events = events(&recording.response);
        let mut body = Vec::new();
        for (at, times, texts, digits) in order {
            for time in 0..times {
                let event = events[at % events.len()];
                body.extend(if time == 0 { event.to_vec() } else { varied(event, &texts, digits) });
            }
        }
        assert_same(recording, &Cut::Whole.chunks(&body));
        assert_same(recording, &Cut::Random(seed).chunks(&body));
    }
}
