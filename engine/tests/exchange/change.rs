//! Levers 1 and 2: what is put back, where it is written, where traffic goes, and that no other byte changes.

mod properties;

use std::rc::Rc;

use crate::support::{Caller, Cut, Recording, Seen, program, recordings, run, run_as};
use hemostat_engine::exchange::HeaderEdit;
use hemostat_engine::policy::Program;
use hemostat_engine::policy::config::Config;
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";

fn request(path: &str, body: &str) -> Recording {
    Recording::made(
        path,
        body,
        r#"{"id":"c","object":"chat.completion","created":1,"model":"served","choices":[{"index":0,"message":{"role":"assistant","content":"fine"},"finish_reason":"stop"}]}"#,
    )
}

fn ask_at(policy: Value, path: &str, body: &str, headers: &[(&'static str, &str)]) -> Seen {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    run_as(
        &program(policy),
        &request(path, body),
        &Cut::Whole,
        &Caller { headers, ..Caller::default() },
    )
}

fn sent(seen: &Seen) -> String {
    String::from_utf8(seen.upstream.clone().unwrap_or_else(|| panic!("{}", seen.text()))).unwrap()
}

/// The value that a request header has in the end; `None`: nothing was done to it.
fn header<'a>(seen: &'a Seen, name: &str) -> Option<&'a str> {
    seen.upstream_edits.iter().rev().find_map(|edit| match edit {
        HeaderEdit::Set(own, value) if own == name => Some(value.as_str()),
        _ => None,
    })
}

fn action(seen: &Seen) -> &str {
    let shown = seen.headers.iter().find(|(name, _)| name == "x-hemostat-action");
    shown.map_or("", |(_, value)| value)
}

fn labels() -> Value {
    json!({
        "prompt": [{"json": "/prompt/id"}, {"header": "x-prompt"}],
        "prompt_version": [{"json": "/prompt/version"}, {"header": "x-prompt-version"}, {"json": "/metadata/prompt_version"}],
        "tenant": [{"header": "x-tenant"}]})
}

fn rollback(set: Value) -> Value {
    json!({"labels": labels(), "rollback": [{"id": "back", "set": set}]})
}

