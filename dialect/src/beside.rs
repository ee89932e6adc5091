//! What a request may tell the model beside its turns: chat templates and what they are filled with, grammars, schemas of the
//! answer, options of gateways. Nobody knows all of them, so that every string and key of a member at the root is a text,
//! unless it is known that no model is shown it, or a dialect has read the member.

use super::fields::is_among;
use super::texts::TextWalk;
use super::{CallKind, DialectId, InputParts, Item, RequestView, Role};
use crate::wire::json::{Doc, Kind, NodeId, Value};

/// Members that no model is shown: who asks, what is routed and billed, credentials, and tools, which are looked at by
/// themselves.
#[rustfmt::skip]
const WORDLESS: [&str; 43] = [
    "model", "models", "user", "safety_identifier", "prompt_cache_key", "metadata", "litellm_metadata",
    "requestMetadata", "labels", "stop", "stop_sequences", "stopSequences", "tools", "functions", "tool_choice",
    "toolConfig", "tool_config", "toolChoice", "function_call", "mcp_servers", "service_tier", "serviceTier",
    "headers", "extra_headers", "api_key", "api_base", "base_url", "data_sources", "environment",
    "previous_response_id", "previous_interaction_id", "conversation", "session_id", "cachedContent", "cached_content",
    "logit_bias", "image", "images", "mask", "webhook_config", "betas", "anthropic_beta", "anthropic_version",
];

/// Members that hold turns in some dialect, read here as it would.
#[rustfmt::skip]
const TURNS: [&str; 10] = [
    "messages", "input", "contents", "content", "system", "systemInstruction", "system_instruction", "instructions",
    "prompt", "requests",
];

/// Members whose own members are such as stand at the root.
#[rustfmt::skip]
const OPTIONS: [&str; 6] = [
    "extra_body", "additionalModelRequestFields", "generationConfig", "generation_config", "inferenceConfig", "options",
];

/// They may be a system's words as well as a user's.
const ROLE: Role = Role::Input(InputParts {
    system: true,
    user: true,
    history: false,
    tool_results: false,
    last: true,
    tool_definitions: false,
});

/// The texts at the root of a request that its dialect has not read.
pub fn texts(view: &RequestView, doc: &Doc, body: &[u8], items: &mut Vec<Item>) {
    let own = &view.call.recognised;
    // Of these every member is read.
    let read_whole = matches!(own.dialect, DialectId::Mcp | DialectId::A2a);
    if read_whole || own.kind != CallKind::Generate || doc.is_empty() {
        return;
    }
    let mut read: Vec<NodeId> = Vec::with_capacity(view.texts.len());
    read.extend(view.texts.iter().filter_map(|item| match item {
        Item::Text { node, .. } => Some(*node),
        _ => None,
    }));
    read.sort_unstable();
    let mut texts = TextWalk::request(doc, body, items, ROLE);
    for field in doc.root(body).children() {
        let from = read.partition_point(|node| *node < field.id());
        if read.get(from).is_some_and(|node| *node < field.after()) {
            continue;
        }
        if is_among(&OPTIONS, &field.key()) && field.kind() == Kind::Object {
            field.children().for_each(|option| member(&mut texts, &option));
        } else {
            member(&mut texts, &field);
        }
    }
}

fn member<'a>(texts: &mut TextWalk<'a, '_>, field: &Value<'a>) {
    let name = field.key();
    match field.kind() {
        _ if is_among(&WORDLESS, &name) => {}
        Kind::Array | Kind::Object if is_among(&TURNS, &name) => texts.walk(field),
        Kind::Array | Kind::Object | Kind::String => texts.free(field),
        _ => {}
    }
}
