//! Lanes × levers: what holds for which kind of traffic, found out by sending some of each, and held against
//! `docs/coverage.md`. `HEMOSTAT_WRITE=1` writes the table anew.

use std::rc::Rc;

use crate::support::{Caller, Cut, Recording, Seen, program, run_as};
use hemostat_engine::dialect::{
    Call, CallKind, CannedAnswer, DialectId, Recognised, dialect, recognise,
};
use hemostat_engine::exchange::{Exchange, RequestFacts, RequestVerdict};
use hemostat_engine::ledger::{Book, MemoryStore};
use serde_json::{Value, json};

/// A kind of traffic.
struct Lane {
    /// As the table names it.
    shown: &'static str,
    method: &'static str,
    path: &'static str,
    /// The path of its streams, where it has any.
    stream: Option<&'static str>,
    /// Asks for something secret, of model `m`, with a tool `rm` where it has tools.
    request: Value,
    /// A whole answer that calls `rm`, where answers have calls.
    call: Option<Value>,
}

fn lane(
    shown: &'static str,
    path: &'static str,
    stream: Option<&'static str>,
    request: Value,
    call: Option<Value>,
) -> Lane {
    Lane { shown, method: "POST", path, stream, request, call }
}

fn lanes() -> Vec<Lane> {
    let turn = json!([{"role": "user", "content": "a secret"}]);
    let function = json!([{"type": "function", "function": {"name": "rm", "parameters": {}}}]);
    let chat = json!({"model": "m", "messages": turn, "tools": function, "max_tokens": 9});
    let call =
        json!([{"id": "c", "type": "function", "function": {"name": "rm", "arguments": "{}"}}]);
    let chat_call = json!({"id": "c", "object": "chat.completion", "model": "m", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": null, "tool_calls": call}, "finish_reason": "tool_calls"}]});
    let anthropic = json!({"model": "m", "messages": turn, "tools": [{"name": "rm", "input_schema": {}}], "max_tokens": 9});
    let anthropic_call = json!({"id": "m", "type": "message", "role": "assistant", "model": "m",
        "content": [{"type": "tool_use", "id": "t", "name": "rm", "input": {}}], "stop_reason": "tool_use"});
    let mut invoke = anthropic.clone();
    invoke.as_object_mut().unwrap().remove("model");
    invoke["anthropic_version"] = json!("bedrock-2023-05-31");
    let responses =
        json!({"model": "m", "input": "a secret", "tools": [{"type": "function", "name": "rm"}]});
    let responses_call = json!({"id": "r", "object": "response", "status": "completed", "model": "m",
        "output": [{"type": "function_call", "id": "i", "call_id": "c", "name": "rm", "arguments": "{}", "status": "completed"}]});
    let gemini = json!({"contents": [{"role": "user", "parts": [{"text": "a secret"}]}],
        "tools": [{"functionDeclarations": [{"name": "rm"}]}]});
    let gemini_call = json!({"candidates": [{"index": 0, "content": {"role": "model", "parts": [
        {"functionCall": {"name": "rm", "args": {}}}]}, "finishReason": "STOP"}]});
    let bedrock = json!({"messages": [{"role": "user", "content": [{"text": "a secret"}]}],
        "toolConfig": {"tools": [{"toolSpec": {"name": "rm", "inputSchema": {"json": {}}}}]}});
    let bedrock_call = json!({"output": {"message": {"role": "assistant", "content": [
        {"toolUse": {"toolUseId": "t", "name": "rm", "input": {}}}]}}, "stopReason": "tool_use"});
    let ollama_call = json!({"model": "m", "message": {"role": "assistant", "content": "",
        "tool_calls": [{"function": {"name": "rm", "arguments": {}}}]}, "done": true});
    let cohere_call = json!({"id": "c", "finish_reason": "TOOL_CALL", "message": {"role": "assistant", "tool_calls": call}});
    let interaction =
        json!({"model": "m", "input": "a secret", "tools": [{"type": "function", "name": "rm"}]});
    let interaction_call = json!({"id": "i", "object": "interaction", "status": "requires_action", "model": "m",
        "steps": [{"type": "function_call", "id": "c", "name": "rm", "arguments": {}}]});
    let prompt = json!({"model": "m", "prompt": "a secret", "max_tokens": 9});
    let agent = json!({"message": {"messageId": "1", "role": "ROLE_USER", "parts": [{"text": "a secret"}]}});
    let list = |items: &Value| json!({"object": "list", "data": items});
    let (listed_call, listed_items) = (list(&json!([chat_call])), list(&responses_call["output"]));
    let get = |shown, path| Lane { method: "GET", ..lane(shown, path, None, Value::Null, None) };
    vec![
        lane(
            "OpenAI Chat Completions and compatible servers, Azure, Bedrock's OpenAI paths: `…/chat/completions`",
            "/v1/chat/completions",
            Some("/v1/chat/completions"),
            chat.clone(),
            Some(chat_call.clone()),
        ),
        lane(
            "Databricks, SageMaker, with `messages`: `…/serving-endpoints/NAME/invocations`, `…/endpoints/NAME/invocations`",
            "/serving-endpoints/m/invocations",
            Some("/serving-endpoints/m/invocations"),
            chat.clone(),
            Some(chat_call.clone()),
        ),
        lane(
            "OpenAI legacy completions, Azure's: `…/completions`",
            "/v1/completions",
            Some("/v1/completions"),
            prompt.clone(),
            None,
        ),
        lane(
            "OpenAI Responses, Azure's: `…/responses`",
            "/v1/responses",
            Some("/v1/responses"),
            responses.clone(),
            Some(responses_call.clone()),
        ),
        lane(
            "OpenAI compaction: `…/responses/compact`",
            "/v1/responses/compact",
            None,
            responses,
            None,
        ),
        lane(
            "Anthropic Messages, Vertex's: `…/messages`",
            "/v1/messages",
            Some("/v1/messages"),
            anthropic,
            Some(anthropic_call.clone()),
        ),
        lane(
            "Gemini, Vertex: `…:generateContent`, `…:streamGenerateContent`",
            "/v1beta/models/m:generateContent",
            Some("/v1beta/models/m:streamGenerateContent?alt=sse"),
            gemini,
            Some(gemini_call),
        ),
        lane(
            "Gemini Interactions that name a model, Vertex's: `…/interactions`",
            "/v1beta/interactions",
            Some("/v1beta/interactions"),
            interaction,
            Some(interaction_call.clone()),
        ),
        lane(
            "Bedrock Converse: `/model/ID/converse`, `…/converse-stream`",
            "/model/m/converse",
            Some("/model/m/converse-stream"),
            bedrock,
            Some(bedrock_call),
        ),
        lane(
            "Bedrock InvokeModel of Anthropic's models: `/model/ID/invoke`, `…-with-response-stream`",
            "/model/anthropic.m/invoke",
            Some("/model/anthropic.m/invoke-with-response-stream"),
            invoke,
            Some(anthropic_call),
        ),
        lane(
            "Cohere chat: `/v2/chat`",
            "/v2/chat",
            Some("/v2/chat"),
            chat.clone(),
            Some(cohere_call),
        ),
        lane("Ollama chat: `/api/chat`", "/api/chat", Some("/api/chat"), chat, Some(ollama_call)),
        lane(
            "Ollama: `/api/generate`",
            "/api/generate",
            Some("/api/generate"),
            prompt.clone(),
            None,
        ),
        lane(
            "OpenAI embeddings, Azure's: `…/embeddings`",
            "/v1/embeddings",
            None,
            json!({"model": "m", "input": "a secret"}),
            None,
        ),
        lane("OpenAI images: `…/images/generations`", "/v1/images/generations", None, prompt, None),
        lane(
            "Google embeddings and predictions: `…:embedContent`, `…:batchEmbedContents`, `…/models/ID:predict`",
            "/v1beta/models/m:embedContent",
            None,
            json!({"content": {"parts": [{"text": "a secret"}]}}),
            None,
        ),
        lane(
            "Ollama embeddings: `/api/embed`",
            "/api/embed",
            None,
            json!({"model": "m", "input": "a secret"}),
            None,
        ),
        lane(
            "A2A over HTTP: `…/message:send`, `…/message:stream`",
            "/message:send",
            Some("/message:stream"),
            agent.clone(),
            None,
        ),
        lane(
            "A2A over JSON-RPC, of 0.3 and 1.0, at any path: by the body's `method`",
            "/agents/1",
            Some("/agents/1"),
            json!({"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": agent}),
            None,
        ),
        Lane {
            call: Some(responses_call),
            ..get("Stored answers: `GET …/responses/ID`", "/v1/responses/resp_1")
        },
        Lane {
            call: Some(chat_call),
            ..get(
                "Stored and deferred answers: `GET …/chat/completions/ID`, `…/chat/deferred-completion/ID`",
                "/v1/chat/completions/c",
            )
        },
        Lane {
            call: Some(interaction_call),
            ..get("Stored interactions: `GET …/interactions/ID`", "/v1beta/interactions/v1_1")
        },
        Lane {
            call: Some(listed_call),
            ..get(
                "Lists of them: `GET …/chat/completions`, `…/chat/completions/ID/messages`",
                "/v1/chat/completions",
            )
        },
        Lane {
            call: Some(listed_items),
            ..get(
                "Lists of items: `GET …/responses/ID/input_items`, `…/conversations/ID/items`",
                "/v1/responses/resp_1/input_items",
            )
        },
    ]
}

/// What a lever does for a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Holds,
    DoesNot,
    /// There is nothing for it to hold for.
    Nothing,
}

impl Cell {
    fn of(holds: bool) -> Self {
        if holds { Self::Holds } else { Self::DoesNot }
    }

    fn shown(self) -> &'static str {
        match self {
            Self::Holds => "yes",
            Self::DoesNot => "no",
            Self::Nothing => "–",
        }
    }
}

