//! After a cut: `on_cut` says what becomes of what upstream still sends.

use std::time::Duration;

use host_tests::{Chunking, Exchange};
use serde_json::{Value, json};

use crate::rig::{Dialect, Proxy, chat, in_pieces};

fn policy(on_cut: &str) -> Value {
    json!({"on_cut": on_cut,
        "guardrails": [{"id": "r", "scan": ["output"], "find": ["secret"], "do": {"fallback": "f"}}],
        "fallbacks": {"f": {"text": "CANNED"}}})
}

/// A streamed exchange up to and with the chunk that is cut; what upstream has yet to send.
fn until_cut(proxy: &Proxy, dialect: Dialect) -> (Exchange, Vec<Vec<u8>>) {
    let request = dialect.request(true, "hi");
    let mut exchange = proxy.worker.exchange(&proxy.plugin);
    exchange.request_headers(request.headers, false).request_data(request.body, true);
    let answer = dialect.streamed(&["the ", "sec", "ret ", "is ", "out"]);
    exchange.response_headers(answer.headers, false);
    let mut chunks = answer.chunks.into_iter();
    while !exchange.so_far().downstream.text().contains("CANNED") {
        exchange.response_data(chunks.next().expect("it is cut somewhere"), false);
    }
    (exchange, chunks.collect())
}

#[test]
fn drain_swallows_what_still_comes() {
    let proxy = Proxy::new(policy("drain"));
    for dialect in in_pieces() {
        let (mut exchange, rest) = until_cut(&proxy, dialect);
        let at_cut = exchange.so_far().downstream.body();
        for chunk in rest {
            exchange.response_data(chunk, false);
            assert!(!exchange.so_far().downstream.reset);
        }
        exchange.response_data("", true);
        let outcome = exchange.finish();
        assert_eq!(outcome.downstream.body(), at_cut, "{}", dialect.name);
        assert!(outcome.downstream.ended, "{}", dialect.name);
        assert!(!outcome.upstream.reset, "{}", dialect.name);
        assert_eq!(outcome.violations, []);
    }
}

#[test]
fn a_drain_is_over_after_a_minute() {
    let proxy = Proxy::new(policy("drain"));
    let (mut exchange, rest) = until_cut(&proxy, chat());
    proxy.host.advance(Duration::from_secs(59));
    exchange.response_data(&rest[0], false);
    assert!(!exchange.so_far().downstream.reset);
    proxy.host.advance(Duration::from_secs(2));
    exchange.response_data(&rest[0], false);
    assert!(exchange.finish().downstream.reset);
}

#[test]
fn cancel_resets_one_chunk_after_the_ending() {
    let proxy = Proxy::new(policy("cancel"));
    for dialect in in_pieces() {
        let (mut exchange, rest) = until_cut(&proxy, dialect);
        let at_cut = exchange.so_far().downstream;
        assert!(!at_cut.reset, "{}: the ending leaves first", dialect.name);
        exchange.response_data(&rest[0], false);
        let outcome = exchange.finish();
        assert!(outcome.downstream.reset && outcome.upstream.reset, "{}", dialect.name);
        assert_eq!(outcome.downstream.body(), at_cut.body(), "{}", dialect.name);
        assert_eq!(outcome.violations, []);
    }
}

/// An upstream that ends with the chunk that is cut: there is nothing left to cancel.
#[test]
fn cancel_at_the_end_is_an_ordinary_end() {
    let proxy = Proxy::new(policy("cancel"));
    for dialect in in_pieces() {
        let outcome = proxy.run(
            dialect.request(true, "hi"),
            dialect.streamed(&["a secret"]),
            &Chunking::Whole,
        );
        assert!(outcome.downstream.ended && !outcome.downstream.reset, "{}", dialect.name);
        assert!(outcome.downstream.text().contains("CANNED"));
        assert!(!outcome.downstream.text().contains("sec"), "{}", outcome.downstream.text());
    }
}
