//! The meaning of event and item types: which text an event continues, which items are calls, what ends an answer.

use super::super::fields::pick;
use super::super::number::{name_number, number};
use super::super::{Role, TextKey, ValueShape};
use crate::wire::json::Value;
use crate::word::{self, Word, WordSet};

/// Kinds of running text; `a` is the output item's index.
pub(super) mod kind {
    /// `output_text`; `b` is the part's index.
    pub(in super::super) const TEXT: u8 = 0;
    /// `refusal`; `b` is the part's index.
    pub(in super::super) const REFUSAL: u8 = 1;
    /// `reasoning_summary_text`; `b` is the summary part's index.
    pub(in super::super) const SUMMARY: u8 = 2;
    /// `reasoning_text`; `b` is the part's index.
    pub(in super::super) const REASONING: u8 = 3;
    /// Arguments or input of a call.
    pub(in super::super) const ARGUMENTS: u8 = 4;
    /// Tokens of `logprobs`; `b` is the part's index.
    pub(in super::super) const LOGPROBS: u8 = 5;
    /// Deltas of a type without a kind of its own; `b` is derived from its name.
    pub(in super::super) const OTHER: u8 = 6;
    /// Commands of a shell call; `b` is the command's index.
    pub(in super::super) const COMMAND: u8 = 7;
}

/// The running text that the `response.NAME.delta` events of a name carry, and how they carry it.
pub(super) fn running_text(event: EventType<'_>, root: &Value<'_>) -> (TextKey, ValueShape, Role) {
    let [item, content, summary] = pick(root, ["output_index", "content_index", "summary_index"]);
    let (a, content, summary) = (number(item), number(content), number(summary));
    let output = |kind, b| (TextKey { kind, a, b }, ValueShape::Text, Role::Output);
    let arguments = TextKey { kind: kind::ARGUMENTS, a, b: 0 };
    match event.name {
        word::output_text => output(kind::TEXT, content),
        word::refusal => output(kind::REFUSAL, content),
        word::reasoning_summary_text => output(kind::SUMMARY, summary),
        word::reasoning_text => output(kind::REASONING, content),
        word::function_call_arguments | word::mcp_call_arguments => {
            (arguments, ValueShape::Json, Role::ToolArgs)
        }
        word::custom_tool_call_input => (arguments, ValueShape::Text, Role::ToolArgs),
        word::shell_call_command => {
            let b = number(root.get("command_index"));
            (TextKey { kind: kind::COMMAND, a, b }, ValueShape::Text, Role::ToolArgs)
        }
        word::apply_patch_call_operation_diff => {
            (TextKey { kind: kind::COMMAND, a, b: 0 }, ValueShape::Text, Role::ToolArgs)
        }
        word::content_part => {
            output(root.get("part").map_or(kind::TEXT, |part| part_kind(&part)), content)
        }
        word::reasoning_summary_part => output(kind::SUMMARY, summary),
        _ => output(kind::OTHER, name_number(event.written)),
    }
}

/// The kind of text in a part of an item.
pub(super) fn part_kind(part: &Value<'_>) -> u8 {
    match Word::value(part.get("type")) {
        word::refusal => kind::REFUSAL,
        word::summary_text => kind::SUMMARY,
        word::reasoning_text => kind::REASONING,
        _ => kind::TEXT,
    }
}

/// The type of an event.
#[derive(Debug, Clone, Copy)]
pub(super) struct EventType<'a> {
    /// NAME in `response.NAME.PHASE`; empty if there is none.
    pub(super) name: Word,
    /// The same, as it is written.
    pub(super) written: &'a [u8],
    /// PHASE; empty for types of other forms.
    pub(super) phase: Word,
}

impl<'a> EventType<'a> {
    /// Splits a type.
    pub(super) fn of(event: &'a [u8]) -> Self {
        let rest = event.strip_prefix(b"response.").unwrap_or_default();
        let Some(dot) = rest.iter().rposition(|&b| b == b'.') else {
            return Self { name: word::empty, written: &[], phase: Word::of(rest) };
        };
        let (written, phase) = rest.split_at_checked(dot).unwrap_or_default();
        let name = if written.is_empty() { Word::OTHER } else { Word::of(written) };
        Self { name, written, phase: Word::of(phase.get(1..).unwrap_or_default()) }
    }

    /// The state of the response, if that is what the event reports (`response.completed`).
    pub(super) fn state(self) -> Word {
        if self.name == word::empty { self.phase } else { Word::OTHER }
    }

    /// True for the events after which nothing follows.
    pub(super) fn is_last(self) -> bool {
        matches!(self.state(), word::completed | word::incomplete | word::failed | word::cancelled)
    }

    /// True for known events: their texts outside deltas are whole.
    pub(super) fn is_known(self) -> bool {
        match self.name {
            word::empty => STATES.has(self.phase),
            name => NAMES.has(name) && PHASES.has(self.phase),
        }
    }
}

/// Names of known events.
#[rustfmt::skip]
static NAMES: WordSet = WordSet::of([
    word::output_item, word::content_part, word::output_text, word::output_text_annotation, word::refusal,
    word::reasoning_summary_part, word::reasoning_summary_text, word::reasoning_text, word::function_call_arguments,
    word::custom_tool_call_input, word::mcp_call, word::mcp_call_arguments, word::mcp_list_tools,
    word::code_interpreter_call, word::code_interpreter_call_code, word::web_search_call, word::file_search_call,
    word::image_generation_call, word::shell_call_command, word::shell_call_output_content,
    word::apply_patch_call_operation_diff, word::audio, word::audio_transcript,
]);

/// Known phases of an item or a part.
#[rustfmt::skip]
static PHASES: WordSet = WordSet::of([
    word::delta, word::added, word::done, word::in_progress, word::searching, word::interpreting, word::generating,
    word::completed, word::failed, word::incomplete, word::partial_image,
]);

/// Known states of the response.
#[rustfmt::skip]
static STATES: WordSet = WordSet::of([
    word::created, word::queued, word::in_progress, word::completed, word::incomplete, word::failed, word::cancelled,
]);

/// Calls that have a name, or that the caller carries out. Tools that the provider runs itself (web search, code
/// interpreter, image generation) are part of the answer.
pub(super) fn is_call(kind: Word) -> bool {
    matches!(
        kind,
        word::function_call
            | word::custom_tool_call
            | word::mcp_call
            | word::mcp_approval_request
            | word::computer_call
            | word::local_shell_call
            | word::shell_call
            | word::apply_patch_call
    )
}

/// The names that rules may use for a tool with a type in place of a name.
pub(super) fn built_in(kind: Word) -> &'static [&'static str] {
    match kind {
        word::mcp_call | word::mcp_approval_request => &["mcp"],
        word::computer_call => &["computer", "computer_use", "computer_use_preview"],
        word::local_shell_call => &["local_shell", "shell"],
        word::shell_call => &["shell"],
        word::apply_patch_call => &["apply_patch"],
        word::web_search_call => &["web_search", "web_search_preview"],
        word::file_search_call => &["file_search"],
        word::code_interpreter_call => &["code_interpreter", "code_execution"],
        word::image_generation_call => &["image_generation"],
        word::tool_search_call => &["tool_search"],
        _ => &[],
    }
}