const LEVERS: [&str; 9] = [
    "kill (`failsafe`)",
    "`rollback`, `switch` of the model",
    "`guardrails` on input",
    "on output, whole",
    "on output, streamed",
    "`tools` in requests",
    "calls in answers",
    "`limits`: requests",
    "tokens, money",
];

fn recording(lane: &Lane, path: &str, stream: bool, response: (String, Vec<u8>)) -> Recording {
    let mut request = lane.request.clone();
    let by_path = path.starts_with("/model/") || path.contains(":");
    if request.get("method").is_some() {
        request["method"] = json!(if stream { "SendStreamingMessage" } else { "SendMessage" });
    } else if request.is_object() && lane.stream.is_some() && !by_path {
        request["stream"] = json!(stream);
    }
    Recording {
        name: lane.shown.to_owned(),
        dialect: String::new(),
        method: lane.method.to_owned(),
        path: path.to_owned(),
        status: 200,
        content_type: response.0,
        request: if request.is_null() { Vec::new() } else { request.to_string().into_bytes() },
        response: response.1,
    }
}

/// What a lane's request line says; of A2A's JSON-RPC, which only its body tells, what its other binding's says.
fn recognised(lane: &Lane, path: &str) -> Recognised {
    let of = |path: &str| recognise(lane.method, path);
    of(path).or_else(|| of("/message:send")).unwrap()
}

