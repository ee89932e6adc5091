//! What answers of Bedrock's Converse say of cost.

use super::{Row, SEARCH, row, with};
use serde_json::{Value, json};

pub(super) fn bedrock() -> Vec<Row> {
    let ask = || json!({"messages": []});
    let usage = |more: Value| with(json!({"inputTokens": 100, "outputTokens": 10}), more);
    let said = |more: Value| {
        with(json!({"output": {}, "stopReason": "end_turn", "usage": usage(json!({}))}), more)
    };
    let row = |field, billed, ask, answer, cost| row("bedrock", field, billed, ask, answer, cost);
    let system = json!({"messages": [], "toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}});
    let block = json!({"toolUse": {"toolUseId": "t", "name": "nova_grounding", "input": {}}});
    vec![
        row(
            "`usage.inputTokens`, `.outputTokens`",
            "`input`, `output`",
            ask(),
            said(json!({})),
            200,
        ),
        row(
            "`cacheReadInputTokens`, `cacheWriteInputTokens`",
            "beside the input, at `cached_input` and `cache_write`",
            ask(),
            said(
                json!({"usage": usage(json!({"cacheReadInputTokens": 100, "cacheWriteInputTokens": 100}))}),
            ),
            450,
        ),
        row(
            "`cacheDetails[]` with `ttl: 1h`",
            "part of what is written, at `cache_write_1h`",
            ask(),
            said(
                json!({"usage": usage(json!({"cacheWriteInputTokens": 100, "cacheDetails": [{"ttl": "1h", "inputTokens": 60}]}))}),
            ),
            200 + 40 * 2 + 60 * 4,
        ),
        row(
            "`serviceTier.type`",
            "the factor `service_tier=…`",
            ask(),
            said(json!({"serviceTier": {"type": "flex"}})),
            100,
        ),
        row(
            "`performanceConfig.latency`",
            "the factor `latency=…`",
            ask(),
            said(json!({"performanceConfig": {"latency": "optimized"}})),
            250,
        ),
        row(
            "",
            "",
            json!({"messages": [], "performanceConfig": {"latency": "optimized"}}),
            said(json!({"performanceConfig": {"latency": "standard"}})),
            200,
        ),
        row(
            "`toolUse` blocks of the provider's tools",
            "the tool's sum, each; where there is none, once",
            system.clone(),
            said(json!({"output": {"message": {"role": "assistant", "content": [block, block]}}})),
            200 + 2 * SEARCH,
        ),
        row("", "", system, said(json!({})), 200 + SEARCH),
        row(
            "`trace.promptRouter.invokedModelId`",
            "its price, where it has one of its own",
            ask(),
            said(json!({"trace": {"promptRouter": {"invokedModelId":
                "arn:aws:bedrock:us-east-1::foundation-model/other"}}})),
            400,
        ),
    ]
}
