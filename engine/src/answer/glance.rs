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
use crate::wire::json::Doc;

/// The beginning of an event is looked at as far as its type.
const OPENING: usize = 160;

/// Keeps the two ends of one answer.
#[derive(Debug, Default)]
pub struct Glance {
    head: Vec<u8>,
    tail: Vec<u8>,
    /// How the last event begins; kept where an answer says there how it ended.
    opening: Option<Vec<u8>>,
    /// The next byte begins an event.
    fresh: bool,
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
        let opening = (dialect == DialectId::OpenaiResponses).then(Vec::new);
        Self { opening, fresh: true, ..Self::default() }
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
        if let Some(opening) = &mut self.opening {
            let begins = chunk.windows(2).rposition(|pair| pair == b"\n\n").map(|at| at + 2);
            let rest = match begins {
                Some(at) if at < chunk.len() => {
                    opening.clear();
                    chunk.get(at..).unwrap_or_default()
                }
                Some(_) => &[],
                None if self.fresh => {
                    opening.clear();
                    chunk
                }
                None => chunk,
            };
            let room = OPENING.saturating_sub(opening.len());
            opening.extend_from_slice(rest.get(..room).unwrap_or(rest));
            self.fresh = begins == Some(chunk.len()) || (self.fresh && chunk.is_empty());
        }
    }

    /// What the answer said, now that it is over. `usage` reads a document as the dialect does.
    pub fn served(&self, usage: impl Fn(&Doc, &[u8], &mut Usage)) -> Served {
        let mut served = Served::default();
        let mut finish = "";
        for (part, is_head) in [(&self.head, true), (&self.tail, false)] {
            for (name, value) in members(part) {
                match name {
                    b"id" | b"responseId" if is_head || name == b"responseId" => {
                        first(&mut served.id, value);
                    }
                    b"model" | b"modelVersion" => first(&mut served.model, value),
                    b"finish_reason" | b"stop_reason" | b"finishReason" | b"stopReason" => {
                        finish = text(value).unwrap_or(finish);
                    }
                    b"usage" | b"usageMetadata" => {
                        if let Some(object) = object(value) {
                            let said = [b"{\"", name, b"\":", object, b"}"].concat();
                            let mut doc = Doc::default();
                            if doc.parse(&said).is_ok() {
                                usage(&doc, &said, &mut served.usage);
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        if let Some(opening) = &self.opening {
            finish = ending(opening).or_else(|| ending(&self.head)).unwrap_or(finish);
        }
        finish.clone_into(&mut served.finish);
        served
    }
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
        let word = text(value)?;
        let word = match name {
            b"type" => word.strip_prefix("response.")?,
            b"status" => word,
            _ => return None,
        };
        ["completed", "incomplete", "failed", "cancelled"].into_iter().find(|own| *own == word)
    })
}

/// Every `"name":` of these bytes, with what follows it.
fn members(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        loop {
            let open = rest.iter().position(|byte| *byte == b'"')?;
            let inside = rest.get(open + 1..)?;
            let close = inside.iter().position(|byte| *byte == b'"')?;
            let name = inside.get(..close)?;
            let behind = inside.get(close + 1..)?;
            // A quote that closes may be taken for one that opens: go on at it, not behind it.
            rest = inside.get(close..)?;
            let value = behind.trim_ascii_start().strip_prefix(b":").map(<[u8]>::trim_ascii_start);
            if let (Some(value), true) = (value, name.len() < 16) {
                return Some((name, value));
            }
        }
    })
}

/// The string at the beginning, if it is a short one without escapes.
fn text(value: &[u8]) -> Option<&str> {
    let inside = value.strip_prefix(b"\"")?;
    let close = inside.iter().take(128).position(|byte| *byte == b'"')?;
    let said = std::str::from_utf8(inside.get(..close)?).ok()?;
    (!said.is_empty() && !said.contains(['\\', '\n'])).then_some(said)
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
