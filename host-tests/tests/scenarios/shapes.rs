//! Shapes that a caller, a model or a server may choose to make work grow faster than its bytes: every reader is given
//! each at one, two and four times the size, and the steps (fuel: the same on every machine) must follow the size.

use host_tests::{Chunking, Outcome, Request, Settings, UpstreamAnswer};
use serde_json::{Value, json};

use crate::rig::{Dialect, Proxy, chat, configuration, dialect, envoy};

const KIB: usize = 1024;
/// The smallest size. What grows with the square and is cheap otherwise shows only from here on.
const UNIT: usize = 40 * KIB;
/// A doubling costs no more than this: twice, and a little for what is allocated anew.
const MOST: f64 = 2.15;
/// More than anything honest costs: units of fuel for a byte. Dearest are texts of two bytes that are hits, each of which is
/// searched in every group of patterns and written anew.
const A_BYTE: u64 = 4000;

/// Every lever looks: texts are held, redacted and watched, calls are judged, tokens are counted.
pub(crate) fn acting() -> Value {
    json!({
        "on_unreadable": "pass", "on_hold_limit": "release",
        "guardrails": [
            {"id": "hits", "scan": ["output", "input", "tool_args"], "find": ["zq", "begin[^!]+!"], "do": "redact"},
            {"id": "packs", "scan": ["output", "input", "tool_args"],
                "find": ["pack:secrets", "pack:pii", "pack:prompt-injection"], "do": "redact"},
            {"id": "watch", "mode": "shadow", "scan": ["output", "input", "tool_args"], "find": ["(?i)a(.*c)?"], "do": "tag"}],
        "tools": [{"match": ["bad_*"], "do": "deny"}, {"match": "ask_*", "do": "approve"}],
        "limits": [{"id": "tokens", "allow": {"tokens": 1_000_000_000, "every": "1h"}, "cut_when_spent": true}]})
}

/// A rule that stops looks at arguments: calls are held until they are whole.
fn stopping() -> Value {
    json!({
        "on_unreadable": "pass", "on_hold_limit": "release",
        "guardrails": [
            {"id": "args", "scan": ["tool_args"], "find": ["nobody says this"], "do": "block"},
            {"id": "open", "scan": ["output"], "find": ["begin[^!]+!"], "do": "redact"}]})
}

/// `piece(0)`, `piece(1)` … until they are so many bytes.
pub(crate) fn many(size: usize, between: &str, piece: impl Fn(usize) -> String) -> String {
    let mut all = String::with_capacity(size + 1024);
    for n in 0.. {
        if all.len() >= size {
            break;
        }
        if n > 0 {
            all.push_str(between);
        }
        all.push_str(&piece(n));
    }
    all
}

/// A value of this size.
pub(crate) type OfSize = fn(usize) -> String;

