//! Every field of a provider's that says what a call cost, and what is made of it: the table in docs/limits.md, row by row
//! through a whole exchange.

use crate::support::limits::{Proxy, hello};
use crate::support::{Cut, Recording, program, run};
use serde_json::{Value, json};

/// One field, and how it is billed.
struct Row {
    dialect: &'static str,
    field: &'static str,
    billed: &'static str,
    ask: Value,
    /// Events, or one whole answer.
    answer: Vec<Value>,
    /// Micro-dollars.
    cost: u64,
}

fn row(
    dialect: &'static str,
    field: &'static str,
    billed: &'static str,
    ask: Value,
    answer: Value,
    cost: u64,
) -> Row {
    let answer = match answer {
        Value::Array(events) => events,
        whole => vec![whole],
    };
    Row { dialect, field, billed, ask, answer, cost }
}

/// A hundred tokens in and ten out cost 200 micro-dollars.
fn prices() -> Value {
    json!({
        "*": {
            "input": 1, "output": 10, "cached_input": 0.5, "cache_write": 2, "cache_write_1h": 4,
            "above": {"tokens": 200_000, "input": 2, "output": 15},
            "surcharge": {
                "service_tier=priority": 2, "service_tier=flex": 0.5, "speed=fast": 6, "inference_geo=us": 1.1,
                "latency=optimized": 1.25, "modality=audio": 4, "modality=image": 3, "web_search": 0.01,
                "code_execution": 0.05, "image_generation": 0.04, "url_context": 0.001, "google_maps": 0.025,
                "file_search": 0.002,
            },
        },
        "other": {"input": 2, "output": 20},
    })
}

const SEARCH: u64 = 10_000;

fn with(base: Value, more: Value) -> Value {
    let mut all = base;
    for (key, value) in more.as_object().unwrap() {
        all[key] = value.clone();
    }
    all
}

