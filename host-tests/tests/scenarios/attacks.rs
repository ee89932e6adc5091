//! Traffic that is made to fill a VM or to keep it busy, by those who pay nothing for it: each is sent at one size and at
//! twice that, under every lever and `capture`. Nothing traps, the steps follow the bytes, and what the VM has grown by stays
//! under a number that no attack's size is part of.

use hemostat_engine::limits::{KEPT_VM_BYTES, VM_BYTES};
use hemostat_engine::wire::eventstream;
use host_tests::{Chunking, Outcome, Request, UpstreamAnswer};
use serde_json::{Value, json};

use crate::rig::{Proxy, dialect, envoy};
use crate::shapes::acting;

const KIB: usize = 1024;
const UNIT: usize = 64 * KIB;
/// More than a VM has grown by after any of them, in bytes: most of it are the accounts of limits, which are a fixed number of
/// slots, and states of patterns.
const GROWN: usize = 40 * KIB * KIB;
/// Steps for a byte that a caller or a server sends. What is dearest are short texts: of the parts of a message.
const A_BYTE: u64 = 2000;

/// Every lever, labels of each kind, limits for each value of a label, and a receiver that gets everything.
fn proxy() -> Proxy {
    let mut policy = acting();
    policy["hemostat"] = json!(1);
    policy["labels"] = json!({"tenant": [{"header": "x-tenant"}], "feature": [{"json": "/metadata/feature"}],
        "version": [{"header": "x-prompt", "match": "^v([0-9.]+)"}]});
    policy["limits"].as_array_mut().unwrap().push(
        json!({"id": "each", "per": ["tenant", "feature"], "allow": {"requests": 1_000_000, "every": "1h"}}));
    policy["capture"] = json!({"what": ["input", "output", "tool_args"],
        "to": {"cluster": "traces", "path": "/v1/traces", "authority": "traces.internal"}});
    let allow = json!({"capture": true, "clusters": ["traces"]});
    let own = json!({"hold_headers": true, "policy": policy, "allow": allow});
    let proxy = Proxy::with(envoy(), &own.to_string());
    proxy.host.add_cluster("traces");
    proxy
}

fn chat() -> Request {
    dialect("openai-chat").request(false, "hi")
}

fn fine() -> UpstreamAnswer {
    dialect("openai-chat").whole("fine")
}

fn with_body(path: &str, body: impl AsRef<[u8]>) -> Request {
    Request::post(path, body)
}

fn asked(proxy: &Proxy, request: Request, answer: UpstreamAnswer) -> u64 {
    let outcome: Outcome = proxy.run(request, answer, &Chunking::Bytes(16 * KIB));
    assert_eq!(outcome.trapped, None);
    outcome.fuel
}

/// `piece(0)`, `piece(1)` … of so many bytes.
fn list(size: usize, piece: impl Fn(usize) -> Value) -> Vec<Value> {
    let (mut all, mut bytes) = (Vec::new(), 0);
    while bytes < size {
        let next = piece(all.len());
        bytes += next.to_string().len();
        all.push(next);
    }
    all
}

/// Sends so many bytes and says what they cost.
type Attack = fn(&Proxy, usize) -> u64;

