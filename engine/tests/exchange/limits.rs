//! Lever 5 over whole exchanges: what is refused, with what words, and what is asked of upstream.

use std::rc::Rc;

use crate::support::limits::*;
use hemostat_engine::exchange::{Effect, Exchange, HeaderEdit, RequestFacts};
use hemostat_engine::policy::program::label::Label;
use hemostat_engine::policy::program::selector::Labels;
use serde_json::{Value, json};

#[test]
fn usage_is_asked_for_and_its_event_taken_out() {
    let proxy = proxy(json!({}));
    let with = words(3) + &finish_events(true);
    let without = words(3) + &finish_events(false);
    for (options, sent) in [
        (None, json!({"include_usage": true})),
        (
            Some(json!({"include_obfuscation": false})),
            json!({"include_usage": true, "include_obfuscation": false}),
        ),
        (Some(json!({"include_usage": false})), json!({"include_usage": true})),
        (Some(Value::Null), json!({"include_usage": true})),
    ] {
        let mut body = hello(true);
        if let Some(options) = options {
            body["stream_options"] = options;
        }
        let mut asked = proxy.chat(body).unwrap();
        let upstream: Value = serde_json::from_str(&asked.body).unwrap();
        assert_eq!(upstream["stream_options"], sent);
        let out = asked.answer(SSE, with.as_bytes(), true);
        assert_eq!(String::from_utf8(out).unwrap(), without);
    }
    let mut body = hello(true);
    body["stream_options"] = json!({"include_usage": true});
    let mut asked = proxy.chat(body.clone()).unwrap();
    assert_eq!(asked.body, body.to_string(), "who asked for it gets it");
    assert_eq!(asked.answer(SSE, with.as_bytes(), true), with.as_bytes());
    // Not where nobody counts tokens.
    let requests =
        Proxy::new(json!({"limits": [{"id": "r", "allow": {"requests": 5, "every": "1m"}}]}));
    assert_eq!(requests.chat(hello(true)).unwrap().body, hello(true).to_string());
}

fn tokens(amount: u64) -> Value {
    json!([{"id": "t", "per": ["tenant"], "allow": {"tokens": amount, "every": "1m"}}])
}

fn tenant() -> Value {
    json!({"tenant": [{"header": "x-tenant"}]})
}

#[test]
fn retry_after_is_when_the_same_request_is_admitted() {
    let proxy = Proxy::new(json!({"labels": tenant(), "limits": [
        {"id": "a", "per": ["tenant"], "allow": {"requests": 2, "every": "1m"}},
        {"id": "b", "allow": {"requests": 3, "every": "1h"}},
    ]}));
    let ask = |tenant| proxy.ask("/v1/messages", &hello(false), &[("x-tenant", tenant)]);
    ask("x").unwrap();
    ask("x").unwrap();
    let refused = ask("x").err().unwrap();
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("30")));
    assert_eq!(refused.header("x-should-retry"), None);
    assert!(refused.body.contains("rate_limit_error") && refused.body.contains("per proxy"));
    proxy.store.set_now_ns(T0 + 30 * S - 1);
    assert!(ask("x").is_err());
    proxy.store.set_now_ns(T0 + 30 * S);
    ask("x").unwrap();
    // The other limit is the one to wait for now, and long.
    let refused = ask("y").err().unwrap();
    assert_eq!(refused.header("x-should-retry"), Some("false"));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    proxy.store.set_now_ns(T0 + (30 + wait) * S);
    ask("y").unwrap();
    assert!(ask("y").is_err());
}

#[test]
fn all_admit_together_or_none_is_charged() {
    let proxy = Proxy::new(json!({"limits": [
        {"id": "wide", "allow": {"requests": 100, "every": "1m"}},
        {"id": "places", "allow": {"concurrent": 50}},
        {"id": "narrow", "allow": {"requests": 1, "every": "1m"}},
    ]}));
    let first = proxy.chat(hello(false)).unwrap();
    for _ in 0..20 {
        assert_eq!(proxy.chat(hello(false)).err().unwrap().status, 429);
    }
    assert_eq!((proxy.left(0), proxy.left(1)), (99, 49));
    first.finish();
    assert_eq!(proxy.left(1), 50);
}

