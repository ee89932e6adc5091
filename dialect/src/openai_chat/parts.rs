//! Lists and objects in a message: parts of content, details of reasoning, sound, tokens.

use super::super::last_members::LastMembers;
use super::super::number::number;
use super::super::texts::TextWalk;
use super::super::{Role, TextKey, ValueShape};
use super::kind;
use crate::wire::json::{Kind, Value};
use crate::word::{self, Word};

/// Content as a list of parts (Mistral, and whole messages of some servers).
pub(super) fn parts<'a>(texts: &mut TextWalk<'a, '_>, parts: &Value<'a>, choice: u32) {
    for part in parts.children() {
        if part.kind() == Kind::String {
            let key = TextKey { kind: kind::CONTENT, a: choice, b: 0 };
            texts.running(&part, key, ValueShape::Text, Role::Output);
            continue;
        }
        // Gateways forward calls in Anthropic's format, among the parts.
        texts.stray(&part);
        let thinking = Word::value(part.get("type")) == word::thinking;
        let kind = if thinking { kind::THINKING } else { kind::CONTENT };
        for field in texts.fields(&part) {
            match Word::key(&field) {
                word::text | word::thinking if field.kind() == Kind::String => {
                    let key = TextKey { kind, a: choice, b: 0 };
                    texts.running(&field, key, ValueShape::Text, Role::Output);
                }
                word::thinking => {
                    let key = TextKey { kind: kind::THINKING, a: choice, b: 0 };
                    for text in field.descendants().filter(|v| v.key_is("text")) {
                        texts.running(&text, key, ValueShape::Text, Role::Output);
                    }
                }
                key => texts.walk_as(&field, key),
            }
        }
    }
}

pub(super) fn details<'a>(texts: &mut TextWalk<'a, '_>, details: &Value<'a>, choice: u32) {
    for detail in texts.elements(details) {
        let key_of =
            TextKey { kind: kind::REASONING_DETAILS, a: choice, b: number(detail.get("index")) };
        let mut last = LastMembers::default();
        for field in texts.fields(&detail) {
            match Word::key(&field) {
                word::text if last.is(&detail, &field, 0, "text") => {
                    texts.running(&field, key_of, ValueShape::Text, Role::Output)
                }
                word::summary if last.is(&detail, &field, 1, "summary") => {
                    texts.running(&field, key_of, ValueShape::Text, Role::Output);
                }
                word::signature => texts.seal(&field, key_of),
                key => texts.walk_as(&field, key),
            }
        }
    }
}

pub(super) fn audio<'a>(texts: &mut TextWalk<'a, '_>, audio: &Value<'a>, transcript: TextKey) {
    for field in audio.children() {
        match Word::key(&field) {
            word::transcript => texts.running(&field, transcript, ValueShape::Text, Role::Output),
            word::data if field.kind() == Kind::String => {}
            key => texts.walk_as(&field, key),
        }
    }
}

/// Tokens repeat the text, and continue as it does; each alternative of a token is scanned separately.
pub(super) fn log_probabilities<'a>(
    texts: &mut TextWalk<'a, '_>,
    logprobs: &Value<'a>,
    choice: u32,
) {
    for list in texts.fields(logprobs) {
        let b = u32::from(list.key_is("refusal"));
        texts.tokens_run(logprobs, &list, TextKey { kind: kind::LOGPROBS, a: choice, b });
    }
}
