//! What a Gemini call may cost and what it did cost.

use super::super::Unreadable;
use super::super::fields::string;
use super::super::spend::{Spending, Usage, by_modality, counts};
use super::spelling::{only, snake};
use crate::wire::json::{Kind, Names, Value};
use crate::word::{self, Word};

/// How many times a tool of the provider may run if the request does not limit it.
const USES: u64 = 10;

pub(super) fn spending(root: &Value<'_>) -> Result<Spending, Unreadable> {
    let mut spending = Spending::default();
    if let Some(config) = only(root, "generationConfig", "/generationConfig")? {
        let field = "/generationConfig/maxOutputTokens";
        if let Some(most) = only(&config, "maxOutputTokens", field)? {
            spending.max_output = Some(most.as_u64().ok_or(Unreadable { field })?);
        }
        for schema in ["responseSchema", "response_schema", "responseJsonSchema"] {
            spending.format(config.get(schema));
        }
        let field = "/generationConfig/responseModalities";
        let modalities = only(&config, "responseModalities", field)?;
        for modality in modalities.iter().flat_map(Value::children) {
            let name = String::from_utf8_lossy(&string(Some(modality))).to_ascii_lowercase();
            if name != "text" && !name.is_empty() {
                spending.extra(&format!("modality={name}"), 0);
            }
        }
    }
    spending.tier(only(root, "serviceTier", "/serviceTier")?);
    spending.turns(root.get("contents"));
    spending.tools(root.get("tools"));
    for tool in root.get("tools").iter().flat_map(Value::children).flat_map(|tool| tool.children())
    {
        let name = match Word::key(&tool) {
            word::googleSearch
            | word::google_search
            | word::googleSearchRetrieval
            | word::google_search_retrieval => "web_search",
            word::codeExecution | word::code_execution => "code_execution",
            word::urlContext | word::url_context => "url_context",
            word::googleMaps | word::google_maps => "google_maps",
            word::fileSearch | word::file_search => "file_search",
            word::enterpriseWebSearch | word::enterprise_web_search => "enterprise_web_search",
            _ => continue,
        };
        spending.extra(name, USES);
    }
    Ok(spending)
}

pub(super) fn usage(root: &Value<'_>, usage: &mut Usage) {
    // In a whole array stream that is read as one body, every event reports usage.
    let events = root.children().filter(|_| root.kind() == Kind::Array);
    for event in events.chain(std::iter::once(*root)) {
        event_usage(&event, usage);
    }
}

fn event_usage(root: &Value<'_>, usage: &mut Usage) {
    for candidate in root.get("candidates").iter().flat_map(Value::children) {
        candidate_uses(&candidate, usage);
    }
    let Some(said) = ReportedUsage::of(root) else { return };
    let [prompt, tools, cached, thoughts, answer, total] =
        counts(Some(said.counts), if said.snake { &SNAKE } else { &CAMEL });
    let read = prompt.map(|prompt| prompt.saturating_add(tools.unwrap_or(0)));
    usage.input_with_cache(read, cached.unwrap_or(0), 0);
    let thoughts = thoughts.unwrap_or(0);
    usage.reasoning = usage.reasoning.max(thoughts);
    // A blocked prompt has no candidates and cost no output.
    let made = match (answer, prompt) {
        (None, None) => None,
        (answer, _) => Some(answer.unwrap_or(0).saturating_add(thoughts)),
    };
    usage.output_in(made, total, read);
    usage.uses_told = true;
    if let Some(tier) = said.get("serviceTier").and_then(|tier| tier.as_str()) {
        usage.tier = Some(tier.to_ascii_lowercase());
    }
    if let Some(traffic) = said.get("trafficType").and_then(|traffic| traffic.as_str()) {
        let tier = match &*traffic {
            "ON_DEMAND" | "TRAFFIC_TYPE_UNSPECIFIED" => "default".to_owned(),
            other => other.trim_start_matches("ON_DEMAND_").to_ascii_lowercase(),
        };
        usage.tier = Some(tier);
    }
    modalities(&said, usage);
}

/// The counts of an answer's usage: of the prompt, of what tools added to it, of what was cached of it, of thoughts, of the
/// answer, and of all together.
const CAMEL: Names<6> = Names::new([
    "promptTokenCount",
    "toolUsePromptTokenCount",
    "cachedContentTokenCount",
    "thoughtsTokenCount",
    "candidatesTokenCount",
    "totalTokenCount",
]);

/// The same in snake_case.
const SNAKE: Names<6> = Names::new([
    "prompt_token_count",
    "tool_use_prompt_token_count",
    "cached_content_token_count",
    "thoughts_token_count",
    "candidates_token_count",
    "total_token_count",
]);

/// The usage reported by an event, under names that may be in snake_case, as Google's own Python SDK writes them.
#[derive(Debug, Clone, Copy)]
struct ReportedUsage<'a> {
    counts: Value<'a>,
    snake: bool,
}

impl<'a> ReportedUsage<'a> {
    fn of(root: &Value<'a>) -> Option<Self> {
        let counts = |name| root.get(name).filter(|said| said.kind() == Kind::Object);
        let camel = counts("usageMetadata").map(|counts| Self { counts, snake: false });
        camel.or_else(|| Some(Self { counts: counts("usage_metadata")?, snake: true }))
    }

    fn get(&self, camel: &str) -> Option<Value<'a>> {
        if self.snake { self.counts.get(&snake(camel)) } else { self.counts.get(camel) }
    }
}

/// Sound has a price of its own in both directions; pictures and films where they are generated.
fn modalities(said: &ReportedUsage<'_>, usage: &mut Usage) {
    let count = if said.snake { "token_count" } else { "tokenCount" };
    let (read, made) = (said.get("promptTokensDetails"), said.get("candidatesTokensDetails"));
    usage.modalities(read, made, |list| {
        by_modality(list, count, |name, wanted| name.is_str(wanted))
    });
}

/// Tools that the provider ran for a candidate, judged by what it shows of them.
fn candidate_uses(candidate: &Value<'_>, usage: &mut Usage) {
    let grounds = candidate.get("groundingMetadata");
    let ground = |name: &str| grounds.and_then(|grounds| grounds.get(name));
    let count = |list: Option<Value<'_>>| list.map_or(0, |list| list.children().count() as u64);
    let searches = count(ground("webSearchQueries")) + count(ground("imageSearchQueries"));
    let shown = u64::from(ground("searchEntryPoint").is_some());
    if searches.max(shown) > 0 {
        usage.used("web_search", searches.max(shown));
    }
    for (member, tool) in [("maps", "google_maps"), ("retrievedContext", "file_search")] {
        let chunks = ground("groundingChunks");
        if chunks.is_some_and(|all| all.children().any(|chunk| chunk.get(member).is_some())) {
            usage.used(tool, 1);
        }
    }
    let pages = candidate.get("urlContextMetadata").and_then(|own| own.get("urlMetadata"));
    if count(pages) > 0 {
        usage.used("url_context", count(pages));
    }
    let parts = candidate.get("content").and_then(|content| content.get("parts"));
    for part in parts.iter().flat_map(Value::children) {
        if part.get("executableCode").is_some() {
            usage.ran("code_execution");
        }
    }
}
