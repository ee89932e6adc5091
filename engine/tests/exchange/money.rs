//! Every field of a provider's that says what a call cost, and what is made of it: the table in docs/limits.md, row by row
//! through a whole exchange.

mod anthropic;
mod bedrock;
mod gemini;
mod openai;

use crate::support::limits::{Proxy, hello};
use crate::support::{Cut, Recording, program, run};
use serde_json::{Value, json};

/// One field, and how it is billed.
#[derive(Clone)]
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

/// What no look at the ends of an answer sees: an event before the last, and a model that is named nowhere else.
const UNSEEN: [&str; 2] = ["`response.output_item.done`", "`trace.promptRouter.invokedModelId`"];

fn with(base: Value, more: Value) -> Value {
    let mut all = base;
    for (key, value) in more.as_object().unwrap() {
        all[key] = value.clone();
    }
    all
}

fn rows() -> Vec<Row> {
    let openai = openai::chat().into_iter().chain(openai::responses());
    let google = gemini::gemini().into_iter().chain(gemini::interactions());
    openai.chain(anthropic::anthropic()).chain(google).chain(bedrock::bedrock()).collect()
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
    let limited = program(policy);
    let unlimited = program(json!({"prices": prices()}));
    let mut wrong = Vec::new();
    for (row, limits) in rows().into_iter().flat_map(|row| [(row.clone(), true), (row, false)]) {
        if !limits && UNSEEN.contains(&row.field) {
            continue;
        }
        let program = if limits { &limited } else { &unlimited };
        let seen = run(program, &recording(&row), &Cut::Whole);
        let expected = format!("{}.{:06}", row.cost / 1_000_000, row.cost % 1_000_000);
        if seen.state("hemostat.cost_usd") != Some(&*expected) {
            let found = seen.state("hemostat.cost_usd").map(str::to_owned);
            wrong.push(format!(
                "{limits} {} {} {:?}: {found:?}, not {expected} {}",
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
