//! What an answer reports about itself while it passes: its id, its model, why it ended and what it used.
//!
//! For the record of a call whose answer no rule judges. Nothing is held and nothing parsed on the way: the first and
//! the last bytes are kept, and members are searched for in them once, at the end.
//!
//! ```text
//! {"id":"chatcmpl-7","model":"gpt-5-2026-08-07","choices":[ …………………… ],"usage":{"prompt_tokens":12, … }}
//! └──────────────── head ────────────────┘     not looked at      └────────────── tail ─────────────┘
//! ```
//!
//! A quoted member name followed by a colon cannot occur inside a JSON string, where its quotes are escaped, so a model
//! cannot write one into its text. It can write one into a tool's arguments if they are an object (Anthropic, Gemini);
//! but this is a record, not a meter, and limits read the whole answer themselves.

mod openings;

use openings::Openings;

use super::KnownEvents;
use crate::dialect::spend::Usage;
use crate::dialect::{self, DialectId, MemberNames, RecordMembers};
use crate::limits::{GLANCE_BEGUN, GLANCE_HEAD, GLANCE_TAIL};
use crate::wire::find::{self, Letters};
use crate::wire::json::Doc;

/// Keeps the two ends of one answer.
#[derive(Debug)]
pub struct Glance {
    /// The members that are looked for.
    members: &'static RecordMembers,
    head: Vec<u8>,
    tail: Vec<u8>,
    /// Bytes before the tail are no longer there.
    dropped: bool,
    /// The beginnings of the last events, kept if that is where the answer says how it ended.
    openings: Option<Openings>,
}

