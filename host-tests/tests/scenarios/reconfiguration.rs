//! A new policy while streams run; one that is refused; and two workers of one process.

use host_tests::{Chunking, Exchange, Host, LogLevel, Rejected, Worker};
use serde_json::{Value, json};

use crate::rig::{Proxy, assert_clean, chat, configuration, dialect, envoy, module, talking};

fn redact(word: &str, with: &str) -> Value {
    json!({"guardrails": [
        {"id": "r", "scan": ["output"], "find": [word], "do": {"redact": with}}]})
}

/// A stream that has sent its first half; the second half is still to come.
fn half(worker: &Worker, plugin: &host_tests::PluginContext) -> (Exchange, Vec<Vec<u8>>) {
    let dialect = chat();
    let request = dialect.request(true, "hi");
    let answer = dialect.streamed(&["the sec", "ret is se", "cret"]);
    let mut exchange = worker.exchange(plugin);
    exchange.request_headers(request.headers, false).request_data(request.body, true);
    exchange.response_headers(answer.headers, false);
    let mut chunks = answer.chunks;
    let rest = chunks.split_off(2);
    for chunk in chunks {
        exchange.response_data(chunk, false);
    }
    (exchange, rest)
}

fn finish((mut exchange, rest): (Exchange, Vec<Vec<u8>>)) -> String {
    for chunk in rest {
        exchange.response_data(chunk, false);
    }
    exchange.response_data("", true);
    let outcome = exchange.finish();
    assert_clean(&outcome, "reconfiguration");
    assert!(!outcome.downstream.text().contains("secret"));
    outcome.downstream.text()
}

#[test]
fn streams_in_flight_keep_the_policy_they_began_with() {
    let proxy = Proxy::new(redact("secret", "[one]"));
    let (old_a, old_b) = (half(&proxy.worker, &proxy.plugin), half(&proxy.worker, &proxy.plugin));
    let new =
        proxy.worker.reconfigure(&proxy.plugin, configuration(redact("secret", "[two]"))).unwrap();
    let young = half(&proxy.worker, &new);
    assert!(proxy.worker.is_alive(&proxy.plugin));
    let text = finish(old_a);
    assert!(text.contains("[one]") && !text.contains("[two]"), "{text}");
    let text = finish(young);
    assert!(text.contains("[two]") && !text.contains("[one]"), "{text}");
    let text = finish(old_b);
    assert!(text.contains("[one]") && !text.contains("[two]"), "{text}");
    assert!(!proxy.worker.is_alive(&proxy.plugin), "its last stream is over");
    proxy.assert_sound("reconfiguration");
}

/// (configuration, what the log says of it)
fn refused() -> Vec<(String, &'static str)> {
    let policy = |policy: Value| json!({"hold_headers": true, "policy": policy}).to_string();
    vec![
        (String::new(), ""),
        ("{".to_owned(), ""),
        ("[]".to_owned(), ""),
        (policy(json!({"hemostat": 2})), "2"),
        (policy(json!({"hemostat": 1, "gardrails": []})), "gardrails"),
        (
            policy(
                json!({"hemostat": 1, "guardrails": [{"id": "x", "scan": ["output"], "find": ["("], "do": "block"}]}),
            ),
            "x",
        ),
        (
            policy(
                json!({"hemostat": 1, "guardrails": [{"id": "x", "scan": ["output"], "find": ["a"], "do": {"fallback": "gone"}}]}),
            ),
            "gone",
        ),
        (
            policy(
                json!({"hemostat": 1, "limits": [{"id": "l", "per": ["tenant"], "allow": {"requests": "many", "every": "1m"}}]}),
            ),
            "many",
        ),
        (
            "{\"hold_headers\": true, \"policy\": {\"hemostat\": 1, \"version\": \"\u{0}\"}}"
                .to_owned(),
            "",
        ),
        ("[".repeat(100_000), ""),
        (" ".repeat(2 << 20), ""),
    ]
}

