//! The price of looking for a cut word where no dialect expects a text: streams whose text stands at a place that nobody
//! knows, beside the same streams with the same text where the dialect has it. Steps are counted (fuel).

use host_tests::Chunking;
use serde_json::{Value, json};

use crate::rig::{Proxy, dialect};

/// Events of a stream: enough that what begins and ends it does not count.
const EVENTS: usize = 400;

/// How much dearer such a stream may be. `docs/performance.md` has what it is.
const MOST: f64 = 4.5;

/// An event with a piece of text (`@`) where the dialect has it, and one with the same text elsewhere.
const STREAMS: [(&str, &str, &str); 3] = [
    (
        "openai-chat",
        r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"@"},"finish_reason":null}]}"#,
        r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"unknown":"@"},"finish_reason":null}]}"#,
    ),
    (
        "openai-responses",
        r#"{"type":"response.output_text.delta","item_id":"i","output_index":0,"content_index":0,"delta":"@"}"#,
        r#"{"type":"response.unknown_text.delta","item_id":"i","output_index":0,"content_index":0,"delta":"@"}"#,
    ),
    (
        "anthropic",
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"@"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"unknown_delta","unknown":"@"}}"#,
    ),
];

/// Words of prose, none of which any pattern knows.
fn words() -> impl Iterator<Item = &'static str> {
    let prose = "It was a bright cold day in the harbour and the clocks of the town were striking, one after the other, \
        while boats came home with what they had caught and gulls followed them over the quiet water";
    prose.split_inclusive(' ').cycle()
}

#[test]
fn a_text_at_an_unknown_place_costs_a_bounded_multiple() {
    let guards = json!({"guardrails": [{"id": "g", "scan": ["output"], "do": "redact",
        "find": ["pack:secrets", r"zq\d{9}xqz", "(?i)xylographic quagga"]}]});
    for (name, known, unknown) in STREAMS {
        let proxy = Proxy::new(guards.clone());
        let row = testkit::dialects::dialect(name);
        let fuel = |template: &str| {
            let events = words().take(EVENTS).map(|word| template.replace('@', word));
            let mut all: Vec<Value> = row.open();
            all.extend(events.map(|event| serde_json::from_str(&event).unwrap()));
            all.extend(row.close(""));
            let answer = dialect(name).events(row.framed(&all));
            let outcome = proxy.run(dialect(name).request(true, "hi"), answer, &Chunking::Whole);
            assert_eq!(outcome.trapped, None, "{name}");
            outcome.fuel
        };
        // Lazily built automata are part of the first cost.
        fuel(known);
        fuel(unknown);
        let (known, unknown) = (fuel(known), fuel(unknown));
        let ratio = unknown as f64 / known as f64;
        println!("{name}: {known} and {unknown} for {EVENTS} events, {ratio:.2} times");
        assert!(ratio < MOST, "{name}: {ratio:.2} times the steps of a known place");
    }
}
