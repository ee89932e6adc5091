//! What a chat call may cost and what it did cost.

use super::super::spend::{Spending, Usage, count, insert, members, some_tokens, tokens};
use super::super::{Unreadable, request};
use crate::wire::edit::Edit;
use crate::wire::json::{Kind, Names, Value};
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

/// Nine counts of a usage object, six about a cache, and objects in it. Some servers use the names of the Responses API.
const MEMBERS: Names<20> = Names::new([
    "prompt_tokens",
    "input_tokens",
    "completion_tokens",
    "output_tokens",
    "total_tokens",
    "reasoning_tokens",
    "citation_tokens",
    "num_search_queries",
    "num_sources_used",
    "cached_tokens",
    "prompt_cache_hit_tokens",
    "cache_read_input_tokens",
    "cache_write_tokens",
    "cache_creation_tokens",
    "cache_creation_input_tokens",
    "prompt_tokens_details",
    "completion_tokens_details",
    "server_tool_use",
    "cache_creation_token_details",
    "cache_creation",
]);

/// Three counts in the details of what was read or made, six about a cache, and objects. What is about a cache stands here or beside
/// the details: counts of input tokens that were read from one, under the names of OpenAI, of DeepSeek and Moonshot, and of
/// gateways to Anthropic's models, then of those that were written to one, and objects with the latter by how long they are kept.
const DETAILS: Names<11> = Names::new([
    "audio_tokens",
    "image_tokens",
    "reasoning_tokens",
    "cached_tokens",
    "prompt_cache_hit_tokens",
    "cache_read_input_tokens",
    "cache_write_tokens",
    "cache_creation_tokens",
    "cache_creation_input_tokens",
    "cache_creation_token_details",
    "cache_creation",
]);

fn take(said: Option<Value<'_>>, usage: &mut Usage) {
    let Some(said) = said.filter(|said| said.kind() == Kind::Object) else { return };
    let (counts, [details, details_made, ran, kept @ ..]): ([_; 15], [_; 5]) =
        members(Some(said), &MEMBERS);
    let [prompt, input, completion, output, total, own_reasoning, counts @ ..] = counts;
    let [citations, queries, sources, cache @ ..] = counts;
    let (counts, kept_too): ([_; 9], [_; 2]) = members(details, &DETAILS);
    let [audio_read, _, _, cache_too @ ..] = counts;
    let (counts, _): ([_; 9], [_; 2]) = members(details_made, &DETAILS);
    let [audio_made, image, reasoning, ..] = counts;
    let ([cached, written], [cached_too, written_too]) =
        (cache_counts(cache), cache_counts(cache_too));
    let (cached, written) = (cached.max(cached_too), written.max(written_too));
    let hour_of = |kept| tokens(kept, "ephemeral_1h_input_tokens");
    let hour = kept.into_iter().chain(kept_too).map(hour_of).max().unwrap_or(0);
    let prompt = prompt.or(input);
    // Perplexity's models read what they cite in addition to the prompt, at the same price.
    let read = prompt.map(|prompt| prompt.saturating_add(citations.unwrap_or(0)));
    usage.input_with_cache(read, cached, written);
    usage.written_1h = usage.written_1h.max(hour);
    let reasoning = reasoning.max(own_reasoning).unwrap_or(0);
    usage.reasoning = usage.reasoning.max(reasoning);
    let made = completion.or(output);
    usage.output_in(made, total, prompt);
    // If there is more reasoning than output, it is not included in the output.
    let beside = made.filter(|made| reasoning > *made).map(|made| made.saturating_add(reasoning));
    usage.output = usage.output.max(beside);
    // OpenAI does not report searches: one that `web_search_options` asked for is charged once. Others report a count.
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

/// Tokens that were read from a cache, and those that were written to one: three names each.
fn cache_counts([a, b, c, d, e, f]: [Option<u64>; 6]) -> [u64; 2] {
    [a.max(b).max(c).unwrap_or(0), d.max(e).max(f).unwrap_or(0)]
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
