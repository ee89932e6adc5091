//! Bounds: memory that does not follow the traffic, and work that grows with it and no faster.

use host_tests::{Chunking, UpstreamAnswer};
use serde_json::{Value, json};

use crate::rig::{Proxy, chat, dialects, in_pieces};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

fn guarded() -> Value {
    json!({"guardrails": [{"id": "packs", "scan": ["output", "input", "tool_args"],
        "find": ["pack:secrets", "pack:pii", "pack:prompt-injection"], "do": "redact"}]})
}

/// Streams `chunks` copies of `chunk` between `first` and the end; the growth of the guest's memory.
fn growth(policy: Value, first: &[u8], chunk: &[u8], chunks: usize) -> usize {
    let proxy = Proxy::new(policy);
    let request = chat().request(true, "hi");
    let before = proxy.worker.memory_bytes();
    let mut exchange = proxy.worker.exchange(&proxy.plugin);
    exchange.request_headers(request.headers, false).request_data(request.body, true);
    exchange.response_headers([(":status", "200"), ("content-type", "text/event-stream")], false);
    exchange.response_data(first, false);
    for _ in 0..chunks {
        exchange.response_data(chunk, false);
    }
    exchange.response_data("", true);
    let outcome = exchange.finish();
    assert_eq!(outcome.trapped, None);
    proxy.assert_sound("growth");
    proxy.worker.memory_bytes() - before
}

#[test]
fn a_line_without_end_is_not_kept() {
    let chunk = vec![b'x'; 64 * KIB];
    let first = br#"data: {"choices":[{"index":0,"delta":{"content":""#;
    let lenient = |mut policy: Value| {
        policy["on_unreadable"] = json!("pass");
        policy
    };
    let shadow = |mut policy: Value| {
        policy["mode"] = json!("shadow");
        policy
    };
    for policy in [json!({}), shadow(guarded()), guarded(), lenient(guarded())] {
        // 100 MB.
        let grown = growth(policy.clone(), first, &chunk, 1600);
        assert!(grown < 24 * MIB, "{} MiB more under {policy}", grown / MIB);
    }
}

#[test]
fn comments_and_blank_lines_without_end_are_not_kept() {
    for chunk in [
        vec![b':'; 64 * KIB],
        vec![b'\n'; 64 * KIB],
        b"data\n".repeat(13 * KIB),
        b"event: x\n".repeat(7 * KIB),
    ] {
        let grown = growth(guarded(), b"", &chunk, 160);
        assert!(grown < 24 * MIB, "{} MiB more for {:?}", grown / MIB, &chunk[..4]);
    }
}

#[test]
fn many_events_pass_in_bounded_memory() {
    let event =
        chat().streamed(&["lorem ipsum dolor sit amet, consectetur "]).chunks[1].repeat(200);
    let grown = growth(guarded(), b"", &event, 800);
    assert!(grown < 8 * MIB, "{} MiB more", grown / MIB);
}

/// A thousand texts side by side, each in the middle of a match: what waits is bounded, over all streams of a worker.
#[test]
fn held_text_is_bounded_over_many_streams() {
    let proxy = Proxy::new(json!({"guardrails": [
        {"id": "r", "scan": ["output"], "find": ["begin[^!]+!"], "do": "redact"}]}));
    let before = proxy.worker.memory_bytes();
    let mut exchanges = Vec::new();
    for _ in 0..500 {
        let request = chat().request(true, "hi");
        let mut exchange = proxy.worker.exchange(&proxy.plugin);
        exchange.request_headers(request.headers, false).request_data(request.body, true);
        exchange
            .response_headers([(":status", "200"), ("content-type", "text/event-stream")], false);
        let pieces = ["begin ", &"x".repeat(8000)];
        exchange.response_data(chat().streamed(&pieces).chunks[..3].concat(), false);
        exchanges.push(exchange);
    }
    let grown = proxy.worker.memory_bytes() - before;
    for mut exchange in exchanges {
        exchange.response_data("", true);
        assert_eq!(exchange.finish().trapped, None);
    }
    assert!(grown < 64 * MIB, "{} MiB more", grown / MIB);
    proxy.assert_sound("many streams");
}