const ATTACKS: [(&str, Attack); 14] = [
    ("a packed bomb", |proxy, size| {
        let mut answer = fine();
        answer.headers.replace("content-encoding", "gzip");
        answer.headers.remove("content-length");
        answer.chunks = vec![[&b"\x1f\x8b\x08\0"[..], &vec![0; size]].concat()];
        asked(proxy, chat(), answer)
    }),
    ("tiny frames under capture", |proxy, size| {
        let event = br#"data: {"choices":[{"index":0,"delta":{"content":"a"}}]}"#;
        let body = [event.as_slice(), b"\n\n"].concat().repeat(size / 57);
        asked(proxy, dialect("openai-chat").request(true, "hi"), UpstreamAnswer::events([body]))
    }),
    ("a value of a label for each request", |proxy, size| {
        let send = |n: usize| {
            let request = chat().header("x-tenant", &format!("tenant-{n}-{}", "t".repeat(400)));
            asked(proxy, request, fine())
        };
        (0..size / (4 * KIB)).map(send).sum()
    }),
    ("long values of labels", |proxy, size| {
        let long = "9.".repeat(size / 4);
        asked(
            proxy,
            chat().header("x-tenant", &long).header("x-prompt", &format!("v{long}")),
            fine(),
        )
    }),
    ("credentials as long as a book", |proxy, size| {
        let token = format!("Bearer {}.{}.{}", "eyJhbGciOi", "e".repeat(size), "sig");
        asked(proxy, chat().header("authorization", &token), fine())
    }),
    ("a batch of calls of tools", |proxy, size| {
        let call = |n| json!({"jsonrpc": "2.0", "id": n, "method": "tools/call", "params": {"name": format!("ask_{n}")}});
        asked(
            proxy,
            with_body("/mcp", json!(list(size, call)).to_string()),
            UpstreamAnswer::json("[]"),
        )
    }),
    ("answers to ids that nobody asked with", |proxy, size| {
        let body =
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get"}})
                .to_string();
        let event = |n| {
            format!(
                "data: {}\n\n",
                json!({"jsonrpc": "2.0", "id": format!("x{n}"), "result": {"content": [{"type": "text", "text": "zq"}]}})
            )
        };
        let events = (0..size / 90).map(event).collect::<String>();
        asked(proxy, with_body("/mcp", body), UpstreamAnswer::events([events]))
    }),
    ("parts of an agent's message", |proxy, size| {
        let parts = list(size, |n| json!({"kind": "text", "text": format!("zq {n}")}));
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "message/send",
            "params": {"message": {"kind": "message", "role": "user", "messageId": "m", "parts": parts}}});
        asked(
            proxy,
            with_body("/", body.to_string()),
            UpstreamAnswer::json(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
        )
    }),
    ("messages of a binary stream with large headers", |proxy, size| {
        let mut body = Vec::new();
        while body.len() < size {
            eventstream::event(&"x".repeat(30_000), "{}", &mut body);
            eventstream::event(
                "contentBlockDelta",
                r#"{"contentBlockIndex":0,"delta":{"text":"zq "}}"#,
                &mut body,
            );
        }
        let mut answer = UpstreamAnswer::events([body]);
        answer.headers.replace("content-type", "application/vnd.amazon.eventstream");
        asked(proxy, with_body("/model/m/converse-stream", r#"{"messages":[]}"#), answer)
    }),
    ("a socket", |proxy, size| {
        let mut request = Request::get("/v1/realtime?model=m");
        for (name, value) in
            [("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-version", "13")]
        {
            request.headers.add(name, value);
        }
        request.body = vec![b'\x81'; size];
        let mut answer = UpstreamAnswer::events([vec![b'\x81'; size]]);
        answer.headers.replace(":status", "101");
        asked(proxy, request, answer) / 2
    }),
    ("a tunnel", |proxy, size| {
        let mut request = with_body("/v1/chat/completions", vec![b'{'; size]);
        request.headers.replace(":method", "CONNECT");
        asked(proxy, request, fine())
    }),
    ("a path without end", |proxy, size| {
        let path = format!("/{}v1/chat/completions", "a/../%2e/".repeat(size / 10));
        asked(proxy, with_body(&path, "{}"), fine())
    }),
    ("a query without end", |proxy, size| {
        let query = "alt=sse&%61lt=%73se&".repeat(size / 20);
        let path = format!("/v1beta/models/m:streamGenerateContent?{query}");
        asked(proxy, with_body(&path, r#"{"contents":[]}"#), fine())
    }),
    ("bodies of requests that have none", |proxy, size| {
        let send = |method: &str| {
            let mut request = with_body("/v1/chat/completions", vec![b'['; size / 2]);
            request.headers.replace(":method", method);
            asked(proxy, request, fine())
        };
        send("OPTIONS") + send("HEAD")
    }),
];

#[test]
fn no_attack_fills_a_vm_or_keeps_it_busy() {
    let mut said = Vec::new();
    let mut wrong = Vec::new();
    // One after the other on one worker, whose memory is free again for the next: what one keeps shows beyond that.
    let proxy = proxy();
    for (name, attack) in ATTACKS {
        attack(&proxy, UNIT / 8);
        let before = proxy.worker.memory_bytes();
        let (one, two) = (attack(&proxy, UNIT), attack(&proxy, 2 * UNIT));
        // Again: what is kept of one must make room for the next.
        attack(&proxy, UNIT);
        let grown = proxy.worker.memory_bytes() - before;
        let each = two / (2 * UNIT as u64);
        let line =
            format!("{name}: {one} then {two} steps, {each} a byte, {} KiB more", grown / KIB);
        if two as f64 > 2.2 * one as f64 || each > A_BYTE || grown > GROWN {
            wrong.push(line.clone());
        }
        said.push(line);
        proxy.assert_sound(name);
    }
    println!("{}", said.join("\n"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// All of them in turn on one worker, while bodies that never end and answers in the middle of a match wait beside them.
#[test]
fn a_vm_stays_under_its_bound_whatever_is_mixed() {
    let proxy = proxy();
    let mut waiting = Vec::new();
    for n in 0..200 {
        let request = dialect("openai-chat").request(true, "hi");
        let mut exchange = proxy.worker.exchange(&proxy.plugin);
        exchange.request_headers(request.headers, false);
        if n % 2 == 0 {
            exchange.request_data(vec![b' '; 512 * KIB], false);
        } else {
            exchange.request_data(request.body, true);
            exchange.response_headers(
                [(":status", "200"), ("content-type", "text/event-stream")],
                false,
            );
            let held = dialect("openai-chat").streamed(&["begin ", &"x".repeat(12 * KIB)]).chunks
                [..3]
                .concat();
            exchange.response_data(held, false);
            exchange
                .response_data([&b"data: {\"a\":\""[..], &vec![b'A'; 512 * KIB]].concat(), false);
        }
        waiting.push(exchange);
    }
    for (name, attack) in ATTACKS {
        attack(&proxy, UNIT);
        proxy.assert_sound(name);
    }
    let taken = proxy.worker.memory_bytes();
    println!("{} MiB with 200 streams that wait", taken >> 20);
    assert!(taken < VM_BYTES && taken > KEPT_VM_BYTES / 8, "{} MiB", taken >> 20);
    waiting.into_iter().for_each(|exchange| assert_eq!(exchange.finish().trapped, None));
    proxy.assert_sound("mix");
}
