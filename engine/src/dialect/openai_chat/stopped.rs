//! How frames of a chat answer leave once calls were stopped: without their pieces, with what is said in their place as
//! content, the other calls counted anew, and a finish reason that is still true.

use super::super::openai::is_finished;
use super::super::splice::{extend, insert, push, remove, replace};
use super::super::texts::number;
use super::super::write::{Json, quoted};
use super::super::{Leaves, Piece, TextKey};
use super::ending::Sent;
use crate::limits;
use crate::wire::edit::Edit;
use crate::wire::json::{Kind, Value};

/// What has become of the calls.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    /// Calls that leave, with their index as it leaves.
    through: Vec<(TextKey, u32)>,
    /// Stopped calls that something was said for.
    said: Vec<TextKey>,
    /// Choices of which calls were stopped.
    choices: Vec<Choice>,
}

#[derive(Debug, Default)]
struct Choice {
    index: u32,
    /// What was said last in the content was said for a call.
    gap: bool,
}

impl Leaving {
    pub(super) fn frame(&mut self, root: &Value<'_>, pieces: &[Piece<'_>], sent: &Sent) -> Leaves {
        let mut leaves = Leaves::default();
        // A chunk that only carries pieces of stopped calls, which most of theirs do, does not leave at all.
        let mut rest = false;
        for field in root.children() {
            if !field.key_is("choices") {
                rest |= field.key_is("usage") && !field.is_null();
                continue;
            }
            for choice in field.children() {
                rest |= self.choice(&choice, pieces, sent, &mut leaves);
            }
        }
        let stopped = pieces.iter().any(|piece| piece.stopped.is_some());
        leaves.dropped = stopped && !rest;
        leaves
    }

    /// Rewrites a choice; true if something of it must leave.
    fn choice(
        &mut self,
        choice: &Value<'_>,
        pieces: &[Piece<'_>],
        sent: &Sent,
        leaves: &mut Leaves,
    ) -> bool {
        let index = number(choice.get("index"));
        let (message, streamed) = match (choice.get("delta"), choice.get("message")) {
            (Some(delta), copy) => {
                // Some servers send the whole message so far beside each delta. What is said is said once.
                if let Some(copy) = copy {
                    take_out(&copy, pieces, &mut leaves.edits);
                }
                (delta, true)
            }
            (None, Some(message)) => (message, false),
            (None, None) => return true,
        };
        let mine = |value: &Value<'_>| pieces.iter().find(|piece| piece.node == value.id());
        let mut said = String::new();
        let mut calls_left = false;
        for call in calls(&message) {
            match mine(&call) {
                Some(piece) => match piece.stopped {
                    Some(stopped) => {
                        self.stopped(index);
                        if !self.said.contains(&piece.call) {
                            self.remember(piece.call);
                            say(&mut said, &stopped.text);
                        }
                    }
                    None => {
                        calls_left = true;
                        self.renumber(&call, piece.call, leaves, streamed);
                    }
                },
                None => calls_left = true,
            }
        }
        let members_left = take_out(&message, pieces, &mut leaves.edits);
        let content = message.get("content");
        self.speak(index, &message, content, &said, members_left, sent, streamed, leaves);
        let finished = self.finish(choice, index, calls_left, streamed, leaves);
        let other = |m: Value<'_>| {
            let empty = m.is_null() || matches!(m.raw(), b"\"\"" | b"[]");
            !(empty || m.key_is("tool_calls") || m.key_is("function_call"))
        };
        finished || calls_left || !said.is_empty() || message.children().any(other)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one place in one frame, and all that is known of it"
    )]
    fn speak(
        &mut self,
        index: u32,
        message: &Value<'_>,
        content: Option<Value<'_>>,
        said: &str,
        members_left: bool,
        sent: &Sent,
        streamed: bool,
        leaves: &mut Leaves,
    ) {
        let edits = &mut leaves.edits;
        let filled = content.filter(|c| !c.is_null() && !matches!(c.raw(), b"\"\"" | b"[]"));
        let gap = self.choices.iter_mut().find(|choice| choice.index == index);
        let Some(choice) = gap else { return };
        if let Some(text) = filled.filter(|_| choice.gap && streamed) {
            extend(&text, "\n\n", false, edits);
            choice.gap = false;
        }
        if said.is_empty() {
            return;
        }
        choice.gap = true;
        let paragraph = filled.is_some() || (streamed && sent.spoke(index));
        let text = if paragraph { format!("\n\n{said}") } else { said.to_owned() };
        match content {
            Some(content) if filled.is_some() && content.kind() == Kind::String => {
                extend(&content, &text, true, edits);
            }
            Some(content) if content.kind() == Kind::Array => {
                let mut part = Json::default();
                part.raw(r#"{"type":"text","text":"#).text(said).raw("}");
                push(&content, part.as_str(), filled.is_some(), edits);
            }
            Some(content) => replace(&content, &quoted(&text), edits),
            None => insert(message, "content", &quoted(&text), members_left, edits),
        }
    }

    /// The finish reason names calls only where one has left. True if the choice finishes here.
    fn finish(
        &mut self,
        choice: &Value<'_>,
        index: u32,
        calls_left: bool,
        streamed: bool,
        leaves: &mut Leaves,
    ) -> bool {
        if !is_finished(choice) {
            return false;
        }
        let any = calls_left || (streamed && self.through.iter().any(|(call, _)| call.a == index));
        let stopped = self.choices.iter().any(|choice| choice.index == index);
        if stopped && !any {
            for field in choice
                .children()
                .filter(|f| f.key_is("finish_reason") || f.key_is("native_finish_reason"))
            {
                if ["tool_calls", "function_call"].iter().any(|word| field.is_str(word)) {
                    replace(&field, "\"stop\"", &mut leaves.edits);
                }
            }
        }
        true
    }

    fn stopped(&mut self, index: u32) {
        let known = self.choices.iter().any(|choice| choice.index == index);
        if !known && self.choices.len() < limits::OPEN_TEXTS {
            self.choices.push(Choice { index, gap: false });
        }
    }

    fn remember(&mut self, call: TextKey) {
        if self.said.len() < limits::OPEN_TEXTS {
            self.said.push(call);
        }
    }

    /// Clients keep calls by index: where one was stopped, the later ones close the ranks.
    fn renumber(&mut self, entry: &Value<'_>, call: TextKey, leaves: &mut Leaves, streamed: bool) {
        if !streamed {
            return;
        }
        let Some(index) = entry.get("index") else {
            let known = self.through.iter().any(|(key, _)| *key == call);
            if !known && self.through.len() < limits::OPEN_TEXTS {
                self.through.push((call, u32::try_from(self.through.len()).unwrap_or(u32::MAX)));
            }
            return;
        };
        let known = self.through.iter().find(|(key, _)| *key == call).map(|(_, index)| *index);
        let new = known.unwrap_or_else(|| {
            let stopped = self.choices.iter().any(|choice| choice.index == call.a);
            let mine = self.through.iter().filter(|(key, _)| key.a == call.a);
            let next = mine.map(|(_, index)| index.saturating_add(1)).max().unwrap_or(0);
            let new = if stopped { next } else { number(Some(index)) };
            if self.through.len() < limits::OPEN_TEXTS {
                self.through.push((call, new));
            }
            new
        });
        if new != number(Some(index)) {
            replace(&index, &new.to_string(), &mut leaves.edits);
        }
    }
}