#[test]
fn a_model_is_put_back_and_no_other_byte_changes() {
    let policy = json!({"rollback": [
        {"id": "pin", "when": {"model": "gpt-5"}, "set": {"model": "gpt-5-2026-08-07"}}]});
    let body = r#" { "messages" : [ {"role":"user","content":"gpt-5 \u00e9"} ] , "m\u006fdel" : "gpt\u002d5", "top_p":1.0e0 } "#;
    let seen = ask_at(policy.clone(), CHAT, body, &[("content-md5", "x"), ("content-length", "9")]);
    let expected = body.replace(r#""gpt\u002d5""#, r#""gpt-5-2026-08-07""#);
    assert_eq!(sent(&seen), expected);
    assert_eq!(header(&seen, "content-length"), Some(expected.len().to_string().as_str()));
    assert!(seen.upstream_edits.contains(&HeaderEdit::Remove("content-md5".to_owned())));
    assert_eq!(action(&seen), "pin:rollback");
    assert_eq!(seen.counted("hemostat_rule_hits_total;rule=pin;action=rollback"), 1);
    assert_eq!(seen.state("gen_ai.request.model"), Some("gpt-5"), "what was asked");
    assert_eq!(seen.state("hemostat.sent_model"), Some("gpt-5-2026-08-07"));

    let other = ask_at(policy, CHAT, r#"{"model":"gpt-4","messages":[]}"#, &[]);
    assert_eq!((sent(&other).as_str(), action(&other)), (r#"{"model":"gpt-4","messages":[]}"#, ""));
    assert_eq!(other.state("hemostat.sent_model"), None);
}

#[test]
fn a_value_that_is_the_wanted_one_is_left_alone() {
    let body = r#"{"model":"\u0067pt","messages":[],"service_tier":"default"}"#;
    let set = json!({"model": "gpt", "body": {"/service_tier": "default"}, "headers": {"x-config": "stable"}});
    let seen = ask_at(rollback(set), CHAT, body, &[("x-config", "stable")]);
    assert_eq!((sent(&seen).as_str(), action(&seen)), (body, ""));
    assert_eq!(header(&seen, "content-length"), None);
}

#[test]
fn a_label_is_written_back_to_where_it_was_read_from() {
    let policy = json!({"labels": labels(), "rollback": [
        {"id": "p", "when": {"prompt": "support", "prompt_version": "43"}, "set": {"prompt_version": "42"}}]});
    let stored =
        r#"{"prompt":{"id":"support","version":"43","variables":{"version":"43"}},"input":"hi"}"#;
    let seen = ask_at(policy.clone(), RESPONSES, stored, &[("x-prompt-version", "41")]);
    assert_eq!(sent(&seen), stored.replacen("\"43\"", "\"42\"", 1));
    assert_eq!(header(&seen, "x-prompt-version"), None, "the body has the word");

    let plain = r#"{"model":"m","messages":[],"metadata":{"prompt_version":43}}"#;
    let by_header = [("x-prompt", "support"), ("x-prompt-version", "43")];
    let seen = ask_at(policy.clone(), CHAT, plain, &by_header);
    assert_eq!((sent(&seen).as_str(), header(&seen, "x-prompt-version")), (plain, Some("42")));

    let seen = ask_at(policy.clone(), CHAT, plain, &[("x-prompt", "support")]);
    assert_eq!(sent(&seen), plain.replace("43", "42"), "a number stays a number");

    // Somebody else's prompt.
    let seen = ask_at(policy, CHAT, plain, &[("x-prompt", "sales")]);
    assert_eq!(sent(&seen), plain);
}

#[test]
fn a_label_that_is_missing_is_put_where_it_would_be_read_from() {
    let set = || rollback(json!({"prompt_version": "42"}));
    let seen = ask_at(set(), RESPONSES, r#"{"prompt":{"id":"support"},"input":"hi"}"#, &[]);
    assert_eq!(sent(&seen), r#"{"prompt":{"id":"support","version":"42"},"input":"hi"}"#);
    // A stored prompt is no field of this call: a header is the next place.
    let body = r#"{"model":"m","messages":[],"metadata":{}}"#;
    let seen = ask_at(set(), CHAT, body, &[]);
    assert_eq!((sent(&seen).as_str(), header(&seen, "x-prompt-version")), (body, Some("42")));
    let only_body = json!({
        "labels": {"v": [{"json": "/metadata/v"}]},
        "rollback": [{"id": "b", "set": {"v": "42"}}]});
    let seen = ask_at(only_body, CHAT, r#"{"model":"m","messages":[]}"#, &[]);
    assert_eq!(sent(&seen), r#"{"model":"m","messages":[],"metadata":{"v":"42"}}"#);
}

#[test]
fn values_are_written_by_pointer() {
    for (body, set, expected) in [
        (
            r#""a": [1, {"b" : true}]"#,
            json!({"/a/1/b": {"c": null}}),
            r#""a": [1, {"b" : {"c":null}}]"#,
        ),
        (r#""t":{ }"#, json!({"/t/x": 1}), r#""t":{"x":1 }"#),
        (
            r#""t":{"y":2 }"#,
            json!({"/t/x": 1, "/t/z~1": "q\"\n"}),
            r#""t":{"y":2,"x":1,"z/":"q\"\n" }"#,
        ),
        (r#""t":null"#, json!({"/t/x": 1, "/t/y": 2}), r#""t":{"x":1,"y":2}"#),
        (
            r#""t":1"#,
            json!({"/n/x": 1, "/n/y": [2], "/o": 3}),
            r#""t":1,"n":{"x":1,"y":[2]},"o":3"#,
        ),
        (r#""t":1"#, json!({"/t": 1.50}), r#""t":1.5"#),
    ] {
        let whole = |members: &str| format!(r#"{{"model":"m","messages":[],{members}}}"#);
        let policy = rollback(json!({"body": set}));
        assert_eq!(sent(&ask_at(policy, CHAT, &whole(body), &[])), whole(expected));
    }
}

#[test]
fn what_cannot_be_written_is_unreadable() {
    for (body, pointer) in [
        (r#"{"model":"m","messages":[]}"#, "/a/b/c"),
        (r#"{"model":"m","messages":[],"a":[1]}"#, "/a/1"),
        (r#"{"model":"m","messages":[],"a":"text"}"#, "/a/b"),
        (r#"{"model":"m","messages":[],"a":1,"a":2}"#, "/a"),
        (r#"{"model":"m","messages":[],"a":{},"\u0061":{}}"#, "/a/b"),
    ] {
        let policy = rollback(json!({"body": {pointer: 1}}));
        let seen = ask_at(policy.clone(), CHAT, body, &[]);
        assert_eq!((seen.status, &seen.upstream), (403, &None), "{body}");
        assert!(seen.text().contains("`back`"), "{}", seen.text());
        assert_eq!(seen.counted("hemostat_unchecked_total;reason=dialect;action=block"), 1);
        let mut pass = policy;
        pass["on_unreadable"] = json!("pass");
        let seen = ask_at(pass, CHAT, body, &[]);
        assert_eq!(sent(&seen), body);
        assert_eq!(seen.counted("hemostat_unchecked_total;reason=dialect;action=pass"), 1);
    }
}

#[test]
fn a_model_that_stands_twice_is_unreadable() {
    let body = r#"{"model":"a","model":"gpt-5","messages":[]}"#;
    for policy in [
        json!({"rollback": [{"id": "r", "when": {"model": "gpt-5"}, "set": {"headers": {"x-a": "b"}}}]}),
        json!({"switch": [{"id": "r", "to": {"model": "b"}}]}),
    ] {
        assert_eq!(ask_at(policy, CHAT, body, &[]).status, 403);
    }
    // What needs nothing of the body does not mind.
    let seen = ask_at(json!({"switch": [{"id": "r", "to": {"upstream": "x"}}]}), CHAT, body, &[]);
    assert_eq!((sent(&seen).as_str(), header(&seen, "x-hemostat-upstream")), (body, Some("x")));
}

#[test]
fn a_label_header_sent_twice_is_unreadable_for_those_who_need_it() {
    let twice = [("x-prompt-version", "43"), ("x-prompt-version", "42")];
    let seen = ask_at(rollback(json!({"prompt_version": "42"})), CHAT, r#"{"model":"m"}"#, &twice);
    assert_eq!(seen.status, 403);
    assert_eq!(seen.counted("hemostat_unchecked_total;reason=label;action=block"), 1);
    let seen = ask_at(rollback(json!({"model": "n"})), CHAT, r#"{"model":"m"}"#, &twice);
    assert_eq!(sent(&seen), r#"{"model":"n"}"#);
}

#[test]
fn of_rollback_all_apply_and_the_first_to_set_a_field_wins() {
    let policy = json!({"rollback": [
        {"id": "a", "when": {"model": "m"}, "set": {"model": "first", "body": {"/x/y": 1}}},
        // Judged by what the caller asked, not by what the rule before it wrote.
        {"id": "b", "when": {"model": "m"}, "set": {"model": "second", "headers": {"x-c": "1"}}},
        {"id": "c", "when": {"model": "first"}, "set": {"body": {"/never": 1}}},
        {"id": "d", "set": {"body": {"/x": 2, "/x/z": 3, "/w": 4}, "headers": {"X-C": "2"}}},
        {"id": "e", "set": {"body": {"/model": "third"}}}]});
    let seen = ask_at(policy, CHAT, r#"{"model":"m"}"#, &[]);
    assert_eq!(sent(&seen), r#"{"model":"first","x":{"y":1,"z":3},"w":4}"#);
    assert_eq!(header(&seen, "x-c"), Some("1"));
    assert_eq!(action(&seen), "a:rollback,b:rollback,d:rollback");
}

#[test]
fn each_lever_sees_what_the_one_before_left() {
    let policy = json!({
        "labels": {"config": [{"header": "x-config"}], "tier": [{"json": "/service_tier"}]},
        "rollback": [{"id": "r", "when": {"model": "a"}, "set": {"model": "b", "tier": "low", "headers": {"x-config": "stable"}}}],
        "switch": [
            {"id": "old", "when": {"model": "a"}, "to": {"model": "wrong"}},
            {"id": "to-c", "when": {"model": "b", "config": "stable", "tier": "low"}, "to": {"upstream": "other", "model": "c"}},
            {"id": "late", "to": {"upstream": "late"}}],
        "guardrails": [
            {"id": "asked", "when": {"model": "a"}, "scan": ["output"], "find": ["fine"], "do": "block"},
            {"id": "sent", "when": {"model": "c"}, "scan": ["output"], "find": ["fine"], "do": {"redact": "good"}}]});
    let seen = ask_at(policy, CHAT, r#"{"model":"a","messages":[]}"#, &[]);
    assert_eq!(sent(&seen), r#"{"model":"c","messages":[],"service_tier":"low"}"#);
    assert_eq!(header(&seen, "x-hemostat-upstream"), Some("other"));
    assert_eq!(header(&seen, "accept-encoding"), Some("identity"));
    assert!(seen.text().contains("good") && !seen.text().contains("fine"), "{}", seen.text());
    assert_eq!(seen.state("hemostat.sent_model"), Some("c"));
    let hits = seen.state("hemostat.rule_hits").unwrap();
    assert_eq!(hits, "r:rollback,to-c:switch,sent:redact");
}

#[test]
fn guardrails_for_the_new_model_look_at_the_answer_where_the_path_has_it() {
    let policy = json!({
        "switch": [{"id": "s", "when": {"model": "gemini-a"}, "to": {"model": "gemini-b"}}],
        "guardrails": [{"id": "g", "when": {"model": "gemini-b"}, "scan": ["output"], "find": ["x"], "do": "block"}]});
    let seen = ask_at(policy, "/v1beta/models/gemini-a:generateContent", r#"{"contents":[]}"#, &[]);
    assert_eq!(header(&seen, ":path"), Some("/v1beta/models/gemini-b:generateContent"));
    assert_eq!(header(&seen, "accept-encoding"), Some("identity"));
}

#[test]
fn input_guardrails_scan_what_was_put_there() {
    let policy = json!({
        "rollback": [{"id": "r", "set": {"body": {"/instructions": "the forbidden word"}}}],
        "guardrails": [{"id": "g", "scan": ["input"], "find": ["forbidden"], "do": {"redact": "-"}}]});
    let body = r#"{"model":"m","instructions":"old","input":"hi"}"#;
    let seen = ask_at(policy, RESPONSES, body, &[]);
    assert_eq!(sent(&seen), body.replace("old", "the - word"));
}

#[test]
fn only_the_policy_says_where_traffic_goes() {
    let policy = json!({"labels": labels(), "switch": [
        {"id": "move", "when": {"tenant": "acme"}, "to": {"upstream": "azure-eu"}}]});
    let body = r#"{"model":"m","messages":[]}"#;
    let forged = [("x-hemostat-upstream", "azure-eu"), ("x-tenant", "acme")];
    let seen = ask_at(policy.clone(), CHAT, body, &forged);
    let set = HeaderEdit::Set("x-hemostat-upstream".to_owned(), "azure-eu".to_owned());
    assert_eq!(seen.upstream_edits.last(), Some(&set), "after the caller's own was removed");
    assert_eq!((sent(&seen).as_str(), action(&seen)), (body, "move:switch"));
    let seen = ask_at(policy.clone(), CHAT, body, &forged[..1]);
    assert_eq!(seen.upstream_edits, [HeaderEdit::Remove("x-hemostat-upstream".to_owned())]);
    // A stored answer is where it was made.
    let mut stored = request("/v1/responses/resp_1", "");
    stored.method = "GET".to_owned();
    let headers = forged.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let seen =
        run_as(&program(policy), &stored, &Cut::Whole, &Caller { headers, ..Caller::default() });
    assert_eq!(seen.upstream_edits.last(), Some(&set));
}

#[test]
fn a_model_in_the_path_is_changed_there() {
    let policy = || json!({"switch": [{"id": "s", "to": {"model": "new"}}]});
    let azure = "/openai/deployments/gpt%2D4o/chat/completions?api-version=2024-10-21";
    let changed = "/openai/deployments/new/chat/completions?api-version=2024-10-21";
    for (body, expected) in [
        (r#"{"messages":[],"model":"gpt-4o"}"#, r#"{"messages":[],"model":"new"}"#),
        (r#"{"messages":[],"model":"else"}"#, r#"{"messages":[],"model":"else"}"#),
        (r#"{"messages":[]}"#, r#"{"messages":[]}"#),
    ] {
        let seen = ask_at(policy(), azure, body, &[]);
        assert_eq!((sent(&seen).as_str(), header(&seen, ":path")), (expected, Some(changed)));
        assert_eq!(seen.state("gen_ai.request.model"), Some("gpt-4o"));
        assert_eq!(seen.state("hemostat.sent_model"), Some("new"));
    }
    // A spelling that is not understood to the byte is not guessed at.
    let seen = ask_at(policy(), "/openai\\deployments\\a\\responses", r#"{"input":"x"}"#, &[]);
    assert_eq!((seen.status, seen.upstream), (403, None));
}

#[test]
fn shadow_counts_and_changes_nothing() {
    let policy = json!({"mode": "shadow",
        "rollback": [{"id": "r", "when": {"model": "m"}, "set": {"model": "n", "headers": {"x-a": "b"}}}],
        "switch": [{"id": "s", "to": {"upstream": "u"}}, {"id": "t", "to": {"upstream": "v"}}]});
    let body = r#"{"model":"m","messages":[]}"#;
    let seen = ask_at(policy, CHAT, body, &[]);
    assert_eq!((sent(&seen).as_str(), seen.upstream_edits.len(), action(&seen)), (body, 0, ""));
    assert_eq!(seen.counted("hemostat_rule_hits_total;rule=r;action=shadow-rollback"), 1);
    assert_eq!(seen.counted("hemostat_rule_hits_total;rule=s;action=shadow-switch"), 1);
    assert_eq!(seen.state("hemostat.sent_model"), None);
    // A rule that only watches takes nothing from one that acts.
    let policy = json!({"rollback": [
        {"id": "watch", "mode": "shadow", "set": {"model": "x"}},
        {"id": "act", "set": {"model": "y"}}]});
    let seen = ask_at(policy, CHAT, body, &[]);
    assert_eq!(sent(&seen), body.replace("\"m\"", "\"y\""));
    assert_eq!(seen.state("hemostat.rule_hits"), Some("watch:shadow-rollback,act:rollback"));
}

#[test]
fn a_canary_takes_its_share() {
    let policy = json!({"labels": labels(), "switch": [
        {"id": "canary", "when": {"percent": {"share": 20, "by": "tenant"}}, "to": {"model": "new"}}]});
    let program = program(policy);
    let moved = (0..500).filter(|n| {
        let headers = vec![("x-tenant", format!("tenant-{n}"))];
        let seen = run_as(
            &program,
            &request(CHAT, r#"{"model":"m"}"#),
            &Cut::Whole,
            &Caller { headers, ..Caller::default() },
        );
        sent(&seen) == r#"{"model":"new"}"#
    });
    let moved = moved.count();
    assert!((70..130).contains(&moved), "{moved} of 500 under a share of 20 %");
}

#[test]
fn a_kill_rule_that_cannot_be_read_is_not_escaped_through_a_rollback() {
    let policy = json!({"labels": labels(),
        "failsafe": [{"id": "kill", "when": {"tenant": "acme", "model": "m"}, "do": "block"}],
        "rollback": [{"id": "r", "set": {"model": "n"}}]});
    let twice = [("x-tenant", "acme"), ("x-tenant", "other")];
    let seen = ask_at(policy, CHAT, r#"{"model":"m"}"#, &twice);
    assert_eq!((seen.status, &seen.upstream), (403, &None));
    assert!(seen.text().contains("`kill`"), "{}", seen.text());
}

#[test]
fn a_body_that_cannot_be_read_stops_only_what_needs_it() {
    let zipped = [("content-encoding", "gzip")];
    let policy = |to: Value| json!({"switch": [{"id": "s", "to": to}]});
    let seen = ask_at(policy(json!({"upstream": "u"})), CHAT, "\u{1f}", &zipped);
    assert_eq!((sent(&seen).as_str(), header(&seen, "x-hemostat-upstream")), ("\u{1f}", Some("u")));
    let seen = ask_at(policy(json!({"upstream": "u", "model": "n"})), CHAT, "\u{1f}", &zipped);
    assert_eq!((seen.status, &seen.upstream), (403, &None));
    assert_eq!(seen.counted("hemostat_unchecked_total;reason=encoding;action=block"), 1);
}

fn config(policy: Value, more: Value) -> Result<Rc<Program>, String> {
    let mut config = json!({"policy": policy, "hold_headers": false});
    config["policy"]["hemostat"] = json!(1);
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    match Config::parse(config.to_string().as_bytes()) {
        Ok((config, _)) => Ok(Rc::new(Program::compile(&config).unwrap())),
        Err(found) => Err(found.iter().map(|found| format!("{found}\n")).collect()),
    }
}

#[test]
fn what_must_hold_headers_says_so() {
    let switch = json!({"switch": [{"id": "s", "to": {"upstream": "u"}}]});
    let by_header =
        json!({"labels": labels(), "rollback": [{"id": "s", "set": {"prompt_version": "1"}}]});
    for policy in
        [switch, by_header, json!({"rollback": [{"id": "s", "set": {"headers": {"x-a": "b"}}}]})]
    {
        let refused = config(policy.clone(), json!({})).unwrap_err();
        assert!(refused.contains("rule `s` would be off"), "{refused}");
        let off = config(policy, json!({"accept_off": ["s"]})).unwrap();
        let body = r#"{"model":"m","messages":[]}"#;
        let seen = run(&off, &request(CHAT, body), &Cut::Whole);
        assert_eq!((sent(&seen).as_str(), seen.upstream_edits.len()), (body, 0));
    }
    let unsaid = json!({"hemostat": 1, "switch": [{"id": "s", "to": {"model": "m"}}]});
    let found = Config::parse(json!({"policy": unsaid}).to_string().as_bytes()).unwrap_err();
    assert!(found[0].to_string().contains("hold_headers"), "{}", found[0]);
}

#[test]
fn a_body_is_changed_while_its_headers_have_left() {
    let policy = json!({"rollback": [{"id": "r", "set": {"model": "n"}}]});
    let program = config(policy, json!({})).unwrap();
    let seen = run(&program, &request(CHAT, r#"{"model":"m"}"#), &Cut::Whole);
    assert_eq!(sent(&seen), r#"{"model":"n"}"#);
    assert_eq!(seen.upstream_edits, [HeaderEdit::Remove("content-length".to_owned())]);
    // A path cannot be changed any more: refused, not sent to the model that was to be left.
    let seen = run(
        &program,
        &request("/v1beta/models/g:generateContent", "{\"contents\":[]}"),
        &Cut::Whole,
    );
    assert_eq!((seen.status, seen.upstream), (403, None));
}

/// The bytes of `new` are those of `old` with one run replaced.
fn one_change<'a>(old: &'a [u8], new: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let most = old.len().min(new.len()) - start;
    let end = old.iter().rev().zip(new.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
    (&old[start..old.len() - end], &new[start..new.len() - end])
}

#[test]
fn every_recorded_request_keeps_all_bytes_but_its_model() {
    const NEW: &str = "~~model~~";
    let program = program(json!({"switch": [{"id": "s", "to": {"model": NEW, "upstream": "u"}}]}));
    let (mut bodies, mut paths) = (0, 0);
    // Agents are asked without a model.
    for recording in recordings().into_iter().filter(|own| own.dialect != "a2a") {
        let seen = run(&program, &recording, &Cut::Whole);
        let Some(upstream) = &seen.upstream else { panic!("{}: {}", recording.name, seen.text()) };
        assert_eq!(header(&seen, "x-hemostat-upstream"), Some("u"), "{}", recording.name);
        let old: Value = serde_json::from_slice(&recording.request).unwrap();
        let mut wanted = old.clone();
        if let Some(path) = header(&seen, ":path") {
            let (was, is) = one_change(recording.path.as_bytes(), path.as_bytes());
            assert!(is == NEW.as_bytes() && !was.contains(&b'/'), "{}: {path}", recording.name);
            paths += 1;
        } else if recording.method == "POST" {
            wanted["model"] = json!(NEW);
            bodies += 1;
        }
        let new: Value = serde_json::from_slice(upstream).unwrap();
        if new["model"] == NEW {
            wanted["model"] = json!(NEW);
        }
        assert_eq!(new, wanted, "{}", recording.name);
        let (was, is) = one_change(&recording.request, upstream);
        assert!(was.len() <= 100 && is.len() <= NEW.len() + 12, "{}", recording.name);
        assert_eq!(
            seen.body, recording.response,
            "{}: an answer is none of its business",
            recording.name
        );
    }
    assert!(bodies > 150 && paths > 20, "{bodies} bodies, {paths} paths");
}

#[test]
fn the_levers_are_explained_in_the_order_in_which_they_work() {
    let policy = json!({"hemostat": 1, "labels": labels(),
        "switch": [{"id": "s", "when": {"tenant": "acme"}, "to": {"upstream": "u", "model": "n"}}, {"id": "t", "to": {"model": "o"}}],
        "rollback": [{"id": "r", "mode": "shadow", "set": {"prompt_version": "42", "body": {"/a~1b": [1]}, "headers": {"x-a": "b"}}}]});
    let config = json!({"policy": policy, "hold_headers": true}).to_string();
    let (config, _) = Config::parse(config.as_bytes()).unwrap();
    let lines = hemostat_engine::policy::explain::explain(&config.policy);
    assert_eq!(lines[0], "policy without a version: 3 rules");
    assert_eq!(
        lines[1..4],
        [
            "r [shadow: only counted]: every request is sent with prompt_version `42`, `/a~1b` [1], header x-a `b`",
            "s: a request with tenant `acme` goes to upstream `u`, model `n`",
            "t: else, every request goes to model `o`",
        ]
    );
}