/// Fuel is the same on every machine: twice the traffic must not cost more than a little over twice the fuel.
fn assert_linear(name: &str, policy: &Value, fuel: impl Fn(&Proxy, usize) -> u64) {
    // A proxy of its own each: lazily built automata are part of the first cost, so they are warmed up.
    let of = |n: usize| {
        let proxy = Proxy::new(policy.clone());
        fuel(&proxy, 1);
        fuel(&proxy, n)
    };
    let (one, two) = (of(4), of(8));
    assert!(two as f64 <= 2.5 * one as f64, "{name}: {one} then {two} units of fuel");
}

fn answered(proxy: &Proxy, answer: UpstreamAnswer, cut: &Chunking) -> u64 {
    let outcome = proxy.run(chat().request(true, "hi"), answer, cut);
    assert_eq!(outcome.trapped, None);
    outcome.fuel
}

fn delta(text: &str) -> Vec<u8> {
    format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"content": text}}]}))
        .into_bytes()
}

#[test]
fn work_on_streams_grows_with_their_length() {
    let unit = 64 * KIB;
    let texts: [(&str, &str); 7] = [
        ("words", "the quick brown fox jumps over the lazy dog "),
        ("one letter", "a"),
        ("half a key", "AKIAIOSFODNN7 gh"),
        ("at signs", "a@"),
        ("digits", "4111 "),
        ("injection", "ignore all previous ignore all "),
        ("dashes", "-----BEGIN "),
    ];
    for (name, text) in texts {
        let long = |n: usize| text.repeat(n * unit / text.len());
        for (cut_name, cut) in
            [("chunks", Chunking::Bytes(4096)), ("small chunks", Chunking::Bytes(48))]
        {
            assert_linear(&format!("{name}, one event, {cut_name}"), &guarded(), |proxy, n| {
                answered(proxy, UpstreamAnswer::events([delta(&long(n))]), &cut)
            });
            assert_linear(&format!("{name}, many events, {cut_name}"), &guarded(), |proxy, n| {
                let text = long(n);
                let events = text
                    .as_bytes()
                    .chunks(20)
                    .map(|piece| delta(std::str::from_utf8(piece).unwrap()));
                answered(proxy, UpstreamAnswer::events(events), &cut)
            });
        }
    }
}

#[test]
fn work_on_broken_streams_grows_with_their_length() {
    let unit = 32 * KIB;
    let bodies: [(&str, &[u8]); 6] = [
        ("returns", b"\r"),
        ("line ends", b"\n"),
        ("data lines", b"data: x\n"),
        ("open brackets", b"["),
        ("quotes", b"\"\\"),
        ("empty events", b"data: {}\n\n"),
    ];
    let lenient = {
        let mut policy = guarded();
        policy["on_unreadable"] = json!("pass");
        policy
    };
    for (name, piece) in bodies {
        for cut in [Chunking::Bytes(1), Chunking::Bytes(64), Chunking::Bytes(4096)] {
            assert_linear(&format!("{name} {cut:?}"), &lenient, |proxy, n| {
                let body =
                    [b"data: ", piece.repeat(n * unit / piece.len()).as_slice(), b"\n\n"].concat();
                answered(proxy, UpstreamAnswer::events([body]), &cut)
            });
        }
    }
}