#[test]
fn what_is_above_the_whole_cap_is_told_both_numbers() {
    let proxy = Proxy::new(json!({"labels": tenant(), "limits": tokens(500)}));
    let refused = proxy.chat(hello(false)).err().unwrap();
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("retry-after"), None);
    assert_eq!(refused.header("x-should-retry"), Some("false"));
    let needs = hello_input() + 1000;
    assert!(refused.body.contains(&format!("{needs} tokens")), "{}", refused.body);
    assert!(refused.body.contains("500 tokens"), "{}", refused.body);
}

#[test]
fn what_is_above_the_whole_cap_is_told_so_whatever_else_the_limit_would_do() {
    let mut policy = json!({
        "limits": [{"id": "t", "allow": {"tokens": 500, "every": "day"}, "over": {"fallback": "rest"}}],
        "fallbacks": {"rest": {"text": "resting"}}
    });
    let ask = |policy: &Value, most: u64| {
        let mut body = hello(false);
        body["max_tokens"] = json!(most);
        let proxy = Proxy::new(policy.clone());
        proxy.chat(body.clone()).and_then(|_| proxy.chat(body)).err().unwrap()
    };
    let refused = ask(&policy, 1000);
    let needs = format!("{} tokens", hello_input() + 1000);
    assert_eq!((refused.status, refused.header("retry-after")), (429, None));
    assert_eq!(refused.header("x-should-retry"), Some("false"));
    assert_eq!(refused.header("x-hemostat-action"), Some("t:reject"));
    assert!(
        refused.body.contains("500 tokens") && refused.body.contains(&needs),
        "{}",
        refused.body
    );
    // What fits, but not now, gets the canned answer.
    assert_eq!(ask(&policy, 400).status, 200);
    // Another limit's fallback is no way around either, and the one that nobody can pass is named.
    policy["limits"] = json!([
        {"id": "r", "allow": {"requests": 1, "every": "day"}, "over": {"fallback": "rest"}},
        {"id": "t", "allow": {"tokens": 500, "every": "day"}},
    ]);
    let proxy = Proxy::new(policy.clone());
    let mut body = hello(false);
    body["max_tokens"] = json!(10);
    proxy.chat(body).unwrap();
    let refused = proxy.chat(hello(false)).err().unwrap();
    assert_eq!((refused.status, refused.header("x-hemostat-action")), (429, Some("t:reject")));
    // A cheaper model may fit where the dear one never does.
    policy["limits"] = json!([{"id": "m", "allow": {"usd": 0.005, "every": "day"}, "over": {"downgrade": "small"}}]);
    policy["prices"] =
        json!({"small": {"input": 0.1, "output": 1}, "*": {"input": 1, "output": 10}});
    let mut body = hello(false);
    body["max_tokens"] = json!(1000);
    assert!(Proxy::new(policy).chat(body).unwrap().body.contains("small"));
}

#[test]
fn balances_are_shown_only_to_whom_the_proxy_vouches_for() {
    let mut policy = json!({"labels": tenant(), "trusted_headers": ["x-tenant"], "limits": [
        {"id": "t", "per": ["tenant"], "allow": {"requests": 1, "every": "1m"}}]});
    let refused = |policy: &Value, path: &str| {
        let proxy = Proxy::new(policy.clone());
        let ask = || proxy.ask(path, &hello(false), &[("x-tenant", "a")]);
        ask().unwrap();
        ask().err().unwrap()
    };
    let openai = refused(&policy, "/v1/chat/completions");
    assert_eq!(openai.header("x-ratelimit-limit-requests"), Some("1"));
    assert_eq!(openai.header("x-ratelimit-remaining-requests"), Some("0"));
    assert_eq!(openai.header("x-ratelimit-reset-requests"), Some("1m0s"));
    let anthropic = refused(&policy, "/v1/messages");
    assert_eq!(anthropic.header("anthropic-ratelimit-requests-limit"), Some("1"));
    let gemini = refused(&policy, "/v1beta/models/g:generateContent");
    assert!(gemini.body.contains("RESOURCE_EXHAUSTED"));
    policy["trusted_headers"] = json!([]);
    let untrusted = refused(&policy, "/v1/chat/completions");
    assert_eq!(untrusted.header("x-ratelimit-limit-requests"), None);
}

