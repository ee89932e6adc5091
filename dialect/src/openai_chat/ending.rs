//! What has been sent of a chat stream, and its rest.

use super::super::number::number;
use super::super::openai::{Finish, is_finished};
use super::super::say::Say;
use super::super::texts::short;
use super::super::write::Json;
use super::super::{Call, Ending, TextKey};
use super::kind;
use super::own::NO_USAGE;
use super::shapes;
use crate::limits;
use crate::wire::json::Value;
use crate::wire::own::OwnEvents;

/// What the caller has been sent of one choice.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Choice {
    index: u32,
    /// Its first chunk, the one with the role, was sent.
    begun: bool,
    /// Text of `content` was sent.
    content: bool,
    /// Text of `refusal` was sent.
    refusal: bool,
    finish: Finish,
}

/// What the caller has been sent of a stream.
#[derive(Debug, Default)]
pub(super) struct Sent {
    id: Option<String>,
    model: Option<String>,
    created: u64,
    choices: Vec<Choice>,
    usage: bool,
    done: bool,
}

/// The members that all chunks of one stream share.
#[derive(Debug)]
struct Chunks<'a> {
    head: String,
    tail: &'a str,
    out: OwnEvents,
}

impl Chunks<'_> {
    fn delta(&mut self, choice: u32, delta: &str, finish: Option<&str>) {
        let mut json = Json::default();
        json.raw(&self.head).raw(r#"[{"index":"#).number(choice.into());
        json.raw(r#","delta":"#).raw(delta).raw(r#","logprobs":null,"finish_reason":"#);
        match finish {
            Some(finish) => json.text(finish),
            None => json.raw("null"),
        };
        json.raw("}]").raw(self.tail);
        self.out.push("", json.as_str());
    }
}

impl Sent {
    /// A chunk was sent.
    pub(super) fn frame(&mut self, root: &Value<'_>) {
        for field in shapes::each(root).flat_map(|chunk| chunk.children()) {
            match &*field.key() {
                b"id" if self.id.is_none() => self.id = short(Some(field)),
                b"model" if self.model.is_none() => self.model = short(Some(field)),
                b"created" => self.created = field.as_u64().unwrap_or(self.created),
                b"usage" => self.usage |= !field.is_null(),
                b"choices" => {
                    for choice in shapes::each(&field) {
                        self.choice(&choice);
                    }
                }
                _ => {}
            }
        }
    }

    /// A frame without JSON was sent.
    pub(super) fn other(&mut self, bytes: &[u8]) {
        self.done |= bytes.windows(6).any(|w| w == b"[DONE]");
    }

    fn choice(&mut self, choice: &Value<'_>) {
        let delta = choice.get("delta");
        let text = |name| {
            delta.and_then(|d| d.get(name)).is_some_and(|t| t.raw().len() > 2 && !t.is_null())
        };
        let (content, refusal) = (text("content"), text("refusal"));
        let finished = is_finished(choice);
        let Some(own) = self.own(number(choice.get("index"))) else { return };
        own.begun |= delta.is_some();
        own.content |= content;
        own.refusal |= refusal;
        own.finish.leaves(finished);
    }

    /// A chunk with this choice was read, whether or not it leaves.
    pub(super) fn was_read(&mut self, choice: &Value<'_>, index: u32) {
        let finished = is_finished(choice);
        let known = self.choices.binary_search_by_key(&index, |own| own.index).is_ok();
        let Some(own) = Some(index).filter(|_| finished || known).and_then(|at| self.own(at))
        else {
            return;
        };
        let says = |member: Value<'_>| {
            !member.key_is("role") && !member.is_null() && member.raw().len() > 2
        };
        let speaks = || choice.get("delta").is_some_and(|delta| delta.children().any(says));
        own.finish.read(speaks, finished);
    }

    /// True if text was sent in the `content` of this choice.
    pub(super) fn spoke(&self, index: u32) -> bool {
        let at = self.choices.binary_search_by_key(&index, |own| own.index);
        at.ok().and_then(|at| self.choices.get(at)).is_some_and(|own| own.content)
    }

    fn own(&mut self, index: u32) -> Option<&mut Choice> {
        let at = match self.choices.binary_search_by_key(&index, |own| own.index) {
            Ok(at) => at,
            Err(at) if self.choices.len() < limits::OPEN_TEXTS => {
                self.choices.insert(at, Choice { index, ..Choice::default() });
                at
            }
            Err(_) => return None,
        };
        self.choices.get_mut(at)
    }

    fn head(&self, call: &Call, read_model: Option<&str>, ending: &Ending) -> String {
        let own_id = format!("chatcmpl-hemostat-{}", ending.decision);
        let model = self.model.as_deref().or(read_model).unwrap_or(&call.model);
        let created = if self.id.is_some() { self.created } else { ending.now };
        let mut json = Json::default();
        json.raw(r#"{"id":"#).text(self.id.as_deref().unwrap_or(&own_id));
        json.raw(r#","object":"chat.completion.chunk","created":"#).number(created);
        json.raw(r#","model":"#).text(model).raw(r#","choices":"#);
        json.take()
    }

    /// The rest of the stream: texts that still leave, the ending's text, a finish for every choice, usage, `[DONE]`.
    pub(super) fn ending(
        &mut self,
        call: &Call,
        model: Option<&str>,
        ending: &Ending,
    ) -> OwnEvents {
        if self.done {
            return OwnEvents::default();
        }
        let tail = if call.include_usage { r#","usage":null}"# } else { "}" };
        let mut chunks =
            Chunks { head: self.head(call, model, ending), tail, out: OwnEvents::default() };
        for (text_key, text) in ending.before.iter().filter(|(_, text)| !text.is_empty()) {
            self.before(&mut chunks, *text_key, text);
        }
        let begun = self.choices.iter().any(|c| c.content || c.refusal);
        let say = Say::ending(&ending.how, call, begun);
        // Choices that were requested and have not begun get all of it too.
        for index in 0..call.choices.max(1) {
            self.own(index);
        }
        self.choices.sort_unstable_by_key(|c| c.index);
        for choice in self.choices.iter_mut().filter(|c| !c.finish.is_over()) {
            if let Some(text) = say.text {
                said(&mut chunks, choice, text, say.refusal);
            } else if !choice.begun {
                chunks.delta(choice.index, r#"{"role":"assistant","content":""}"#, None);
            }
            let finish = match (say.blocked, say.spent) {
                (true, _) => "content_filter",
                (_, true) => "length",
                _ => "stop",
            };
            chunks.delta(choice.index, "{}", Some(finish));
            choice.finish = Finish::OVER;
        }
        if call.include_usage && !self.usage {
            let usage = format!(r#"{}[],"usage":{NO_USAGE}}}"#, chunks.head);
            chunks.out.push("", &usage);
        }
        chunks.out.push("", "[DONE]");
        self.done = true;
        chunks.out
    }

    fn before(&mut self, chunks: &mut Chunks<'_>, text_key: TextKey, text: &str) {
        let field = match text_key.kind {
            kind::CONTENT => "content",
            kind::REFUSAL => "refusal",
            kind::REASONING_CONTENT => "reasoning_content",
            kind::REASONING => "reasoning",
            _ => return,
        };
        let Some(choice) = self.own(text_key.a) else { return };
        if choice.finish.is_over() {
            return;
        }
        chunks.delta(choice.index, &delta(choice, field, text), None);
        choice.content |= field == "content";
        choice.refusal |= field == "refusal";
    }
}

/// The ending's text in one choice: it continues the open text, after a blank line.
fn said(chunks: &mut Chunks<'_>, choice: &mut Choice, text: &str, refusal: bool) {
    let refusal = refusal || (choice.refusal && !choice.content);
    let (field, open) =
        if refusal { ("refusal", choice.refusal) } else { ("content", choice.content) };
    let text = if open { format!("\n\n{text}") } else { text.to_owned() };
    let delta = delta(choice, field, &text);
    chunks.delta(choice.index, &delta, None);
}

/// A delta with one text; a choice's first one carries the role, without which SDK helpers reject the stream.
fn delta(choice: &mut Choice, field: &str, text: &str) -> String {
    let mut json = Json::default();
    json.raw("{");
    if !choice.begun {
        json.raw(r#""role":"assistant","#);
        if field != "content" {
            json.raw(r#""content":null,"#);
        }
    }
    choice.begun = true;
    json.text(field).raw(":").text(text).raw("}");
    json.take()
}
