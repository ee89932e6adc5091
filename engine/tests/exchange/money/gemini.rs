//! What Gemini's answers and interactions say of cost.

use super::{Row, SEARCH, row, with};
use serde_json::{Value, json};

pub(super) fn gemini() -> Vec<Row> {
    let ask = || json!({"contents": []});
    let usage =
        |more: Value| with(json!({"promptTokenCount": 100, "candidatesTokenCount": 10}), more);
    let said =
        |more: Value| json!({"modelVersion": "m", "candidates": [], "usageMetadata": usage(more)});
    let shown = |more: Value| with(said(json!({})), json!({"candidates": [more]}));
    let row = |field, billed, ask, answer, cost| row("gemini", field, billed, ask, answer, cost);
    let search = json!({"contents": [], "tools": [{"googleSearch": {}}]});
    vec![
        row(
            "",
            "",
            ask(),
            json!({"usage_metadata": {"prompt_token_count": 100, "candidates_token_count": 6, "thoughts_token_count": 4}}),
            200,
        ),
        row(
            "",
            "",
            ask(),
            json!({"usageMetadata": {"promptTokenCount": 100, "totalTokenCount": 110}}),
            200,
        ),
        row(
            "`usageMetadata.promptTokenCount`, `.candidatesTokenCount`",
            "`input`, `output`",
            ask(),
            said(json!({})),
            200,
        ),
        row(
            "`.thoughtsTokenCount`",
            "output beside the candidates'",
            ask(),
            said(json!({"thoughtsTokenCount": 5})),
            250,
        ),
        row(
            "`.toolUsePromptTokenCount`",
            "input beside the prompt's",
            ask(),
            said(json!({"toolUsePromptTokenCount": 50})),
            250,
        ),
        row(
            "`.cachedContentTokenCount`",
            "part of the input, at `cached_input`",
            ask(),
            said(json!({"cachedContentTokenCount": 40})),
            180,
        ),
        row(
            "`.promptTokensDetails[]`: `AUDIO`",
            "these at the factor `modality=audio`",
            ask(),
            said(
                json!({"promptTokensDetails": [{"modality": "TEXT", "tokenCount": 90}, {"modality": "AUDIO", "tokenCount": 10}]}),
            ),
            230,
        ),
        row(
            "`.candidatesTokensDetails[]`: `AUDIO`, `IMAGE`, `VIDEO`",
            "these at the factor of their modality",
            ask(),
            said(json!({"candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 5}]})),
            300,
        ),
        row(
            "`.serviceTier`, `.trafficType`",
            "the factor `service_tier=…` (`ON_DEMAND_FLEX` is `flex`)",
            ask(),
            said(json!({"trafficType": "ON_DEMAND_FLEX"})),
            100,
        ),
        row("", "", ask(), said(json!({"serviceTier": "priority"})), 400),
        row(
            "",
            "",
            json!({"contents": [], "serviceTier": "flex"}),
            said(json!({"trafficType": "ON_DEMAND"})),
            200,
        ),
        row(
            "`modelVersion`",
            "its price, where it has one of its own",
            ask(),
            with(said(json!({})), json!({"modelVersion": "other"})),
            400,
        ),
        row(
            "`groundingMetadata.webSearchQueries`, `.imageSearchQueries`",
            "`web_search`, each",
            search.clone(),
            shown(json!({"groundingMetadata": {"webSearchQueries": ["a", "b"]}})),
            200 + 2 * SEARCH,
        ),
        row("", "", search, said(json!({})), 200),
        row(
            "`groundingChunks[]`: `maps`, `retrievedContext`",
            "`google_maps`, `file_search`, once",
            ask(),
            shown(json!({"groundingMetadata": {"groundingChunks": [{"maps": {}}, {"maps": {}}]}})),
            25_200,
        ),
        row(
            "`urlContextMetadata.urlMetadata[]`",
            "`url_context`, each",
            ask(),
            shown(json!({"urlContextMetadata": {"urlMetadata": [{}, {}]}})),
            2_200,
        ),
        row(
            "parts that are `executableCode`",
            "`code_execution`, each",
            ask(),
            shown(json!({"content": {"parts": [{"executableCode": {"code": "1"}}]}})),
            50_200,
        ),
    ]
}

pub(super) fn interactions() -> Vec<Row> {
    let ask = || json!({"model": "m", "input": "x"});
    let said = |usage: Value| {
        let usage = with(json!({"total_input_tokens": 100, "total_output_tokens": 10}), usage);
        json!({"id": "i", "model": "m", "status": "completed", "steps": [], "usage": usage})
    };
    let row = |field, billed, ask, answer, cost| {
        row("gemini-interactions", field, billed, ask, answer, cost)
    };
    let tools =
        with(ask(), json!({"tools": [{"type": "google_search"}, {"type": "code_execution"}]}));
    let steps = json!([{"type": "google_search_call", "id": "a"}, {"type": "google_search_call", "id": "b"},
        {"type": "code_execution_call", "id": "c", "arguments": {}}]);
    let end = json!({"event_type": "interaction.completed", "interaction": said(json!({}))});
    vec![
        row(
            "`usage.total_input_tokens`, `.total_output_tokens`",
            "`input`, `output`",
            ask(),
            said(json!({})),
            200,
        ),
        row(
            "",
            "",
            ask(),
            json!([{"event_type": "interaction.created", "interaction": {"id": "i"}}, end]),
            200,
        ),
        row(
            "`.total_thought_tokens`, `.total_tool_use_tokens`",
            "output and input beside them",
            ask(),
            said(json!({"total_thought_tokens": 5, "total_tool_use_tokens": 30})),
            280,
        ),
        row(
            "`.total_cached_tokens`",
            "part of the input, at `cached_input`",
            ask(),
            said(json!({"total_cached_tokens": 40})),
            180,
        ),
        row(
            "`.input_tokens_by_modality[]`, `.output_tokens_by_modality[]`",
            "sound, and pictures and films that are made, at the factor of their modality",
            ask(),
            said(
                json!({"input_tokens_by_modality": [{"modality": "text", "tokens": 90}, {"modality": "audio", "tokens": 10}]}),
            ),
            230,
        ),
        row(
            "",
            "",
            ask(),
            said(json!({"output_tokens_by_modality": [{"modality": "image", "tokens": 5}]})),
            300,
        ),
        row(
            "`.grounding_tool_count[]`",
            "`web_search`, `google_maps`, `retrieval`, each",
            tools.clone(),
            said(json!({"grounding_tool_count": [{"type": "google_search", "count": 2}]})),
            200 + 2 * SEARCH,
        ),
        row(
            "steps that are `google_search_call`, `code_execution_call`, `url_context_call`, `file_search_call`, `mcp_server_tool_call`",
            "the tool's sum, each",
            tools.clone(),
            with(said(json!({})), json!({"steps": steps})),
            200 + 2 * SEARCH + 50_000,
        ),
        row("", "", tools, said(json!({})), 200),
        row(
            "`service_tier`, `model`",
            "the factor `service_tier=…`; its price, where it has one of its own",
            ask(),
            with(said(json!({})), json!({"service_tier": "flex"})),
            100,
        ),
        row("", "", ask(), with(said(json!({})), json!({"model": "other"})), 400),
    ]
}
