//! What an answer says of itself while it passes: its id, its model, why it ended and what it used.
//!
//! For the record of a call whose answer nobody judges. Nothing is held and nothing parsed on the way: the first and the
//! last bytes are kept, and members are looked for in them once, at the end.
//!
//! ```text
//! {"id":"chatcmpl-7","model":"gpt-5-2026-08-07","choices":[ …………………… ],"usage":{"prompt_tokens":12, … }}
//! └──────────────── head ────────────────┘     not looked at      └────────────── tail ─────────────┘
//! ```
//!
//! A member's name in quotes with a colon behind it cannot stand inside a JSON string, where its quotes are escaped, so a
//! model cannot write one into its text. It can into a tool's arguments where they are an object (Anthropic, Gemini):
//! this is a record and no meter, and limits read the whole answer themselves.

use crate::dialect::DialectId;
use crate::dialect::spend::Usage;
use crate::limits::{GLANCE_HEAD, GLANCE_TAIL};
use crate::wire::find;
use crate::wire::json::Doc;

/// The beginning of an event is looked at as far as its type.
const OPENING: usize = 160;

/// Keeps the two ends of one answer.
#[derive(Debug, Default)]
pub struct Glance {
    head: Vec<u8>,
    tail: Vec<u8>,
    /// How the last events begin; kept where an answer says there how it ended.
    openings: Option<Openings>,
    /// The dialect counts the request's tokens at the beginning of a stream.
    begins: bool,
}

/// How the last two events of a stream begin, as far as [`OPENING`]: behind the one that says how an answer ended there
/// may be a `[DONE]`.
#[derive(Debug, Default)]
struct Openings {
    last: Vec<u8>,
    before: Vec<u8>,
    /// The current line has bytes.
    in_line: bool,
    /// The current event has lines.
    in_event: bool,
    /// The last line ended in a CR: an LF that follows belongs to it.
    after_cr: bool,
}

impl Openings {
    fn feed(&mut self, chunk: &[u8]) {
        // Where the last two events of this chunk begin.
        let (mut before, mut last) = (None, None);
        let mut at = 0;
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
        let Some(last) = last else { return self.take(Some(chunk)) };
        self.take(chunk.get(..before.unwrap_or(last)));
        for from in before.into_iter().chain([last]) {
            std::mem::swap(&mut self.last, &mut self.before);
            self.last.clear();
            self.take(chunk.get(from..));
        }
    }

    /// Goes on with the last event's beginning.
    fn take(&mut self, bytes: Option<&[u8]>) {
        let bytes = bytes.unwrap_or_default();
        let room = OPENING.saturating_sub(self.last.len());
        self.last.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }
}

/// What an answer said of itself. Empty where it did not, or not where it is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Served {
    /// The answer's own id.
    pub id: String,
    /// The model that answered.
    pub model: String,
    /// Why it ended, in the provider's word.
    pub finish: String,
    /// What it used.
    pub usage: Usage,
}

impl Glance {
    /// Begins to look at an answer of this dialect.
    #[must_use]
    pub fn new(dialect: DialectId) -> Self {
        let openings = (dialect == DialectId::OpenaiResponses).then(Openings::default);
        let begins = matches!(dialect, DialectId::Anthropic | DialectId::BedrockInvoke);
        Self { openings, begins, ..Self::default() }
    }

    /// Takes the next bytes of the answer, as upstream sent them.
    pub fn feed(&mut self, chunk: &[u8]) {
        let room = GLANCE_HEAD.saturating_sub(self.head.len());
        self.head.extend_from_slice(chunk.get(..room).unwrap_or(chunk));
        let last = chunk.get(chunk.len().saturating_sub(GLANCE_TAIL)..).unwrap_or_default();
        if last.len() == GLANCE_TAIL {
            self.tail.clear();
        } else if self.tail.len() + last.len() > 2 * GLANCE_TAIL {
            // Seldom: what is moved is paid for by the bytes that came since.
            self.tail.drain(..self.tail.len() - (GLANCE_TAIL - last.len()));
        }
        self.tail.extend_from_slice(last);
        if let Some(openings) = &mut self.openings {
            openings.feed(chunk);
        }
    }

