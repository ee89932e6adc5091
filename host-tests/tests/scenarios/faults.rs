//! The host fails a call: each one of an exchange in turn, with every status. filter/README.md has the table.

use host_tests::{Chunking, LogLevel, Outcome, Request, Status, UpstreamAnswer};
use serde_json::{Value, json};

use crate::rig::{Dialect, Proxy, chat, dialect, dialects, envoy};

const SECRET: &str = "sesame-opens-the-door";
/// What stands in the place of the host's answers.
const HOST_REPLY: &str = r#""code":"host""#;

/// Host calls without which an answer is the same.
const HARMLESS: [&str; 6] = [
    "proxy_log",
    "proxy_define_metric",
    "proxy_increment_metric",
    "proxy_get_current_time_nanoseconds",
    "proxy_set_property",
    "proxy_get_property",
];

/// Those of which a failure shows in no counter: there is nothing to count with, or nothing lost.
const UNCOUNTED: [&str; 5] = [
    "proxy_log",
    "proxy_define_metric",
    "proxy_increment_metric",
    "proxy_record_metric",
    "proxy_get_current_time_nanoseconds",
];

/// What counts host calls that failed.
const TROUBLE: &str = "hemostat_host_trouble_total;reason=";

fn policy(mode: &str) -> Value {
    json!({"version": "v1", "mode": mode,
        "labels": {"tenant": [{"property": ["request", "size"]}, {"header": "x-tenant"}]},
        "guardrails": [
            {"id": "secret", "scan": ["output", "tool_args", "input"], "find": ["sesame-[a-z-]+door"], "do": "redact"},
            {"id": "tenant", "when": {"tenant": "none*"}, "scan": ["output"], "find": ["zzz"], "do": "block"}],
        "failsafe": [{"id": "down", "upstream": {"status": [529], "timeout": true}, "do": {"fallback": "sorry"}}],
        "fallbacks": {"sorry": {"text": "later"}}})
}

/// An exchange whose request and answer carry the secret; the body of the request comes in two pieces.
fn exchange(dialect: Dialect, stream: bool) -> (Request, UpstreamAnswer) {
    let text = format!("I say {SECRET} and more");
    let request =
        dialect.request(stream, &text).header("x-hemostat-forged", "1").header("x-tenant", "acme");
    let mut answer = dialect.answer(stream, &text);
    answer.headers.add("x-hemostat-forged", "1");
    (request.cut(Chunking::Bytes(40)), answer)
}

/// One exchange, with one of its host calls failing.
fn play(
    proxy: &Proxy,
    dialect: Dialect,
    stream: bool,
    fault: Option<(&str, u64, Status)>,
) -> Outcome {
    proxy.host.clear_faults();
    if let Some((import, n, status)) = fault {
        proxy.host.fail_nth_call_of(import, n, status);
    }
    let (request, answer) = exchange(dialect, stream);
    proxy.run(request, answer, &Chunking::AsGiven)
}

/// Every status for the dialect that most callers speak. What a status means is no dialect's: the others meet them in turn.
fn statuses(dialect: Dialect, n: u64) -> Vec<Status> {
    let all = [Status::InternalFailure, Status::NotFound, Status::BadArgument, Status::Empty];
    match dialect.name {
        "openai-chat" => all.to_vec(),
        _ => vec![all[n as usize % all.len()]],
    }
}

/// Fails every call of the exchange in turn, and hands each outcome on, with what a run without faults gave. A worker's
/// first exchange asks for more (metrics are defined when they are first counted): the streams of the dialect that most
/// callers speak are played to new workers, and all others one behind the other to one.
fn each_fault(
    policy: &Value,
    dialect: Dialect,
    stream: bool,
    judge: impl Fn(&Fault, &Outcome, &Outcome),
) {
    let new_workers = stream && dialect.name == "openai-chat";
    let mut proxy = Proxy::new(policy.clone());
    if !new_workers {
        play(&proxy, dialect, stream, None);
    }
    let started = proxy.host.calls();
    let expected = play(&proxy, dialect, stream, None);
    assert_eq!(expected.violations, []);
    let mut tried = 0;
    for (import, calls) in proxy.host.calls() {
        let before = started.get(import).copied().unwrap_or(0);
        for n in 1..=calls - before {
            for status in statuses(dialect, n) {
                let fault = Fault { import, n, status, stream };
                if new_workers {
                    proxy = Proxy::new(policy.clone());
                }
                let seen = proxy.counted(TROUBLE);
                let outcome = play(&proxy, dialect, stream, Some((import, n, status)));
                let what = format!("{} {fault:?} mode={}", dialect.name, policy["mode"]);
                assert_eq!(proxy.host.faults_hit(), 1, "{what}");
                assert_eq!(outcome.trapped, None, "{what}");
                assert_eq!(outcome.violations, [], "{what}: {:?}", outcome.downstream);
                proxy.assert_sound(&what);
                fault.assert_visible(&proxy, seen, &what);
                judge(&fault, &outcome, &expected);
                tried += 1;
            }
        }
    }
    assert!(tried > 15, "{tried} faults");
}