#[test]
fn a_bad_configuration_is_refused_by_name_and_the_old_one_goes_on() {
    let proxy = Proxy::new(redact("secret", "[one]"));
    let old = half(&proxy.worker, &proxy.plugin);
    for (bad, word) in refused() {
        let shown: String = bad.chars().take(120).collect();
        let before = proxy.logged(LogLevel::Error).len();
        let verdict = proxy.worker.reconfigure(&proxy.plugin, &bad);
        assert_eq!(verdict, Err(Rejected::Configure), "{shown}");
        let lines = proxy.logged(LogLevel::Error).split_off(before);
        assert!(lines.len() >= 2, "{shown}: {lines:?}");
        assert!(lines.iter().any(|line| line.contains(word)), "{shown}: {lines:?}");
        assert!(lines.last().unwrap().contains("refused"), "{shown}: {lines:?}");
        assert!(
            lines.iter().all(|line| line.len() < 2100 && !line.contains('\n')),
            "{shown}: {lines:?}"
        );
        assert!(proxy.worker.is_alive(&proxy.plugin));
    }
    let text = finish(old);
    assert!(text.contains("[one]"));
    assert!(finish(half(&proxy.worker, &proxy.plugin)).contains("[one]"));
    proxy.assert_sound("bad configurations");
}

/// In a host that configures a root context anew in place, and where a first configuration is refused.
#[test]
fn a_first_configuration_that_is_refused_starts_nothing() {
    let host = Host::with(&module(), envoy());
    let worker = host.worker().unwrap();
    assert!(worker.configure(r#"{"policy": 7}"#).is_err());
    let errors: Vec<String> =
        host.log().into_iter().filter(|l| l.level == LogLevel::Error).map(|l| l.text).collect();
    assert!(errors.iter().any(|line| line.contains("configuration refused")), "{errors:?}");
    // The process lives: the next one is taken.
    worker.configure(configuration(json!({}))).unwrap();
}

#[test]
fn two_workers_serve_the_same_policy_and_share_counters() {
    let host = Host::with(&module(), envoy());
    let policy = configuration(redact("secret", "[#]"));
    let decisions: Vec<String> = std::thread::scope(|scope| {
        let serve = || {
            let worker = host.worker().unwrap();
            let plugin = worker.configure(&policy).unwrap();
            let mut decisions = Vec::new();
            for dialect in talking().into_iter().cycle().take(40) {
                let answer = dialect.answer(true, "a secret");
                let outcome = host_tests::run_exchange(
                    &worker,
                    &plugin,
                    dialect.request(true, "hi"),
                    answer,
                    &Chunking::Bytes(9),
                );
                assert_clean(&outcome, dialect.name);
                assert!(!outcome.downstream.text().contains("secret"));
                decisions.push(outcome.property("hemostat.decision").unwrap().to_owned());
            }
            assert_eq!(worker.dead(), None);
            decisions
        };
        let threads = [scope.spawn(serve), scope.spawn(serve)];
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(decisions.len(), 80);
    assert_eq!(host.counter("hemostat_rule_hits_total;rule=r;action=redact"), 80);
}

/// A request that asks while the policy is changing is under exactly one: request and answer alike.
#[test]
fn one_exchange_is_under_one_policy() {
    let both = |with: &str| {
        json!({"guardrails": [
        {"id": "r", "scan": ["output", "input"], "find": ["secret"], "do": {"redact": with}}]})
    };
    let proxy = Proxy::new(both("[one]"));
    let request = dialect("anthropic").request(true, "a secret");
    let mut exchange = proxy.worker.exchange(&proxy.plugin);
    exchange.request_headers(request.headers, false).request_data(&request.body[..20], false);
    proxy.worker.reconfigure(&proxy.plugin, configuration(both("[two]"))).unwrap();
    exchange.request_data(&request.body[20..], true);
    let answer = dialect("anthropic").streamed(&["a secret"]);
    exchange.response_headers(answer.headers, false).response_data(answer.chunks.concat(), true);
    let outcome = exchange.finish();
    assert!(outcome.upstream.text().contains("a [one]"), "{}", outcome.upstream.text());
    assert!(outcome.downstream.text().contains("a [one]"), "{}", outcome.downstream.text());
}
