//! What is captured: what the caller really got and the model was really asked, whole or bounded, for every cut.

use std::collections::BTreeMap;

use hemostat_engine::capture::{self, Captured, Trace, outbox::Outbox};
use hemostat_engine::context::memory::VmMemory;
use hemostat_engine::exchange::Effect;
use hemostat_engine::limits;
use hemostat_engine::policy::document::CaptureTo;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::otlp::{self, Span};
use crate::support::{Caller, Cut, Recording, Seen, program, recordings, run, run_as, text};

const TO: &str = r#"{"cluster": "traces", "path": "/v1/traces", "authority": "traces.internal"}"#;

fn to() -> Value {
    serde_json::from_str(TO).unwrap()
}

fn captures(what: Value) -> Value {
    json!({"version": "v7", "labels": {"feature": [{"header": "x-feature"}]},
        "capture": {"what": what, "max_bytes": 1_048_576, "to": to()}})
}

fn spans(seen: &Seen) -> Vec<Span> {
    let captured = seen.effects.iter().filter_map(|effect| match effect {
        Effect::Capture(captured) => Some(otlp::span(&captured.span)),
        _ => None,
    });
    captured.collect()
}

fn only(seen: &Seen) -> Span {
    let mut spans = spans(seen);
    assert_eq!(spans.len(), 1);
    spans.remove(0)
}

fn chat(request: Value, response: Value) -> Recording {
    Recording::made("/v1/chat/completions", request, response)
}

fn asks(text: &str) -> Value {
    json!({"model": "gpt-5", "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": text}
    ]})
}

fn says(text: &str) -> Value {
    json!({"id": "chatcmpl-1", "model": "gpt-5-2026", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    ], "usage": {"prompt_tokens": 3, "completion_tokens": 5}})
}

#[test]
fn a_captured_answer_is_what_the_caller_got_whatever_the_rules_and_the_cuts() {
    let rules = json!([{"id": "r", "scan": ["output"], "find": ["[aeiou][a-z]{2}"], "do": {"redact": "_"}}]);
    let mut redacting = captures(json!(["output", "tool_args"]));
    redacting["guardrails"] = rules;
    let programs = [program(captures(json!(["output", "tool_args"]))), program(redacting)];
    let (mut compared, mut differ) = (0, Vec::new());
    for recording in recordings().iter().filter(|own| own.status == 200 && own.method == "POST") {
        for program in &programs {
            let whole = run(program, recording, &Cut::Whole);
            let Some(span) = spans(&whole).pop() else { continue };
            let read = text::texts(recording, &whole.body);
            let said = span.said("gen_ai.output.messages", "text");
            // An independent reader calls blocks and items channels, and reads neither refusals nor what a provider runs.
            let (all, read) = (said.concat(), read.values().map(String::as_str));
            let more = ["refusal", "code_interpreter", "audio", "code", "citation"];
            let more = more.iter().any(|word| whole.text().contains(word));
            let length: usize = read.clone().map(str::len).sum();
            if read.clone().any(|text| !all.contains(text)) || (!more && all.len() != length) {
                differ.push((recording.name.clone(), all, read.collect::<Vec<_>>().join("|")));
            }
            compared += usize::from(!said.is_empty());
            for cut in [Cut::Every(1), Cut::Every(37), Cut::Random(5)] {
                let again = only(&run(program, recording, &cut));
                for key in ["gen_ai.output.messages", "gen_ai.input.messages"] {
                    assert_eq!(again.json(key), span.json(key), "{} {cut:?}", recording.name);
                }
            }
        }
    }
    for (name, said, expected) in &differ {
        let cut = |text: &str| text.chars().take(150).collect::<String>();
        eprintln!("{name}\n  captured {}\n  read     {}", cut(said), cut(expected));
    }
    assert!(compared > 200 && differ.is_empty(), "{compared} compared, {} differ", differ.len());
}