fn chat() -> Vec<Row> {
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

fn responses() -> Vec<Row> {
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

fn anthropic() -> Vec<Row> {
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

fn gemini() -> Vec<Row> {
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

fn interactions() -> Vec<Row> {
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

fn bedrock() -> Vec<Row> {
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

fn rows() -> Vec<Row> {
    [chat(), responses(), anthropic(), gemini(), interactions(), bedrock()]
        .into_iter()
        .flatten()
        .collect()
}

fn recording(row: &Row) -> Recording {
    let path = match row.dialect {
        "openai-chat" => "/v1/chat/completions",
        "openai-responses" => "/v1/responses",
        "anthropic" => "/v1/messages",
        "bedrock" => "/model/m.n/converse",
        "gemini-interactions" => "/v1beta/interactions",
        _ => "/v1beta/models/m:generateContent",
    };
    let stream = row.answer.len() > 1
        || (row.answer[0].get("choices").is_some() && row.answer[0].get("usage").is_none());
    let mut ask = row.ask.clone();
    let mut body = row.answer[0].to_string();
    if stream {
        ask["stream"] = json!(true);
        body = row.answer.iter().map(|event| format!("data: {event}\n\n")).collect();
        if row.dialect == "openai-chat" {
            body.push_str("data: [DONE]\n\n");
        }
    }
    Recording {
        name: row.field.to_owned(),
        dialect: row.dialect.to_owned(),
        method: "POST".to_owned(),
        path: path.to_owned(),
        status: 200,
        content_type: if stream { "text/event-stream" } else { "application/json" }.to_owned(),
        request: ask.to_string().into_bytes(),
        response: body.into_bytes(),
    }
}

#[test]
fn every_field_is_billed_as_the_table_says() {
    let policy = json!({"prices": prices(), "limits": [{"id": "m", "allow": {"usd": 100_000, "every": "day"}}]});
    let program = program(policy);
    let mut wrong = Vec::new();
    for row in rows() {
        let seen = run(&program, &recording(&row), &Cut::Whole);
        let expected = format!("{}.{:06}", row.cost / 1_000_000, row.cost % 1_000_000);
        if seen.state("hemostat.cost_usd") != Some(&*expected) {
            let found = seen.state("hemostat.cost_usd").map(str::to_owned);
            wrong.push(format!(
                "{} {} {:?}: {found:?}, not {expected} {}",
                row.dialect,
                row.field,
                row.answer,
                seen.text()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_in_the_docs_is_what_was_tried() {
    let mut table = String::from("| provider | field | how it is billed |\n|---|---|---|\n");
    for row in rows().iter().filter(|row| !row.field.is_empty()) {
        table.push_str(&format!("| `{}` | {} | {} |\n", row.dialect, row.field, row.billed));
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/limits.md");
    let mut text = std::fs::read_to_string(&path).unwrap();
    let marker = "<!-- table: billing -->\n";
    let at = text.find(marker).expect("docs/limits.md has the table") + marker.len();
    let end = at + text[at..].find("<!-- end -->").unwrap();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        text.replace_range(at..end, &table);
        std::fs::write(&path, text).unwrap();
    } else {
        assert_eq!(&text[at..end], table);
    }
}

/// What a request asks for and has no price is refused, whatever it is called.
#[test]
fn ways_of_serving_without_a_price_are_refused() {
    let plain = json!({"m": {"input": 1, "output": 10, "surcharge": {"region=us-east5": 1.1}}, "*": {"input": 1, "output": 1}});
    let policy =
        json!({"prices": plain, "limits": [{"id": "m", "allow": {"usd": 100, "every": "day"}}]});
    let program = program(policy);
    let vertex = |location: &str| {
        format!("/v1/projects/p/locations/{location}/publishers/anthropic/models/m:rawPredict")
    };
    for (dialect, path, ask, missing) in [
        (
            "anthropic",
            "/v1/messages".to_owned(),
            json!({"model": "m", "max_tokens": 1, "speed": "fast"}),
            Some("speed=fast"),
        ),
        (
            "anthropic",
            "/v1/messages".to_owned(),
            json!({"model": "m", "max_tokens": 1, "inference_geo": "us"}),
            Some("inference_geo=us"),
        ),
        (
            "anthropic",
            "/v1/messages".to_owned(),
            json!({"model": "m", "max_tokens": 1, "inference_geo": "global", "speed": "standard"}),
            None,
        ),
        (
            "gemini",
            "/v1beta/models/m:generateContent".to_owned(),
            json!({"contents": [], "serviceTier": "priority"}),
            Some("service_tier=priority"),
        ),
        (
            "gemini",
            "/v1beta/models/m:generateContent".to_owned(),
            json!({"contents": [{"parts": [{"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}]}]}),
            Some("modality=audio"),
        ),
        ("anthropic", vertex("us-east5"), json!({"max_tokens": 1, "messages": []}), None),
        ("anthropic", vertex("global"), json!({"max_tokens": 1, "messages": []}), None),
        (
            "anthropic",
            vertex("europe-west1"),
            json!({"max_tokens": 1, "messages": []}),
            Some("region=europe-west1"),
        ),
        (
            "bedrock",
            "/model/m/converse".to_owned(),
            json!({"messages": [], "serviceTier": {"type": "priority"}}),
            Some("service_tier=priority"),
        ),
        (
            "bedrock",
            "/model/m/converse".to_owned(),
            json!({"messages": [], "performanceConfig": {"latency": "optimized"}}),
            Some("latency=optimized"),
        ),
    ] {
        let recording = Recording {
            name: dialect.to_owned(),
            dialect: dialect.to_owned(),
            method: "POST".to_owned(),
            path,
            status: 200,
            content_type: "application/json".to_owned(),
            request: ask.to_string().into_bytes(),
            response: b"{}".to_vec(),
        };
        let seen = run(&program, &recording, &Cut::Whole);
        match missing {
            Some(name) => {
                assert_eq!(seen.status, 403, "{ask}");
                assert!(
                    seen.text().contains(&format!("`{name}` has no price")),
                    "{ask}: {}",
                    seen.text()
                );
            }
            None => assert!(seen.upstream.is_some(), "{ask}: {}", seen.text()),
        }
    }
}

#[test]
fn the_dearest_way_that_a_request_allows_is_reserved() {
    let reserved = |ask: Value| {
        let proxy = Proxy::new(
            json!({"prices": prices(), "limits": [{"id": "m", "allow": {"usd": 100, "every": "day"}}]}),
        );
        let before = proxy.left(0);
        let asked = proxy.chat(ask).unwrap();
        let charge = before - proxy.left(0);
        drop(asked);
        charge
    };
    let plain = reserved(hello(false));
    assert_eq!(reserved(with(hello(false), json!({"service_tier": "default"}))), plain);
    assert_eq!(reserved(with(hello(false), json!({"service_tier": "auto"}))), 2 * plain);
    assert_eq!(reserved(with(hello(false), json!({"service_tier": "priority"}))), 2 * plain);
    // Near the length from which other prices hold, theirs are reserved.
    let long = |words: usize| {
        reserved(json!({"model": "m", "max_tokens": 1, "messages": [
        {"role": "user", "content": "word ".repeat(words)}]}))
    };
    let (short, near) = (long(100_000), long(190_000));
    assert!(near > short * 3, "{short} {near}");
}
