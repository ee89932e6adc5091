//! What an event of each kind and a stage of an exchange cost, counted and compared with a table.
//!
//! Fuel is about one unit an instruction and the same on every machine, so that a regression is a failed test and not a
//! bench that somebody reads. The table is `host-tests/fuel.tsv`; after a change that makes something cheaper, or dearer
//! for a reason, write it anew and commit it with the change:
//! `HEMOSTAT_WRITE_FUEL=1 cargo test --workspace --test scenarios fuel`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use host_tests::Headers;
use serde_json::{Value, json};

use crate::native::{Recording, mcp_recordings, recordings};
use crate::rig::{Proxy, answer_of, request_of};
use testkit::dialects::{self, Brings, Dialect};

/// How much dearer than the table a row may be. Compilers differ by a few in a hundred.
const TOLERANCE: f64 = 1.12;

/// Small rows differ by more: an allocation that falls otherwise is a hundred units.
const SLACK: u64 = 150;

/// Recordings a dialect, of the lengths in bytes that show every kind of event and take no time. Shorter ones stand in where
/// there are too few.
const RECORDINGS: usize = 8;
const SHORT: usize = 3_000;
const LONGEST: usize = 24_000;

/// What streams are read for in most installations, and what is read when every lever is pulled.
fn policies() -> [(&'static str, Value); 3] {
    let guards = json!([{"id": "g", "scan": ["output"], "do": "redact",
        "find": ["pack:secrets", r"zq\d{9}xqz", "(?i)xylographic quagga"]}]);
    let every = |what: &str| json!({what: 1_000_000_000_u64, "every": "1h"});
    let everything = json!({
        "guardrails": [{"id": "g", "scan": ["output", "input", "tool_args"], "do": "redact",
            "find": ["pack:secrets", r"zq\d{9}xqz", "(?i)xylographic quagga"]}],
        "tools": [{"id": "t", "match": ["zq_nobody_*"], "do": "deny"}],
        "limits": [{"id": "tokens", "allow": every("tokens")},
            {"id": "model", "per": ["model"], "allow": every("tokens")},
            {"id": "calls", "allow": every("requests")}],
    });
    [("empty", json!({})), ("guards", json!({"guardrails": guards})), ("everything", everything)]
}

/// What an event is called in the table.
fn kind(dialect: &Dialect, frame: &[u8]) -> &'static str {
    match dialect.brings(frame) {
        Brings::Text => "text",
        Brings::Call => "call",
        Brings::Other => "other",
    }
}

/// Sums and numbers by row.
#[derive(Default)]
struct Table(BTreeMap<String, (u64, u64)>);

impl Table {
    fn add(&mut self, row: String, fuel: u64, number: u64) {
        let (sum, count) = self.0.entry(row).or_default();
        *sum += fuel;
        *count += number;
    }
}

/// Runs one exchange; with a table, adds what each part of it cost.
fn measure(
    proxy: &Proxy,
    recording: &Recording,
    headers: &Headers,
    parts: &[&[u8]],
    out: &mut dyn FnMut(&str, usize, u64),
) {
    let (mut request, answer) = (request_of(recording), answer_of(recording));
    for (name, value) in headers.iter() {
        request.headers.replace(std::str::from_utf8(name).unwrap(), value);
    }
    let mut exchange = proxy.worker.exchange(&proxy.plugin);
    let no_body = request.body.is_empty();
    exchange.request_headers(request.headers, no_body);
    out("request headers", 0, proxy.worker.last_fuel());
    if !no_body {
        exchange.request_data(request.body, false);
        let first = proxy.worker.last_fuel();
        exchange.request_data("", true);
        out("request body", 0, first + proxy.worker.last_fuel());
    }
    exchange.response_headers(answer.headers, false);
    out("answer headers", 0, proxy.worker.last_fuel());
    for (at, part) in parts.iter().enumerate() {
        exchange.response_data(part, false);
        out("event", at, proxy.worker.last_fuel());
    }
    exchange.response_data("", true);
    out("answer end", 0, proxy.worker.last_fuel());
    let before = exchange.so_far().fuel;
    let outcome = exchange.finish();
    assert_eq!(outcome.trapped, None, "{}", recording.name);
    out("log", 0, outcome.fuel - before);
}

/// A request as an agent sends it: with all that was said and done before, of which most are files, and with its tools.
fn long_request() -> String {
    let mut turns =
        vec![json!({"role": "system", "content": "You are a careful agent. ".repeat(200)})];
    for number in 0..60 {
        let (id, path) = (format!("call_{number}"), format!("src/part{number}.rs"));
        let arguments = json!({"path": path, "lines": [1, 200]}).to_string();
        let file =
            format!("fn part{number}() {{\n\tlet name = \"part {number}\";\n}}\n// \u{fc}ber\n")
                .repeat(20);
        turns.extend([
            json!({"role": "user", "content": format!("Please look at file {number}, and say what it is for. ").repeat(4)}),
            json!({"role": "assistant", "content": null, "tool_calls": [
                {"id": id, "type": "function", "function": {"name": "read_file", "arguments": arguments}}]}),
            json!({"role": "tool", "tool_call_id": id, "content": file}),
        ]);
    }
    let tool = |number: u32| {
        json!({"type": "function", "function": {"name": format!("tool_{number}"),
            "description": "Does what its name says, as the model is told here at some length. ".repeat(3),
            "parameters": {"type": "object", "required": ["path"], "properties": {
                "path": {"type": "string", "description": "the file"}, "count": {"type": "integer"}}}}})
    };
    let tools: Vec<Value> = (0..30).map(tool).collect();
    json!({"model": "m", "stream": true, "messages": turns, "tools": tools}).to_string()
}