/// What an answer reported about itself. Empty if it did not, or not in the places that are searched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnswerSummary {
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
    /// Begins to observe an answer of this dialect.
    #[must_use]
    pub fn new(dialect: DialectId) -> Self {
        let openings = (dialect == DialectId::OpenaiResponses).then(Openings::default);
        let members = dialect::dialect(dialect).record_members();
        Self { members, head: Vec::new(), tail: Vec::new(), dropped: false, openings }
    }

    /// Reads the next bytes of the answer, as upstream sent them, and what is known of the events in them: events that
    /// only add a word do not say how the answer ended.
    pub fn feed(&mut self, chunk: &[u8], events: KnownEvents) {
        if self.head.capacity() == 0 {
            // At once, rather than a little more for each of the first events.
            self.head.reserve(GLANCE_BEGUN);
            self.tail.reserve(GLANCE_BEGUN);
        }
        let room = GLANCE_HEAD.saturating_sub(self.head.len());
        self.head.extend_from_slice(chunk.get(..room).unwrap_or(chunk));
        let last = chunk.get(chunk.len().saturating_sub(GLANCE_TAIL)..).unwrap_or_default();
        if last.len() == GLANCE_TAIL {
            self.dropped |= chunk.len() > GLANCE_TAIL || !self.tail.is_empty();
            self.tail.clear();
        } else if self.tail.len() + last.len() > 2 * GLANCE_TAIL {
            self.dropped = true;
            // Rare: the bytes that arrived since pay for the move.
            self.tail.drain(..self.tail.len() - (GLANCE_TAIL - last.len()));
        }
        self.tail.extend_from_slice(last);
        if let Some(openings) = &mut self.openings {
            openings.feed(chunk, events);
        }
    }

    /// True for an answer that begins like a stream of server-sent events, and not like a JSON document.
    fn is_stream(&self) -> bool {
        self.head.first().is_some_and(|first| first.is_ascii_lowercase() || *first == b':')
    }

    /// True if this end is all of the answer.
    fn is_all(&self, end: &[u8]) -> bool {
        !self.dropped && end.len() == self.tail.len()
    }

    /// The document that contains the byte `at` of one of the ends: the answer, or an event on a line of its own.
    fn document<'a>(&self, end: &'a [u8], at: usize) -> Option<&'a [u8]> {
        if !self.is_stream() && self.is_all(end) {
            return Some(end);
        }
        let (before, after) = end.split_at_checked(at)?;
        let begins = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let ends = after.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        let line = end.get(begins..ends.map_or(end.len(), |length| at + length))?;
        Some(line.strip_prefix(b"data:").unwrap_or(line))
    }

    /// What the answer reported, now that it is over. `usage` reads a document as the dialect does.
    ///
    /// The head is read forwards and the tail backwards, each until everything is found: an answer describes itself at
    /// its very ends, and between them are kilobytes of text.
    ///
    /// `priced`: usage will be priced, so everything that its event reports counts, and not the counts alone.
    pub fn served(&self, priced: bool, usage: impl Fn(&Doc, &[u8], &mut Usage)) -> AnswerSummary {
        let mut served = AnswerSummary::default();
        let mut doc = Doc::default();
        // Adds the counts of the member there; false if it has none, or is incomplete.
        let mut read_usage = |bytes: &[u8], open: usize, value: &[u8], own: &mut Usage| {
            let member = bytes.get(open..).filter(|_| is_count(value));
            let whole = member.is_some_and(|member| doc.parse_member(member));
            if let (true, Some(member)) = (whole, member) {
                usage(&doc, member, own);
            }
            whole
        };
        let tail = self.tail.get(self.tail.len().saturating_sub(GLANCE_TAIL)..);
        let tail = tail.unwrap_or_default();
        let (stream, members) = (self.is_stream(), self.members);
        let all = Sought::all(members);
        let mut seeks = all;
        seeks.forget(Member::Finish);
        seeks.forget(Member::OtherUsage);
        // Most say what they used at the end, and of an answer that is all there the end is read for it.
        let read_there = if stream { !members.begins } else { self.is_all(tail) };
        if read_there {
            seeks.forget(Member::Usage);
        }
        let mut from = 0;
        while seeks.seeks(Member::Id)
            || seeks.seeks(Member::Model)
            || (members.begins && seeks.seeks(Member::Usage))
        {
            let Some(open) = find::first_name(&self.head, from, &seeks.letters) else { break };
            from = open + 1;
            let Some((member, value)) = seeks.member(&self.head, open) else { continue };
            let found = match member {
                Member::Id => said(&mut served.id, value),
                Member::Model => said(&mut served.model, value),
                _ => read_usage(&self.head, open, value, &mut served.usage),
            };
            if found {
                seeks.forget(member);
            }
        }
        let mut seeks = all;
        if !members.id_in_all || !served.id.is_empty() {
            seeks.forget(Member::Id);
        }
        if !served.model.is_empty() {
            seeks.forget(Member::Model);
        }
        let mut how = None;
        let mut all_of = Doc::default();
        let mut to = tail.len();
        let mut endings = 0;
        while seeks.seeks(Member::Usage)
            || seeks.seeks(Member::OtherUsage)
            || (how.is_none() && seeks.seeks(Member::Finish))
        {
            let Some(open) = find::last_name(tail, to, &seeks.letters) else { break };
            to = open;
            let Some((member, value)) = seeks.member(tail, open) else { continue };
            let found = match member {
                Member::Id => said(&mut served.id, value),
                Member::Model => said(&mut served.model, value),
                Member::Finish => {
                    // An earlier event: usage for the whole answer does not come before the event that ends it.
                    endings += 1;
                    if stream && (how.is_some() || endings > LAST_EVENTS) {
                        break;
                    }
                    how = how.or_else(|| text(value));
                    how.is_some() && !stream
                }
                Member::Usage | Member::OtherUsage => {
                    let all = if priced { self.document(tail, open) } else { None };
                    let counts = match all.filter(|_| is_count(value)) {
                        Some(all) if all_of.parse(all).is_ok() => {
                            usage(&all_of, all, &mut served.usage);
                            true
                        }
                        _ => read_usage(tail, open, value, &mut served.usage),
                    };
                    // Some servers end a stream with zeros: they have reported usage before.
                    counts && (member == Member::OtherUsage || served.usage.output != Some(0))
                }
            };
            if found {
                seeks.forget(member);
            }
        }
        if let Some(Openings { last, before, .. }) = &self.openings {
            how = [last, before, &self.head].into_iter().find_map(|part| ending(part));
        }
        how.unwrap_or_default().clone_into(&mut served.finish);
        served
    }
}

