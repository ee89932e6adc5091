//! What OpenAI's chat answers and responses say of cost.

use super::{Row, SEARCH, row, with};
use serde_json::{Value, json};

pub(super) fn chat() -> Vec<Row> {
    let ask = || json!({"model": "m", "messages": []});
    let usage = |more: Value| with(json!({"prompt_tokens": 100, "completion_tokens": 10}), more);
    let said = |more: Value| json!({"model": "m", "choices": [], "usage": usage(more)});
    let row =
        |field, billed, ask, answer, cost| row("openai-chat", field, billed, ask, answer, cost);
    let search = json!({"model": "m", "messages": [], "web_search_options": {}});
    let cites = json!([{"type": "url_citation", "url_citation": {"url": "x"}}]);
    let audio = json!({"model": "m", "messages": [], "modalities": ["text", "audio"]});
    vec![
        row(
            "",
            "",
            ask(),
            json!({"model": "m", "choices": [], "usage": {"prompt_tokens": 100, "total_tokens": 110}}),
            200,
        ),
        row(
            "",
            "",
            ask(),
            json!([
                {"model": "m", "choices": [{"index": 0, "delta": {"content": "x"}, "usage": null}]},
                {"model": "m", "choices": [], "usage": usage(json!({}))},
                {"model": "m", "choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 0}},
            ]),
            200,
        ),
        row(
            "`usage.prompt_tokens`, `.completion_tokens`",
            "`input`, `output`",
            ask(),
            said(json!({})),
            200,
        ),
        row(
            "`usage.total_tokens`",
            "what it has beyond the two is output (reasoning that some servers leave out)",
            ask(),
            said(json!({"total_tokens": 120})),
            300,
        ),
        row(
            "`prompt_tokens_details.cached_tokens`",
            "part of the input, at `cached_input`",
            ask(),
            said(json!({"prompt_tokens_details": {"cached_tokens": 40}})),
            180,
        ),
        row(
            "`usage.prompt_cache_hit_tokens` (DeepSeek)",
            "the same",
            ask(),
            said(json!({"prompt_cache_hit_tokens": 40})),
            180,
        ),
        row(
            "`prompt_tokens_details.cache_write_tokens`",
            "part of the input, at `cache_write`",
            ask(),
            said(json!({"prompt_tokens_details": {"cache_write_tokens": 50}})),
            250,
        ),
        row(
            "`completion_tokens_details.reasoning_tokens`",
            "part of the output",
            ask(),
            said(json!({"completion_tokens_details": {"reasoning_tokens": 8}})),
            200,
        ),
        row(
            "`prompt_tokens_details.audio_tokens`",
            "these at the factor `modality=audio`",
            ask(),
            said(json!({"prompt_tokens_details": {"audio_tokens": 10}})),
            230,
        ),
        row(
            "`completion_tokens_details.audio_tokens`",
            "the same; where no count tells sound apart, all of an answer that was asked for as sound",
            audio.clone(),
            said(json!({"completion_tokens_details": {"audio_tokens": 5}})),
            350,
        ),
        row("", "", audio, said(json!({})), 800),
        row(
            "`completion_tokens_details.image_tokens`",
            "these at the factor `modality=image`",
            ask(),
            said(json!({"completion_tokens_details": {"image_tokens": 5}})),
            300,
        ),
        row(
            "`service_tier` of the answer",
            "the factor `service_tier=…`, whatever was asked for",
            ask(),
            with(said(json!({})), json!({"service_tier": "priority"})),
            400,
        ),
        row(
            "",
            "",
            json!({"model": "m", "messages": [], "service_tier": "flex"}),
            with(said(json!({})), json!({"service_tier": "default"})),
            200,
        ),
        row(
            "`model` of the answer",
            "its price, where it has one of its own",
            ask(),
            with(said(json!({})), json!({"model": "other"})),
            400,
        ),
        row(
            "`choices[].usage` (Moonshot), `x_groq.usage`",
            "as `usage`; the larger counts hold",
            ask(),
            json!([{"model": "m", "choices": [{"delta": {}, "usage": usage(json!({}))}]}]),
            200,
        ),
        row(
            "",
            "",
            ask(),
            json!([{"model": "m", "choices": [], "x_groq": {"usage": usage(json!({}))}}]),
            200,
        ),
        row(
            "",
            "",
            ask(),
            json!([said(json!({})), {"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 0}}]),
            200,
        ),
        row(
            "`web_search_options` of the request",
            "`web_search` once, since the answer says nothing of it",
            search.clone(),
            said(json!({})),
            200 + SEARCH,
        ),
        row(
            "`usage.num_search_queries` (Perplexity), `.num_sources_used` (xAI), `.server_tool_use` (OpenRouter)",
            "`web_search`, each",
            ask(),
            said(json!({"num_search_queries": 3})),
            200 + 3 * SEARCH,
        ),
        row("", "", ask(), said(json!({"num_sources_used": 2})), 200 + 2 * SEARCH),
        row(
            "",
            "",
            search,
            said(json!({"server_tool_use": {"web_search_requests": 2}})),
            200 + 2 * SEARCH,
        ),
        row(
            "`annotations` of a message that are `url_citation`",
            "`web_search` once: models that search unasked",
            ask(),
            with(
                said(json!({})),
                json!({"choices": [{"index": 0, "message": {"content": "x", "annotations": cites}}]}),
            ),
            200 + SEARCH,
        ),
    ]
}

pub(super) fn responses() -> Vec<Row> {
    let ask = || json!({"model": "m", "input": "x"});
    let usage = |more: Value| with(json!({"input_tokens": 100, "output_tokens": 10}), more);
    let said =
        |more: Value| with(json!({"model": "m", "output": [], "usage": usage(json!({}))}), more);
    let row = |field, billed, ask, answer, cost| {
        row("openai-responses", field, billed, ask, answer, cost)
    };
    let tools = json!({"model": "m", "input": "x", "tools": [{"type": "web_search"}]});
    let call = json!({"type": "web_search_call", "id": "w", "status": "completed"});
    vec![
        row(
            "`usage.input_tokens`, `.output_tokens`, `.total_tokens`",
            "as in chat",
            ask(),
            said(json!({})),
            200,
        ),
        row(
            "`input_tokens_details.cached_tokens`, `.cache_write_tokens`",
            "as in chat",
            ask(),
            said(
                json!({"usage": usage(json!({"input_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 10}}))}),
            ),
            190,
        ),
        row(
            "`service_tier`, `model` of the answer",
            "as in chat",
            ask(),
            said(json!({"service_tier": "priority"})),
            400,
        ),
        row("", "", ask(), said(json!({"model": "other"})), 400),
        row(
            "items of `output` that are `…_call` of the provider's tools",
            "the tool's sum, each",
            tools.clone(),
            said(json!({"output": [call, call, {"type": "image_generation_call"}]})),
            200 + 2 * SEARCH + 40_000,
        ),
        row(
            "`response.output_item.done`",
            "the same, where the end does not repeat them",
            tools.clone(),
            json!([
            {"type": "response.output_item.done", "output_index": 0, "item": call},
            {"type": "response.completed", "response": said(json!({}))}]),
            200 + SEARCH,
        ),
        row(
            "",
            "",
            tools.clone(),
            json!([
            {"type": "response.output_item.done", "output_index": 0, "item": call},
            {"type": "response.completed", "response": said(json!({"output": [call]}))}]),
            200 + SEARCH,
        ),
        row("", "", tools, said(json!({})), 200),
    ]
}
