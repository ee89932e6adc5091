//! Counts of usage as servers write them: a call costs the same, however its counts are written and called.

use crate::support::{Cut, Recording, program, run};
use serde_json::{Value, json};

/// What the call is said to have cost, under a limit on money.
fn cost(path: &str, usage: &str) -> Option<String> {
    let rules = json!({"prices": {"m": {"input": 1, "output": 10}},
        "limits": [{"id": "l", "allow": {"usd": 1000, "every": "day"}}]});
    let message = json!({"role": "assistant", "content": "hi"});
    let mut answer = json!({"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]});
    if path == "/v2/chat" {
        answer =
            json!({"message": {"role": "assistant", "content": [{"type": "text", "text": "hi"}]}});
    }
    answer["usage"] = serde_json::from_str::<Value>(usage).unwrap();
    let request = json!({"model": "m", "messages": [{"role": "user", "content": "x"}]});
    let seen = run(&program(rules), &Recording::made(path, request, answer), &Cut::Whole);
    seen.state("hemostat.cost_usd").map(str::to_owned)
}

#[test]
fn a_call_costs_the_same_however_its_counts_are_written() {
    for (input, output) in
        [("1000", "100"), ("1000.0", "100.0"), ("\"1000\"", "\"100\""), ("\"1000.0\"", "100")]
    {
        for names in [["prompt_tokens", "completion_tokens"], ["input_tokens", "output_tokens"]] {
            let [read, made] = names;
            let usage = format!(r#"{{"{read}":{input},"{made}":{output}}}"#);
            assert_eq!(
                cost("/v1/chat/completions", &usage).as_deref(),
                Some("0.002000"),
                "{usage}"
            );
        }
        let usage =
            format!(r#"{{"billed_units":{{"input_tokens":{input},"output_tokens":{output}}}}}"#);
        assert_eq!(cost("/v2/chat", &usage).as_deref(), Some("0.002000"), "{usage}");
    }
    // What is no count is none: the text is counted in its place.
    for usage in [
        r#"{"prompt_tokens":"many","completion_tokens":"-1"}"#,
        r#"{"prompt_tokens":-1000.0,"completion_tokens":1e3}"#,
    ] {
        assert_ne!(cost("/v1/chat/completions", usage).as_deref(), Some("0.002000"), "{usage}");
    }
}