#[test]
fn a_fallback_speaks_in_place_of_a_refusal() {
    let proxy = Proxy::new(json!({"limits": [{"id": "r", "allow": {"requests": 1, "every": "day"},
        "over": {"fallback": "rest"}}], "fallbacks": {"rest": {"text": "resting"}}}));
    proxy.chat(hello(false)).unwrap();
    let canned = proxy.chat(hello(false)).err().unwrap();
    assert_eq!(canned.status, 200);
    assert!(canned.body.contains("resting"));
    assert_eq!(canned.header("x-hemostat-action"), Some("r:fallback"));
}

#[test]
fn a_downgrade_asks_all_limits_once_more() {
    let policy = json!({"prices": {"big": {"input": 1, "output": 100}, "small*": {"input": 0.1, "output": 1}},
        "limits": [{"id": "m", "allow": {"usd": 0.15, "every": "1h"}, "over": {"downgrade": "small-1"}}]});
    let proxy = Proxy::new(policy.clone());
    let ask = || proxy.chat(json!({"model": "big", "max_tokens": 1000, "messages": []}));
    assert!(ask().unwrap().body.contains(r#""model":"big""#));
    let down = ask().unwrap();
    assert!(down.body.contains(r#""model":"small-1""#), "{}", down.body);
    let held = 150_000 - proxy.left(0);
    assert!((101_000..101_100).contains(&held), "{held}");
    // Until the small one is too dear as well.
    while ask().is_ok() {}
    assert_eq!(ask().err().unwrap().status, 429);
    // Where the path carries the model, the path is changed.
    let proxy = Proxy::new(json!({"limits": [{"id": "r", "per": ["model"],
        "allow": {"requests": 1, "every": "1h"}, "over": {"downgrade": "gemini-flash"}}]}));
    let ask = || {
        proxy.ask("/v1beta/models/gemini-pro:generateContent?x=1", &json!({"contents": []}), &[])
    };
    ask().unwrap();
    let path = "/v1beta/models/gemini-flash:generateContent?x=1".to_owned();
    assert!(ask().unwrap().edits.contains(&HeaderEdit::Set(":path".to_owned(), path)));
    assert_eq!(ask().err().unwrap().status, 429);
}

#[test]
fn the_default_maximum_is_written_where_the_policy_says_so() {
    let mut policy = json!({"limits": tokens(100_000), "labels": tenant(), "cap_output": true,
                            "default_max_output_tokens": 77});
    let body = |path, body: Value| {
        let proxy = Proxy::new(policy.clone());
        serde_json::from_str::<Value>(&proxy.ask(path, &body, &[]).unwrap().body).unwrap()
    };
    let chat = json!({"model": "m", "messages": []});
    assert_eq!(body("/v1/chat/completions", chat.clone())["max_completion_tokens"], 77);
    assert_eq!(body("/v1/responses", json!({"model": "m", "input": "x"}))["max_output_tokens"], 77);
    assert_eq!(body("/v1/messages", chat.clone())["max_tokens"], 77);
    let path = "/v1beta/models/g:generateContent";
    assert_eq!(body(path, json!({"contents": []}))["generationConfig"]["maxOutputTokens"], 77);
    let config = json!({"contents": [], "generationConfig": {"topK": 1}});
    assert_eq!(body(path, config)["generationConfig"], json!({"maxOutputTokens": 77, "topK": 1}));
    let named = json!({"model": "m", "messages": [], "max_tokens": 5});
    assert_eq!(body("/v1/chat/completions", named.clone()), named);
    policy["cap_output"] = json!(false);
    let proxy = Proxy::new(policy);
    assert_eq!(proxy.chat(chat.clone()).unwrap().body, chat.to_string());
}

#[test]
fn choices_are_reserved_for_each() {
    let one = proxy(json!({}));
    one.chat(hello(false)).unwrap();
    let many = proxy(json!({}));
    let mut body = hello(false);
    body["n"] = json!(5);
    many.chat(body).unwrap();
    assert_eq!(one.left(0) - many.left(0), 4000);
}

#[test]
fn nothing_without_a_price_passes_a_money_limit() {
    let mut policy = json!({"limits": [{"id": "m", "allow": {"usd": 5, "every": "1h"}}],
                            "prices": {"known": {"input": 1, "output": 1}}});
    let proxy = Proxy::new(policy.clone());
    let refused = proxy.chat(hello(false)).err().unwrap();
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("model `m` has no price"), "{}", refused.body);
    let asks = [
        json!({"model": "known", "messages": [], "service_tier": "priority"}),
        json!({"model": "known", "messages": [], "web_search_options": {}}),
        json!({"model": "known", "messages": [], "modalities": ["text", "audio"]}),
    ];
    for ask in &asks {
        assert_eq!(proxy.chat(ask.clone()).err().unwrap().status, 403, "{ask}");
    }
    proxy.chat(json!({"model": "known", "messages": []})).unwrap();
    policy["unpriced"] = json!("count_zero");
    let proxy = Proxy::new(policy);
    let counts = proxy.chat(hello(false)).unwrap().finish();
    assert!(counts.contains(&"hemostat_unpriced_total;action=count_zero".to_owned()));
}

#[test]
fn shadow_limits_refuse_nobody_and_count_apart() {
    let mut policy = json!({"mode": "shadow", "limits": [
        {"id": "r", "allow": {"requests": 1, "every": "day"}}]});
    let mut proxy = Proxy::new(policy.clone());
    for n in 0..3 {
        let asked = proxy.chat(hello(false)).unwrap();
        let counts = asked.finish();
        let over = "hemostat_rule_hits_total;rule=r;action=shadow-reject".to_owned();
        assert_eq!(counts.contains(&over), n > 0);
    }
    // What was counted in shadow is not charged once the limit acts.
    policy["mode"] = json!("enforce");
    proxy.push(policy);
    proxy.chat(hello(false)).unwrap();
    assert!(proxy.chat(hello(false)).is_err());
}

#[test]
fn counts_survive_a_policy_that_keeps_id_per_unit_and_window() {
    let policy = |amount: u64, every: &str, epoch: u64| json!({"limits": [{"id": "r", "allow": {"requests": amount, "every": every}, "epoch": epoch}]});
    let mut proxy = Proxy::new(policy(10, "day", 0));
    let asked: Vec<Asked> = (0..10).map(|_| proxy.chat(hello(false)).unwrap()).collect();
    proxy.push(policy(12, "day", 0));
    assert_eq!(proxy.left(0), 2);
    proxy.push(policy(12, "day", 1));
    assert_eq!(proxy.left(0), 12);
    proxy.push(policy(12, "month", 0));
    assert_eq!(proxy.left(0), 12);
    drop(asked);
}

#[test]
fn a_settlement_after_a_push_goes_to_the_account_it_was_taken_from() {
    let mut proxy = proxy(json!({}));
    let mut asked = proxy.chat(hello(true)).unwrap();
    proxy.push(
        json!({"limits": [{"id": "other", "allow": {"tokens": 5, "every": "day"}}, limits()[0]]}),
    );
    asked.answer(SSE, (words(100) + &finish_events(true)).as_bytes(), true);
    assert_eq!(CAP - proxy.left(1), 320);
    assert_eq!(proxy.left(0), 5);
}

#[test]
fn long_streams_keep_their_places() {
    let proxy = Proxy::new(json!({"limits": [{"id": "p", "allow": {"concurrent": 1}}]}));
    let asked = proxy.chat(hello(true)).unwrap();
    for minute in 1..10 {
        proxy.store.set_now_ns(T0 + minute * 60 * S);
        assert_eq!(proxy.book.renew_all(), 0);
        assert_eq!(proxy.chat(hello(true)).err().unwrap().header("retry-after"), Some("1"));
    }
    // A worker that is gone renews nothing.
    proxy.store.set_now_ns(T0 + 13 * 60 * S);
    let other = proxy.chat(hello(true)).unwrap();
    assert!(asked.finish().is_empty() || proxy.left(0) == 0);
    assert_eq!(proxy.left(0), 0);
    other.finish();
    assert_eq!(proxy.left(0), 1);
}

#[test]
fn accounts_that_cannot_be_had_let_nothing_through() {
    let proxy = proxy(json!({}));
    proxy.store.fail(true);
    let refused = proxy.chat(hello(false)).err().unwrap();
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    proxy.store.fail(false);
    proxy.store.lose(hemostat_engine::limits::LEDGER_RETRIES);
    assert_eq!(proxy.chat(hello(false)).err().unwrap().status, 429);
    proxy.chat(hello(false)).unwrap();
}

#[test]
fn what_cannot_be_read_is_refused_under_a_limit_on_tokens_and_counted_under_one_on_requests() {
    let requests =
        Proxy::new(json!({"limits": [{"id": "r", "allow": {"requests": 1, "every": "day"}}]}));
    let twice = json!("not an object");
    requests.chat(twice.clone()).unwrap();
    assert_eq!(requests.chat(twice.clone()).err().unwrap().status, 429);
    let proxy = proxy(json!({}));
    assert_eq!(proxy.chat(twice).err().unwrap().status, 403);
    let background = json!({"model": "m", "input": "x", "background": true});
    assert_eq!(proxy.ask("/v1/responses", &background, &[]).err().unwrap().status, 403);
    let wrong = json!({"model": "m", "messages": [], "max_tokens": "many"});
    assert_eq!(proxy.chat(wrong).err().unwrap().status, 403);
}

#[test]
fn a_guardrail_that_refuses_costs_nothing() {
    let proxy = proxy(
        json!({"guardrails": [{"id": "g", "scan": "input", "find": "hello", "do": "block"}]}),
    );
    assert_eq!(proxy.chat(hello(false)).err().unwrap().status, 403);
    assert_eq!((proxy.left(0), proxy.left(2), proxy.left(3)), (CAP, 1000, 10));
}

#[test]
fn warnings_are_told_once() {
    let proxy =
        Proxy::new(json!({"limits": [{"id": "r", "allow": {"requests": 10, "every": "day"},
                                              "warn_at": [0.8, 0.5]}]}));
    let warned: Vec<String> = (0..10)
        .flat_map(|_| proxy.chat(hello(false)).unwrap().finish())
        .filter(|name| name.contains("warnings"))
        .collect();
    let name = |percent| format!("hemostat_limit_warnings_total;rule=r;percent={percent}");
    assert_eq!(warned, [name(50), name(80)]);
}

/// A policy whose other levers act on the answer as well.
fn beside_others() -> Proxy {
    proxy(json!({
        "tools": [{"id": "no-shell", "match": "shell", "do": "deny"}],
        "guardrails": [{"id": "secret", "scan": "output", "find": "sesame", "do": "redact"}],
    }))
}

fn call_events(name: &str) -> String {
    let delta = |delta: Value| {
        format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta}], "usage": null}))
    };
    let call = json!({"index": 0, "id": "call_1", "type": "function",
                      "function": {"name": name, "arguments": ""}});
    let arguments = json!({"index": 0, "function": {"arguments": "{\"a\":1}"}});
    delta(json!({"tool_calls": [call]})) + &delta(json!({"tool_calls": [arguments]}))
}

