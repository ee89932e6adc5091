//! What a Messages call may cost and what it did cost.

use super::super::fields::string;
use super::super::spend::{Round, Spending, Usage, count, counts, members, tokens, undated};
use super::super::{Unreadable, request};
use crate::wire::json::{Kind, Names, Value};
use crate::word::{self, Word};

/// How many times a tool of the provider may run if the request does not limit it.
const USES: u64 = 10;

/// Tools with a type of their own that the caller runs.
const CALLERS: [&str; 6] =
    ["custom", "bash", "text_editor", "computer", "memory", "tool_search_tool"];

pub(super) fn spending(root: &Value<'_>) -> Result<Spending, Unreadable> {
    let max_output = count(root, "max_tokens", "/max_tokens")?;
    let mut spending = Spending { max_output, ..Spending::default() };
    spending.tier(request::one(root, "service_tier", "/service_tier")?);
    spending.mode("speed", request::one(root, "speed", "/speed")?);
    spending.mode("inference_geo", request::one(root, "inference_geo", "/inference_geo")?);
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
    // The servers list their tools, and the provider runs them.
    let servers = root.get("mcp_servers").map_or(0, |servers| servers.children().count());
    if servers > 0 {
        spending.extra("mcp", 0);
    }
}

pub(super) fn usage(root: &Value<'_>, usage: &mut Usage) {
    let message = root.get("message").unwrap_or(*root);
    // Tools that the provider ran are in the answer itself; some have no counter.
    let blocks = message.get("content").filter(|content| content.kind() == Kind::Array);
    for block in blocks.iter().flat_map(Value::children).chain(root.get("content_block")) {
        ran(&block, usage);
    }
    let Some(said) = message.get("usage").filter(|said| said.kind() == Kind::Object) else {
        return;
    };
    // Cumulative: what an event omits keeps its earlier value. The numbers at the top level count messages only; what
    // else ran for the answer (compaction, an advisor) is only in its iterations.
    let (mut all, [list, kept, speed, geo, details, tier, ran]): ([_; 4], _) =
        members(Some(said), &MEMBERS);
    let rounds: Vec<Value<'_>> = list.iter().flat_map(Value::children).take(ROUNDS).collect();
    let (mut of_messages, mut beside) = ([0; 4], [0; 4]);
    for round in &rounds {
        let sums = if is_message(round) { &mut of_messages } else { &mut beside };
        for (sum, count) in sums.iter_mut().zip(counts(Some(*round), &COUNTS)) {
            *sum = u64::saturating_add(*sum, count.unwrap_or(0));
        }
    }
    for (top, (own, others)) in all.iter_mut().zip(of_messages.into_iter().zip(beside)) {
        *top = top.map(|top| top.max(own).saturating_add(others));
    }
    let [fresh, cached, written, output] = all;
    let (cached, written) = (cached.unwrap_or(0), written.unwrap_or(0));
    // Compatible servers first report the whole prompt, and later how much of it was cached.
    let split = usage.cached == 0 && usage.written == 0 && cached.saturating_add(written) > 0;
    let whole = fresh.map(|fresh| fresh.saturating_add(cached).saturating_add(written));
    usage.fresh = if split && whole >= usage.fresh { fresh } else { fresh.max(usage.fresh) };
    usage.cached = cached.max(usage.cached);
    usage.written = written.max(usage.written);
    let hour_of = |kept: Option<Value<'_>>| tokens(kept, "ephemeral_1h_input_tokens");
    let hour = |of: &Value<'_>| hour_of(of.get("cache_creation"));
    let beside_1h = rounds.iter().filter(|round| !is_message(round)).map(hour).sum::<u64>();
    usage.written_1h = hour_of(kept).saturating_add(beside_1h).max(usage.written_1h);
    usage.output = output.max(usage.output);
    if !rounds.is_empty() {
        // A model that declined and the one that answered instead both count as messages at the top level, each with
        // its own price.
        let of_its_own = |round: &&Value<'_>| !is_message(round) || round.get("model").is_some();
        let part = |round: &Value<'_>| {
            let [fresh, cached, written, output] =
                counts(Some(*round), &COUNTS).map(Option::unwrap_or_default);
            let model = round.get("model").and_then(|m| m.as_str()).map(|m| m.into_owned());
            Round { model, fresh, cached, written, written_1h: hour(round), output }
        };
        usage.rounds = rounds.iter().filter(of_its_own).map(part).collect();
    }
    usage.uses_told = true;
    usage.mode("speed", speed);
    usage.mode("inference_geo", geo);
    usage.reasoning = tokens(details, "thinking_tokens").max(usage.reasoning);
    if let Some(tier) = tier.and_then(|tier| tier.as_str()) {
        usage.tier = Some(tier.into_owned());
    }
    for tool in ran.iter().flat_map(Value::children) {
        let name = tool.key();
        if let (Some(name), Some(times)) = (name.strip_suffix(b"_requests"), tool.as_u64()) {
            usage.used(&String::from_utf8_lossy(name), times);
        }
    }
}

/// Input tokens that were neither read from a cache nor written to one, those that were, and output tokens.
const COUNTS: Names<4> = Names::new([
    "input_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "output_tokens",
]);

/// The same, and what else an answer reports: the rounds, how long what was written to a cache is kept, how it was served, output
/// tokens in detail, and tools that ran.
const MEMBERS: Names<11> = Names::new([
    "input_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "output_tokens",
    "iterations",
    "cache_creation",
    "speed",
    "inference_geo",
    "output_tokens_details",
    "service_tier",
    "server_tool_use",
]);

/// How many rounds of one answer are read: an agent's loop has a few dozen.
const ROUNDS: usize = 256;

/// True for a round whose tokens are included in the top-level counts.
fn is_message(round: &Value<'_>) -> bool {
    matches!(Word::value(round.get("type")), word::message | word::fallback_message)
}

/// Records a tool that the provider ran, if this is a call of one.
fn ran(block: &Value<'_>, usage: &mut Usage) {
    match Word::value(block.get("type")) {
        word::mcp_tool_use => usage.ran("mcp"),
        word::server_tool_use => {
            let name = string(block.get("name"));
            let name = undated(&name);
            let name = if name.ends_with("code_execution") { "code_execution" } else { &*name };
            usage.ran(name);
        }
        _ => {}
    }
}
