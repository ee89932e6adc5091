//! What Anthropic's answers say of cost.

use super::{Row, SEARCH, row, with};
use serde_json::{Value, json};

pub(super) fn anthropic() -> Vec<Row> {
    let ask = || json!({"model": "m", "max_tokens": 10, "messages": []});
    let usage = |more: Value| with(json!({"input_tokens": 100, "output_tokens": 10}), more);
    let said =
        |more: Value| json!({"type": "message", "model": "m", "content": [], "usage": usage(more)});
    let row = |field, billed, ask, answer, cost| row("anthropic", field, billed, ask, answer, cost);
    let fast = json!({"model": "m", "max_tokens": 10, "messages": [], "speed": "fast", "inference_geo": "us"});
    let round = |kind: &str, model: Option<&str>, input: u64, output: u64| {
        let mut round = json!({"type": kind, "input_tokens": input, "output_tokens": output,
            "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0});
        if let Some(model) = model {
            round["model"] = json!(model);
        }
        round
    };
    vec![
        row(
            "`usage.input_tokens`, `.output_tokens`",
            "`input`, `output`",
            ask(),
            said(json!({})),
            200,
        ),
        row(
            "`cache_read_input_tokens`",
            "beside the input, at `cached_input`",
            ask(),
            said(json!({"cache_read_input_tokens": 100})),
            250,
        ),
        row(
            "`cache_creation_input_tokens`",
            "beside the input, at `cache_write`",
            ask(),
            said(json!({"cache_creation_input_tokens": 100})),
            400,
        ),
        row(
            "`cache_creation.ephemeral_1h_input_tokens`",
            "part of those, at `cache_write_1h`",
            ask(),
            said(
                json!({"cache_creation_input_tokens": 100, "cache_creation": {"ephemeral_1h_input_tokens": 60}}),
            ),
            200 + 40 * 2 + 60 * 4,
        ),
        row(
            "all input together, more than `above.tokens`",
            "the prices of `above`",
            ask(),
            said(json!({"input_tokens": 300_000})),
            600_150,
        ),
        row(
            "",
            "",
            ask(),
            said(json!({"input_tokens": 100, "cache_read_input_tokens": 200_000})),
            200 + 200_000 + 150,
        ),
        row(
            "`service_tier`",
            "the factor `service_tier=…`",
            ask(),
            said(json!({"service_tier": "priority"})),
            400,
        ),
        row(
            "`speed`, `inference_geo`",
            "the factors `speed=…`, `inference_geo=…`; where the answer does not say, as asked",
            ask(),
            said(json!({"speed": "fast"})),
            1200,
        ),
        row("", "", ask(), said(json!({"inference_geo": "us"})), 220),
        row("", "", fast.clone(), said(json!({})), 1320),
        row("", "", fast, said(json!({"speed": "standard", "inference_geo": "global"})), 200),
        row(
            "`server_tool_use.…_requests`",
            "the tool's sum, each",
            ask(),
            said(json!({"server_tool_use": {"web_search_requests": 2}})),
            200 + 2 * SEARCH,
        ),
        row(
            "blocks that are `server_tool_use`, `mcp_tool_use`",
            "the same, for tools of which no count tells",
            ask(),
            with(
                said(json!({})),
                json!({"content": [{"type": "server_tool_use", "id": "s", "name": "bash_code_execution", "input": {}}]}),
            ),
            50_200,
        ),
        row(
            "",
            "",
            ask(),
            json!([
            {"type": "message_start", "message": {"model": "m", "content": [], "usage": {"input_tokens": 100, "output_tokens": 1}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 10, "server_tool_use": {"web_search_requests": 1}}}]),
            200 + SEARCH,
        ),
        row(
            "`iterations[]`: `compaction`, `advisor_message`",
            "beside the numbers at the top, each at the price of its own model",
            ask(),
            said(
                json!({"iterations": [round("compaction", None, 100, 0), round("message", None, 100, 10)]}),
            ),
            300,
        ),
        row(
            "",
            "",
            ask(),
            said(
                json!({"iterations": [round("message", Some("m"), 100, 10), round("advisor_message", Some("other"), 100, 10)]}),
            ),
            600,
        ),
        row(
            "`iterations[]`: `message`, `fallback_message`",
            "the numbers at the top, each at the price of its own model; `above` holds for each apart",
            ask(),
            said(
                json!({"input_tokens": 200, "output_tokens": 20, "iterations": [round("message", Some("m"), 100, 10), round("fallback_message", Some("other"), 100, 10)]}),
            ),
            600,
        ),
        row(
            "",
            "",
            ask(),
            said(
                json!({"input_tokens": 300_000, "output_tokens": 20, "iterations": [round("message", Some("m"), 150_000, 10), round("message", Some("m"), 150_000, 10)]}),
            ),
            300_200,
        ),
        row(
            "a count that is 0 after one that is not",
            "erases nothing",
            ask(),
            json!([
            {"type": "message_start", "message": {"model": "m", "content": [], "usage": {"input_tokens": 100, "output_tokens": 10}}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"input_tokens": 0, "output_tokens": 0}}]),
            200,
        ),
    ]
}
