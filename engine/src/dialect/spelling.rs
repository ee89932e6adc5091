//! Keys in another case (`Messages`, `Tools`).
//!
//! Servers in Go take a member whatever the case of its key, most others do not: a request with such a member has no one
//! meaning, and is unreadable where a rule needs it. Only members that this code reads by their names are asked about,
//! and only where a format has them: arguments of tools, schemas and metadata have keys of the caller's own.

use super::Unreadable;
use crate::wire::json::{Kind, Value};

/// Members of a request that decide, in any dialect.
#[rustfmt::skip]
const ROOT: [&str; 60] = [
    "model", "models", "fallbacks", "fallback", "messages", "input", "contents", "system", "instructions", "prompt",
    "systemInstruction", "system_instruction", "tools", "functions", "tool_choice", "function_call", "toolConfig",
    "tool_config", "mcp_servers", "web_search_options", "stream", "stream_options", "background", "n", "prediction",
    "documents", "response_format", "text", "output_config", "output_format", "outputConfig", "max_tokens",
    "max_completion_tokens", "max_output_tokens", "max_tool_calls", "service_tier", "serviceTier", "modalities",
    "generationConfig", "generation_config", "cachedContent", "cached_content", "inferenceConfig",
    "additionalModelRequestFields", "promptVariables", "performanceConfig", "previous_response_id", "conversation",
    "speed", "inference_geo", "deferred", "suffix", "echo", "best_of", "message", "chat_history", "preamble", "user",
    "previous_interaction_id", "response_mime_type",
];

/// Members of turns, of what they are made of, and of tools.
#[rustfmt::skip]
const NESTED: [&str; 37] = [
    "role", "content", "parts", "type", "text", "name", "arguments", "input", "args", "output", "tool_calls",
    "function_call", "function", "custom", "functionCall", "functionResponse", "functionDeclarations",
    "function_declarations", "toolUse", "toolResult", "toolSpec", "systemTool", "toolAddition", "tools", "tool",
    "allowed_tools", "tool_names", "mcp_servers", "server_label", "max_uses", "model", "source", "data", "inlineData",
    "inline_data", "file_data", "tool_configuration",
];

/// Members under which a format has more of its own.
#[rustfmt::skip]
const READ: [&[u8]; 14] = [
    b"messages", b"input", b"contents", b"system", b"systemInstruction", b"system_instruction", b"tools", b"functions",
    b"toolConfig", b"tool_config", b"tool_choice", b"mcp_servers", b"fallbacks", b"prediction",
];

/// Members whose keys are the caller's.
fn is_free(name: &[u8]) -> bool {
    matches!(
        name,
        b"arguments"
            | b"args"
            | b"response"
            | b"json"
            | b"parameters"
            | b"parametersJsonSchema"
            | b"parameters_json_schema"
            | b"responseJsonSchema"
            | b"input_schema"
            | b"inputSchema"
            | b"output_schema"
            | b"outputSchema"
            | b"schema"
            | b"metadata"
            | b"headers"
            | b"variables"
            | b"structured_content"
            | b"structuredContent"
            | b"cache_control"
            | b"examples"
            | b"input_examples"
            | b"environment"
            | b"env"
    )
}

/// True if the key is one of `names` but for its case.
fn differs(key: &[u8], names: &[&str]) -> bool {
    let same = |name: &str| key == name.as_bytes();
    names.iter().any(|name| key.eq_ignore_ascii_case(name.as_bytes()))
        && !names.iter().any(|name| same(name))
}

/// A member that decides and that only some servers would take for it.
///
/// # Errors
/// There is one.
pub(super) fn check(root: &Value<'_>) -> Result<(), Unreadable> {
    for member in root.children() {
        let name = member.name();
        if differs(&name, &ROOT) {
            return Err(Unreadable { field: "" });
        }
        if READ.contains(&&*name) && any_differs(&member) {
            return Err(Unreadable { field: "" });
        }
    }
    Ok(())
}

fn any_differs(list: &Value<'_>) -> bool {
    let mut free_until = 0;
    list.descendants().any(|value| {
        if value.id() < free_until {
            return false;
        }
        let name = value.name();
        if is_free(&name) || (&*name == b"input" && value.kind() == Kind::Object) {
            free_until = value.after();
        }
        !name.is_empty() && differs(&name, &NESTED)
    })
}
