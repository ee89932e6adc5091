//! Turns of a request: who speaks in each of them, and which follow the model's last.

use super::request::Speaker;
use super::texts::TextWalk;
use crate::wire::json::{Kind, Value};
use crate::word::Word;

/// Reads one turn, whose speaker and place after the model's last turn are known.
type ReadTurn = for<'a, 'b> fn(&mut TextWalk<'a, 'b>, &Value<'a>, Turn);

/// What is known of a turn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub(super) speaker: Speaker,
    /// It follows the model's last turn.
    pub(super) last: bool,
}

impl Turn {
    fn role(self) -> crate::Role {
        self.speaker.role(self.last)
    }
}

/// The speaker that a turn names.
pub(super) fn speaker(turn: &Value<'_>) -> Speaker {
    Speaker::of(Word::value(turn.get("role")))
}

/// The position after the model's last turn.
pub(super) fn last_begins(turns: &Value<'_>, speaker: fn(&Value<'_>) -> Speaker) -> usize {
    let mut last = 0;
    for (at, turn) in turns.children().enumerate() {
        if speaker(&turn) == Speaker::Assistant {
            last = at + 1;
        }
    }
    last
}

/// Reads a list of turns.
pub(super) fn read<'a>(texts: &mut TextWalk<'a, '_>, turns: &Value<'a>, turn: ReadTurn) {
    let last = last_begins(turns, speaker);
    texts.role = Speaker::User.role(true);
    for (at, one) in texts.elements(turns).enumerate() {
        let own = Turn { speaker: speaker(&one), last: at >= last };
        texts.role = own.role();
        turn(texts, &one, own);
    }
}

/// Reads a turn with a list of parts under `list`. A tool's result may be a part of a user's turn, but is not the user's
/// text.
pub(super) fn parts<'a>(
    texts: &mut TextWalk<'a, '_>,
    turn: &Value<'a>,
    list: Word,
    own: Turn,
    is_result: fn(&Value<'_>) -> bool,
) {
    texts.role = own.role();
    for field in texts.fields(turn) {
        if Word::key(&field) != list || field.kind() != Kind::Array {
            texts.walk(&field);
            continue;
        }
        for part in field.children() {
            let speaker = if is_result(&part) { Speaker::Tool } else { own.speaker };
            texts.role = speaker.role(own.last);
            texts.walk(&part);
        }
        texts.role = own.role();
    }
}
