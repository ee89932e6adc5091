//! What a Converse call may cost and what it did cost.

use super::super::fields::string;
use super::super::spend::{Spending, Usage, count, counts, tokens};
use super::super::{Unreadable, anthropic, request};
use super::tools::provider_run;
use crate::wire::json::{Kind, Names, Value};

/// How many times a tool of the provider may run: requests cannot limit it.
const USES: u64 = 10;

pub(super) fn spending(root: &Value<'_>) -> Result<Spending, Unreadable> {
    let mut spending = Spending::default();
    if let Some(config) = request::object(root, "inferenceConfig", "/inferenceConfig")? {
        spending.max_output = count(&config, "maxTokens", "/inferenceConfig/maxTokens")?;
    }
    let place = "/additionalModelRequestFields";
    let native = request::one(root, "additionalModelRequestFields", place)?;
    if let Some(native) = native.filter(|native| native.kind() == Kind::Object) {
        let most = count(&native, "max_tokens", "/additionalModelRequestFields/max_tokens")?;
        spending.max_output = spending.max_output.max(most);
        spending.tools(native.get("tools"));
        anthropic::provider_tools(&native, &mut spending);
    }
    let tier = request::object(root, "serviceTier", "/serviceTier")?;
    spending.tier(tier.and_then(|tier| tier.get("type")));
    let speed = request::object(root, "performanceConfig", "/performanceConfig")?;
    if speed.and_then(|speed| speed.get("latency")).is_some_and(|how| how.is_str("optimized")) {
        spending.extra("latency=optimized", 0);
    }
    spending.turns(root.get("messages"));
    let config = root.get("toolConfig");
    let list = config.and_then(|config| config.get("tools"));
    spending.tools(list);
    for tool in list.iter().flat_map(Value::children).filter_map(|tool| tool.get("systemTool")) {
        let name = string(tool.get("name"));
        match provider_run(&name) {
            Some(name) => spending.extra(name, USES),
            None => spending.extra(&String::from_utf8_lossy(&name), USES),
        }
    }
    spending.format(root.get("outputConfig").and_then(|config| config.get("textFormat")));
    Ok(spending)
}

pub(super) fn usage(root: &Value<'_>, usage: &mut Usage) {
    if let Some(said) = root.get("usage").filter(|said| said.kind() == Kind::Object) {
        // `inputTokens` does not include tokens that were read from or written to the cache.
        let [fresh, cached, written, output] = counts(Some(said), &COUNTS);
        usage.fresh = fresh.max(usage.fresh);
        usage.cached = cached.unwrap_or(0).max(usage.cached);
        usage.written = written.unwrap_or(0).max(usage.written);
        usage.output = output.max(usage.output);
        let details = said.get("cacheDetails");
        let hour = |one: &Value<'_>| one.get("ttl").is_some_and(|ttl| ttl.is_str("1h"));
        let kept = details.iter().flat_map(Value::children).filter(hour);
        let kept: u64 = kept.map(|one| tokens(Some(one), "inputTokens")).sum();
        usage.written_1h = kept.max(usage.written_1h);
    }
    usage.mode("latency", root.get("performanceConfig").and_then(|how| how.get("latency")));
    let content = root.get("output").and_then(|output| output.get("message"));
    let content = content.and_then(|message| message.get("content"));
    for block in content.iter().flat_map(Value::children).chain(root.get("start")) {
        let name = string(block.get("toolUse").and_then(|tool| tool.get("name")));
        if let Some(tool) = provider_run(&name) {
            usage.ran(tool);
        }
    }
    let tier = root.get("serviceTier").and_then(|tier| tier.get("type"));
    if let Some(tier) = tier.and_then(|tier| tier.as_str()) {
        usage.tier = Some(tier.into_owned());
    }
}

/// Input tokens that were neither read from a cache nor written to one, those that were, and output tokens.
const COUNTS: Names<4> =
    Names::new(["inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens", "outputTokens"]);
