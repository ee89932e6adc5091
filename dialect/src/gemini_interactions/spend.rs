//! What an interaction may cost and what it did cost.

use super::super::fields::string;
use super::super::spend::{Spending, Usage, by_modality, count, members, tokens};
use super::super::{Unreadable, request};
use super::answer::is_call;
use super::event::StreamEventKind;
use crate::wire::json::{Kind, Names, Value};
use crate::word::{self, Word};

/// How many times a tool of the provider may run if the request does not limit it.
const USES: u64 = 10;

pub(super) fn spending(root: &Value<'_>) -> Result<Spending, Unreadable> {
    let mut spending = Spending::default();
    if let Some(config) = request::object(root, "generation_config", "/generation_config")? {
        let field = "/generation_config/max_output_tokens";
        spending.max_output = count(&config, "max_output_tokens", field)?;
    }
    spending.tier(request::one(root, "service_tier", "/service_tier")?);
    spending.turns(root.get("input"));
    spending.tools(root.get("tools"));
    let formats = root.get("response_format");
    spending.format(formats);
    let lists = [root.get("response_modalities"), formats];
    for one in lists.iter().flatten().flat_map(|list| list.children().chain([*list])) {
        let kind =
            if one.kind() == Kind::Object { string(one.get("type")) } else { string(Some(one)) };
        let kind = String::from_utf8_lossy(&kind).to_ascii_lowercase();
        if matches!(kind.as_str(), "audio" | "image" | "video") {
            spending.extra(&format!("modality={kind}"), 0);
        }
    }
    for tool in root.get("tools").iter().flat_map(Value::children) {
        if let Some(name) = priced(&string(tool.get("type"))) {
            spending.extra(name, USES);
        }
    }
    Ok(spending)
}

/// The name that `prices` uses for a tool that the provider runs.
fn priced(tool: &[u8]) -> Option<&'static str> {
    Some(match Word::of(tool) {
        word::google_search => "web_search",
        word::google_maps => "google_maps",
        word::url_context => "url_context",
        word::file_search => "file_search",
        word::code_execution => "code_execution",
        word::retrieval => "retrieval",
        word::mcp_server | word::mcp_server_tool => "mcp",
        _ => return None,
    })
}

/// The tool that the provider ran, if this step is a call of one.
fn ran(step: &Value<'_>) -> Option<&'static str> {
    let kind = string(step.get("type"));
    priced(kind.strip_suffix(b"_call").filter(|_| is_call(&kind))?)
}

pub(super) fn usage(root: &Value<'_>, usage: &mut Usage) {
    // In an event usage is within the interaction, which the last event repeats, or at the root.
    let interaction = root.get("interaction").unwrap_or(*root);
    if StreamEventKind::of(root) == StreamEventKind::Start {
        let step = root.get("step").or_else(|| root.get("content"));
        if let Some(tool) = step.and_then(|step| ran(&step)) {
            usage.ran(tool);
        }
    }
    let mut told = Usage::default();
    let lists = [interaction.get("steps"), interaction.get("outputs")];
    for step in lists.iter().flatten().flat_map(Value::children) {
        if let Some(tool) = ran(&step) {
            told.ran(tool);
        }
    }
    told.uses.iter().for_each(|(tool, times)| usage.used(tool, *times));
    if let Some(tier) = interaction.get("service_tier").and_then(|tier| tier.as_str()) {
        usage.tier = Some(tier.to_ascii_lowercase());
    }
    let total = || root.get("metadata").and_then(|own| own.get("total_usage"));
    let said = interaction.get("usage").or_else(total);
    if let Some(said) = said.filter(|said| said.kind() == Kind::Object) {
        take(&said, usage);
    }
}

/// The counts of an answer's usage: of the prompt, of what tools added to it, of what was cached of it, of thoughts, and of the
/// answer; and lists of tools that ran and of tokens by their modality.
const MEMBERS: Names<8> = Names::new([
    "total_input_tokens",
    "total_tool_use_tokens",
    "total_cached_tokens",
    "total_thought_tokens",
    "total_output_tokens",
    "grounding_tool_count",
    "input_tokens_by_modality",
    "output_tokens_by_modality",
]);

fn take(said: &Value<'_>, usage: &mut Usage) {
    let ([prompt, tools, cached, thoughts, made], [ran, read_by, made_by]) =
        members(Some(*said), &MEMBERS);
    let read = prompt.map(|prompt| prompt.saturating_add(tools.unwrap_or(0)));
    usage.input_with_cache(read, cached.unwrap_or(0), 0);
    let thoughts = thoughts.unwrap_or(0);
    usage.reasoning = usage.reasoning.max(thoughts);
    usage.output = usage.output.max(made.map(|made| made.saturating_add(thoughts)));
    for one in ran.iter().flat_map(Value::children) {
        if let Some(tool) = priced(&string(one.get("type"))) {
            usage.used(tool, tokens(Some(one), "count"));
        }
    }
    usage.uses_told = true;
    usage.modalities(read_by, made_by, |list| {
        by_modality(list, "tokens", |name, wanted| {
            name.as_str().is_some_and(|name| name.eq_ignore_ascii_case(wanted))
        })
    });
}
