//! What has been sent of a stream of completions, and its rest.

use super::super::number::number;
use super::super::openai::{Finish, is_finished};
use super::super::say::Say;
use super::super::texts::short;
use super::super::write::Json;
use super::super::{Call, Ending};
use super::kind;
use super::own::{NO_USAGE, finish};
use crate::limits;
use crate::wire::json::Value;
use crate::wire::own::OwnEvents;

/// What the caller has been sent of one choice.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Choice {
    index: u32,
    text: bool,
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

impl Sent {
    /// A chunk was sent.
    pub(super) fn frame(&mut self, root: &Value<'_>) {
        for field in root.children() {
            match &*field.key() {
                b"id" if self.id.is_none() => self.id = short(Some(field)),
                b"model" if self.model.is_none() => self.model = short(Some(field)),
                b"created" => self.created = field.as_u64().unwrap_or(self.created),
                b"usage" => self.usage |= !field.is_null(),
                b"choices" => {
                    for choice in field.children() {
                        let spoke = choice.get("text").is_some_and(|text| text.raw().len() > 2);
                        let finished = is_finished(&choice);
                        if let Some(own) = self.own(number(choice.get("index"))) {
                            own.text |= spoke;
                            own.finish.leaves(finished);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// A chunk with this choice was read, whether or not it leaves.
    pub(super) fn was_read(&mut self, choice: &Value<'_>) {
        let (index, finished) = (number(choice.get("index")), is_finished(choice));
        let known = self.choices.binary_search_by_key(&index, |own| own.index).is_ok();
        if let Some(own) = Some(index).filter(|_| finished || known).and_then(|at| self.own(at)) {
            let speaks = || choice.get("text").is_some_and(|text| text.raw().len() > 2);
            own.finish.read(speaks, finished);
        }
    }

    /// A frame without JSON was sent.
    pub(super) fn other(&mut self, bytes: &[u8]) {
        self.done |= bytes.windows(6).any(|w| w == b"[DONE]");
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
        let own_id = format!("cmpl-hemostat-{}", ending.decision);
        let model = self.model.as_deref().or(model).unwrap_or(&call.model);
        let created = if self.id.is_some() { self.created } else { ending.now };
        let mut head = Json::default();
        head.raw(r#"{"id":"#).text(self.id.as_deref().unwrap_or(&own_id));
        head.raw(r#","object":"text_completion","created":"#).number(created);
        head.raw(r#","model":"#).text(model).raw(r#","choices":["#);
        let tail = if call.include_usage { r#"],"usage":null}"# } else { "]}" };
        let mut out = OwnEvents::default();
        let mut chunk = |index: u32, text: &str, finish: Option<&str>| {
            let mut json = Json::default();
            json.raw(head.as_str()).raw(r#"{"text":"#).text(text);
            json.raw(r#","index":"#).number(index.into());
            json.raw(r#","logprobs":null,"finish_reason":"#);
            match finish {
                Some(finish) => json.text(finish),
                None => json.raw("null"),
            };
            json.raw("}").raw(tail);
            out.push("", json.as_str());
        };
        let before = ending.before.iter().filter(|(key, _)| key.kind == kind::TEXT);
        for (key, text) in before.filter(|(_, text)| !text.is_empty()) {
            if let Some(own) = self.own(key.a).filter(|own| !own.finish.is_over()) {
                own.text = true;
                chunk(key.a, text, None);
            }
        }
        let begun = self.choices.iter().any(|choice| choice.text);
        let say = Say::ending(&ending.how, call, begun);
        for index in 0..call.choices.max(1) {
            self.own(index);
        }
        self.choices.sort_unstable_by_key(|choice| choice.index);
        for choice in self.choices.iter_mut().filter(|choice| !choice.finish.is_over()) {
            if let Some(text) = say.text {
                let gap = if choice.text { "\n\n" } else { "" };
                chunk(choice.index, &format!("{gap}{text}"), None);
            }
            chunk(choice.index, "", Some(finish(&say)));
            choice.finish = Finish::OVER;
        }
        if call.include_usage && !self.usage {
            out.push("", &format!(r#"{}],"usage":{NO_USAGE}}}"#, head.as_str()));
        }
        out.push("", "[DONE]");
        self.done = true;
        out
    }
}
