//! `running: cut`: a kill that comes into force ends the streams under way that it would have stopped, in every dialect, on
//! each worker when that worker follows, and whether or not another byte of theirs comes.

use std::time::Duration;

use host_tests::{Exchange, Host, PluginContext, Request, UpstreamAnswer, Worker};
use serde_json::{Value, json};

use crate::native;
use crate::rig::{Dialect, assert_clean, configuration, envoy, module};

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

/// A call whose answer is streamed, and how many of its frames come before the kill.
struct Call {
    name: String,
    request: Request,
    answer: UpstreamAnswer,
    before: usize,
}

/// A call of a tool of MCP's, whose server tells how far it is.
fn tool() -> Call {
    let message = |more: Value| {
        let mut message = json!({"jsonrpc": "2.0"});
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        message
    };
    let request = message(json!({"id": 1, "method": "tools/call", "params": {"name": "slow"}}));
    let mut answer: Vec<Value> = (1..5)
        .map(|at| {
            message(json!({"method": "notifications/progress",
        "params": {"progressToken": 1, "progress": at}}))
        })
        .collect();
    answer
        .push(message(json!({"id": 1, "result": {"content": [{"type": "text", "text": "late"}]}})));
    let event = |data: Value| format!("event: message\ndata: {data}\n\n");
    let request = Request::post("/mcp", request.to_string())
        .header("accept", "application/json, text/event-stream");
    let answer = UpstreamAnswer::events(answer.into_iter().map(event));
    Call { name: "mcp".to_owned(), request, answer, before: 2 }
}

/// One at each door of each dialect whose answers come in pieces, and the tool. Where only the body tells that an agent is
/// asked, nobody knows it unless a rule `looks` (docs/a2a.md).
fn calls(looks: bool) -> Vec<Call> {
    let known = |path: &str| looks || hemostat_engine::dialect::recognise("POST", path).is_some();
    let rows = testkit::dialects::all().iter();
    let rows = rows.filter(|row| row.comes_in_pieces() && known(row.path(true)));
    let made = |row: &'static testkit::dialects::Dialect| {
        let own = Dialect::from(row);
        Call {
            name: format!("{} {}", own.name, own.path(true)),
            request: own.request(true, "hi"),
            answer: own.streamed(&["one ", "two ", "three ", "four"]),
            before: row.open().len() + 2,
        }
    };
    rows.map(made).chain([tool()]).collect()
}

/// A stream whose first frames have come, and the others that its upstream will send.
fn half(
    worker: &Worker,
    plugin: &PluginContext,
    call: &Call,
    feature: &str,
) -> (Exchange, Vec<Vec<u8>>) {
    let request = call.request.clone().header("x-feature", feature);
    let mut exchange = worker.exchange(plugin);
    exchange.request_headers(request.headers, false).request_data(request.body, true);
    exchange.response_headers(call.answer.headers.clone(), false);
    let (before, rest) = call.answer.chunks.split_at(call.before);
    for chunk in before {
        exchange.response_data(chunk, false);
    }
    (exchange, rest.to_vec())
}

fn rest_of((mut exchange, rest): (Exchange, Vec<Vec<u8>>), what: &str) -> Vec<u8> {
    for chunk in rest {
        exchange.response_data(chunk, false);
    }
    exchange.response_data("", true);
    let outcome = exchange.finish();
    assert_clean(&outcome, what);
    assert!(outcome.downstream.ended, "{what}");
    outcome.downstream.body()
}

/// Two workers of one proxy under a policy.
fn workers(configuration: &str) -> (Host, [Worker; 2], [PluginContext; 2]) {
    let host = Host::with(&module(), envoy());
    let workers = [host.worker().unwrap(), host.worker().unwrap()];
    let plugins = workers.each_ref().map(|worker| worker.configure(configuration).unwrap());
    (host, workers, plugins)
}