/// An answer in the lane's dialect that says something secret.
fn secret(lane: &Lane, path: &str, stream: bool) -> (String, Vec<u8>) {
    let recognised = recognised(lane, path);
    if recognised.kind == CallKind::StoredList {
        let list = json!({"object": "list", "data": [{"choices": [{"message": {"content": "a secret"}}]}]});
        return ("application/json".to_owned(), list.to_string().into_bytes());
    }
    let dialect = dialect(recognised.dialect);
    let call = Call { model: "m".to_owned(), stream, ..Call::without_body(recognised) };
    let canned = CannedAnswer {
        text: "a secret".to_owned(),
        decision: "1".to_owned(),
        ..CannedAnswer::default()
    };
    let reply = dialect.canned(&call, &canned);
    let kind = reply.headers.iter().find(|(name, _)| *name == "content-type").unwrap();
    (kind.1.clone(), reply.body)
}

fn send(policy: Value, recording: &Recording) -> Seen {
    run_as(&program(policy), recording, &Cut::Every(50), &Caller::default())
}

/// Two requests, one after another, under one book: true if the second is refused.
fn second_is_refused(policy: Value, recording: &Recording) -> bool {
    let program = program(policy);
    let store = Rc::new(MemoryStore::new(1_764_000_000_000_000_000));
    let book = Rc::new(Book::new(store));
    let mut last = false;
    for nonce in 0..2 {
        let mut exchange = Exchange::with_book(Rc::clone(&program), Rc::clone(&book));
        let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        let headers = vec![
            pair(":method", &recording.method),
            pair(":path", &recording.path),
            pair(":authority", "a"),
            pair("content-type", "application/json"),
        ];
        let facts = RequestFacts {
            headers: headers.into(),
            now_ns: 1_764_000_000_000_000_000,
            nonce,
            ..RequestFacts::default()
        };
        let mut verdict = exchange.request_headers(facts, recording.request.is_empty());
        if let RequestVerdict::Sniff { .. } = verdict {
            verdict = exchange.request_sniff(&recording.request, true);
        }
        if let RequestVerdict::NeedBody { .. } = verdict {
            verdict = exchange.request_body(Some(&recording.request));
        }
        last = matches!(&verdict, RequestVerdict::Reply(reply) if reply.status == 429);
    }
    last
}

