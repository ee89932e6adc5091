//! What a Responses call may cost and what it did cost.

use super::super::fields::string;
use super::super::spend::{Spending, Usage, count, counts, members, undated};
use super::super::{Unreadable, request};
use crate::wire::json::{Kind, Names, Value};
use crate::word::{self, Word};

/// How many times a tool of the provider may run if the request does not limit it.
const USES: u64 = 10;

/// True for tools that the caller runs.
fn is_callers(kind: &[u8]) -> bool {
    matches!(
        Word::of(kind),
        word::function
            | word::custom
            | word::local_shell
            | word::shell
            | word::apply_patch
            | word::computer_use_preview
            | word::computer
    )
}

pub(super) fn spending(root: &Value<'_>) -> Result<Spending, Unreadable> {
    let max_output = count(root, "max_output_tokens", "/max_output_tokens")?;
    let mut spending = Spending { max_output, ..Spending::default() };
    spending.tier(request::one(root, "service_tier", "/service_tier")?);
    spending.turns(root.get("input"));
    spending.tools(root.get("tools"));
    spending.format(root.get("text").and_then(|text| text.get("format")));
    let uses = count(root, "max_tool_calls", "/max_tool_calls")?.unwrap_or(USES);
    for tool in root.get("tools").iter().flat_map(Value::children) {
        let kind = string(tool.get("type"));
        if !kind.is_empty() && !is_callers(&kind) {
            spending.extra(&name(&kind), uses);
        }
    }
    Ok(spending)
}

/// `web_search_preview` costs the same as `web_search`, and its calls in an answer have the same type.
fn name(kind: &[u8]) -> String {
    let name = undated(kind);
    if name.starts_with("web_search") { "web_search".to_owned() } else { name }
}

pub(super) fn usage(root: &Value<'_>, usage: &mut Usage) {
    // In an event usage is within the response, which the last event repeats.
    let response = root.get("response").unwrap_or(*root);
    // Each tool that ran has its own done event; not every server repeats it at the end.
    if root.get("type").is_some_and(|kind| kind.is_str("response.output_item.done"))
        && let Some(tool) = root.get("item").and_then(|item| ran(&item))
    {
        usage.ran(&tool);
    }
    let Some(said) = response.get("usage").filter(|said| said.kind() == Kind::Object) else {
        return;
    };
    let ([read, made, total], [details, details_made]) = members(Some(said), &MEMBERS);
    let [cached, written, _] = counts(details, &DETAILS).map(Option::unwrap_or_default);
    usage.input_with_cache(read, cached, written);
    usage.output_in(made, total, read);
    let [.., reasoning] = counts(details_made, &DETAILS).map(Option::unwrap_or_default);
    usage.reasoning = usage.reasoning.max(reasoning);
    if let Some(tier) = response.get("service_tier").and_then(|tier| tier.as_str()) {
        usage.tier = Some(tier.into_owned());
    }
    let mut told = Usage::default();
    let items = response.get("output");
    for tool in items.iter().flat_map(Value::children).filter_map(|item| ran(&item)) {
        told.ran(&tool);
    }
    told.uses.iter().for_each(|(tool, times)| usage.used(tool, *times));
    usage.uses_told = true;
}

/// All tokens of the input, of the output and of both, and both in detail.
const MEMBERS: Names<5> = Names::new([
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "input_tokens_details",
    "output_tokens_details",
]);

/// Counts in the details: of the input, and of the output.
const DETAILS: Names<3> = Names::new(["cached_tokens", "cache_write_tokens", "reasoning_tokens"]);

/// The tool that the provider ran, if this item is a call of one.
fn ran(item: &Value<'_>) -> Option<String> {
    let kind = string(item.get("type"));
    let tool = kind.strip_suffix(b"_call").filter(|tool| !is_callers(tool))?;
    Some(name(tool))
}