/// What the body of such a request costs, once all automata are built.
fn long_body(proxy: &Proxy, recording: &Recording, body: &str) -> u64 {
    let mut fuel = 0;
    for _ in 0..2 {
        let mut exchange = proxy.worker.exchange(&proxy.plugin);
        exchange.request_headers(request_of(recording).headers, false);
        exchange.request_data(body, false);
        fuel = proxy.worker.last_fuel();
        exchange.request_data("", true);
        fuel += proxy.worker.last_fuel();
        exchange.finish();
    }
    fuel
}

fn measured() -> Table {
    let mut table = Table::default();
    let mut all: Vec<(Recording, Headers)> =
        recordings().into_iter().map(|recording| (recording, Headers::new())).collect();
    all.extend(mcp_recordings().into_iter().map(|(recording, caller)| {
        (recording, caller.headers.iter().map(|(name, value)| (*name, value.clone())).collect())
    }));
    for row in dialects::dialects() {
        let dialect = row.name();
        let fits = |recording: &Recording| {
            recording.dialect == dialect
                && recording.is_stream()
                && !recording.is_array()
                && recording.status == 200
                && recording.method == "POST"
                && recording.response.len() < LONGEST
        };
        let (long, short): (Vec<_>, Vec<_>) = all
            .iter()
            .filter(|(own, _)| fits(own))
            .partition(|(own, _)| own.response.len() >= SHORT);
        let streams: Vec<_> = long.into_iter().chain(short).take(RECORDINGS).collect();
        assert!(!streams.is_empty(), "{dialect} has streams");
        for (policy, value) in policies() {
            let proxy = Proxy::new(value);
            let run =
                |table: Option<&mut Table>| {
                    let mut own = Table::default();
                    for (recording, headers) in &streams {
                        let frames = recording.frames();
                        measure(&proxy, recording, headers, &frames, &mut |stage, at, fuel| {
                            match stage {
                                "event" => {
                                    let kind = kind(row, frames[at]);
                                    own.add(
                                        format!("{policy}\t{dialect}\t{kind} event, alone"),
                                        fuel,
                                        1,
                                    );
                                }
                                stage => own.add(format!("{policy}\t{dialect}\t{stage}"), fuel, 1),
                            }
                        });
                        let events = frames.len() as u64;
                        let mut chunks = 0;
                        measure(
                            &proxy,
                            recording,
                            headers,
                            &[&recording.response],
                            &mut |stage, _, fuel| {
                                if stage == "event" {
                                    own.add(
                                        format!("{policy}\t{dialect}\tany event, in one chunk"),
                                        fuel,
                                        events,
                                    );
                                    chunks += 1;
                                }
                            },
                        );
                        assert_eq!(chunks, 1);
                    }
                    if let Some(table) = table {
                        table.0.extend(own.0);
                    }
                };
            // Lazily built automata are part of the first cost.
            run(None);
            run(Some(&mut table));
            if dialect == "openai-chat" {
                let fuel = long_body(&proxy, &streams[0].0, &long_request());
                table.add(format!("{policy}\t{dialect}\tlong request's body"), fuel, 1);
            }
        }
    }
    table
}

#[test]
fn events_and_stages_cost_what_the_table_says() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuel.tsv");
    let table = measured();
    let rows = table.0.iter().map(|(row, (fuel, count))| (row.clone(), fuel / count));
    if std::env::var_os("HEMOSTAT_WRITE_FUEL").is_some() {
        let head = "# Units of fuel, about one an instruction, on the average. Written by the test `fuel`, which says how.\n";
        let lines = rows.map(|(row, fuel)| format!("{row}\t{fuel}\n"));
        std::fs::write(
            path,
            head.to_owned() + "# policy\tdialect\twhat\tfuel\n" + &lines.collect::<String>(),
        )
        .unwrap();
        return;
    }
    let text = std::fs::read_to_string(path).unwrap();
    let said: BTreeMap<&str, u64> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once('\t'))
        .map(|(row, fuel)| (row, fuel.parse().unwrap()))
        .collect();
    let mut dearer = String::new();
    for (row, fuel) in rows {
        let Some(&before) = said.get(row.as_str()) else { panic!("`{row}` is not in the table") };
        let most = (before as f64 * TOLERANCE) as u64 + SLACK;
        if fuel > most {
            dearer += &format!("{row}: {fuel}, was {before}\n");
        } else if (fuel as f64) < before as f64 / TOLERANCE - SLACK as f64 {
            println!("cheaper: {row}: {fuel}, was {before}");
        }
    }
    assert!(
        dearer.is_empty(),
        "dearer than the table:\n{dearer}(the first lines of this test say how to write it anew)"
    );
}
