//! What a Messages call may cost and what it did.

use super::super::fields::string;
use super::super::spend::{Spending, Usage, count, insert, some_tokens, tokens, undated};
use super::super::{Unreadable, request};
use crate::wire::edit::Edit;
use crate::wire::json::{Kind, Value};

/// How often a tool of the provider may run where the request does not say.
const USES: u64 = 10;

/// Tools that have a type of their own and that the caller runs.
const CALLERS: [&str; 6] =
    ["custom", "bash", "text_editor", "computer", "memory", "tool_search_tool"];

pub(super) fn spending(root: &Value<'_>) -> Result<Spending, Unreadable> {
    let max_output = count(root, "max_tokens", "/max_tokens")?;
    let mut spending = Spending { max_output, ..Spending::default() };
    spending.tier(request::one(root, "service_tier", "/service_tier")?);
    spending.turns(root.get("messages"));
    spending.tools(root.get("tools"));
    spending.format(root.get("output_config").and_then(|config| config.get("format")));
    spending.format(root.get("output_format"));
    provider_tools(root, &mut spending);
    Ok(spending)
}

/// Tools that the provider runs or defines.
pub(in super::super) fn provider_tools(root: &Value<'_>, spending: &mut Spending) {
    for tool in root.get("tools").iter().flat_map(Value::children) {
        let kind = undated(&string(tool.get("type")));
        match CALLERS.iter().find(|own| kind.starts_with(**own)) {
            _ if kind.is_empty() => {}
            Some(&"custom") => {}
            Some(_) => spending.named_tools = spending.named_tools.saturating_add(1),
            None => {
                let uses = tool.get("max_uses").and_then(|most| most.as_u64());
                spending.extra(&kind, uses.unwrap_or(USES));
            }
        }
    }
    // Their tools are listed by the servers, and run by the provider.
    let servers = root.get("mcp_servers").map_or(0, |servers| servers.children().count());
    if servers > 0 {
        spending.extra("mcp", 0);
    }
}

pub(super) fn usage(root: &Value<'_>, usage: &mut Usage) {
    let message = root.get("message").unwrap_or(*root);
    let Some(said) = message.get("usage").filter(|said| said.kind() == Kind::Object) else {
        return;
    };
    // Cumulative: what an event does not name keeps what was said before. The numbers at the top are those of messages;
    // what else ran for the answer (compaction, an advisor) stands in its iterations alone.
    let beside = |name| {
        let rounds = said.get("iterations");
        let others = rounds.iter().flat_map(Value::children);
        let others = others.filter(|round| &*string(round.get("type")) != b"message");
        others.fold(0, |sum: u64, round| sum.saturating_add(tokens(Some(round), name)))
    };
    let all = |name| some_tokens(&said, name).map(|top| top.saturating_add(beside(name)));
    usage.fresh = all("input_tokens").max(usage.fresh);
    usage.cached = all("cache_read_input_tokens").unwrap_or(0).max(usage.cached);
    usage.written = all("cache_creation_input_tokens").unwrap_or(0).max(usage.written);
    usage.written_1h =
        tokens(said.get("cache_creation"), "ephemeral_1h_input_tokens").max(usage.written_1h);
    usage.output = all("output_tokens").max(usage.output);
    usage.reasoning =
        tokens(said.get("output_tokens_details"), "thinking_tokens").max(usage.reasoning);
    if let Some(tier) = said.get("service_tier").and_then(|tier| tier.as_str()) {
        usage.tier = Some(tier.into_owned());
    }
    let ran = said.get("server_tool_use");
    for tool in ran.iter().flat_map(Value::children) {
        let name = tool.key();
        if let (Some(name), Some(times)) = (name.strip_suffix(b"_requests"), tool.as_u64()) {
            usage.used(&String::from_utf8_lossy(name), times);
        }
    }
}

pub(super) fn cap(root: &Value<'_>, most: u64) -> Option<Edit> {
    match root.get("max_tokens") {
        Some(null) => Some(Edit { at: null.span(), with: most.to_string().into_bytes() }),
        None => insert(root, &format!(r#""max_tokens":{most}"#)),
    }
}
