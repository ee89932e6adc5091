//! What a VM takes for what is sent to it: bytes of its memory for each byte, in every place where something is kept.
//!
//! `cargo test --workspace --test scenarios -- --nocapture what_a_byte_takes` prints the table of docs/performance.md. A
//! module's memory never shrinks, so what is measured is the most that was ever taken.

use host_tests::{Chunking, Exchange};
use serde_json::{Value, json};

use crate::rig::{Proxy, chat, envoy};
use crate::shapes::many;

const KIB: usize = 1024;

/// Sends so many bytes, and gives what is still open.
type Send = fn(&Proxy, usize) -> Vec<Exchange>;

/// Where something is kept.
struct Place {
    what: &'static str,
    /// What is sent, in KiB: more than what things cost once, and no more than the bounds on what is kept let in. Beyond them
    /// a byte takes less again.
    sent: usize,
    /// A byte that is sent takes fewer than this, a fifth above what was measured.
    most: usize,
    policy: Value,
    send: Send,
}

/// Hits in texts and inside arguments, and matches that begin and do not end.
fn redacts() -> Value {
    json!({"guardrails": [{"id": "r", "scan": ["output", "input", "tool_args"],
        "find": ["zq", "1", "begin[^!]+!"], "do": "redact"}]})
}

/// One whole request with these messages, which is answered.
fn asked(proxy: &Proxy, messages: &str) -> Vec<Exchange> {
    let mut request = chat().request(false, "hi");
    request.body = format!(r#"{{"model":"m","messages":{messages}}}"#).into_bytes();
    request.headers.replace("content-length", request.body.len().to_string());
    proxy.run(request, chat().whole("fine"), &Chunking::Whole);
    Vec::new()
}

/// A request whose body goes on.
fn asking(proxy: &Proxy, body: &[u8]) -> Vec<Exchange> {
    let mut exchange = proxy.worker.exchange(&proxy.plugin);
    exchange.request_headers(chat().request(false, "hi").headers, false);
    exchange.request_data(body, false);
    vec![exchange]
}

/// A stream whose answer so far came in one chunk, and goes on.
fn answering(proxy: &Proxy, chunk: &str) -> Vec<Exchange> {
    let request = chat().request(true, "hi");
    let mut exchange = proxy.worker.exchange(&proxy.plugin);
    exchange.request_headers(request.headers, false).request_data(request.body, true);
    exchange.response_headers([(":status", "200"), ("content-type", "text/event-stream")], false);
    exchange.response_data(chunk, false);
    vec![exchange]
}

/// Whole exchanges, each with a value of its label that no other has.
fn labelled(proxy: &Proxy, size: usize) -> Vec<Exchange> {
    for n in 0..size / (4 * KIB) {
        let request = chat().request(false, "hi").header("x-tenant", &format!("{n:0>3600}"));
        proxy.run(request, chat().whole("fine"), &Chunking::Whole);
    }
    Vec::new()
}

fn event(index: usize, delta: &Value) -> String {
    format!("data: {}\n\n", json!({"choices": [{"index": index, "delta": delta}]}))
}

fn bodies() -> Vec<Place> {
    vec![
        Place {
            what: "a request's body that is not whole, and that nobody needs",
            sent: 1024,
            most: 4,
            policy: json!({}),
            send: |proxy, size| asking(proxy, &vec![b' '; size]),
        },
        Place {
            what: "one that a rule waits for",
            sent: 1024,
            most: 2,
            policy: redacts(),
            send: |proxy, size| asking(proxy, &vec![b' '; size]),
        },
        Place {
            what: "one that a rule watches",
            sent: 1024,
            most: 4,
            policy: json!({"mode": "shadow", "guardrails": redacts()["guardrails"]}),
            send: |proxy, size| asking(proxy, &vec![b' '; size]),
        },
        Place {
            what: "a document with a value in every second byte",
            sent: 256,
            most: 72,
            policy: redacts(),
            send: |proxy, size| {
                let values = many(size, ",", |_| "2".to_owned());
                asked(proxy, &format!(r#"[{{"role":"user","content":"a","zzz":[{values}]}}]"#))
            },
        },
        Place {
            what: "texts with a hit in every fifteen bytes",
            sent: 256,
            most: 26,
            policy: redacts(),
            send: |proxy, size| {
                let texts = many(size, ",", |_| r#"{"text":"a zq"}"#.to_owned());
                asked(proxy, &format!(r#"[{{"role":"user","content":[{texts}]}}]"#))
            },
        },
        Place {
            what: "one text with a hit in every third byte, and its edits",
            sent: 128,
            most: 66,
            policy: redacts(),
            send: |proxy, size| {
                let text = "zq ".repeat(size / 3);
                asked(proxy, &format!(r#"[{{"role":"user","content":"{text}"}}]"#))
            },
        },
        Place {
            what: "arguments of a call with a hit in every second byte, and their edits",
            sent: 128,
            most: 640,
            policy: redacts(),
            send: |proxy, size| {
                let numbers = many(size, ",", |_| "1".to_owned());
                let call = json!({"function": {"name": "g", "arguments": format!("[{numbers}]")}});
                asked(proxy, &json!([{"role": "assistant", "tool_calls": [call]}]).to_string())
            },
        },
    ]
}

fn streams() -> Vec<Place> {
    vec![
        Place {
            what: "an event that is not whole",
            sent: 1024,
            most: 4,
            policy: redacts(),
            send: |proxy, size| answering(proxy, &format!("data: {{\"a\":\"{}", "A".repeat(size))),
        },
        Place {
            what: "empty events behind a match that may go on",
            sent: 64,
            most: 3,
            policy: redacts(),
            send: |proxy, size| {
                let begin = event(0, &json!({"content": "begin"}));
                answering(proxy, &(begin + &": c\n\n".repeat(size / 5)))
            },
        },
        Place {
            what: "events of other texts behind it",
            sent: 256,
            most: 22,
            policy: redacts(),
            send: |proxy, size| {
                let begin = event(0, &json!({"content": "begin"}));
                let other = event(1, &json!({"content": "a"}));
                answering(proxy, &(begin + &many(size, "", |_| other.clone())))
            },
        },
        Place {
            what: "texts of a thousand choices, each in the middle of a match",
            sent: 32,
            most: 44,
            policy: redacts(),
            send: |proxy, size| {
                let begins = |n| event(n % 1000, &json!({"content": "begin"}));
                answering(proxy, &many(size, "", begins))
            },
        },
        Place {
            what: "a call that is held until it is whole",
            sent: 128,
            most: 7,
            policy: json!({"tools": [{"match": "*", "when_args": {"/a": "x"}, "do": "deny"}]}),
            send: |proxy, size| {
                let piece = |arguments: &str| {
                    event(
                        0,
                        &json!({"tool_calls": [{"index": 0, "id": "c", "type": "function",
                        "function": {"name": "get", "arguments": arguments}}]}),
                    )
                };
                answering(proxy, &(piece("{\"b\":\"") + &many(size, "", |_| piece("bbbbbbbb"))))
            },
        },
        Place {
            what: "an answer that nobody looks at, in case it must be ended",
            sent: 128,
            most: 4,
            policy: json!({}),
            send: |proxy, size| {
                let piece = event(0, &json!({"content": "a word or two "}));
                answering(proxy, &many(size, "", |_| piece.clone()))
            },
        },
        Place {
            what: "an answer that is captured",
            sent: 128,
            most: 4,
            policy: json!({"capture": {"what": ["input", "output", "tool_args"],
                "to": {"cluster": "traces", "path": "/v1/traces", "authority": "traces.internal"}}}),
            send: |proxy, size| {
                let piece = event(0, &json!({"content": "a word or two "}));
                answering(proxy, &many(size, "", |_| piece.clone()))
            },
        },
    ]
}

/// What is kept beyond an exchange.
fn beyond() -> Vec<Place> {
    let tenants = json!({"tenant": [{"header": "x-tenant"}]});
    let rules: Vec<Value> = (0..8)
        .map(|digit| {
            json!({"id": format!("r{digit}"), "when": {"tenant": format!("*{digit}")},
                "scan": ["input"], "find": [format!("[a-z]{{3,9}}{digit}")], "do": "redact"})
        })
        .collect();
    vec![
        Place {
            what: "accounts of callers, each with its own",
            sent: 1024,
            most: 2,
            policy: json!({"labels": tenants, "limits": [
                {"id": "l", "per": ["tenant"], "allow": {"tokens": 1_000_000, "every": "1h"}}]}),
            send: labelled,
        },
        Place {
            what: "matchers of rules that hold for some callers",
            sent: 1024,
            most: 2,
            policy: json!({"labels": tenants, "guardrails": rules}),
            send: labelled,
        },
        Place {
            what: "events for a receiver that does not answer",
            sent: 1024,
            most: 2,
            policy: json!({"labels": tenants,
                "notify": {"cluster": "traces", "path": "/hook", "authority": "traces.internal"},
                "failsafe": [{"id": "stop", "when": {"tenant": "*"}, "do": {"fallback": "no"}}],
                "fallbacks": {"no": {"text": "no", "handoff": true}}}),
            send: labelled,
        },
    ]
}

fn proxy(policy: &Value) -> Proxy {
    let mut policy = policy.clone();
    policy["hemostat"] = json!(1);
    let own = json!({"hold_headers": true, "policy": policy,
        "allow": {"capture": true, "clusters": ["traces"]}});
    let proxy = Proxy::with(envoy(), &own.to_string());
    proxy.host.add_cluster("traces");
    proxy
}

#[test]
fn what_a_byte_takes_in_each_place() {
    let mut wrong = Vec::new();
    println!("| what is kept | bytes of memory for a byte that is sent |\n|---|---|");
    for Place { what, sent, most, policy, send } in
        [bodies(), streams(), beyond()].into_iter().flatten()
    {
        let proxy = proxy(&policy);
        drop(send(&proxy, 16 * KIB));
        let before = proxy.worker.memory_bytes();
        let open = send(&proxy, sent * KIB);
        let tenths = 10 * (proxy.worker.memory_bytes() - before) / (sent * KIB);
        let line = format!("| {what} | {}.{} |", tenths / 10, tenths % 10);
        println!("{line}");
        if tenths >= 10 * most {
            wrong.push(line);
        }
        open.into_iter().for_each(|exchange| assert_eq!(exchange.finish().trapped, None, "{what}"));
        proxy.assert_sound(what);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