#[test]
fn nothing_that_a_rule_redacts_or_stops_is_captured_in_any_cut() {
    let secret = "AKIAIOSFODNN7EXAMPLE";
    let events: String = ["the key is AKIA", "IOSFODNN7", "EXAMPLE, keep it"]
        .iter()
        .map(|piece| {
            format!(
                "data: {}\n\n",
                json!({"id": "c", "choices": [{"index": 0, "delta": {"content": piece}}]})
            )
        })
        .chain(["data: [DONE]\n\n".to_owned()])
        .collect();
    let mut stream = chat(asks(&format!("mine is {secret}")), json!({}));
    stream.request =
        json!({"model": "gpt-5", "stream": true, "messages": asks(secret)["messages"]})
            .to_string()
            .into_bytes();
    stream.response = events.into_bytes();
    stream.content_type = "text/event-stream".to_owned();
    let whole = chat(asks(&format!("mine is {secret}")), says(&format!("yours is {secret}.")));
    for action in [json!({"redact": "[KEY]"}), json!("block"), json!({"fallback": "f"})] {
        let mut policy = captures(json!(["input", "output", "tool_args"]));
        policy["guardrails"] = json!([{"id": "k", "scan": ["output", "input"], "find": ["pack:secrets"], "do": action}]);
        policy["fallbacks"] = json!({"f": {"text": "I would rather not."}});
        let both = program(policy.clone());
        policy["guardrails"][0]["scan"] = json!(["output"]);
        policy["capture"]["what"] = json!(["output"]);
        let output = program(policy);
        for recording in [&stream, &whole] {
            for cut in [Cut::Whole, Cut::Every(1), Cut::Every(7), Cut::Random(3)] {
                for program in [&both, &output] {
                    let seen = run(program, recording, &cut);
                    let spans: Vec<&[u8]> = seen
                        .effects
                        .iter()
                        .filter_map(|effect| match effect {
                            Effect::Capture(captured) => Some(captured.span.as_slice()),
                            _ => None,
                        })
                        .collect();
                    let all = String::from_utf8_lossy(&spans.concat()).into_owned();
                    for part in [secret, "AKIA", "IOSFODNN7"] {
                        assert!(!all.contains(part), "{cut:?}: {all}");
                    }
                    assert!(all.contains("hemostat.rule_hits"));
                }
            }
        }
    }
}

#[test]
fn a_canned_answer_is_what_the_caller_got() {
    let mut policy = captures(json!(["input", "output"]));
    policy["fallbacks"] = json!({"f": {"text": "A colleague will help."}});
    policy["failsafe"] =
        json!([{"id": "kill", "when": {"feature": "checkout"}, "do": {"fallback": "f"}}]);
    let program = program(policy);
    let caller =
        Caller { headers: vec![("x-feature", "checkout".to_owned())], ..Caller::default() };
    for stream in [false, true] {
        let mut recording = chat(asks("Where is it?"), says("unasked"));
        if stream {
            recording.request =
                json!({"model": "gpt-5", "stream": true, "messages": asks("Where?")["messages"]})
                    .to_string()
                    .into_bytes();
        }
        let span = only(&run_as(&program, &recording, &Cut::Whole, &caller));
        assert_eq!(span.said("gen_ai.output.messages", "text"), ["A colleague will help."]);
        assert_eq!(span.attributes["hemostat.rule_hits"], json!(["kill:fallback"]));
        assert_eq!(span.attributes["hemostat.label.feature"], "checkout");
        // No guardrail has looked at it yet when the answer is given.
        assert_eq!(span.json("gen_ai.input.messages"), Value::Null);
    }
}