    /// What the answer said, now that it is over. `usage` reads a document as the dialect does.
    ///
    /// The head is read forwards and the tail backwards, each until it has told what it can: an answer says at its very
    /// ends what it is, and between them are kilobytes of its text.
    pub fn served(&self, usage: impl Fn(&Doc, &[u8], &mut Usage)) -> Served {
        let mut served = Served::default();
        let mut counts = false;
        for (name, value) in members(&self.head) {
            match name {
                b"id" | b"responseId" => first(&mut served.id, value),
                b"model" | b"modelVersion" => first(&mut served.model, value),
                b"usage" => counts |= read_usage(name, value, &usage, &mut served.usage),
                _ => {}
            }
            if !served.id.is_empty() && !served.model.is_empty() && (counts || !self.begins) {
                break;
            }
        }
        let mut finish = None;
        let mut counts = false;
        let tail = self.tail.get(self.tail.len().saturating_sub(GLANCE_TAIL)..);
        let tail = tail.unwrap_or_default();
        let mut to = tail.len();
        while let Some(open) = find::last_name(tail, to) {
            to = open;
            let Some((name, value)) = named(tail, open) else { continue };
            match name {
                b"responseId" => first(&mut served.id, value),
                b"model" | b"modelVersion" => first(&mut served.model, value),
                b"usage" | b"usageMetadata" if counts => {}
                b"usage" | b"usageMetadata" => {
                    counts = read_usage(name, value, &usage, &mut served.usage);
                }
                _ => finish = finish.or_else(|| text(value)),
            }
            if counts && (finish.is_some() || self.openings.is_some()) {
                break;
            }
        }
        if let Some(Openings { last, before, .. }) = &self.openings {
            finish =
                [last, before, &self.head].into_iter().find_map(|part| ending(part)).or(finish);
        }
        finish.unwrap_or_default().clone_into(&mut served.finish);
        served
    }
}

/// Adds what the object at the beginning of `value` counts; false if there is none that is whole.
fn read_usage(
    name: &[u8],
    value: &[u8],
    usage: &impl Fn(&Doc, &[u8], &mut Usage),
    own: &mut Usage,
) -> bool {
    let Some(object) = object(value) else { return false };
    let said = [b"{\"", name, b"\":", object, b"}"].concat();
    let mut doc = Doc::default();
    let whole = doc.parse(&said).is_ok();
    if whole {
        usage(&doc, &said, own);
    }
    whole
}

/// The first text that a member has stays.
fn first(own: &mut String, value: &[u8]) {
    if let (true, Some(said)) = (own.is_empty(), text(value)) {
        said.clone_into(own);
    }
}

/// How a response of OpenAI's ended: by the type of its last event, or by the status of a whole one.
fn ending(bytes: &[u8]) -> Option<&'static str> {
    members(bytes).find_map(|(name, value)| {
        let word = match name {
            b"type" => text(value)?.strip_prefix("response.")?,
            b"status" => text(value)?,
            _ => return None,
        };
        ["completed", "incomplete", "failed", "cancelled"].into_iter().find(|own| *own == word)
    })
}

/// A member's names are shorter than this.
const LONGEST_NAME: usize = 16;

/// Every `"name":` of these bytes, with what follows it.
fn members(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let close = from + bytes.get(from..)?.iter().position(|byte| *byte == b'"')?;
            from = close + 1;
            if let Some(member) = member(bytes, close) {
                return Some(member);
            }
        }
    })
}

/// The members that are looked for in an answer's end. [`find::last_name`] knows their first letters.
const AT_THE_END: [&[u8]; 9] = [
    b"usage",
    b"usageMetadata",
    b"finish_reason",
    b"finishReason",
    b"stop_reason",
    b"stopReason",
    b"model",
    b"modelVersion",
    b"responseId",
];

/// The member of [`AT_THE_END`] whose name is opened by the quote at `open`, and what follows it.
fn named(bytes: &[u8], open: usize) -> Option<(&'static [u8], &[u8])> {
    let inside = bytes.get(open + 1..)?;
    AT_THE_END.iter().find_map(|name| {
        let value = inside.strip_prefix(*name)?.strip_prefix(b"\"")?.trim_ascii_start();
        Some((*name, value.strip_prefix(b":")?.trim_ascii_start()))
    })
}

/// The member whose name is closed by the quote at `close`.
fn member(bytes: &[u8], close: usize) -> Option<(&[u8], &[u8])> {
    let (before, behind) = bytes.split_at_checked(close)?;
    // Most quotes close a value or open a string.
    if !matches!(behind.get(1)?, b':' | b' ' | b'\t' | b'\n' | b'\r') {
        return None;
    }
    let value = behind.get(1..)?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let near = before.get(close.saturating_sub(LONGEST_NAME)..)?;
    let open = near.iter().rposition(|byte| *byte == b'"')?;
    Some((near.get(open + 1..)?, value))
}

/// The string at the beginning, if it is a short one without escapes.
fn text(value: &[u8]) -> Option<&str> {
    let inside = value.strip_prefix(b"\"")?;
    let near = inside.get(..128).unwrap_or(inside);
    let end = find::string_stop(near, 0);
    let closed = near.get(end) == Some(&b'"') && end > 0;
    std::str::from_utf8(near.get(..end)?).ok().filter(|_| closed)
}

