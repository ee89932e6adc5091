//! What a chat call may cost and what it did cost.

use super::super::fields::pick;
use super::super::spend::{Spending, Usage, count, counts, insert, some_tokens, tokens, tokens_of};
use super::super::{Unreadable, request};
use crate::wire::edit::Edit;
use crate::wire::json::{Kind, Name, Value};
use crate::word::{self, Word};

pub(super) fn spending(root: &Value<'_>) -> Result<Spending, Unreadable> {
    // It depends on the server which of the two counts: the larger is the worst case.
    let old = count(root, "max_tokens", "/max_tokens")?;
    let new = count(root, "max_completion_tokens", "/max_completion_tokens")?;
    let mut spending = Spending { max_output: old.max(new), ..Spending::default() };
    spending.tier(request::one(root, "service_tier", "/service_tier")?);
    spending.turns(root.get("messages"));
    spending.tools(root.get("tools"));
    spending.tools(root.get("functions"));
    spending.format(root.get("response_format"));
    if root.get("web_search_options").is_some_and(|options| !options.is_null()) {
        spending.extra("web_search", 1);
    }
    let modalities = root.get("modalities");
    if modalities.is_some_and(|all| all.children().any(|one| Word::value(Some(one)) == word::audio))
    {
        spending.extra("modality=audio", 0);
    }
    Ok(spending)
}

pub(super) fn usage(root: &Value<'_>, usage: &mut Usage) {
    if let Some(tier) = root.get("service_tier").and_then(|tier| tier.as_str()) {
        usage.tier = Some(tier.into_owned());
    }
    for choice in root.get("choices").iter().flat_map(Value::children) {
        // Moonshot's streams report it in the last choice.
        take(choice.get("usage"), usage);
        // Models that search by themselves show it only in their sources.
        let said = choice.get("message").or_else(|| choice.get("delta"));
        take(said.and_then(|said| said.get("usage")), usage);
        let sources = said.and_then(|said| said.get("annotations"));
        let cites = |note: Value<'_>| note.get("type").is_some_and(|t| t.is_str("url_citation"));
        if sources.is_some_and(|all| all.children().any(cites)) {
            usage.used("web_search", 1);
        }
    }
    // Groq's streams report it in a field of their own.
    take(root.get("x_groq").and_then(|own| own.get("usage")), usage);
    take(root.get("usage"), usage);
}

/// Counts of input tokens that were read from a cache, under the names of OpenAI, of DeepSeek and Moonshot, and of gateways to
/// Anthropic's models, then of those that were written to one, and then objects with the latter by how long they are kept.
/// They stand in the details or beside them.
const CACHE: [Name; 8] = Name::all([
    "cached_tokens",
    "prompt_cache_hit_tokens",
    "cache_read_input_tokens",
    "cache_write_tokens",
    "cache_creation_tokens",
    "cache_creation_input_tokens",
    "cache_creation_token_details",
    "cache_creation",
]);

/// Where in [`CACHE`] the counts of tokens begin that were written, and where the objects.
const WRITTEN: usize = 3;
const KEPT: usize = 6;

/// Other counts. Some servers use the names of the Responses API.
const COUNTS: [Name; 9] = Name::all([
    "prompt_tokens",
    "input_tokens",
    "completion_tokens",
    "output_tokens",
    "total_tokens",
    "reasoning_tokens",
    "citation_tokens",
    "num_search_queries",
    "num_sources_used",
]);

/// Counts in the details of what was read and made.
const DETAILS: [Name; 3] = Name::all(["audio_tokens", "image_tokens", "reasoning_tokens"]);

fn take(said: Option<Value<'_>>, usage: &mut Usage) {
    let Some(said) = said.filter(|said| said.kind() == Kind::Object) else { return };
    let [details, details_made] =
        pick(&said, ["prompt_tokens_details", "completion_tokens_details"]);
    let [prompt, input, completion, output, total, own_reasoning, citations, queries, sources] =
        counts(Some(said), &COUNTS);
    let (mut cached, mut written, mut hour) = (0, 0, 0);
    for of in [details, Some(said)].into_iter().flatten() {
        of.each_named(&CACHE, &mut |number, member| {
            if number >= KEPT {
                hour = tokens(Some(member), "ephemeral_1h_input_tokens").max(hour);
                return;
            }
            let own = if number < WRITTEN { &mut cached } else { &mut written };
            *own = tokens_of(&member).max(Some(*own)).unwrap_or(0);
        });
    }
    let prompt = prompt.or(input);
    // Perplexity's models read what they cite in addition to the prompt, at the same price.
    let read = prompt.map(|prompt| prompt.saturating_add(citations.unwrap_or(0)));
    usage.input_with_cache(read, cached, written);
    usage.written_1h = usage.written_1h.max(hour);
    let [audio_read, ..] = counts(details, &DETAILS);
    let [audio_made, image, reasoning] = counts(details_made, &DETAILS);
    let reasoning = reasoning.max(own_reasoning).unwrap_or(0);
    usage.reasoning = usage.reasoning.max(reasoning);
    let made = completion.or(output);
    usage.output_in(made, total, prompt);
    // If there is more reasoning than output, it is not included in the output.
    let beside = made.filter(|made| reasoning > *made).map(|made| made.saturating_add(reasoning));
    usage.output = usage.output.max(beside);
    // OpenAI does not report searches: one that `web_search_options` asked for is charged once. Others report a count.
    let ran = said.get("server_tool_use");
    let searched = ran.and_then(|ran| some_tokens(&ran, "web_search_requests"));
    for searches in [queries, sources, searched].into_iter().flatten() {
        usage.used("web_search", searches);
    }
    if audio_read.or(audio_made).is_some() {
        usage.modal("modality=audio", audio_read.unwrap_or(0), audio_made.unwrap_or(0));
    }
    if let Some(image) = image {
        usage.modal("modality=image", 0, image);
    }
}

/// True for the event that `stream_options.include_usage` adds: usage and no choice.
pub(super) fn is_usage_event(root: &Value<'_>) -> bool {
    let no_choice =
        |choices: Value<'_>| choices.kind() == Kind::Array && choices.children().next().is_none();
    root.get("choices").is_some_and(no_choice)
        && root.get("usage").is_some_and(|usage| usage.kind() == Kind::Object)
}

/// Requests that event.
pub(super) fn ask_usage(root: &Value<'_>) -> Option<Edit> {
    let options = root.get("stream_options").filter(|options| options.kind() == Kind::Object);
    let Some(options) = options else {
        return match root.get("stream_options") {
            Some(null) => Some(Edit { at: null.span(), with: br#"{"include_usage":true}"#.into() }),
            None => insert(root, r#""stream_options":{"include_usage":true}"#),
        };
    };
    match options.get("include_usage") {
        Some(said) => Some(Edit { at: said.span(), with: b"true".into() }),
        None => insert(&options, r#""include_usage":true"#),
    }
}