fn cells(lane: &Lane) -> Vec<Cell> {
    let speaks = dialect(recognised(lane, lane.path).dialect).speaks();
    let asks = !lane.request.is_null();
    let names_a_model = recognised(lane, lane.path).dialect != DialectId::A2a;
    let whole = recording(lane, lane.path, false, secret(lane, lane.path, false));
    let upstream = |policy: Value| {
        let seen = send(policy, &whole);
        let edits = format!("{:?}", seen.upstream_edits);
        String::from_utf8_lossy(&seen.upstream.unwrap_or_default()).into_owned() + &edits
    };
    let guard = |scan: &str| json!({"guardrails": [{"id": "g", "scan": scan, "find": "secret", "do": {"redact": "[X]"}}]});
    let deny = json!({"tools": [{"match": "rm", "do": "deny"}]});
    let kill = json!({"failsafe": [{"id": "k", "do": {"fallback": "f"}}], "fallbacks": {"f": {"text": "no"}}});
    let only = |there: bool, holds: &dyn Fn() -> bool| match there {
        true => Cell::of(holds()),
        false => Cell::Nothing,
    };
    let output = |path: &str, stream: bool| {
        let answer = secret(lane, path, stream);
        let seen = send(guard("output"), &recording(lane, path, stream, answer));
        !seen.text().contains("secret")
    };
    let limit = |unit: &str| json!({"limits": [{"id": "l", "allow": {unit: 1, "every": "1m"}}]});
    vec![
        Cell::of(send(kill, &whole).upstream.is_none()),
        only(asks && names_a_model, &|| {
            upstream(json!({"rollback": [{"id": "r", "set": {"model": "older"}}]}))
                .contains("older")
        }),
        only(asks, &|| upstream(guard("input")).contains("[X]")),
        only(speaks, &|| output(lane.path, false)),
        only(lane.stream.is_some(), &|| output(lane.stream.unwrap(), true)),
        only(
            lane.request.get("tools").is_some() || lane.request.get("toolConfig").is_some(),
            &|| !upstream(deny.clone()).contains("\"rm\""),
        ),
        only(lane.call.is_some(), &|| {
            let body = lane.call.clone().unwrap().to_string().into_bytes();
            let answer = ("application/json".to_owned(), body);
            let seen = send(deny.clone(), &recording(lane, lane.path, false, answer));
            seen.text().contains("denied") || !seen.text().contains("\"rm\"")
        }),
        only(asks, &|| second_is_refused(limit("requests"), &whole)),
        only(asks, &|| send(limit("tokens"), &whole).status == 429),
    ]
}

#[test]
fn the_page_says_what_holds() {
    let mut table = String::from("| lane | label `dialect` |");
    table.extend(LEVERS.iter().map(|lever| format!(" {lever} |")));
    table.push_str(&format!("\n|---|---|{}\n", "---|".repeat(LEVERS.len())));
    for lane in lanes() {
        let name = recognised(&lane, lane.path).dialect.name();
        table.push_str(&format!("| {} | `{name}` |", lane.shown));
        table.extend(cells(&lane).iter().map(|cell| format!(" {} |", cell.shown())));
        table.push('\n');
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/coverage.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once("<!-- table: lanes -->\n").unwrap();
    let (written, after) = rest.split_once("<!-- end -->").unwrap();
    if std::env::var_os("HEMOSTAT_WRITE").is_some() {
        let page = format!("{before}<!-- table: lanes -->\n{table}<!-- end -->{after}");
        std::fs::write(path, page).unwrap();
        return;
    }
    assert_eq!(
        written, table,
        "docs/coverage.md does not say what holds: HEMOSTAT_WRITE=1 writes it"
    );
}