/// JSON values that grow to a size.
const VALUES: [(&str, OfSize); 17] = [
    ("numbers", |size| format!("[{}]", many(size, ",", |_| "1".into()))),
    ("hits", |size| format!("[{}]", many(size, ",", |_| "\"zq\"".into()))),
    ("hits in one text", |size| format!("\"{}\"", "zq ".repeat(size / 3))),
    ("escapes", |size| format!("\"{}\"", "\\u0061\\n".repeat(size / 8))),
    ("keys", |size| format!("{{{}}}", many(size, ",", |n| format!("\"k{n}\":{n}")))),
    ("one key again and again", |size| {
        format!("{{{}}}", many(size, ",", |_| "\"type\":\"text\"".into()))
    }),
    ("one escaped key again and again", |size| {
        format!("{{{}}}", many(size, ",", |_| "\"\\u0074ype\":\"text\"".into()))
    }),
    ("names under a long key", |size| {
        let names = many(size / 2, ",", |_| "\"name\":\"a\"".into());
        format!("{{\"\\u006b{}\":{{{names}}}}}", "k".repeat(size / 2))
    }),
    ("long keys", |size| {
        let key = "\\u006b".repeat(size / 64);
        format!("{{{}}}", many(size, ",", |n| format!("\"{n}{key}\":\"zq\"")))
    }),
    ("deep", |size| {
        let one = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        format!("[{}]", many(size, ",", |_| one.clone()))
    }),
    ("deep objects", |size| {
        let one = format!("{}1{}", "{\"content\":".repeat(100), "}".repeat(100));
        format!("[{}]", many(size, ",", |_| one.clone()))
    }),
    ("parts", |size| {
        format!("[{}]", many(size, ",", |_| r#"{"type":"text","text":"a zq b"}"#.into()))
    }),
    ("calls", |size| {
        let call = |n| {
            format!(
                r#"{{"type":"tool_use","id":"c{n}","index":{n},"function":{{"name":"get_{n}","arguments":"{{\"a\":1}}"}},"name":"get_{n}","input":{{"a":"zq"}}}}"#
            )
        };
        format!("[{}]", many(size, ",", call))
    }),
    ("tools", |size| {
        let tool = |n| {
            format!(
                r#"{{"type":"function","name":"bad_{n}","function":{{"name":"get_{n}","parameters":{{}}}},"functionDeclarations":[{{"name":"bad_{n}"}}]}}"#
            )
        };
        format!("[{}]", many(size, ",", tool))
    }),
    ("inner numbers", |size| {
        format!(
            r#"[{{"function":{{"name":"g","arguments":"[{}]"}}}}]"#,
            many(size, ",", |_| "1".into())
        )
    }),
    ("inner hits", |size| {
        let hits = many(size, ",", |_| r#"\"zq\""#.into());
        format!(r#"[{{"function":{{"name":"g","arguments":"[{hits}]"}}}}]"#)
    }),
    ("a line that a pattern revisits", |size| format!("\"{}\"", "a@b. c iban ".repeat(size / 12))),
];

/// Fields of requests and answers that readers look into.
const FIELDS: [&str; 12] = [
    "messages",
    "input",
    "contents",
    "content",
    "tools",
    "tool_calls",
    "metadata",
    "choices",
    "output",
    "candidates",
    "system",
    "zzz",
];

fn request(dialect: Dialect, field: &str, value: &str) -> Request {
    let mut request = dialect.request(false, "hi");
    let mut body = String::from_utf8(request.body).unwrap();
    body.truncate(body.len() - 1);
    let turn = format!(r#"{{"role":"assistant","{field}":{value}}}"#);
    let more = match field {
        "content" | "tool_calls" => {
            // Under another name it would be one text more: strings at the root are texts.
            let turns = match dialect.name {
                "openai-responses" => "input",
                "gemini" => "contents",
                _ => "messages",
            };
            format!(r#","{turns}":[{turn}]}}"#)
        }
        _ => format!(r#","{field}":{value}}}"#),
    };
    body.push_str(&more);
    request.headers.replace("content-length", body.len().to_string());
    request.body = body.into_bytes();
    request
}

/// A whole answer. What is said in it stands where each dialect looks for it, [`copies`] times.
fn answer(field: &str, value: &str) -> UpstreamAnswer {
    UpstreamAnswer::json(match copies(field) {
        1 => format!(r#"{{"model":"m","{field}":{value}}}"#),
        _ => format!(
            r#"{{"choices":[{{"index":0,"message":{{"role":"assistant","{field}":{value}}}}}],"content":{value},"output":[{{"type":"message","content":{value}}}],"candidates":[{{"content":{{"parts":{value}}}}}]}}"#
        ),
    })
}

/// How often a whole answer says what stands in this field.
fn copies(field: &str) -> usize {
    if matches!(field, "content" | "tool_calls") { 4 } else { 1 }
}

/// One event of a stream, as many as fit.
type Event = fn(usize) -> String;

/// The dialects that have shapes of their own here; the readers of the others share their walk.
const WALKED: [&str; 4] = ["openai-chat", "openai-responses", "anthropic", "gemini"];

/// Events by their number, of each dialect; `N` is a number that grows, `M` one of a thousand.
const EVENTS: [(&str, usize, Event); 24] = [
    ("chat texts", 0, |n| {
        format!(r#"{{"choices":[{{"index":{},"delta":{{"content":"a zq b "}}}}]}}"#, n % 1000)
    }),
    ("chat one text", 0, |_| r#"{"choices":[{"index":0,"delta":{"content":"zq "}}]}"#.into()),
    ("chat behind a match", 0, |n| match n {
        0 => r#"{"choices":[{"index":7,"delta":{"content":"begin"}}]}"#.into(),
        _ => format!(r#"{{"choices":[{{"index":{},"delta":{{"content":"zq"}}}}]}}"#, n % 7),
    }),
    ("chat texts behind a match", 0, |n| match n {
        0 => r#"{"choices":[{"index":9999,"delta":{"content":"begin"}}]}"#.into(),
        _ => format!(r#"{{"choices":[{{"index":{},"delta":{{"content":"zq"}}}}]}}"#, n % 1000),
    }),
    ("chat matches begin", 0, |n| {
        format!(r#"{{"choices":[{{"index":{},"delta":{{"content":"begin"}}}}]}}"#, n % 1000)
    }),
    ("chat calls", 0, |n| {
        format!(
            r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{{"index":{},"id":"c","function":{{"name":"get","arguments":"{{\"a\":1"}}}}]}}}}]}}"#,
            n % 1000
        )
    }),
    ("chat one call", 0, |n| {
        let args = if n == 0 { r#"\"zq"# } else { "1 zq," };
        format!(
            r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{{"index":0,"function":{{"name":"g","arguments":"{args}"}}}}]}}}}]}}"#
        )
    }),
    ("chat denied calls", 0, |n| {
        format!(
            r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{{"index":{},"id":"c","function":{{"name":"bad_{n}","arguments":"1"}}}}]}}}}]}}"#,
            n % 1000
        )
    }),
    ("chat ends", 0, |n| {
        format!(
            r#"{{"choices":[{{"index":{},"delta":{{"content":"begin"}},"finish_reason":"stop"}}]}}"#,
            n % 1000
        )
    }),
    ("places", 0, |n| format!(r#"{{"zz{}":"piece {n}"}}"#, n % 3000)),
    ("new places", 0, |n| format!(r#"{{"zz{n}":"zq"}}"#)),
    ("places behind a match", 0, |n| match n {
        0 => r#"{"choices":[{"index":7,"delta":{"content":"begin"}}]}"#.into(),
        _ => format!(r#"{{"zz{n}":"zq"}}"#),
    }),
    ("nothing", 0, |_| "{}".into()),
    ("items", 1, |n| {
        format!(
            r#"{{"type":"response.output_item.added","output_index":{n},"item":{{"type":"function_call","id":"i{n}","call_id":"c{n}","name":"get","arguments":""}}}}"#
        )
    }),
    ("arguments", 1, |n| {
        format!(
            r#"{{"type":"response.function_call_arguments.delta","item_id":"i{0}","output_index":{0},"delta":"{{\"a\":\"zq"}}"#,
            n % 1000
        )
    }),
    ("arguments that end", 1, |n| {
        format!(
            r#"{{"type":"response.function_call_arguments.done","item_id":"i{0}","output_index":{0},"arguments":"{{\"a\":\"zq\"}}"}}"#,
            n % 1000
        )
    }),
    ("items that end", 1, |n| {
        format!(
            r#"{{"type":"response.output_item.done","output_index":{},"item":{{"type":"function_call","id":"i","call_id":"c","name":"ask_{n}","arguments":"{{}}"}}}}"#,
            n % 500
        )
    }),
    ("deltas", 1, |n| {
        format!(
            r#"{{"type":"response.output_text.delta","item_id":"i","output_index":{},"content_index":0,"delta":"a zq "}}"#,
            n % 1000
        )
    }),
    ("blocks", 2, |n| {
        format!(
            r#"{{"type":"content_block_start","index":{n},"content_block":{{"type":"tool_use","id":"t{n}","name":"get","input":{{}}}}}}"#
        )
    }),
    ("block deltas", 2, |n| {
        format!(
            r#"{{"type":"content_block_delta","index":{},"delta":{{"type":"input_json_delta","partial_json":"{{\"a\":\"zq"}}}}"#,
            n % 1000
        )
    }),
    ("one block again and again", 2, |n| {
        match n % 3 {
        0 => r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"get","input":{}}}"#.into(),
        1 => r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\":\"zq\"}"}}"#.into(),
        _ => r#"{"type":"content_block_stop","index":1}"#.into(),
    }
    }),
    ("blocks behind a match", 2, |n| {
        match n {
        0 => r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"begin"}}"#.into(),
        _ if n % 2 == 1 => format!(
            r#"{{"type":"content_block_start","index":{n},"content_block":{{"type":"tool_use","id":"t","name":"get","input":{{"a":"zq"}}}}}}"#
        ),
        _ => format!(r#"{{"type":"content_block_stop","index":{}}}"#, n - 1),
    }
    }),
    ("parts", 3, |n| {
        format!(
            r#"{{"candidates":[{{"index":{},"content":{{"parts":[{{"text":"a zq"}}]}}}}]}}"#,
            n % 1000
        )
    }),
    ("function calls", 3, |n| {
        format!(
            r#"{{"candidates":[{{"index":0,"content":{{"parts":[{{"functionCall":{{"name":"get_{n}","args":{{"a":"zq"}}}}}}]}}}}]}}"#
        )
    }),
];