/// This many events may follow the one that says how the answer ended.
const LAST_EVENTS: usize = 8;

/// A member that is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    Id,
    Model,
    Finish,
    Usage,
    OtherUsage,
}

impl Member {
    /// All of them, by their numbers.
    const ALL: [Self; 5] = [Self::Id, Self::Model, Self::Finish, Self::Usage, Self::OtherUsage];

    /// Its names.
    fn names(self, members: &RecordMembers) -> MemberNames {
        match self {
            Self::Id => members.id,
            Self::Model => members.model,
            Self::Finish => members.finish,
            Self::Usage => members.usage,
            Self::OtherUsage => members.other_usage,
        }
    }
}

/// The members that are still looked for.
#[derive(Debug, Clone, Copy)]
struct Sought {
    members: &'static RecordMembers,
    /// What the names of each begin with; a zero, if it is not looked for.
    firsts: [u8; Member::ALL.len()],
    /// The same.
    letters: Letters,
}

impl Sought {
    /// All members that this dialect has.
    fn all(members: &'static RecordMembers) -> Self {
        let letter =
            |own: Member| own.names(members).first().and_then(|name| name.first()).copied();
        let firsts = Member::ALL.map(|own| letter(own).unwrap_or(0));
        Self { members, firsts, letters: Letters::of(&firsts) }
    }

    /// True while it is looked for.
    fn seeks(&self, member: Member) -> bool {
        self.firsts.get(member as usize).is_some_and(|letter| *letter != 0)
    }

    /// It is no longer looked for.
    fn forget(&mut self, member: Member) {
        if let Some(letter) = self.firsts.get_mut(member as usize) {
            self.letters.remove(std::mem::take(letter));
        }
    }

    /// The member whose name is opened by the quote at `open`, if it is looked for, and what follows it.
    fn member<'a>(&self, bytes: &'a [u8], open: usize) -> Option<(Member, &'a [u8])> {
        let inside = bytes.get(open + 1..)?;
        let first = inside.first()?;
        let member = *Member::ALL.get(self.firsts.iter().position(|letter| letter == first)?)?;
        let names = member.names(self.members);
        Some((member, names.iter().find_map(|name| value(inside, name))?))
    }
}

/// True for what counts: an object of counts, or one of them.
fn is_count(value: &[u8]) -> bool {
    value.first().is_some_and(|first| *first == b'{' || first.is_ascii_digit())
}

/// Takes the text that a member has; false if it has none.
fn said(own: &mut String, value: &[u8]) -> bool {
    text(value).is_some_and(|said| {
        said.clone_into(own);
        true
    })
}

/// How an OpenAI response ended: by the type of its last event, or by the status of a whole one.
fn ending(bytes: &[u8]) -> Option<&'static str> {
    let (mut from, letters) = (0, Letters::of(b"ts"));
    while let Some(open) = find::first_name(bytes, from, &letters) {
        from = open + 1;
        let inside = bytes.get(from..).unwrap_or_default();
        let word = match value(inside, b"type") {
            Some(kind) => text(kind).and_then(|own| own.strip_prefix("response.")),
            None => value(inside, b"status").and_then(text),
        };
        let words = ["completed", "incomplete", "failed", "cancelled"];
        if let Some(word) = words.into_iter().find(|own| Some(*own) == word) {
            return Some(word);
        }
    }
    None
}

/// What follows a member's name, if it is this one; `inside` is what follows the quote that opens it.
fn value<'a>(inside: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (own, rest) = inside.split_at_checked(name.len())?;
    let behind = rest.strip_prefix(b"\"").filter(|_| find::same(own, name))?;
    Some(unspaced(unspaced(behind).strip_prefix(b":")?))
}