#[test]
fn work_on_requests_and_whole_answers_grows_with_their_length() {
    let unit = 32 * KIB;
    let texts =
        [("words", "the quick brown fox "), ("escapes", "\u{1}\"\\"), ("half a key", "sk-ant-")];
    for (of, (name, text)) in texts.into_iter().enumerate() {
        // The dialects in turn: their readers share the walk over a text.
        for dialect in dialects().into_iter().skip(of).step_by(texts.len()) {
            assert_linear(&format!("{} {name}", dialect.name), &guarded(), |proxy, n| {
                let text = text.repeat(n * unit / text.len());
                let outcome = proxy.run(
                    dialect.request(false, &text),
                    dialect.whole(&text),
                    &Chunking::Bytes(4096),
                );
                assert_eq!(outcome.trapped, None);
                outcome.fuel
            });
        }
    }
}

/// Many keys, many messages, many headers: nothing is looked up in a list for each of a list.
#[test]
fn work_on_many_small_things_grows_with_their_number() {
    assert_linear("messages", &guarded(), |proxy, n| {
        let turn = json!({"role": "user", "content": "hello there"});
        let body = json!({"model": "m", "messages": vec![turn; n * 1000]}).to_string();
        let mut request = chat().request(false, "");
        request.headers.replace("content-length", body.len().to_string());
        request.body = body.into_bytes();
        proxy.run(request, chat().whole("x"), &Chunking::Whole).fuel
    });
    assert_linear("keys", &guarded(), |proxy, n| {
        let keys: serde_json::Map<String, Value> =
            (0..n * 2000).map(|k| (format!("k{k}"), json!(k))).collect();
        let mut body = json!({"model": "m", "messages": []});
        body.as_object_mut().unwrap().extend(keys);
        let mut request = chat().request(false, "");
        let body = body.to_string();
        request.headers.replace("content-length", body.len().to_string());
        request.body = body.into_bytes();
        proxy.run(request, chat().whole("x"), &Chunking::Whole).fuel
    });
    assert_linear("names under a long key with an escape", &json!({}), |proxy, n| {
        let names = vec![r#""name":"a""#; n * 1000].join(",");
        let key = "k".repeat(n * 16 * KIB);
        let body = format!(r#"{{"model":"m","messages":[{{"\u0061{key}":{{{names}}}}}]}}"#);
        let mut request = chat().request(false, "");
        request.headers.replace("content-length", body.len().to_string());
        request.body = body.into_bytes();
        proxy.run(request, chat().whole("x"), &Chunking::Whole).fuel
    });
    assert_linear("headers", &guarded(), |proxy, n| {
        let mut request = chat().request(false, "hi");
        for k in 0..n * 500 {
            request.headers.add(format!("x-hemostat-{k}"), "v");
        }
        proxy.run(request, chat().whole("x"), &Chunking::Whole).fuel
    });
    assert_linear("choices", &guarded(), |proxy, n| {
        let events = (0..n * 100).map(|k| {
            format!(
                "data: {}\n\n",
                json!({"choices": [{"index": k % 100, "delta": {"content": "the quick "}}]})
            )
        });
        answered(proxy, UpstreamAnswer::events(events), &Chunking::AsGiven)
    });
}

/// What one more event of a long stream costs, in units of fuel: printed for docs/performance.md, and bounded.
#[test]
fn an_event_costs_a_bounded_amount() {
    let one = json!({"guardrails": [{"id": "r", "scan": ["output"], "find": ["zzqq[0-9]{9}"], "do": "redact"}]});
    for (name, policy) in [("empty", json!({})), ("one pattern", one), ("packs", guarded())] {
        let proxy = Proxy::new(policy);
        for dialect in in_pieces() {
            let fuel = |events: usize| {
                let pieces = vec!["the quick brown "; events];
                let answer = dialect.streamed(&pieces);
                let outcome = proxy.run(dialect.request(true, "hi"), answer, &Chunking::AsGiven);
                assert_eq!(outcome.trapped, None);
                outcome.fuel
            };
            fuel(100);
            let (few, many) = (fuel(10), fuel(410));
            let each = (many - few) / 400;
            println!("{name}, {}: {few} units for 10 events, {each} for each more", dialect.name);
            assert!(each < 100_000, "{name}, {}: {each} units an event", dialect.name);
        }
    }
}