/// How events stand in a stream: one a frame, or all that there are in the lists of one.
fn stream(size: usize, event: Event) -> UpstreamAnswer {
    let body = many(size, "", |n| format!("data: {}\n\n", event(n)));
    UpstreamAnswer::events([body])
}

/// The lists of many events in one: a thousand choices, a thousand calls.
fn crowded(size: usize, event: Event) -> Option<UpstreamAnswer> {
    let first = event(1);
    let (list, rest) = first.split_once('[')?;
    let end = rest.rfind(']')?;
    let tail = rest[end..].to_owned();
    let items = many(size, ",", |n| {
        let all = event(n + 1);
        let inside = all.split_once('[').map(|(_, rest)| rest).unwrap_or_default();
        inside[..inside.rfind(']').unwrap_or(0)].to_owned()
    });
    Some(UpstreamAnswer::events([format!("data: {list}[{items}{tail}\n\n")]))
}

/// Runs one shape at three sizes in a VM that is warm.
fn check(
    what: &str,
    policy: &Value,
    worst: &mut Vec<String>,
    run: &dyn Fn(&Proxy, usize) -> Outcome,
) {
    let proxy = Proxy::new(policy.clone());
    run(&proxy, UNIT / 8);
    let fuel = |times: usize| {
        let outcome = run(&proxy, times * UNIT);
        if outcome.trapped.is_some() { u64::MAX / 8 } else { outcome.fuel }
    };
    let costs = [fuel(1), fuel(2), fuel(4)];
    if std::env::var_os("HEMOSTAT_SHAPES").is_some() {
        println!("{what}: {costs:?}, {} a byte", costs[2] / (4 * UNIT as u64));
    }
    let grows = costs.windows(2).any(|two| two[1] as f64 > MOST * two[0] as f64);
    let dear = costs[2] / (4 * UNIT as u64) > A_BYTE;
    if grows || dear {
        worst.push(format!("{what}: {costs:?}, {} a byte", costs[2] / (4 * UNIT as u64)));
    }
}

