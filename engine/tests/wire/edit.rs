//! Edits: the named spans change, and no other byte.

use hemostat_engine::wire::edit::{Edit, apply};
use hemostat_engine::wire::frame::{Frame, Framing, Piece};
use hemostat_engine::wire::framer::Framer;
use proptest::prelude::*;

fn frame(framing: Framing, stream: &[u8]) -> Frame<'static> {
    let mut out = Vec::new();
    let mut framer = Framer::new(framing);
    framer.feed(stream, &mut out);
    framer.finish(&mut out);
    match out.into_iter().next() {
        Some(Piece::Frame(frame)) => frame,
        other => panic!("{other:?}"),
    }
}

fn edited(stream: &str, edits: &[(std::ops::Range<usize>, &str)]) -> String {
    let edits: Vec<_> = edits
        .iter()
        .map(|(at, with)| Edit { at: at.clone(), with: with.as_bytes().to_vec() })
        .collect();
    String::from_utf8(apply(&frame(Framing::Sse, stream.as_bytes()), &edits)).unwrap()
}

#[test]
fn table() {
    let one = "event: e\ndata: 0123456789\nid: 7\n\n";
    assert_eq!(edited(one, &[]), one);
    assert_eq!(edited(one, &[(2..4, "xx")]), "event: e\ndata: 01xx456789\nid: 7\n\n");
    assert_eq!(edited(one, &[(0..10, "")]), "event: e\ndata: \nid: 7\n\n");
    assert_eq!(
        edited(one, &[(8..9, "b"), (1..2, "a")]),
        "event: e\ndata: 0a234567b9\nid: 7\n\n",
        "in any order"
    );
    assert_eq!(
        edited(one, &[(3..4, "in"), (2..6, "out")]),
        "event: e\ndata: 01out6789\nid: 7\n\n",
        "outer wins"
    );
    assert_eq!(
        edited(one, &[(2..5, "a"), (4..8, "b")]),
        "event: e\ndata: 01a89\nid: 7\n\n",
        "first wins"
    );
    assert_eq!(
        edited(one, &[(2..4, "a"), (4..6, "b")]),
        "event: e\ndata: 01ab6789\nid: 7\n\n",
        "neighbours"
    );
    assert_eq!(
        edited(one, &[(3..5, "b"), (3..3, "a")]),
        "event: e\ndata: 012ab56789\nid: 7\n\n",
        "insertion"
    );
    assert_eq!(
        edited(one, &[(0..1, "a\r\nb")]),
        "event: e\ndata: a  b123456789\nid: 7\n\n",
        "no line ends"
    );
    assert_eq!(edited(one, &[(8..99, "a")]), "event: e\ndata: 01234567a\nid: 7\n\n", "clamped");
    let lines = "data: 012\r\n: c\r\ndata:456\r\ndata: 89\r\n\r\n";
    assert_eq!(
        edited(lines, &[(1..2, "x"), (5..6, "y"), (9..10, "z")]),
        "data: 0x2\r\n: c\r\ndata:4y6\r\ndata: 8z\r\n\r\n"
    );
    assert_eq!(
        edited(lines, &[(1..9, "x"), (9..9, "y")]),
        "data: 0x\r\n: c\r\ndata:\r\ndata: y9\r\n\r\n",
        "over lines"
    );
    assert_eq!(
        edited(lines, &[(3..3, "x")]),
        "data: 012x\r\n: c\r\ndata:456\r\ndata: 89\r\n\r\n",
        "at a line's end"
    );
    assert_eq!(edited(": no data\n\n", &[(0..1, "x")]), ": no data\n\n");
}

proptest! {
    #[test]
    fn identity_edits_change_nothing(
        lines in proptest::collection::vec("[a-z{}\":]{0,9}", 1..5),
        places in proptest::collection::vec((any::<usize>(), 0_usize..9), 0..6),
    ) {
        let stream: String = lines.iter().map(|line| format!("data: {line}\r\n: c\r\n")).collect();
        let frame = frame(Framing::Sse, format!("{stream}\r\n").as_bytes());
        let payload = frame.payload_bytes();
        let edits: Vec<_> = places
            .iter()
            .map(|(start, len)| start % (payload.len() + 1)..(start % (payload.len() + 1) + len).min(payload.len()))
            .filter(|at| !payload[at.clone()].contains(&b'\n'))
            .map(|at| Edit { with: payload[at.clone()].to_vec(), at })
            .collect();
        let apart = edits.into_iter().fold(Vec::<Edit>::new(), |mut kept, edit| {
            if kept.iter().all(|other| other.at.end <= edit.at.start || edit.at.end <= other.at.start) {
                kept.push(edit);
            }
            kept
        });
        prop_assert_eq!(apply(&frame, &apart), &*frame.raw);
    }

    /// Edits of a frame are edits of its payload.
    #[test]
    fn the_payload_changes_as_asked(
        lines in proptest::collection::vec("[a-z]{0,9}", 1..5),
        start in any::<usize>(), len in 0_usize..20, with in "[A-Z]{0,5}",
    ) {
        let stream: String = lines.iter().map(|line| format!("data:{line}\n")).collect();
        let before = frame(Framing::Sse, format!("event: e\n{stream}\n").as_bytes());
        let payload = before.payload_bytes();
        let start = start % (payload.len() + 1);
        let end = (start + len).min(payload.len());
        let raw = apply(&before, &[Edit { at: start..end, with: with.clone().into_bytes() }]);
        let after = frame(Framing::Sse, &raw);
        let kept: Vec<u8> = payload[start..end].iter().copied().filter(|byte| *byte == b'\n').collect();
        let expected = [&payload[..start], with.as_bytes(), &kept, &payload[end..]].concat();
        prop_assert_eq!(&*after.payload_bytes(), &expected[..]);
        prop_assert_eq!(after.event_name(), Some(&b"e"[..]));
    }
}