/// The same without blanks at its beginning, of which there are hardly ever any.
fn unspaced(bytes: &[u8]) -> &[u8] {
    match bytes.first() {
        Some(first) if *first > b' ' => bytes,
        _ => bytes.trim_ascii_start(),
    }
}

/// The string at the beginning, if it is short and without escapes.
fn text(value: &[u8]) -> Option<&str> {
    let inside = value.strip_prefix(b"\"")?;
    let near = inside.get(..128).unwrap_or(inside);
    let end = find::string_stop(near, 0);
    let closed = near.get(end) == Some(&b'"') && end > 0;
    std::str::from_utf8(near.get(..end)?).ok().filter(|_| closed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(dialect: DialectId, answer: &[u8], cut: usize) -> AnswerSummary {
        let mut glance = Glance::new(dialect);
        for chunk in answer.chunks(cut.max(1)) {
            glance.feed(chunk, KnownEvents::Nothing);
        }
        let reader = crate::dialect::dialect(dialect);
        glance.served(false, |doc, bytes, usage| reader.usage(&doc.root(bytes), usage))
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
    fn members_of_other_dialects_say_nothing() {
        // An id of a call before the answer's own.
        let gemini = br#"{"candidates":[{"content":{"parts":[{"functionCall":{"id":"call_1","name":"f","args":
{"model":"m","usage":{"total":1}}}}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":3,
"candidatesTokenCount":5},"modelVersion":"gemini-9","responseId":"r7"}"#;
        let served = of(DialectId::Gemini, gemini, 9);
        assert_eq!((&*served.id, &*served.model, &*served.finish), ("r7", "gemini-9", "STOP"));
        assert_eq!((served.usage.fresh, served.usage.output), (Some(3), Some(5)));
    }

    #[test]
    fn counts_that_are_no_object_are_read_each() {
        let line = |done: &str| {
            format!("{{\"model\":\"llama3\",\"message\":{{\"content\":\"a\"}},\"done\":{done}}}\n")
        };
        let last =
            r#"true,"done_reason":"stop","context":[1,2,3],"prompt_eval_count":17,"eval_count":71"#;
        let stream = line("false").repeat(300) + &line(last);
        for answer in [&*stream, &*line(last)] {
            for cut in [1, 50, answer.len()] {
                let served = of(DialectId::Ollama, answer.as_bytes(), cut);
                assert_eq!((&*served.model, &*served.finish), ("llama3", "stop"), "cut {cut}");
                let counts = (served.usage.fresh, served.usage.output);
                assert_eq!(counts, (Some(17), Some(71)), "cut {cut}");
            }
        }
    }

    #[test]
    fn of_a_stream_the_last_events_are_looked_at() {
        let event = |finish: &str, usage: &str| {
            format!(
                "data: {{\"id\":\"c\",\"model\":\"m\",\"choices\":[{{\"delta\":{{}},\"finish_reason\":{finish}}}]{usage}}}\n\n"
            )
        };
        let (none, used) = (event("null", ""), ",\"usage\":{\"completion_tokens\":7}");
        let counted = format!("data: {{\"choices\":[]{used}}}\n\n");
        for (end, output) in [
            (event("\"stop\"", "") + &counted, Some(7)),
            (event("\"stop\"", used), Some(7)),
            (event("\"stop\"", ""), None),
            (event("\"stop\"", "") + &none.repeat(7) + &counted, Some(7)),
        ] {
            let served = of(
                DialectId::OpenaiChat,
                (none.repeat(5) + &end + "data: [DONE]\n\n").as_bytes(),
                50,
            );
            assert_eq!((&*served.finish, served.usage.output), ("stop", output), "{end}");
        }
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
            glance.feed(&[b'"'; 50], KnownEvents::Nothing);
        }
        assert!(glance.head.len() <= GLANCE_HEAD && glance.tail.len() <= 2 * GLANCE_TAIL);
        assert!(glance.tail.len() >= GLANCE_TAIL);
    }
}