/// A name, a policy, and an exchange of a size.
pub(crate) type Case = (String, Value, Box<dyn Fn(&Proxy, usize) -> Outcome + Send + Sync>);

/// Checks all of a list on both cores.
pub(crate) fn check_all(cases: Vec<Case>) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let worst = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                loop {
                    let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some((what, policy, run)) = cases.get(at) else { return };
                    let mut found = Vec::new();
                    check(what, policy, &mut found, run);
                    worst.lock().unwrap().extend(found);
                }
            });
        }
    });
    let worst = worst.into_inner().unwrap();
    assert!(worst.is_empty(), "{} of {}:\n{}", worst.len(), cases.len(), worst.join("\n"));
}

#[test]
fn work_on_bodies_of_every_shape_grows_with_their_bytes() {
    let mut cases: Vec<Case> = Vec::new();
    for (at, (name, value)) in VALUES.into_iter().enumerate() {
        // Each value in some of the fields, with the dialects in turn: their readers share the walk.
        for of in [at, at + 4, at + 7] {
            let field = FIELDS[of % FIELDS.len()];
            let dialect = dialect(WALKED[(at + of) % WALKED.len()]);
            cases.push((
                format!("{} request, {name} in {field}", dialect.name),
                acting(),
                Box::new(move |proxy, size| {
                    proxy.run(
                        request(dialect, field, &value(size)),
                        dialect.whole("x"),
                        &Chunking::Whole,
                    )
                }),
            ));
            if of == at {
                cases.push((
                    format!("{} answer, {name} in {field}", dialect.name),
                    acting(),
                    Box::new(move |proxy, size| {
                        proxy.run(
                            dialect.request(false, "hi"),
                            answer(field, &value(size / copies(field))),
                            &Chunking::Whole,
                        )
                    }),
                ));
            }
        }
    }
    check_all(cases);
}