/// Takes the stopped calls out of a message; true if any member is left.
pub(in super::super) fn take_out(
    message: &Value<'_>,
    pieces: &[Piece<'_>],
    edits: &mut Vec<Edit>,
) -> bool {
    let stopped = |value: &Value<'_>| {
        pieces.iter().any(|piece| piece.node == value.id() && piece.stopped.is_some())
    };
    let lists = |list: &Value<'_>| list.key_is("tool_calls") && list.children().next().is_some();
    // The whole list goes with its last call; a list that goes has no edits of its own.
    let all_gone = |list: &Value<'_>| lists(list) && list.children().all(|call| stopped(&call));
    let left = remove(message, |m| all_gone(m) || stopped(m), edits);
    for list in message.children().filter(|list| lists(list) && !all_gone(list)) {
        remove(&list, stopped, edits);
    }
    left
}

/// The calls of a message, or pieces of them.
fn calls<'a>(message: &Value<'a>) -> Vec<Value<'a>> {
    let mut calls = Vec::new();
    for field in message.children() {
        if field.key_is("tool_calls") {
            calls.extend(field.children());
        } else if field.key_is("function_call") && field.kind() == Kind::Object {
            calls.push(field);
        }
    }
    calls
}

fn say(said: &mut String, text: &str) {
    if !said.is_empty() {
        said.push_str("\n\n");
    }
    said.push_str(text);
}
