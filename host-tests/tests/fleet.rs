//! Limits with `global` in the built module: answers of a rate-limit service that are none, and none at all. They need
//! `dist/hemostat.wasm` (`./just wasm`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test may panic as the test itself may"
)]

use std::path::Path;

use host_tests::{Host, Module, Outcome, Request, Settings, Worker};
use serde_json::json;

const OK: &[u8] = &[8, 1];

/// A request under a strict limit that admits nothing while its service does not answer; `then` does something with the
/// question that it waits for.
fn ask(then: impl FnOnce(&Worker, u32)) -> Outcome {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/hemostat.wasm");
    let module =
        Module::load(path).unwrap_or_else(|error| panic!("{error}; run `./just wasm` first"));
    let settings = Settings { allow_on_headers_stop_iteration: true, ..Settings::default() };
    let host = Host::with(&module, settings);
    host.add_cluster("rls");
    let global = json!({"domain": "llm", "cluster": "rls", "api": "envoy", "strict": true, "on_error": "closed"});
    let policy = json!({"hemostat": 1, "version": "v1",
        "limits": [{"id": "l", "allow": {"requests": 9, "every": "day"}, "global": global}]});
    let worker = host.worker().unwrap();
    let config = json!({"hold_headers": true, "policy": policy}).to_string();
    let plugin = worker.configure(config).unwrap_or_else(|no| panic!("{no}: {:?}", host.log()));
    let body = r#"{"model":"gpt-5","messages":[{"role":"user","content":"Hi"}]}"#;
    let request = Request::post("/v1/chat/completions", body);
    let mut exchange = worker.exchange(&plugin);
    exchange.request_headers(request.headers.clone(), false);
    exchange.request_data(body, true);
    let calls = worker.grpc_calls();
    let [call] = calls.as_slice() else { panic!("{:?} {:?}", exchange.so_far(), host.log()) };
    assert_eq!(call.cluster, b"rls");
    then(&worker, call.token);
    exchange.finish()
}

fn status(outcome: &Outcome) -> Option<u16> {
    outcome.local_reply.as_ref().map(|reply| reply.status)
}

#[test]
fn an_answer_lets_the_request_go() {
    let outcome = ask(|worker, token| assert!(worker.answer_grpc(token, OK)));
    assert_eq!(status(&outcome), None, "{outcome:?}");
    assert!(outcome.upstream.ended, "it waits no more: {outcome:?}");
}

#[test]
fn an_answer_beyond_all_measure_is_not_read() {
    // "Yes", and a field of 4 MiB that no such answer has.
    let mut answer = [OK, &[0x7a, 0x80, 0x80, 0x80, 0x02]].concat();
    answer.resize(answer.len() + (4 << 20), 0);
    let outcome = ask(|worker, token| assert!(worker.answer_grpc(token, &answer)));
    assert_eq!(status(&outcome), Some(429), "{outcome:?}");
}

#[test]
fn a_call_that_ends_without_an_answer_is_decided_as_the_limit_says() {
    let outcome = ask(|worker, token| assert!(worker.close_grpc(token, 4, "too late")));
    assert_eq!(status(&outcome), Some(429), "{outcome:?}");
}