#[test]
fn a_request_without_its_denied_tools_is_asked_for_usage_too() {
    let proxy = beside_others();
    let mut body = hello(true);
    let tool = |name: &str| json!({"type": "function", "function": {"name": name}});
    body["tools"] = json!([tool("shell"), tool("weather")]);
    let asked = proxy.chat(body).unwrap();
    let upstream: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(upstream["tools"], json!([tool("weather")]));
    assert_eq!(upstream["stream_options"], json!({"include_usage": true}));
    let length = HeaderEdit::Set("content-length".to_owned(), asked.body.len().to_string());
    assert!(asked.edits.contains(&length));
}

#[test]
fn usage_is_taken_out_of_answers_that_other_levers_change() {
    let proxy = beside_others();
    let events = chunk("open sesame ") + &call_events("shell") + &finish_events(true);
    let mut asked = proxy.chat(hello(true)).unwrap();
    let out = String::from_utf8(asked.answer(SSE, events.as_bytes(), true)).unwrap();
    assert!(!out.contains("sesame") && !out.contains("arguments"), "{out}");
    assert!(!out.contains("prompt_tokens"), "{out}");
    assert!(out.ends_with("data: [DONE]\n\n"), "{out}");
    asked.finish();
    assert_eq!(proxy.left(0), CAP - 320, "what upstream said, whatever left");
}