#[derive(Debug)]
#[allow(dead_code, reason = "all of it is shown where a test fails")]
struct Fault {
    import: &'static str,
    n: u64,
    status: Status,
    stream: bool,
}

impl Fault {
    fn is_harmless(&self) -> bool {
        HARMLESS.contains(&self.import)
    }

    /// A host says "not found" where there is no such header or property, and no body for an event without bytes.
    fn is_no_failure(&self) -> bool {
        let absence =
            ["proxy_remove_header_map_value", "proxy_get_property", "proxy_get_buffer_bytes"];
        self.status == Status::NotFound && absence.contains(&self.import)
    }

    /// It is counted, where `seen` were before, and said in the log.
    fn assert_visible(&self, proxy: &Proxy, seen: u64, what: &str) {
        if UNCOUNTED.contains(&self.import) || self.is_no_failure() {
            return;
        }
        assert_eq!(proxy.counted(TROUBLE), seen + 1, "{what}");
        let warned = proxy.logged(LogLevel::Warn);
        assert!(warned.iter().any(|line| line.contains("failed: status")), "{what}: {warned:?}");
    }
}

/// The exchange as upstream and caller sent it, but for internal headers.
fn assert_untouched(fault: &Fault, outcome: &Outcome, expected: &Outcome) {
    assert_eq!(outcome.upstream.body(), expected.upstream.body(), "{fault:?}");
    assert_eq!(outcome.downstream.status(), Some(200), "{fault:?}");
    assert_eq!(outcome.downstream.body(), expected.downstream.body(), "{fault:?}");
    assert!(outcome.downstream.ended && !outcome.downstream.reset, "{fault:?}");
}

#[test]
fn under_the_empty_policy_a_fault_costs_nobody_an_answer() {
    for stream in [false, true] {
        each_fault(&json!({}), chat(), stream, assert_untouched);
    }
}

#[test]
fn under_a_shadow_policy_a_fault_costs_nobody_an_answer() {
    for stream in [false, true] {
        each_fault(&policy("shadow"), dialect("anthropic"), stream, assert_untouched);
    }
}

#[test]
fn under_an_enforced_policy_a_fault_leaks_nothing() {
    for (dialect, stream) in dialects().into_iter().flat_map(|own| [(own, false), (own, true)]) {
        each_fault(&policy("enforce"), dialect, stream, |fault, outcome, expected| {
            let what = format!("{} {fault:?}", dialect.name);
            assert!(!outcome.upstream.text().contains("sesame"), "{what}: upstream");
            assert!(
                !outcome.downstream.text().contains("sesame"),
                "{what}: {}",
                outcome.downstream.text()
            );
            if fault.is_harmless() {
                return assert_untouched(fault, outcome, expected);
            }
            // All of the answer, the host's words in its place, or an answer that breaks off: never a part of it that
            // looks like all.
            let whole =
                outcome.downstream.body() == expected.downstream.body() && outcome.downstream.ended;
            let refused = outcome.downstream.status() == Some(503)
                && outcome.downstream.text().contains(HOST_REPLY);
            let cut = outcome.downstream.reset;
            assert!(whole || refused || cut, "{what}: {:?}", outcome.downstream);
        });
    }
}

/// A proxy that captures exchanges.
fn capturing() -> Proxy {
    let mut policy = policy("enforce");
    policy["hemostat"] = json!(1);
    policy["capture"] = json!({"what": ["input", "output", "tool_args"],
        "to": {"cluster": "traces", "path": "/v1/traces", "authority": "traces.internal"}});
    let allow = json!({"capture": true, "clusters": ["traces"]});
    let configuration = json!({"hold_headers": true, "policy": policy, "allow": allow});
    let proxy = Proxy::with(envoy(), &configuration.to_string());
    proxy.host.add_cluster("traces");
    proxy
}

/// One exchange of it, and the spans that it sends at its next tick.
fn captured(
    dialect: Dialect,
    stream: bool,
    fault: Option<(&str, u64)>,
) -> (Proxy, Outcome, Vec<Vec<u8>>) {
    let proxy = capturing();
    if let Some((import, n)) = fault {
        proxy.host.fail_nth_call_of(import, n, Status::InternalFailure);
    }
    let (request, answer) = exchange(dialect, stream);
    let outcome = proxy.run(request, answer, &Chunking::AsGiven);
    proxy.host.advance(std::time::Duration::from_millis(200));
    proxy.worker.run_due_ticks();
    let spans = proxy.worker.http_calls().into_iter().map(|call| call.body).collect();
    (proxy, outcome, spans)
}