#[test]
fn a_span_has_the_callers_trace_the_record_and_the_conventions_types() {
    let program = program(captures(json!(["input", "output"])));
    let caller = Caller {
        headers: vec![
            ("x-feature", "checkout".to_owned()),
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        ],
        ..Caller::default()
    };
    let seen =
        run_as(&program, &chat(asks("Hello \u{1F600}\"\\"), says("Hi")), &Cut::Whole, &caller);
    let span = only(&seen);
    assert_eq!(span.trace[0], 0x4b);
    assert_eq!((span.parent[7], span.id.len(), span.flags), (0xb7, 8, 0x301));
    assert_eq!(span.name, "chat gpt-5");
    assert!(span.end >= span.start && span.start > 0);
    assert!(!span.failed);
    // Every key of the record, as the access log has it.
    for effect in &seen.effects {
        if let Effect::State(key, value) = effect {
            let own = span.attributes.get(&**key).unwrap_or_else(|| panic!("{key} is missing"));
            let own = match own {
                Value::String(text) => text.clone(),
                Value::Array(items) => {
                    items.iter().map(|i| i.as_str().unwrap()).collect::<Vec<_>>().join(",")
                }
                other => other.to_string(),
            };
            let same = own == *value || own.parse::<f64>().ok() == value.parse::<f64>().ok();
            assert!(same, "{key}: {own} and {value}");
        }
    }
    assert_eq!(span.attributes["gen_ai.usage.output_tokens"], 5);
    assert_eq!(span.attributes["gen_ai.provider.name"], "openai");
    assert_eq!(span.attributes["hemostat.stream"], false);
    assert_eq!(span.attributes["gen_ai.response.finish_reasons"], json!(["stop"]));
    assert_eq!(
        span.json("gen_ai.input.messages"),
        json!([
            {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
            {"role": "user", "parts": [{"type": "text", "content": "Hello \u{1F600}\"\\"}]}
        ])
    );
    assert_eq!(
        span.json("gen_ai.output.messages"),
        json!([{"role": "assistant", "parts": [{"type": "text", "content": "Hi"}], "finish_reason": "stop"}])
    );
}

#[test]
fn calls_of_tools_have_names_and_arguments_where_they_are_wanted() {
    let response = json!({"id": "c", "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
    "role": "assistant", "content": null, "tool_calls": [
        {"id": "1", "type": "function", "function": {"name": "refund", "arguments": "{\"amount\":7}"}}
    ]}}]});
    for (what, arguments) in
        [(json!(["output"]), Value::Null), (json!(["tool_args"]), json!("{\"amount\":7}"))]
    {
        let span =
            only(&run(&program(captures(what)), &chat(asks("x"), response.clone()), &Cut::Whole));
        let part = &span.json("gen_ai.output.messages")[0]["parts"][0];
        assert_eq!((&part["type"], &part["name"]), (&json!("tool_call"), &json!("refund")));
        assert_eq!(part["arguments"], arguments);
    }
}

#[test]
fn whatever_is_said_a_span_has_no_more_text_than_the_policy_allows() {
    let long = "é".repeat(40_000);
    for (max, what) in
        [(256, json!(["input", "output"])), (1000, json!(["output"])), (4096, json!(["input"]))]
    {
        let mut policy = captures(what);
        policy["capture"]["max_bytes"] = json!(max);
        let recording = chat(asks(&format!("{long} the end")), says(&long));
        let seen = run(&program(policy), &recording, &Cut::Whole);
        let span = only(&seen);
        let texts = ["gen_ai.input.messages", "gen_ai.output.messages"];
        let all: usize =
            texts.iter().flat_map(|key| span.said(key, "text")).map(|text| text.len()).sum();
        assert!(all <= max && all > max / 3, "{all} of {max}");
        assert_eq!(seen.counted("hemostat_capture_total;outcome=cut"), 1);
        assert!(!span.attributes["hemostat.capture.cut"].as_array().unwrap().is_empty());
    }
}

#[test]
fn only_what_the_policy_asks_for_is_captured_and_a_share_is_a_share() {
    let recording = chat(asks("hello"), says("hi"));
    let with = |capture: Value, feature: &str| {
        let mut policy = captures(json!(["output"]));
        policy["capture"] = capture;
        let caller =
            Caller { headers: vec![("x-feature", feature.to_owned())], ..Caller::default() };
        spans(&run_as(&program(policy), &recording, &Cut::Whole, &caller)).len()
    };
    let when = json!({"what": "output", "when": {"feature": "checkout"}, "to": to()});
    assert_eq!((with(when.clone(), "checkout"), with(when.clone(), "other")), (1, 0));
    assert_eq!(with(json!([when, "tool_args", {"what": ["input"], "to": to()}]), "checkout"), 2);
    let share = json!({"what": "output", "share": {"share": 20, "by": "feature"}, "to": to()});
    let held: usize = (0..200).map(|n| with(share.clone(), &format!("f{n}"))).sum();
    assert!((15..70).contains(&held), "{held} of 200");
    assert_eq!(with(json!(true), "checkout"), 0);
}

