//! What a request may tell the model besides its turns: chat templates and their variables, grammars, schemas for the
//! answer, options of gateways. There is no complete list of them, so every string and key of a member at the root is a
//! text, unless the member is known not to reach a model, or the dialect has read it.

use super::texts::TextWalk;
use super::{CallKind, DialectId, InputParts, Item, RequestView, Role};
use crate::wire::json::{Doc, Kind, NodeId, Value};
use crate::word::{self, Word, WordSet};

/// Members that do not reach a model: user ids, routing and billing, credentials, and tools, which are examined
/// separately.
#[rustfmt::skip]
static WORDLESS: WordSet = WordSet::of([
    word::model, word::models, word::user, word::safety_identifier, word::prompt_cache_key, word::metadata,
    word::litellm_metadata, word::requestMetadata, word::labels, word::stop, word::stop_sequences,
    word::stopSequences, word::tools, word::functions, word::tool_choice, word::toolConfig, word::tool_config,
    word::toolChoice, word::function_call, word::mcp_servers, word::service_tier, word::serviceTier, word::headers,
    word::extra_headers, word::api_key, word::api_base, word::base_url, word::data_sources, word::environment,
    word::previous_response_id, word::previous_interaction_id, word::conversation, word::session_id,
    word::cachedContent, word::cached_content, word::logit_bias, word::image, word::images, word::mask,
    word::webhook_config, word::betas, word::anthropic_beta, word::anthropic_version,
]);

/// Members that hold turns in some dialect, read here as that dialect would. Tools and documents are no turns
/// ([`super::SAID`]).
#[rustfmt::skip]
static TURNS: WordSet = WordSet::of([
    word::messages, word::input, word::contents, word::content, word::system, word::systemInstruction,
    word::system_instruction, word::instructions, word::prompt, word::requests,
]);

/// Members whose own members are those of a request's root.
#[rustfmt::skip]
static OPTIONS: WordSet = WordSet::of([
    word::extra_body, word::additionalModelRequestFields, word::generationConfig, word::generation_config,
    word::inferenceConfig, word::options,
]);

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
        if OPTIONS.has(Word::key(&field)) && field.kind() == Kind::Object {
            field.children().for_each(|option| member(&mut texts, &option));
        } else {
            member(&mut texts, &field);
        }
    }
}

fn member<'a>(texts: &mut TextWalk<'a, '_>, field: &Value<'a>) {
    let key = Word::key(field);
    match field.kind() {
        _ if WORDLESS.has(key) => {}
        Kind::Array | Kind::Object if TURNS.has(key) => texts.walk_as(field, key),
        Kind::Array | Kind::Object | Kind::String => texts.free(field),
        _ => {}
    }
}