#[test]
fn an_event_that_nobody_can_read_passes_where_only_limits_look() {
    let events = chunk("hello ") + "data: {no json\n\n" + &finish_events(false);
    let mut asked = proxy(json!({})).chat(hello(true)).unwrap();
    let out = asked.answer(SSE, events.as_bytes(), true);
    assert_eq!(String::from_utf8(out).unwrap(), events);
}

#[test]
fn an_answer_that_only_tools_rules_look_at_is_still_judged() {
    let proxy = Proxy::new(json!({
        "limits": [{"id": "r", "allow": {"requests": 5, "every": "1m"}}],
        "tools": [{"id": "no-shell", "match": "shell", "do": "deny"}],
    }));
    let events = call_events("shell") + &finish_events(false);
    let mut asked = proxy.chat(hello(true)).unwrap();
    let out = String::from_utf8(asked.answer(SSE, events.as_bytes(), true)).unwrap();
    assert!(!out.contains("arguments"), "{out}");
}

#[test]
fn a_memory_that_is_full_is_told() {
    let proxy = Proxy::new(json!({"labels": {"user": [{"header": "x-user"}]}, "limits": [
        {"id": "r", "per": ["user"], "allow": {"requests": 1, "every": "1m"}}]}));
    let limit = &proxy.program.limits.rules[0];
    let user = proxy.program.labels.id("user").unwrap();
    let mut labels = Labels::unread(&proxy.program.labels, None);
    for n in 0..150_000 {
        labels.set(user, Label::value(&format!("user-{n}"), false));
        let key = limit.account(&labels, false).unwrap();
        proxy.book.reserve(&key, &limit.cap, 1, &[]).unwrap();
    }
    // What is told although the request is refused.
    let told = |name: &str| {
        let mut exchange = Exchange::with_book(Rc::clone(&proxy.program), Rc::clone(&proxy.book));
        let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        let headers = vec![
            pair(":method", "POST"),
            pair(":path", "/v1/chat/completions"),
            pair(":authority", "a"),
            pair("x-user", name),
        ];
        let now_ns = hemostat_engine::ledger::Store::now_ns(&*proxy.store);
        let facts = RequestFacts { headers: headers.into(), now_ns, ..RequestFacts::default() };
        exchange.request_headers(facts, false);
        exchange.request_body(Some(hello(false).to_string().as_bytes()));
        let effects = exchange.effects().into_iter();
        let counts = effects.filter_map(|effect| match effect {
            Effect::Count(name) if name.contains("_limit_") => Some(name.into_owned()),
            _ => None,
        });
        counts.collect::<Vec<_>>()
    };
    assert_eq!(told("late"), ["hemostat_limit_overflow_total;rule=r"]);
    // A minute later accounts stand at their start and give their places, and nobody shares one.
    proxy.store.set_now_ns(T0 + 60 * S);
    assert_eq!(told("later"), ["hemostat_limit_reused_total;rule=r"]);
    assert_eq!(told("later"), Vec::<String>::new());
}
