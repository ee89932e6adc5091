//! Traffic that is broken or made to hurt: no trap, nothing of a match leaves, and what was not checked is counted.

use host_tests::{Chunking, Ending, Headers, Outcome, UpstreamAnswer};
use serde_json::{Value, json};

use crate::rig::{Dialect, Proxy, assert_clean, chat, dialects};

const SECRET: &str = "sesame-opens-the-door";

fn guarded(more: Value) -> Value {
    let mut policy = json!({"guardrails": [{"id": "r", "scan": ["output", "input", "tool_args"],
        "find": ["sesame-[a-z-]+door"], "do": {"redact": "[X]"}}]});
    policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    policy
}

/// (name, one event's bytes): broken in a way of its own, some with the secret in them.
fn broken() -> Vec<(&'static str, Vec<u8>)> {
    let data = |json: &[u8]| [b"data: ", json, b"\n\n"].concat();
    let delta = |text: &str| {
        format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"{text}"}}}}]}}"#).into_bytes()
    };
    let repeated = |open: &str, middle: &str, close: &str, n: usize| {
        format!("{}{middle}{}", open.repeat(n), close.repeat(n)).into_bytes()
    };
    let bad_utf8 = [
        &br#"{"choices":[{"index":0,"delta":{"content":""#[..],
        b"\xff\xfe\xc3(",
        SECRET.as_bytes(),
        br#""}}]}"#,
    ]
    .concat();
    let twice = format!(
        r#"{{"choices":[{{"index":0,"delta":{{"content":"{SECRET}","content":"fine"}}}}]}}"#
    );
    let twice_back = format!(
        r#"{{"choices":[{{"index":0,"delta":{{"content":"fine","content":"{SECRET}"}}}}]}}"#
    );
    vec![
        ("not json", data(b"this is not json")),
        ("half a document", data(br#"{"choices":[{"index":0,"delta":{"content":"a"#)),
        ("bad utf-8", data(&bad_utf8)),
        ("depth bomb", data(&repeated("[", "", "]", 200_000))),
        ("object bomb", data(&repeated("{\"a\":", "1", "}", 100_000))),
        ("open bomb", data(&repeated("[", "", "", 300_000))),
        ("lone surrogate", data(&delta("\\ud800 x"))),
        ("surrogates turned", data(&delta("\\udc00\\ud800"))),
        ("nul", data(&delta("\\u0000"))),
        ("raw nul", data(&delta("\u{0}"))),
        ("wrong types", data(br#"{"choices":{"index":"x","delta":[1,2,{"content":7}]}}"#)),
        ("huge number", data(br#"{"choices":[{"index":1e999,"delta":{"content":"a"}}]}"#)),
        ("negative index", data(br#"{"choices":[{"index":-1,"delta":{"content":"a"}}]}"#)),
        ("duplicate keys", data(twice.as_bytes())),
        ("duplicate keys, last", data(twice_back.as_bytes())),
        ("escaped", data(&delta("sesame\\u002dopens\\u002Dthe-\\u0064oor"))),
        (
            "many indices",
            (0..3000)
                .flat_map(|n| {
                    data(
                        format!(r#"{{"choices":[{{"index":{n},"delta":{{"content":"a"}}}}]}}"#)
                            .as_bytes(),
                    )
                })
                .collect(),
        ),
        ("only returns", b"\r".repeat(10_000)),
        ("only line ends", b"\n".repeat(10_000)),
        ("many data lines", [&b"data: \n".repeat(70_000)[..], b"\n"].concat()),
        ("a comment without end", [&b":"[..], &b"x".repeat(100_000), b"\n\n"].concat()),
        ("a bom", [&b"\xef\xbb\xbf"[..], &data(&delta("a"))].concat()),
        ("no blank line at the end", [&b"data: "[..], &delta(SECRET)].concat()),
        ("nothing", Vec::new()),
    ]
}

/// No strict JSON, and scanned with what is broken replaced.
const READ_ALL_THE_SAME: [&str; 4] =
    ["bad utf-8", "lone surrogate", "surrogates turned", "huge number"];

fn assert_no_leak(outcome: &Outcome, what: &str) {
    assert_eq!(outcome.trapped, None, "{what}");
    assert_eq!(outcome.violations, [], "{what}");
    let text = outcome.downstream.text();
    assert!(
        !text.contains("sesame") && !text.contains("\\u002dopens"),
        "{what}: {}",
        &text[..text.len().min(2000)]
    );
}

#[test]
fn a_broken_stream_leaks_nothing() {
    let proxy = Proxy::new(guarded(json!({})));
    let plain = |text: &str| chat().streamed(&[text]).chunks.concat();
    for (name, event) in broken() {
        let answer =
            UpstreamAnswer::events([plain("before "), event, plain(&format!(" {SECRET} after"))]);
        for cut in [Chunking::AsGiven, Chunking::Bytes(1), Chunking::Random(3)] {
            if cut == Chunking::Bytes(1) && answer.chunks[1].len() > 20_000 {
                continue;
            }
            for ending in [Ending::Separate, Ending::WithLastPiece, Ending::Reset] {
                let answer = answer.clone().ending(ending);
                let outcome = proxy.run(chat().request(true, "hi"), answer, &cut);
                let what = format!("{name} {cut:?} {ending:?}");
                assert_no_leak(&outcome, &what);
                assert_eq!(outcome.downstream.status(), Some(200), "{what}");
                assert_eq!(outcome.downstream.reset, ending == Ending::Reset, "{what}");
            }
        }
    }
    proxy.assert_sound("broken streams");
    assert!(proxy.counted("hemostat_unchecked_total;reason=dialect;action=block") > 5);
}

/// `on_unreadable: pass` and policies that only watch let what is broken through, bit for bit, and count it.
#[test]
fn what_is_broken_passes_where_the_policy_says_so() {
    let shadow = json!({"mode": "shadow"});
    for (name, policy) in [
        ("pass", guarded(json!({"on_unreadable": "pass"}))),
        ("shadow", guarded(shadow)),
        ("empty", json!({})),
    ] {
        let proxy = Proxy::new(policy);
        for (broken_name, event) in broken() {
            let carries_it = String::from_utf8_lossy(&event).contains("sesame");
            if name == "pass" && carries_it {
                continue;
            }
            let answer = UpstreamAnswer::events([event]);
            for cut in [Chunking::AsGiven, Chunking::Random(5)] {
                let outcome = proxy.run(chat().request(true, "hi"), answer.clone(), &cut);
                assert_clean(&outcome, broken_name);
                let same = outcome.downstream.body() == answer.chunks.concat();
                assert!(same, "{name}: {broken_name} {cut:?}");
            }
        }
        let counted = proxy.counted("hemostat_unchecked_total;reason=dialect;action=pass");
        assert_eq!(counted > 5, name != "empty", "{name}: {counted}");
        proxy.assert_sound(name);
    }
}

#[test]
fn a_broken_whole_answer_leaks_nothing_and_is_blocked_in_the_dialect() {
    let proxy = Proxy::new(guarded(json!({})));
    for dialect in dialects() {
        for (name, event) in broken() {
            let mut body = event;
            body.extend_from_slice(SECRET.as_bytes());
            let outcome = proxy.run(
                dialect.request(false, "hi"),
                UpstreamAnswer::json(body),
                &Chunking::Random(2),
            );
            let what = format!("{} {name}", dialect.name);
            assert_no_leak(&outcome, &what);
            assert_eq!(outcome.downstream.status(), Some(200), "{what}");
            let parsed: Result<Value, _> = serde_json::from_slice(&outcome.downstream.body());
            assert!(parsed.is_ok(), "{what}: {}", outcome.downstream.text());
        }
    }
    proxy.assert_sound("broken whole answers");
}

/// The same breakage in a request, as OpenAI's chat dialect has its messages.
fn broken_requests() -> Vec<(&'static str, Vec<u8>)> {
    let as_request = |event: Vec<u8>| {
        let replaced = |bytes: &[u8], from: &[u8], to: &[u8]| -> Vec<u8> {
            match bytes.windows(from.len()).position(|part| part == from) {
                Some(at) => [&bytes[..at], to, &bytes[at + from.len()..]].concat(),
                None => bytes.to_vec(),
            }
        };
        let body = event.strip_prefix(b"data: ").unwrap_or(&event);
        let body = replaced(
            body,
            br#"{"choices":[{"index":0,"delta":{"#,
            br#"{"messages":[{"role":"user","#,
        );
        replaced(&body, b"}}]}", b"}]}")
    };
    broken().into_iter().map(|(name, event)| (name, as_request(event))).collect()
}

#[test]
fn a_broken_request_is_refused_where_a_rule_needs_it() {
    let strict = Proxy::new(guarded(json!({})));
    let lenient = Proxy::new(guarded(json!({"on_unreadable": "pass"})));
    for (dialect, (name, body)) in dialects()
        .into_iter()
        .flat_map(|dialect| broken_requests().into_iter().map(move |own| (dialect, own)))
    {
        let what = format!("{} {name}", dialect.name);
        let mut request = dialect.request(false, "");
        request.headers.replace("content-length", body.len().to_string());
        request.body = body.clone();
        let readable = serde_json::from_slice::<Value>(&body).is_ok();
        let cut = request.clone().cut(Chunking::Random(1));
        let outcome = strict.run(cut, dialect.whole("fine"), &Chunking::Whole);
        assert_clean(&outcome, &what);
        if dialect.name == "openai-chat" {
            assert!(!outcome.upstream.text().contains("sesame"), "{what}");
        }
        let known = dialect.has_own_paths();
        if known && !readable && !READ_ALL_THE_SAME.contains(&name) {
            assert_eq!(outcome.downstream.status(), Some(403), "{what}");
            assert_eq!(outcome.upstream.headers, None, "{what}");
        }
        let outcome = lenient.run(request, dialect.whole("fine"), &Chunking::Whole);
        assert_clean(&outcome, &what);
        assert!(outcome.upstream.ended, "{what}");
    }
    assert!(strict.counted("hemostat_unchecked_total;reason=dialect;action=block") > 10);
    assert!(lenient.counted("hemostat_unchecked_total;reason=dialect;action=pass") > 10);
    strict.assert_sound("strict");
    lenient.assert_sound("lenient");
}

#[test]
fn what_comes_compressed_is_blocked_and_counted() {
    let gzip = b"\x1f\x8b\x08\x00sesame-opens-the-door".to_vec();
    for (on_unreadable, word) in [(json!({}), "block"), (json!({"on_unreadable": "pass"}), "pass")]
    {
        let proxy = Proxy::new(guarded(on_unreadable));
        for dialect in dialects() {
            for stream in [false, true] {
                let mut answer = dialect.answer(stream, "hi");
                answer.headers.remove("content-length");
                answer.headers.add("content-encoding", "gzip");
                answer.chunks = vec![gzip.clone()];
                let request = dialect.request(stream, "hi").header("accept-encoding", "gzip, br");
                let outcome = proxy.run(request, answer, &Chunking::Bytes(5));
                let what = format!("{} stream={stream} {word}", dialect.name);
                assert_clean(&outcome, &what);
                assert_eq!(outcome.upstream.header("accept-encoding"), Some("identity"), "{what}");
                assert_eq!(outcome.downstream.body() == gzip, word == "pass", "{what}");
                assert_eq!(outcome.downstream.status(), Some(200), "{what}");
            }
        }
        let name = format!("hemostat_unchecked_total;reason=encoding;action={word}");
        assert_eq!(proxy.host.counter(&name), 2 * dialects().len() as u64);
    }
}

#[test]
fn headers_of_any_bytes_and_number_pass() {
    let proxy = Proxy::new(guarded(json!({"labels": {"tenant": [{"header": "x-tenant"}]}})));
    for dialect in dialects() {
        let mut request = dialect.request(true, "hi");
        // As many as nobody sends; what is done with them is no dialect's.
        for n in 0..if dialect.name == chat().name { 10_000 } else { 500 } {
            request.headers.add(format!("x-many-{n}"), "v");
        }
        request.headers.add(b"x-\xff\xfe", b"\xc3(\xff");
        request.headers.add(b"x-tenant", b"\xff\xfe");
        request.headers.add(b"", b"");
        request.headers.add(b"x-long", b"y".repeat(60_000));
        let mut answer = dialect.answer(true, &format!("a {SECRET}"));
        answer.headers.add(b"x-\xff", b"\xfe\x01");
        answer.headers.add("x-answers", "\u{1}");
        let before = (request.headers.clone(), answer.headers.clone());
        let outcome = proxy.run(request, answer, &Chunking::AsGiven);
        assert_no_leak(&outcome, dialect.name);
        assert!(outcome.downstream.text().contains("[X]"), "{}", dialect.name);
        let kept = |seen: Option<Headers>, sent: &Headers| {
            let seen = seen.unwrap();
            sent.iter().all(|(name, value)| {
                matches!(name, b"accept-encoding" | b"content-length")
                    || seen.iter().any(|own| own == (name, value))
            })
        };
        assert!(kept(outcome.upstream.headers, &before.0), "{}", dialect.name);
        assert!(kept(outcome.downstream.headers, &before.1), "{}", dialect.name);
    }
    proxy.assert_sound("headers");
}

/// A status that is none, no content type, two of them.
#[test]
fn answers_with_odd_headers_leak_nothing() {
    let proxy = Proxy::new(guarded(json!({})));
    let odd: [&[(&str, &str)]; 8] = [
        &[],
        &[(":status", "abc")],
        &[(":status", "99999999999")],
        &[(":status", "200")],
        &[(":status", "200"), ("content-type", "")],
        &[
            (":status", "200"),
            ("content-type", "text/event-stream"),
            ("content-type", "application/json"),
        ],
        &[(":status", "200"), ("content-type", "TEXT/EVENT-STREAM ; charset=\"x\"")],
        &[(":status", "200"), ("content-type", "application/octet-stream")],
    ];
    for headers in odd {
        for stream in [false, true] {
            let mut answer = chat().answer(stream, &format!("a {SECRET}"));
            answer.headers = Headers::from(headers);
            answer.headers.add("server", "odd");
            let outcome = proxy.run(chat().request(stream, "hi"), answer, &Chunking::AsGiven);
            assert_eq!(outcome.trapped, None, "{headers:?}");
            let leaked = outcome.downstream.text().contains("sesame");
            // An answer whose status says that it is none of the model's is not looked at where it is no JSON.
            let ok = headers.iter().any(|(name, value)| *name == ":status" && *value == "200");
            assert!(!leaked || !ok, "{headers:?} stream={stream}: {}", outcome.downstream.text());
        }
    }
    proxy.assert_sound("odd headers");
}

/// What `a` says whole, every prefix of it says without a trap, and without the secret.
#[test]
fn an_answer_that_breaks_off_anywhere_leaks_nothing() {
    let proxy = Proxy::new(guarded(json!({})));
    let cut_off = |dialect: Dialect, stream: bool| {
        let answer = dialect.answer(stream, &format!("I {SECRET} x"));
        let body = answer.chunks.concat();
        for at in (0..body.len()).step_by(8) {
            for ending in [Ending::Separate, Ending::Reset] {
                let mut part = answer.clone().ending(ending);
                part.headers.remove("content-length");
                part.chunks = vec![body[..at].to_vec()];
                let outcome = proxy.run(dialect.request(stream, "hi"), part, &Chunking::AsGiven);
                let what = format!("{} stream={stream} at {at} {ending:?}", dialect.name);
                assert_eq!(outcome.trapped, None, "{what}");
                assert!(
                    !outcome.downstream.text().contains("sesame"),
                    "{what}: {}",
                    outcome.downstream.text()
                );
            }
        }
    };
    for dialect in dialects() {
        cut_off(dialect, true);
        cut_off(dialect, false);
    }
    proxy.assert_sound("broken off");
}
