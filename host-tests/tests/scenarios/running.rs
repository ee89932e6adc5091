//! `running: cut`: a kill that comes into force ends the streams under way that it would have stopped, in every dialect, on
//! each worker when that worker follows, and whether or not another byte of theirs comes.

use std::time::Duration;

use host_tests::{Exchange, Host, PluginContext, Worker};
use serde_json::{Value, json};

use crate::rig::{DIALECTS, Dialect, assert_clean, configuration, envoy, module};

const CANNED: &str = "This assistant is paused.";

fn with_labels(mut policy: Value) -> String {
    policy["labels"] = json!({"feature": [{"header": "x-feature"}]});
    configuration(policy)
}

/// Before the kill: nobody looks at answers, or a guardrail does.
fn before() -> [String; 2] {
    let guards = json!([{"id": "r", "scan": ["output"], "find": ["never said"], "do": "block"}]);
    [with_labels(json!({})), with_labels(json!({"guardrails": guards}))]
}

fn kill() -> String {
    with_labels(
        json!({"failsafe": [{"id": "kill", "when": {"feature": "checkout"}, "running": "cut",
            "do": {"fallback": "f"}}], "fallbacks": {"f": {"text": CANNED}}}),
    )
}

/// A stream whose first words have come, and what else its upstream will say.
fn half(
    worker: &Worker,
    plugin: &PluginContext,
    dialect: Dialect,
    feature: &str,
) -> (Exchange, Vec<Vec<u8>>) {
    let request = dialect.request(true, "hi").header("x-feature", feature);
    let answer = dialect.streamed(&["one ", "two ", "three ", "four"]);
    let mut exchange = worker.exchange(plugin);
    exchange.request_headers(request.headers, false).request_data(request.body, true);
    exchange.response_headers(answer.headers, false);
    let mut chunks = answer.chunks;
    let at =
        chunks.iter().position(|chunk| String::from_utf8_lossy(chunk).contains("two")).unwrap();
    let rest = chunks.split_off(at + 1);
    for chunk in chunks {
        exchange.response_data(chunk, false);
    }
    (exchange, rest)
}

fn rest_of((mut exchange, rest): (Exchange, Vec<Vec<u8>>), what: &str) -> String {
    for chunk in rest {
        exchange.response_data(chunk, false);
    }
    exchange.response_data("", true);
    let outcome = exchange.finish();
    assert_clean(&outcome, what);
    assert!(outcome.downstream.ended, "{what}");
    outcome.downstream.text()
}

#[test]
fn streams_under_way_end_on_each_worker_as_it_follows() {
    for (before, looks) in before().into_iter().zip([false, true]) {
        let host = Host::with(&module(), envoy());
        for dialect in DIALECTS {
            let what = format!("{}, a guardrail looks: {looks}", dialect.name);
            let workers = [host.worker().unwrap(), host.worker().unwrap()];
            let plugins = workers.each_ref().map(|worker| worker.configure(&before).unwrap());
            let on = |at: usize, feature| half(&workers[at], &plugins[at], dialect, feature);
            let (doomed, spared, late) = (on(0, "checkout"), on(0, "search"), on(1, "checkout"));
            let young = workers[0].reconfigure(&plugins[0], kill()).unwrap();
            // The other worker has not followed: its streams go on.
            let (mut late, mut rest) = late;
            late.response_data(rest.remove(0), false);
            assert!(late.so_far().downstream.text().contains("three"), "{what}");
            workers[1].reconfigure(&plugins[1], kill()).unwrap();
            for stream in [doomed, (late, rest)] {
                let said = rest_of(stream, &what);
                assert!(said.contains("one") && said.contains(CANNED), "{what}: {said}");
                assert!(!said.contains("four"), "{what}: {said}");
            }
            let said = rest_of(spared, &what);
            assert!(said.contains("four") && !said.contains(CANNED), "{what}: {said}");
            // What begins afterwards is answered at once.
            let mut new = workers[0].exchange(&young);
            let request = dialect.request(true, "hi").header("x-feature", "checkout");
            new.request_headers(request.headers, false).request_data(request.body, true);
            let outcome = new.finish();
            assert!(outcome.downstream.text().contains(CANNED), "{what}");
            assert_eq!(outcome.upstream.headers, None, "{what}");
        }
        assert_eq!(host.counter("hemostat_streams_ended_total"), 2 * DIALECTS.len() as u64);
    }
}

/// A model that is silent, or a caller that reads so slowly that its proxy reads no more: no byte comes with which an
/// ending could leave.
#[test]
fn a_stream_that_stands_still_is_reset_within_five_seconds() {
    for before in before() {
        for dialect in DIALECTS {
            let host = Host::with(&module(), envoy());
            let worker = host.worker().unwrap();
            let plugin = worker.configure(&before).unwrap();
            let (doomed, _) = half(&worker, &plugin, dialect, "checkout");
            let (spared, rest) = half(&worker, &plugin, dialect, "search");
            worker.reconfigure(&plugin, kill()).unwrap();
            let mut waited = Duration::ZERO;
            while !doomed.so_far().downstream.reset && waited < Duration::from_secs(5) {
                host.advance(Duration::from_millis(250));
                waited += Duration::from_millis(250);
                worker.run_due_ticks();
            }
            let outcome = doomed.finish();
            assert!(outcome.downstream.reset, "{} after {waited:?}", dialect.name);
            assert!(waited > Duration::from_secs(3), "{} after {waited:?}", dialect.name);
            assert_eq!(outcome.trapped, None, "{}", dialect.name);
            let said = rest_of((spared, rest), dialect.name);
            assert!(said.contains("four"), "{}: {said}", dialect.name);
        }
    }
}
