//! How frames of a chat answer leave once calls were stopped: without their pieces, with replacements as content, the
//! other calls renumbered, and a finish reason that is still true.

use super::super::bounded_set::{BoundedSet, pieces_at};
use super::super::number::number;
use super::super::openai::is_finished;
use super::super::splice::{extend, insert, push, remove, replace};
use super::super::write::{Json, quoted};
use super::super::{CallPiece, Leaves, StoppedCall, TextKey};
use super::ending::Sent;
use super::shapes;
use crate::limits;
use crate::wire::edit::Edit;
use crate::wire::json::{Kind, Value};
use crate::word::{self, Word};

/// What happened to the calls.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    /// Calls that leave, with the index under which they do, sorted by key.
    through: Vec<(TextKey, u32)>,
    /// Choices of which calls have left, in order, with the next index.
    next: Vec<(u32, u32)>,
    /// Stopped calls whose replacement was sent.
    said: BoundedSet<TextKey>,
    /// Choices of which calls were stopped, in the order of their indexes.
    choices: Vec<Choice>,
}

#[derive(Debug, Default)]
struct Choice {
    index: u32,
    /// The last text in the content was a replacement.
    gap: bool,
}

impl Leaving {
    pub(super) fn frame(
        &mut self,
        root: &Value<'_>,
        pieces: &[CallPiece<'_>],
        sent: &Sent,
    ) -> Leaves {
        let mut leaves = Leaves::default();
        // A chunk with nothing but pieces of stopped calls, as most of theirs are, does not leave at all.
        let mut rest = false;
        shapes::each(root).for_each(|chunk| _ = take_out(&chunk, pieces, &mut leaves.edits));
        for field in shapes::each(root).flat_map(|chunk| chunk.children()) {
            match Word::key(&field) {
                word::choices => {
                    for choice in shapes::each(&field) {
                        rest |= self.choice(&choice, pieces, sent, &mut leaves);
                    }
                }
                word::usage => rest |= !field.is_null(),
                word::data => {
                    // A list of stored answers, or of messages.
                    rest = true;
                    field.children().for_each(|item| self.stored(&item, pieces, sent, &mut leaves));
                }
                _ => {}
            }
        }
        let stopped = pieces.iter().any(|piece| piece.stopped.is_some());
        leaves.dropped = stopped && !rest;
        leaves
    }

    /// Rewrites a choice; true if any of it must leave.
    fn choice(
        &mut self,
        choice: &Value<'_>,
        pieces: &[CallPiece<'_>],
        sent: &Sent,
        leaves: &mut Leaves,
    ) -> bool {
        let index = number(choice.get("index"));
        let (message, streamed) = match (choice.get("delta"), choice.get("message")) {
            (Some(delta), copy) => {
                // Some servers send the whole message so far beside each delta. The replacement is sent once.
                if let Some(copy) = copy {
                    take_out(&copy, pieces, &mut leaves.edits);
                }
                take_out(choice, pieces, &mut leaves.edits);
                (delta, true)
            }
            (None, Some(message)) => {
                take_out(choice, pieces, &mut leaves.edits);
                (message, false)
            }
            (None, None) => return true,
        };
        let (calls_left, speaks) = self.message(index, &message, streamed, pieces, sent, leaves);
        let finished = self.finish(choice, index, calls_left, streamed, leaves);
        let other = |m: Value<'_>| {
            let empty = m.is_null() || matches!(m.raw(), b"\"\"" | b"[]");
            !(empty || m.key_is("tool_calls") || m.key_is("function_call"))
        };
        finished || calls_left || speaks || message.children().any(other)
    }

    /// An item of a list: an answer, or a message.
    fn stored(
        &mut self,
        item: &Value<'_>,
        pieces: &[CallPiece<'_>],
        sent: &Sent,
        leaves: &mut Leaves,
    ) {
        match item.get("choices") {
            Some(list) => shapes::each(&list).for_each(|choice| {
                self.choice(&choice, pieces, sent, leaves);
            }),
            None => {
                self.message(0, item, false, pieces, sent, leaves);
            }
        }
    }

    /// Rewrites a message or a delta. Returns whether any of its calls leave, and whether others were replaced.
    fn message(
        &mut self,
        index: u32,
        message: &Value<'_>,
        streamed: bool,
        pieces: &[CallPiece<'_>],
        sent: &Sent,
        leaves: &mut Leaves,
    ) -> (bool, bool) {
        let mine = |value: &Value<'_>| pieces_at(pieces, value.id()).first();
        let mut said = String::new();
        let mut calls_left = false;
        for call in calls(message) {
            match mine(&call) {
                Some(piece) => match piece.stopped {
                    Some(stopped) => self.instead(index, stopped, &mut said),
                    None => {
                        calls_left = true;
                        self.renumber(&call, piece.call, leaves, streamed);
                    }
                },
                None => calls_left = true,
            }
        }
        let content = message.get("content");
        let mut parts_left = false;
        for part in content.iter().flat_map(Value::children) {
            match mine(&part).map(|piece| (piece.call, piece.stopped)) {
                Some((_, Some(stopped))) => self.instead(index, stopped, &mut said),
                Some((call, None)) => {
                    (calls_left, parts_left) = (true, true);
                    self.leaves_as(TextKey { a: index, ..call }, 0);
                }
                None => parts_left = true,
            }
        }
        let members_left = take_out(message, pieces, &mut leaves.edits);
        let own = |member: &Value<'_>| member.key_is("function_call");
        for added in message.children().filter(|member| !own(member)) {
            take_out(&added, pieces, &mut leaves.edits);
        }
        let left = if content.is_some() { parts_left } else { members_left };
        self.speak(index, message, content, &said, left, sent, streamed, leaves);
        (calls_left, !said.is_empty())
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
        left: bool,
        sent: &Sent,
        streamed: bool,
        leaves: &mut Leaves,
    ) {
        let edits = &mut leaves.edits;
        let filled = content.filter(|c| !c.is_null() && !matches!(c.raw(), b"\"\"" | b"[]"));
        let gap = self.choice_of(index).ok().and_then(|at| self.choices.get_mut(at));
        let Some(choice) = gap else { return };
        let text = filled.filter(|content| content.kind() == Kind::String);
        if let Some(text) = text.filter(|_| choice.gap && streamed) {
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
                push(&content, part.as_str(), left, edits);
            }
            Some(content) => replace(&content, &quoted(&text), edits),
            None => insert(message, "content", &quoted(&text), left, edits),
        }
    }

    /// The finish reason names calls only if one has left. True if the choice finishes here.
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
        let any = calls_left || (streamed && self.next_of(index).is_some());
        let stopped = self.choice_of(index).is_ok();
        if stopped && !any {
            for field in choice
                .children()
                .filter(|f| f.key_is("finish_reason") || f.key_is("native_finish_reason"))
            {
                if ["tool_calls", "function_call", "tool_use"].iter().any(|word| field.is_str(word))
                {
                    replace(&field, "\"stop\"", &mut leaves.edits);
                }
            }
        }
        true
    }

    /// A call was stopped: adds its replacement, once.
    fn instead(&mut self, index: u32, stopped: &StoppedCall, said: &mut String) {
        self.stopped(index);
        if !self.said.has(&stopped.call) {
            self.said.add(stopped.call);
            say(said, &stopped.text);
        }
    }

    fn stopped(&mut self, index: u32) {
        if let Err(at) = self.choice_of(index)
            && self.choices.len() < limits::OPEN_TEXTS
        {
            self.choices.insert(at, Choice { index, gap: false });
        }
    }

    /// The position of the choice, or where it would be inserted.
    fn choice_of(&self, index: u32) -> Result<usize, usize> {
        self.choices.binary_search_by_key(&index, |choice| choice.index)
    }

    /// The index after those of the calls of this choice that have left; `None` if none has.
    fn next_of(&self, choice: u32) -> Option<u32> {
        let at = self.next.binary_search_by_key(&choice, |(own, _)| *own).ok()?;
        self.next.get(at).map(|(_, next)| *next)
    }

    /// A call leaves with this index.
    fn leaves_as(&mut self, call: TextKey, index: u32) {
        let Err(at) = self.through.binary_search_by_key(&call, |(own, _)| *own) else { return };
        if self.through.len() >= limits::OPEN_TEXTS {
            return;
        }
        self.through.insert(at, (call, index));
        let next = index.saturating_add(1);
        match self.next.binary_search_by_key(&call.a, |(own, _)| *own) {
            Ok(at) => self.next.get_mut(at).into_iter().for_each(|own| own.1 = own.1.max(next)),
            Err(at) => self.next.insert(at, (call.a, next)),
        }
    }

    /// Clients store calls by index: after a stopped one, later ones move up.
    fn renumber(&mut self, entry: &Value<'_>, call: TextKey, leaves: &mut Leaves, streamed: bool) {
        if !streamed {
            return;
        }
        let Some(index) = entry.get("index") else {
            let count = u32::try_from(self.through.len()).unwrap_or(u32::MAX);
            return self.leaves_as(call, count);
        };
        let known = self.through.binary_search_by_key(&call, |(own, _)| *own).ok();
        let new = match known.and_then(|at| self.through.get(at)) {
            Some((_, known)) => *known,
            None => {
                let next = self.next_of(call.a).unwrap_or(0);
                let stopped = self.choice_of(call.a).is_ok();
                let new = if stopped { next } else { number(Some(index)) };
                self.leaves_as(call, new);
                new
            }
        };
        // Left as it is where no call is missing: it got its index late.
        if new != number(Some(index)) && self.choice_of(call.a).is_ok() {
            replace(&index, &new.to_string(), &mut leaves.edits);
        }
    }
}

/// Removes the stopped calls from a message; true if any member is left.
pub(in super::super) fn take_out(
    message: &Value<'_>,
    pieces: &[CallPiece<'_>],
    edits: &mut Vec<Edit>,
) -> bool {
    let stopped = |value: &Value<'_>| {
        pieces_at(pieces, value.id()).iter().any(|piece| piece.stopped.is_some())
    };
    let lists = |list: &Value<'_>| list.key_is("tool_calls") && list.children().next().is_some();
    // The whole list is removed with its last call; a removed list has no edits of its own.
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