/// The words in bytes of a stream, those too that stand in a message as base64.
fn words(bytes: &[u8]) -> String {
    match bytes.first() {
        Some(0) => {
            native::messages::messages(bytes).iter().map(|m| m.event().to_string()).collect()
        }
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[test]
fn streams_under_way_end_on_each_worker_as_it_follows() {
    for (before, looks) in before().into_iter().zip([false, true]) {
        let calls = calls(looks);
        let (host, workers, plugins) = workers(&before);
        let begin = |at: usize, feature| {
            calls.iter().map(|call| half(&workers[at], &plugins[at], call, feature)).collect()
        };
        let doomed: Vec<(Exchange, Vec<Vec<u8>>)> = begin(0, "checkout");
        let spared: Vec<_> = begin(0, "search");
        let mut late: Vec<_> = begin(1, "checkout");
        let young = workers[0].reconfigure(&plugins[0], kill()).unwrap();
        // The other worker has not followed: its streams go on.
        for ((exchange, rest), call) in late.iter_mut().zip(&calls) {
            let passes = rest.remove(0);
            exchange.response_data(&passes, false);
            assert!(exchange.so_far().downstream.body().ends_with(&passes), "{}", call.name);
        }
        workers[1].reconfigure(&plugins[1], kill()).unwrap();
        for (((call, doomed), late), spared) in calls.iter().zip(doomed).zip(late).zip(spared) {
            let what = format!("{}, a guardrail looks: {looks}", call.name);
            let own = call.answer.chunks.concat();
            for (stream, passed) in [(doomed, call.before), (late, call.before + 1)] {
                let said = rest_of(stream, &what);
                let (passed, next) = call.answer.chunks.split_at(passed);
                let passed = passed.concat();
                assert!(said.starts_with(&passed), "{what}: {}", said.escape_ascii());
                let ending = &said[passed.len()..];
                let new = words(ending).contains(CANNED) && !own.ends_with(ending);
                assert!(new && !ending.starts_with(&next[0]), "{what}: {}", ending.escape_ascii());
            }
            assert!(rest_of(spared, &what) == own, "{what}");
            // What begins afterwards is answered at once.
            let mut new = workers[0].exchange(&young);
            let request = call.request.clone().header("x-feature", "checkout");
            new.request_headers(request.headers, false).request_data(request.body, true);
            let outcome = new.finish();
            assert!(words(&outcome.downstream.body()).contains(CANNED), "{what}");
            assert_eq!(outcome.upstream.headers, None, "{what}");
        }
        assert_eq!(host.counter("hemostat_streams_ended_total"), 2 * calls.len() as u64);
    }
}

/// A model that is silent, or a caller that reads so slowly that its proxy reads no more: no byte comes with which an
/// ending could leave. Each worker's own clock ends such streams, from when that worker followed.
#[test]
fn a_stream_that_stands_still_is_reset_within_five_seconds() {
    const STEP: Duration = Duration::from_millis(250);
    /// Steps after which each worker follows.
    const FOLLOWS: [u32; 2] = [0, 6];
    for (before, looks) in before().into_iter().zip([false, true]) {
        let calls = calls(looks);
        let (host, workers, plugins) = workers(&before);
        let begin = |at: usize, feature| {
            calls.iter().map(|call| half(&workers[at], &plugins[at], call, feature)).collect()
        };
        let doomed: [Vec<(Exchange, _)>; 2] = [begin(0, "checkout"), begin(1, "checkout")];
        let spared: Vec<_> = begin(1, "search");
        let mut ended = vec![[None; 2]; calls.len()];
        for step in 0..30 {
            for at in [0, 1] {
                if step == FOLLOWS[at] {
                    workers[at].reconfigure(&plugins[at], kill()).unwrap();
                }
            }
            host.advance(STEP);
            for at in [0, 1] {
                workers[at].run_due_ticks();
                for ((stream, _), ended) in doomed[at].iter().zip(&mut ended) {
                    if ended[at].is_none() && stream.so_far().downstream.reset {
                        ended[at] = Some((step + 1 - FOLLOWS[at]) * STEP);
                    }
                }
            }
        }
        for (((call, ended), stream), at) in
            doomed.into_iter().zip([0, 1]).flat_map(|(streams, at)| {
                calls.iter().zip(&ended).zip(streams).zip(std::iter::repeat(at))
            })
        {
            let within = Duration::from_secs(3)..=Duration::from_secs(5);
            let waited = ended[at];
            assert!(
                waited.is_some_and(|waited| within.contains(&waited)),
                "{}: {ended:?}",
                call.name
            );
            assert_eq!(stream.0.finish().trapped, None, "{}", call.name);
        }
        for (call, spared) in calls.iter().zip(spared) {
            assert!(rest_of(spared, &call.name) == call.answer.chunks.concat(), "{}", call.name);
        }
    }
}
