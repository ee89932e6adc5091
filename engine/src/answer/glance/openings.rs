//! The beginnings of the last two events of a stream: some answers only say there how they ended.

use crate::answer::KnownEvents;
use crate::wire::find;

/// How much of an event's beginning is examined, in bytes: up to its type.
const OPENING: usize = 160;

/// The part of a chunk's end in which its last two events are searched for first, in bytes: most of them begin there,
/// and the rest need not be read.
const END: usize = 2048;

/// The beginnings of the last two events, up to [`OPENING`]: the event that says how an answer ended may be followed by
/// a `[DONE]`.
#[derive(Debug, Default)]
pub(super) struct Openings {
    pub last: Vec<u8>,
    pub before: Vec<u8>,
    lines: LineState,
}

/// What is known of the line and the event in which a chunk ended.
#[derive(Debug, Clone, Copy, Default)]
struct LineState {
    /// The current line has bytes.
    in_line: bool,
    /// The current event has lines.
    in_event: bool,
    /// The last line ended in a CR: an LF that follows belongs to it.
    after_cr: bool,
}

impl LineState {
    /// Reads the lines of `chunk` from `at` on, and returns where the last two events that begin in them do.
    fn read(&mut self, chunk: &[u8], mut at: usize) -> (Option<usize>, Option<usize>) {
        let (mut before, mut last) = (None, None);
        while at < chunk.len() {
            let end = find::line_end(chunk, at).unwrap_or(chunk.len());
            if end > at {
                if !self.in_event {
                    (before, last) = (last, Some(at));
                }
                (self.in_line, self.in_event, self.after_cr) = (true, true, false);
            }
            let Some(byte) = chunk.get(end) else { break };
            self.in_event &= self.in_line || (*byte == b'\n' && self.after_cr);
            (self.in_line, self.after_cr) = (false, *byte == b'\r');
            at = end + 1;
        }
        (before, last)
    }
}

impl Openings {
    /// Reads the next bytes of the stream, and what is known of the events in them.
    pub fn feed(&mut self, chunk: &[u8], events: KnownEvents) {
        match events {
            KnownEvents::Words => {}
            KnownEvents::Whole { before, last } if self.is_between() => {
                self.begin(chunk, before, last);
            }
            KnownEvents::Whole { .. } | KnownEvents::Nothing => self.read(chunk),
        }
    }

    fn read(&mut self, chunk: &[u8]) {
        if let Some((lines, before, last)) = last_two(chunk) {
            self.lines = lines;
            return self.begin(chunk, Some(before), last);
        }
        match self.lines.read(chunk, 0) {
            (before, Some(last)) => {
                self.take(chunk.get(..before.unwrap_or(last)));
                self.begin(chunk, before, last);
            }
            (_, None) => self.take(Some(chunk)),
        }
    }

    /// The last events begin at these positions of the chunk.
    fn begin(&mut self, chunk: &[u8], before: Option<usize>, last: usize) {
        let before = before.and_then(|before| chunk.get(before..last));
        for bytes in before.into_iter().chain(chunk.get(last..)) {
            std::mem::swap(&mut self.last, &mut self.before);
            self.last.clear();
            self.take(Some(bytes));
        }
    }

    /// True between two events.
    fn is_between(&self) -> bool {
        let LineState { in_line, in_event, after_cr } = self.lines;
        !in_line && !in_event && !after_cr
    }

    /// Continues the last event's beginning.
    fn take(&mut self, bytes: Option<&[u8]>) {
        let bytes = bytes.unwrap_or_default();
        let room = OPENING.saturating_sub(self.last.len());
        self.last.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }
}

/// Where the last two events of a chunk begin, and the state at its end, if its end alone determines them.
fn last_two(chunk: &[u8]) -> Option<(LineState, usize, usize)> {
    let mut end = END;
    while end < chunk.len() {
        let mut lines = LineState::default();
        let from = first_event(chunk, chunk.len() - end);
        if let Some((Some(before), Some(last))) = from.map(|from| lines.read(chunk, from)) {
            return Some((lines, before, last));
        }
        // What is read twice stays below a third of the chunk.
        end *= 4;
    }
    None
}

/// Where the first event after `from` begins that is preceded by a blank line.
fn first_event(chunk: &[u8], mut from: usize) -> Option<usize> {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    loop {
        let end = find::line_end(chunk, from)?;
        let crlf = chunk.get(end..)?.starts_with(b"\r\n");
        let next = end + 1 + usize::from(crlf);
        let rest = chunk.get(next..)?;
        if rest.first().is_some_and(is_end) {
            return Some(next + rest.iter().position(|byte| !is_end(byte))?);
        }
        from = next;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::answer::FrameLoop;
    use crate::wire::frame::Framing;

    /// What the loop over the frames knows of a chunk.
    fn known(frames: &mut FrameLoop, chunk: &[u8]) -> KnownEvents {
        let (mut events, mut rest, mut start) = (KnownEvents::Words, chunk, 0);
        while frames.next(&mut rest).is_some() {
            events.add(chunk, start);
            start = chunk.len() - rest.len();
        }
        events.end(chunk, frames.is_between_events())
    }

    #[test]
    fn events_that_are_known_begin_where_reading_all_lines_says() {
        let parts = [
            "data: a\n\n",
            "data: b\n",
            "\n",
            "event: c\ndata: d\n\n",
            "e",
            "\r\n",
            "data: f\r\n\r\n",
            "\r",
            ": g\n\n",
        ];
        let mut were_known = 0;
        for seed in (0..90_000_usize).step_by(37) {
            let picked = (0..7).map(|place| parts[(seed / 5_usize.pow(place) + seed) % 9]);
            let text = picked.collect::<String>();
            let mut frames = FrameLoop::new(Framing::Sse, None);
            let (mut told, mut read) = (Openings::default(), Openings::default());
            for chunk in text.as_bytes().chunks(1 + seed % 23) {
                let events = known(&mut frames, chunk);
                were_known += usize::from(matches!(events, KnownEvents::Whole { .. }));
                told.feed(chunk, events);
                read.feed(chunk, KnownEvents::Nothing);
                assert_eq!(format!("{told:?}"), format!("{read:?}"), "{text:?} {chunk:?}");
            }
        }
        assert!(were_known > 500, "{were_known}");
    }

    proptest! {
        /// Reading chunks from their end gives the same as reading all of their bytes one by one.
        #[test]
        fn the_end_of_a_chunk_tells_what_all_of_it_does(
            parts in prop::collection::vec((0_usize..9, 1_usize..400), 1..60),
            chunk in 1_usize..9000,
        ) {
            let ends = ["\n", "\n\n", "\r", "\r\n", "\r\n\r\n", "\r\r", "\n\r", "\n\r\n", ""];
            let text: String = parts.iter().map(|&(end, length)| "x".repeat(length % 130) + &ends[end].repeat(1 + length / 390)).collect();
            let long = text.repeat(1 + chunk % 3);
            let (mut read, mut plain) = (Openings::default(), Openings::default());
            for chunk in long.as_bytes().chunks(chunk) {
                read.read(chunk);
                for byte in chunk.chunks(1) {
                    plain.read(byte);
                }
                prop_assert_eq!(format!("{:?}", read), format!("{:?}", plain));
            }
        }
    }
}