/// Captured texts are a second way out: whatever the host fails at, what a rule took away is in no span, and callers have
/// what they have without `capture`.
#[test]
fn under_capture_a_fault_leaks_nothing_to_the_receiver_either() {
    let holds = |spans: &[Vec<u8>], word: &str| {
        spans.iter().any(|span| String::from_utf8_lossy(span).contains(word))
    };
    for (dialect, stream) in [(chat(), true), (dialect("anthropic"), false)] {
        let (clean, expected, spans) = captured(dialect, stream, None);
        assert!(spans.len() == 1 && holds(&spans, "and more") && !holds(&spans, "sesame"));
        let started = capturing().host.calls();
        let (mut tried, mut lost) = (0, 0);
        for (import, calls) in clean.host.calls() {
            for n in 1..=calls - started.get(import).copied().unwrap_or(0) {
                let (proxy, outcome, spans) = captured(dialect, stream, Some((import, n)));
                let what = format!("{} stream={stream} {import} {n}", dialect.name);
                proxy.assert_sound(&what);
                assert!(!outcome.upstream.text().contains("sesame"), "{what}");
                assert!(!outcome.downstream.text().contains("sesame"), "{what}");
                assert!(!holds(&spans, "sesame"), "{what}: in a span");
                let whole = outcome.downstream.body() == expected.downstream.body();
                let refused = outcome.downstream.text().contains(HOST_REPLY);
                assert!(
                    whole
                        || refused
                        || outcome.downstream.reset
                        || outcome.downstream.headers.is_none(),
                    "{what}"
                );
                // A span that cannot be sent is counted, unless it is the counting that fails.
                let counted = proxy.counted("hemostat_capture_total");
                if whole && spans.is_empty() && !UNCOUNTED.contains(&import) {
                    assert!(counted > 0, "{what}: a span is gone without a word");
                    lost += 1;
                }
                tried += 1;
            }
        }
        assert!(tried > 30 && lost > 0, "{tried} faults, {lost} of them lost a span");
    }
}

/// What the table says of each call, one by one.
#[test]
fn the_table_of_the_filters_readme_holds() {
    let status = Status::InternalFailure;
    let row = |import, n, stream| {
        let proxy = Proxy::new(policy("enforce"));
        play(&proxy, chat(), stream, Some((import, n, status)))
    };
    let refused = |outcome: &Outcome| {
        outcome.downstream.status() == Some(503)
            && outcome.details.as_deref() == Some("hemostat_host")
    };
    // Request headers, the gathered body, and putting its redaction.
    assert!(refused(&row("proxy_get_header_map_pairs", 1, true)));
    assert!(refused(&row("proxy_get_buffer_bytes", 1, true)));
    assert!(refused(&row("proxy_set_buffer_bytes", 1, true)));
    // Response headers; a whole body whose headers wait; putting it.
    assert!(refused(&row("proxy_get_header_map_pairs", 2, true)));
    assert!(refused(&row("proxy_get_buffer_bytes", 2, false)));
    assert!(refused(&row("proxy_set_buffer_bytes", 2, false)));
    // A chunk of a stream whose headers left: read or put.
    assert!(row("proxy_get_buffer_bytes", 3, true).downstream.reset);
    assert!(row("proxy_set_buffer_bytes", 2, true).downstream.reset);
    for outcome in
        [row("proxy_get_header_map_pairs", 1, true), row("proxy_set_buffer_bytes", 1, true)]
    {
        assert_eq!(outcome.upstream.headers, None, "nothing of the request passes");
    }
}

/// A refusal that the host will not send: the request stays where it is.
#[test]
fn a_local_reply_that_fails_lets_nothing_through() {
    let policy = json!({"failsafe": [{"id": "kill", "do": {"fallback": "f"}}], "fallbacks": {"f": {"text": "no"}}});
    let proxy = Proxy::new(policy);
    proxy.host.fail_every_call_of("proxy_send_local_response", Status::InternalFailure);
    let outcome = proxy.run(chat().request(false, "hi"), chat().whole("hi"), &Chunking::Whole);
    assert_eq!(outcome.upstream.headers, None);
    assert_eq!(outcome.downstream.headers, None);
    proxy.assert_sound("local reply");
    assert_eq!(proxy.host.counter("hemostat_host_trouble_total;reason=send_local_response"), 2);
}

/// Whole imports fail for ever: nothing traps, and nothing that a rule acts on leaves.
#[test]
fn a_call_that_always_fails_leaks_nothing() {
    let clean = Proxy::new(policy("enforce"));
    play(&clean, chat(), true, None);
    let imports: Vec<&'static str> = clean.host.calls().into_keys().collect();
    assert!(imports.len() > 8, "{imports:?}");
    for import in imports {
        let proxy = Proxy::new(policy("enforce"));
        for status in Status::ERRORS {
            for stream in [false, true] {
                proxy.host.clear_faults();
                proxy.host.fail_every_call_of(import, status);
                let (request, answer) = exchange(chat(), stream);
                let outcome = proxy.run(request, answer, &Chunking::AsGiven);
                let what = format!("{import} {status:?} stream={stream}");
                proxy.assert_sound(&what);
                assert!(!outcome.upstream.text().contains("sesame"), "{what}");
                assert!(!outcome.downstream.text().contains("sesame"), "{what}");
            }
        }
    }
}
