//! The meaning of event and item types: which text an event continues, which items are calls, what ends an answer.

use super::super::fields::{is_among, pick, string};
use super::super::number::{name_number, number};
use super::super::{Role, TextKey, ValueShape};
use crate::wire::json::Value;

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
pub(super) fn running_text(name: &[u8], root: &Value<'_>) -> (TextKey, ValueShape, Role) {
    let [item, content, summary] = pick(root, ["output_index", "content_index", "summary_index"]);
    let (a, content, summary) = (number(item), number(content), number(summary));
    let output = |kind, b| (TextKey { kind, a, b }, ValueShape::Text, Role::Output);
    let arguments = TextKey { kind: kind::ARGUMENTS, a, b: 0 };
    match name {
        b"output_text" => output(kind::TEXT, content),
        b"refusal" => output(kind::REFUSAL, content),
        b"reasoning_summary_text" => output(kind::SUMMARY, summary),
        b"reasoning_text" => output(kind::REASONING, content),
        b"function_call_arguments" | b"mcp_call_arguments" => {
            (arguments, ValueShape::Json, Role::ToolArgs)
        }
        b"custom_tool_call_input" => (arguments, ValueShape::Text, Role::ToolArgs),
        b"shell_call_command" => {
            let b = number(root.get("command_index"));
            (TextKey { kind: kind::COMMAND, a, b }, ValueShape::Text, Role::ToolArgs)
        }
        b"apply_patch_call_operation_diff" => {
            (TextKey { kind: kind::COMMAND, a, b: 0 }, ValueShape::Text, Role::ToolArgs)
        }
        b"content_part" => {
            output(root.get("part").map_or(kind::TEXT, |part| part_kind(&part)), content)
        }
        b"reasoning_summary_part" => output(kind::SUMMARY, summary),
        _ => output(kind::OTHER, name_number(name)),
    }
}

/// The kind of text in a part of an item.
pub(super) fn part_kind(part: &Value<'_>) -> u8 {
    match &*string(part.get("type")) {
        b"refusal" => kind::REFUSAL,
        b"summary_text" => kind::SUMMARY,
        b"reasoning_text" => kind::REASONING,
        _ => kind::TEXT,
    }
}

/// Splits `response.NAME.PHASE`; both are empty for other types.
pub(super) fn name_and_phase(event: &[u8]) -> (&[u8], &[u8]) {
    let Some(rest) = event.strip_prefix(b"response.") else { return (b"", b"") };
    match rest.iter().rposition(|&b| b == b'.') {
        Some(dot) => (rest.get(..dot).unwrap_or_default(), rest.get(dot + 1..).unwrap_or_default()),
        None => (b"", rest),
    }
}

/// Names of known events.
#[rustfmt::skip]
const NAMES: [&str; 23] = [
    "output_item", "content_part", "output_text", "output_text.annotation", "refusal", "reasoning_summary_part",
    "reasoning_summary_text", "reasoning_text", "function_call_arguments", "custom_tool_call_input", "mcp_call",
    "mcp_call_arguments", "mcp_list_tools", "code_interpreter_call", "code_interpreter_call_code", "web_search_call",
    "file_search_call", "image_generation_call", "shell_call_command", "shell_call_output_content",
    "apply_patch_call_operation_diff", "audio", "audio.transcript",
];

/// Known phases of an item or a part.
#[rustfmt::skip]
const PHASES: [&str; 11] = [
    "delta", "added", "done", "in_progress", "searching", "interpreting", "generating", "completed", "failed",
    "incomplete", "partial_image",
];

/// Known states of the response.
#[rustfmt::skip]
const STATES: [&str; 7] =
    ["created", "queued", "in_progress", "completed", "incomplete", "failed", "cancelled"];

/// True for known events: their texts outside deltas are whole.
pub(super) fn is_known(name: &[u8], phase: &[u8]) -> bool {
    match name {
        b"" => is_among(&STATES, phase),
        _ => is_among(&NAMES, name) && is_among(&PHASES, phase),
    }
}

/// Calls that have a name, or that the caller carries out. Tools that the provider runs itself (web search, code
/// interpreter, image generation) are part of the answer.
pub(super) fn is_call(kind: &[u8]) -> bool {
    matches!(
        kind,
        b"function_call"
            | b"custom_tool_call"
            | b"mcp_call"
            | b"mcp_approval_request"
            | b"computer_call"
            | b"local_shell_call"
            | b"shell_call"
            | b"apply_patch_call"
    )
}

/// The names that rules may use for a tool with a type in place of a name.
pub(super) fn built_in(kind: &[u8]) -> &'static [&'static str] {
    match kind {
        b"mcp_call" | b"mcp_approval_request" => &["mcp"],
        b"computer_call" => &["computer", "computer_use", "computer_use_preview"],
        b"local_shell_call" => &["local_shell", "shell"],
        b"shell_call" => &["shell"],
        b"apply_patch_call" => &["apply_patch"],
        b"web_search_call" => &["web_search", "web_search_preview"],
        b"file_search_call" => &["file_search"],
        b"code_interpreter_call" => &["code_interpreter", "code_execution"],
        b"image_generation_call" => &["image_generation"],
        b"tool_search_call" => &["tool_search"],
        _ => &[],
    }
}

/// True for the events after which nothing follows.
pub(super) fn is_last(event: &[u8]) -> bool {
    matches!(
        event,
        b"response.completed" | b"response.incomplete" | b"response.failed" | b"response.cancelled"
    )
}
