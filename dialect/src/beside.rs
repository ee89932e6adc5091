//! What a request may tell the model besides its turns: chat templates and their variables, grammars, schemas for the
//! answer, options of gateways. There is no complete list of them, so every string and key of a member at the root is a
//! text, unless the member is known not to reach a model, or the dialect has read it.

use super::fields::is_among;
use super::texts::TextWalk;
use super::{CallKind, DialectId, InputParts, Item, RequestView, Role};
use crate::wire::json::{Doc, Kind, NodeId, Value};

/// Members that do not reach a model: user ids, routing and billing, credentials, and tools, which are examined
/// separately.
#[rustfmt::skip]
const WORDLESS: [&str; 43] = [
    "model", "models", "user", "safety_identifier", "prompt_cache_key", "metadata", "litellm_metadata",
    "requestMetadata", "labels", "stop", "stop_sequences", "stopSequences", "tools", "functions", "tool_choice",
    "toolConfig", "tool_config", "toolChoice", "function_call", "mcp_servers", "service_tier", "serviceTier",
    "headers", "extra_headers", "api_key", "api_base", "base_url", "data_sources", "environment",
    "previous_response_id", "previous_interaction_id", "conversation", "session_id", "cachedContent", "cached_content",
    "logit_bias", "image", "images", "mask", "webhook_config", "betas", "anthropic_beta", "anthropic_version",
];

/// Members that hold turns in some dialect, read here as that dialect would.
#[rustfmt::skip]
const TURNS: [&str; 10] = [
    "messages", "input", "contents", "content", "system", "systemInstruction", "system_instruction", "instructions",
    "prompt", "requests",
];

/// Members whose own members are those of a request's root.
#[rustfmt::skip]
const OPTIONS: [&str; 6] = [
    "extra_body", "additionalModelRequestFields", "generationConfig", "generation_config", "inferenceConfig", "options",
];

/// They may be a system prompt as well as a user's text.
const ROLE: Role = Role::Input(InputParts {
    system: true,
    user: true,
    history: false,
    tool_results: false,
    last: true,
    tool_definitions: false,
});

/// The texts in root members that the request's dialect has not read.
pub fn texts(view: &RequestView, doc: &Doc, body: &[u8], items: &mut Vec<Item>) {
    let own = &view.call.recognised;
    // These dialects read every member.
    let read_whole = matches!(own.dialect, DialectId::Mcp | DialectId::A2a);
    if read_whole || own.kind != CallKind::Generate || doc.is_empty() {
        return;
    }
    let mut read: Vec<NodeId> = Vec::with_capacity(view.texts.len());
    read.extend(view.texts.iter().filter_map(|item| match item {
        Item::Text { node, .. } => Some(*node),
        _ => None,
    }));
    // Most dialects read from front to back.
    if !read.is_sorted() {
        read.sort_unstable();
    }
    let mut texts = TextWalk::request(doc, body, items, ROLE);
    for field in doc.root(body).children() {
        let from = read.partition_point(|node| *node < field.id());
        if read.get(from).is_some_and(|node| *node < field.after()) {
            continue;
        }
        if is_among(&OPTIONS, field.key()) && field.kind() == Kind::Object {
            field.children().for_each(|option| member(&mut texts, &option));
        } else {
            member(&mut texts, &field);
        }
    }
}

fn member<'a>(texts: &mut TextWalk<'a, '_>, field: &Value<'a>) {
    let name = field.key();
    match field.kind() {
        _ if is_among(&WORDLESS, name) => {}
        Kind::Array | Kind::Object if is_among(&TURNS, name) => texts.walk(field),
        Kind::Array | Kind::Object | Kind::String => texts.free(field),
        _ => {}
    }
}
