//! What a Gemini call may cost and what it did.

use super::super::Unreadable;
use super::super::fields::string;
use super::super::spend::{Spending, Usage, insert, some_tokens, tokens};
use super::request::either;
use crate::wire::edit::Edit;
use crate::wire::json::{Kind, Value};

/// How often a tool of the provider may run where the request does not say.
const USES: u64 = 10;

pub(super) fn spending(root: &Value<'_>) -> Result<Spending, Unreadable> {
    let mut spending = Spending::default();
    if let Some(config) =
        either(root, "generationConfig", "generation_config", "/generationConfig")?
    {
        let field = "/generationConfig/maxOutputTokens";
        if let Some(most) = either(&config, "maxOutputTokens", "max_output_tokens", field)? {
            spending.max_output = Some(most.as_u64().ok_or(Unreadable { field })?);
        }
        for schema in ["responseSchema", "response_schema", "responseJsonSchema"] {
            spending.format(config.get(schema));
        }
        let field = "/generationConfig/responseModalities";
        let modalities = either(&config, "responseModalities", "response_modalities", field)?;
        for modality in modalities.iter().flat_map(Value::children) {
            let name = String::from_utf8_lossy(&string(Some(modality))).to_ascii_lowercase();
            if name != "text" && !name.is_empty() {
                spending.extra(&format!("modality={name}"), 0);
            }
        }
    }
    spending.turns(root.get("contents"));
    spending.tools(root.get("tools"));
    for tool in root.get("tools").iter().flat_map(Value::children).flat_map(|tool| tool.children())
    {
        let name = match &*tool.key() {
            b"googleSearch"
            | b"google_search"
            | b"googleSearchRetrieval"
            | b"google_search_retrieval" => "web_search",
            b"codeExecution" | b"code_execution" => "code_execution",
            b"urlContext" | b"url_context" => "url_context",
            b"googleMaps" | b"google_maps" => "google_maps",
            b"fileSearch" | b"file_search" => "file_search",
            b"enterpriseWebSearch" | b"enterprise_web_search" => "enterprise_web_search",
            _ => continue,
        };
        spending.extra(name, USES);
    }
    Ok(spending)
}

pub(super) fn usage(root: &Value<'_>, usage: &mut Usage) {
    // A whole array stream that is read as one body has it in every event.
    let events = root.children().filter(|_| root.kind() == Kind::Array);
    for event in events.chain(std::iter::once(*root)) {
        event_usage(&event, usage);
    }
}

fn event_usage(root: &Value<'_>, usage: &mut Usage) {
    let Some(said) = root.get("usageMetadata").filter(|said| said.kind() == Kind::Object) else {
        return;
    };
    let prompt = some_tokens(&said, "promptTokenCount");
    let tools = tokens(Some(said), "toolUsePromptTokenCount");
    let cached = tokens(Some(said), "cachedContentTokenCount");
    usage.input_with_cache(prompt.map(|prompt| prompt.saturating_add(tools)), cached, 0);
    let thoughts = tokens(Some(said), "thoughtsTokenCount");
    usage.reasoning = usage.reasoning.max(thoughts);
    let answer = some_tokens(&said, "candidatesTokenCount");
    // A prompt that was blocked has no candidates, and cost no output.
    let said = match (answer, prompt) {
        (None, None) => None,
        (answer, _) => Some(answer.unwrap_or(0).saturating_add(thoughts)),
    };
    usage.output = usage.output.max(said);
    for candidate in root.get("candidates").iter().flat_map(Value::children) {
        let queries = candidate.get("groundingMetadata").and_then(|g| g.get("webSearchQueries"));
        if let Some(queries) = queries {
            usage.used("web_search", queries.children().count() as u64);
        }
    }
}

pub(super) fn cap(root: &Value<'_>, most: u64) -> Option<Edit> {
    let config = root.get("generationConfig").or_else(|| root.get("generation_config"));
    match config.filter(|config| config.kind() == Kind::Object) {
        Some(config) => match config.get("maxOutputTokens").or(config.get("max_output_tokens")) {
            Some(null) => Some(Edit { at: null.span(), with: most.to_string().into_bytes() }),
            None => insert(&config, &format!(r#""maxOutputTokens":{most}"#)),
        },
        None => insert(root, &format!(r#""generationConfig":{{"maxOutputTokens":{most}}}"#)),
    }
}
