//! Traffic that is no call of a dialect passes untouched by every lever, and is counted.

use host_tests::{Chunking, Headers, Request, UpstreamAnswer};
use serde_json::{Value, json};

use crate::rig::{Proxy, assert_clean, chat, dialects};

const BODY: &str = "secret \u{1}{\"messages\":[{\"role\":\"user\",\"content\":\"secret\"}]}";

fn strict() -> Value {
    json!({"on_unreadable": "block",
        "guardrails": [{"id": "r", "scan": ["output", "input", "tool_args"], "find": ["secret"], "do": "block"}]})
}

fn page(content_type: &str) -> UpstreamAnswer {
    let mut answer = UpstreamAnswer::json(BODY);
    answer.headers.replace("content-type", content_type);
    answer
}

#[test]
fn unknown_paths_and_methods_pass_untouched() {
    let proxy = Proxy::new(strict());
    let mut sent = 0;
    for path in [
        "/",
        "/healthz",
        "/v1/models",
        "/v1/chat",
        "/v1/files",
        "/v2/x?y=/v1/chat/completions",
        "*",
        "",
        "/%ff%zz/..",
    ] {
        for request in [Request::get(path), Request::post(path, BODY).cut(Chunking::Bytes(3))] {
            let body = request.body.clone();
            let outcome = proxy.run(request, page("text/html"), &Chunking::Bytes(2));
            assert_clean(&outcome, path);
            assert_eq!(outcome.upstream.body(), body, "{path}");
            assert_eq!(outcome.downstream.text(), BODY, "{path}");
            sent += 1;
        }
    }
    assert_eq!(proxy.host.counter("hemostat_requests_total;dialect=other"), sent);
    assert_eq!(proxy.counted("hemostat_unchecked_total"), 0);
    proxy.assert_sound("unknown paths");
}

#[test]
fn answers_without_a_body_never_wait() {
    let proxy = Proxy::new(strict());
    for (method, path, status) in [
        ("HEAD", "/v1/chat/completions", "200"),
        ("GET", "/v1/chat/completions", "404"),
        ("OPTIONS", "/v1/messages", "204"),
        ("GET", "/healthz", "304"),
        ("POST", "/v1/chat/completions", "204"),
        ("POST", "/v1/messages", "200"),
    ] {
        let mut request = chat().request(false, "hi");
        if method != "POST" {
            request = Request::get(path);
        }
        request.headers.replace(":method", method);
        let mut exchange = proxy.worker.exchange(&proxy.plugin);
        exchange.request_headers(request.headers, request.body.is_empty());
        if !request.body.is_empty() {
            exchange.request_data(request.body, true);
        }
        exchange
            .response_headers([(":status", status), ("content-type", "application/json")], true);
        let outcome = exchange.finish();
        assert_clean(&outcome, &format!("{method} {path} {status}"));
        assert_eq!(outcome.downstream.status(), status.parse().ok(), "{method} {path}");
        assert!(outcome.downstream.ended, "{method} {path}");
    }
}

#[test]
fn upgrades_and_grpc_pass_untouched() {
    let proxy = Proxy::new(strict());
    // A websocket: headers, then bytes both ways without an end.
    let mut exchange = proxy.worker.exchange(&proxy.plugin);
    let upgrade = [
        (":method", "GET"),
        (":path", "/v1/realtime"),
        (":authority", "a"),
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
    ];
    exchange.request_headers(upgrade, false);
    exchange.response_headers([(":status", "101"), ("upgrade", "websocket")], false);
    exchange.request_data("secret?", false).response_data("secret!", false);
    assert_eq!(exchange.so_far().upstream.text(), "secret?");
    assert_eq!(exchange.so_far().downstream.text(), "secret!");
    exchange.request_data("", true).response_data("", true);
    assert_clean(&exchange.finish(), "websocket");
    // gRPC, with trailers.
    let mut request = Request::post(
        "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit",
        "\0\0\0\0\u{6}secret",
    );
    request.headers.replace("content-type", "application/grpc");
    let mut answer = page("application/grpc");
    answer.trailers = Some(Headers::from([("grpc-status", "0")]));
    let outcome = proxy.run(request, answer, &Chunking::Bytes(1));
    assert_clean(&outcome, "grpc");
    assert_eq!(outcome.downstream.text(), BODY);
    assert_eq!(outcome.downstream.trailers, Some([("grpc-status", "0")].into()));
    assert_eq!(proxy.host.counter("hemostat_requests_total;dialect=other"), 2);
}

/// A content type or an `upgrade` header is the caller's word, and opens no way around.
#[test]
fn a_call_in_disguise_is_a_call() {
    let proxy = Proxy::new(strict());
    for (name, value) in [
        ("content-type", "application/grpc"),
        ("content-type", "text/plain"),
        ("upgrade", "websocket"),
        ("te", "trailers"),
    ] {
        for dialect in dialects() {
            let mut request = dialect.request(false, "a secret");
            request.headers.replace(name, value);
            let outcome = proxy.run(request, dialect.whole("x"), &Chunking::Whole);
            assert_eq!(outcome.upstream.headers, None, "{name}: {value} {}", dialect.name);
        }
    }
}

#[test]
fn paths_in_disguise_are_recognised() {
    let proxy = Proxy::new(strict());
    for path in [
        "//v1/chat/completions",
        "/v1/./chat/completions",
        "/x/../v1/chat/completions",
        "/v1/chat/completions/",
        "/v1/ch%61t/completions",
        "/v1/chat/completions?x=1",
        "/v1/%2e/chat/completions",
    ] {
        let mut request = chat().request(false, "a secret");
        request.headers.replace(":path", path);
        let outcome = proxy.run(request, chat().whole("x"), &Chunking::Whole);
        assert_eq!(outcome.upstream.headers, None, "{path}");
    }
}

#[test]
fn internal_headers_are_removed_from_all_traffic() {
    for policy in [json!({}), strict()] {
        let proxy = Proxy::new(policy);
        for path in ["/healthz", "/v1/chat/completions"] {
            let mut request = Request::post(path, r#"{"model":"m","messages":[]}"#);
            request = request
                .header("x-hemostat-upstream", "evil")
                .header("X-Hemostat-Action", "a")
                .header("x-hemostat-action", "b");
            let mut answer = page("application/json");
            answer.chunks = vec![b"{}".to_vec()];
            answer.headers.replace("content-length", "2");
            answer.headers.add("x-hemostat-decision", "forged");
            let outcome = proxy.run(request, answer, &Chunking::Whole);
            assert_clean(&outcome, path);
            let internal = |headers: &Option<Headers>| {
                headers
                    .iter()
                    .flat_map(|own| own.iter())
                    .any(|(name, _)| name.starts_with(b"x-hemostat-"))
            };
            assert!(!internal(&outcome.upstream.headers), "{path}");
            assert_ne!(outcome.downstream.header("x-hemostat-decision"), Some("forged"), "{path}");
        }
    }
}

#[test]
fn a_closed_lane_is_403() {
    let proxy = Proxy::new(
        json!({"other_traffic": [{"when": {"path": "/v1/files*", "method": "POST"}, "do": "block"}]}),
    );
    let outcome = proxy.run(Request::post("/v1/files", BODY), page("text/html"), &Chunking::Whole);
    assert_eq!((outcome.downstream.status(), outcome.upstream.headers), (Some(403), None));
    let outcome = proxy.run(Request::get("/v1/files"), page("text/html"), &Chunking::Whole);
    assert_eq!(outcome.downstream.text(), BODY);
}