/// The object at the beginning, if it is whole.
fn object(value: &[u8]) -> Option<&[u8]> {
    let (mut depth, mut in_text, mut escaped) = (0u32, false, false);
    for (at, byte) in value.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' if !in_text => depth += 1,
            b'}' if !in_text => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return value.get(..=at);
                }
            }
            _ if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(dialect: DialectId, answer: &[u8], cut: usize) -> Served {
        let mut glance = Glance::new(dialect);
        for chunk in answer.chunks(cut.max(1)) {
            glance.feed(chunk);
        }
        let reader = crate::dialect::dialect(dialect);
        glance.served(|doc, bytes, usage| reader.usage(&doc.root(bytes), usage))
    }

    #[test]
    fn a_chat_answer_is_known_by_its_ends() {
        let answer = format!(
            "{{\"id\": \"chatcmpl-7\", \"model\": \"gpt-5\", \"choices\": [{{\"message\": {{\"content\": \"{}\"}}, \
             \"finish_reason\": \"stop\"}}], \"usage\": {{\"prompt_tokens\": 12, \"completion_tokens\": 900}}}}",
            "lorem \\\"usage\\\":{ ".repeat(2000)
        );
        for cut in [1, 7, 4096, answer.len()] {
            let served = of(DialectId::OpenaiChat, answer.as_bytes(), cut);
            assert_eq!(
                (&*served.id, &*served.model, &*served.finish),
                ("chatcmpl-7", "gpt-5", "stop")
            );
            assert_eq!(
                (served.usage.fresh, served.usage.output),
                (Some(12), Some(900)),
                "cut {cut}"
            );
        }
    }

    #[test]
    fn a_response_says_in_the_type_of_its_last_event_how_it_ended() {
        let long = "x".repeat(40_000);
        let answer = format!(
            "event: response.created\ndata: {{\"type\":\"response.created\",\"response\":{{\"id\":\"resp_1\",\"status\":\
             \"in_progress\",\"model\":\"gpt-5\"}}}}\n\nevent: response.incomplete\ndata: {{\"type\":\"response.incomplete\",\
             \"response\":{{\"id\":\"resp_1\",\"status\":\"incomplete\",\"output\":[\"{long}\"],\"usage\":{{\"input_tokens\":3,\
             \"output_tokens\":5}}}}}}\n\n"
        );
        for cut in [1, 2, 33, 1000, answer.len()] {
            let served = of(DialectId::OpenaiResponses, answer.as_bytes(), cut);
            assert_eq!((&*served.id, &*served.finish), ("resp_1", "incomplete"), "cut {cut}");
            assert_eq!(served.usage.output, Some(5), "cut {cut}");
        }
    }

    #[test]
    fn what_follows_the_last_event_does_not_hide_it() {
        for (gap, end) in
            [("\n\n", ""), ("\r\n\r\n", "data: [DONE]\r\n\r\n"), ("\n\n\n", ": ping\n\n")]
        {
            let answer = format!(
                "event: response.created{gap}event: response.output_text.delta\ndata: {{\"type\":\
                 \"response.output_text.delta\",\"delta\":\"{}\"}}{gap}data: {{\"type\":\"response.failed\",\
                 \"response\":{{\"output\":[\"{}\"],\"status\":\"failed\"}}}}{gap}{end}",
                "y".repeat(3000),
                "x".repeat(9000)
            );
            for cut in [1, 2, 3, 100, 8000, answer.len()] {
                let served = of(DialectId::OpenaiResponses, answer.as_bytes(), cut);
                assert_eq!(served.finish, "failed", "{gap:?} {end:?} {cut}");
            }
        }
    }

    #[test]
    fn counts_of_a_message_that_come_in_two_events_are_put_together() {
        let answer = br#"event: message_start
data: {"type":"message_start","message":{"id":"msg_1","model":"claude-5","stop_reason":null,"usage":{"input_tokens":9,"output_tokens":1}}}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":44}}

"#;
        let served = of(DialectId::Anthropic, answer, 5);
        assert_eq!((served.usage.fresh, served.usage.output), (Some(9), Some(44)));
        assert_eq!((&*served.id, &*served.finish), ("msg_1", "end_turn"));
    }

    #[test]
    fn rubbish_says_nothing_and_costs_no_more_than_its_ends() {
        for answer in [
            &b"\"\"\"\"\"\"\":"[..],
            b"{\"usage\":{{{{{",
            b"\"usage\":\"",
            b"\xff\xfe\"id\":\"\xff\"",
        ] {
            let served = of(DialectId::Gemini, answer, 3);
            assert_eq!(served.usage, Usage::default());
        }
        let mut glance = Glance::new(DialectId::OpenaiChat);
        for _ in 0..10_000 {
            glance.feed(&[b'"'; 50]);
        }
        assert!(glance.head.len() <= GLANCE_HEAD && glance.tail.len() <= 2 * GLANCE_TAIL);
        assert!(glance.tail.len() >= GLANCE_TAIL);
    }
}