#[test]
fn work_on_streams_of_every_shape_grows_with_their_bytes() {
    let mut cases: Vec<Case> = Vec::new();
    for (name, of, event) in EVENTS {
        let dialect = dialect(WALKED[of]);
        for (policy_name, policy) in [("acting", acting()), ("stopping", stopping())] {
            cases.push((
                format!("{} stream, {name}, {policy_name}", dialect.name),
                policy.clone(),
                Box::new(move |proxy, size| {
                    proxy.run(
                        dialect.request(true, "hi"),
                        stream(size, event),
                        &Chunking::Bytes(16 * KIB),
                    )
                }),
            ));
            if crowded(KIB, event).is_some() {
                cases.push((
                    format!("{} event, {name}, {policy_name}", dialect.name),
                    policy,
                    Box::new(move |proxy, size| {
                        let answer = crowded(size, event).unwrap();
                        proxy.run(dialect.request(true, "hi"), answer, &Chunking::Bytes(16 * KIB))
                    }),
                ));
            }
        }
    }
    check_all(cases);
}

/// What a caller may send at most under the sample's buffer limit, with a hit in everything: it is redacted or refused
/// as the policy says, in memory that leaves room for others.
#[test]
fn the_largest_bodies_full_of_hits_do_not_end_a_vm() {
    const BODY: usize = 8 * KIB * KIB + 512 * KIB;
    const MEMORY: usize = hemostat_engine::limits::VM_BYTES;
    let policy = |passes: bool, action: &str| {
        json!({"on_unreadable": if passes { "pass" } else { "block" }, "guardrails": [
            {"id": "hits", "scan": ["output", "input", "tool_args"], "find": ["zq", "1"], "do": action}]})
    };
    // As the samples set it; and what is measured here is memory.
    let large = |policy: Value| {
        let settings = Settings { buffer_limit: 32 << 20, fuel_per_call: 1 << 40, ..envoy() };
        Proxy::with(settings, &configuration(policy))
    };
    let bodies: [(&str, String); 4] = [
        ("hits", format!("[{}]", vec!["\"a zq\""; 990_000].join(","))),
        ("one text", format!("\"{}\"", "1 ".repeat(BODY / 2))),
        ("escapes", format!("\"{}\"", "1\\n".repeat(BODY / 3))),
        (
            "inner numbers",
            format!(
                r#"[{{"role":"assistant","tool_calls":[{{"function":{{"name":"g","arguments":"[{}1]"}}}}]}}]"#,
                "1,".repeat(1_700_000)
            ),
        ),
    ];
    for (name, value) in &bodies {
        for (passes, action) in [(false, "redact"), (true, "redact"), (false, "block")] {
            let proxy = large(policy(passes, action));
            let field = if *name == "inner numbers" { "messages" } else { "content" };
            let outcome =
                proxy.run(request(chat(), field, value), chat().whole("x"), &Chunking::Whole);
            let what = format!("{name}, {action}, passes: {passes}");
            assert_eq!(outcome.trapped, None, "{what}");
            proxy.assert_sound(&what);
            let memory = proxy.worker.memory_bytes();
            println!("{what}: {} MiB, {} a byte", memory >> 20, outcome.fuel / value.len() as u64);
            assert!(memory < MEMORY, "{what}: {} MiB", memory >> 20);
            if action == "redact" {
                let proxy = large(policy(passes, action));
                let answer = answer(if field == "messages" { "tool_calls" } else { field }, value);
                let outcome = proxy.run(chat().request(false, "hi"), answer, &Chunking::Whole);
                assert_eq!(outcome.trapped, None, "answer, {what}");
                proxy.assert_sound(&what);
                println!("answer, {what}: {} MiB", proxy.worker.memory_bytes() >> 20);
                assert!(proxy.worker.memory_bytes() < MEMORY, "answer, {what}");
            }
        }
    }
}