#[test]
fn what_a_caller_gets_is_the_same_with_and_without_capture() {
    let (with, without) = (
        program(captures(json!(["input", "output", "tool_args"]))),
        program(json!({"version": "v7"})),
    );
    for recording in recordings() {
        for cut in [Cut::Whole, Cut::Every(11)] {
            let (one, other) = (run(&with, &recording, &cut), run(&without, &recording, &cut));
            assert_eq!(
                (one.body, one.status, one.upstream),
                (other.body, other.status, other.upstream)
            );
        }
    }
}

fn captured(cluster: &str, bytes: usize) -> Captured {
    let to = CaptureTo { cluster: cluster.to_owned(), ..CaptureTo::default() };
    Captured { to: to.into(), scope: "s".to_owned(), span: vec![0x2a; bytes] }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_back(
        all in prop::collection::btree_map("[a-z.]{1,20}", prop_oneof![
            ".{0,300}".prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            (-1e300..1e300).prop_map(|real: f64| Value::from(real)),
            prop::collection::vec(".{0,20}", 0..5).prop_map(Value::from),
        ], 0..20),
        name in ".{0,200}", start in any::<u64>(), spans in 1_usize..4,
    ) {
        let trace = Trace::of(None, &name);
        let mut span = capture::SpanWriter::new(&name, &trace, start, start);
        for (key, value) in &all {
            span.attribute(key, &match value {
                Value::String(text) => capture::AttributeValue::Text(text),
                Value::Bool(value) => capture::AttributeValue::Bool(*value),
                Value::Number(number) if number.is_u64() => capture::AttributeValue::Number(number.as_u64().unwrap()),
                Value::Number(number) => capture::AttributeValue::Real(number.as_f64().unwrap()),
                Value::Array(items) => capture::AttributeValue::List(items.iter().map(|item| item.as_str().unwrap()).collect()),
                _ => capture::AttributeValue::Bool(false),
            });
        }
        let bytes = span.end();
        let (resource, read) = otlp::export(&capture::export("prod", std::iter::repeat_n(bytes.as_slice(), spans)));
        prop_assert_eq!(&resource["hemostat.scope"], "prod");
        prop_assert_eq!(read.len(), spans);
        for span in read {
            let all: BTreeMap<String, Value> = all.clone().into_iter().map(|(key, value)| match value {
                Value::Array(items) if items.is_empty() => (key, json!([])),
                value => (key, value),
            }).collect();
            prop_assert_eq!((span.name, span.start, span.attributes), (name.clone(), start, all));
        }
    }

    #[test]
    fn an_outbox_stays_within_its_bounds_and_accounts_for_every_span(
        steps in prop::collection::vec((0_u8..8, 0_usize..600_000, 0_u64..9), 1..200),
    ) {
        let memory = VmMemory::default();
        let mut outbox = Outbox::new(&memory);
        let (mut now, mut pushed, mut dropped, mut ended, mut tickets) = (1_u64, 0_u64, 0, 0, Vec::new());
        for (what, bytes, seconds) in steps {
            now += seconds * 1_000_000_000;
            match what {
                0..4 => {
                    pushed += 1;
                    dropped += u64::from(!outbox.push(captured(["a", "b"][bytes % 2], bytes), now));
                }
                4 | 5 => {
                    if let Some(post) = outbox.next(now) {
                        prop_assert!(post.body.len() <= limits::CAPTURE_POST_BYTES + 600_000);
                        tickets.push(post.ticket);
                    }
                }
                6 => {
                    let (old, lost) = outbox.sweep(now);
                    dropped += old;
                    ended += lost;
                }
                _ => {
                    if let Some((spans, _)) = tickets.pop().and_then(|ticket| outbox.ended(ticket, 200)) {
                        ended += spans;
                    }
                }
            }
            prop_assert!(memory.kept.taken() <= limits::CAPTURE_QUEUE_BYTES);
        }
        // Whatever is left is sent, or given up after its time.
        loop {
            now += 60 * 1_000_000_000;
            let (old, lost) = outbox.sweep(now);
            dropped += old;
            ended += lost;
            if outbox.is_idle() {
                break;
            }
        }
        prop_assert_eq!(dropped + ended, pushed);
        prop_assert_eq!(memory.kept.taken(), 0);
    }
}
