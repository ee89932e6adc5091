//! A text that goes on in, after or beside the event that ends it is one text: dialect × the event that ends it or says it
//! once more × where the rest of a word stands.

use crate::support::{Cut, program, run};
use serde_json::{Value, json};

use super::matrix::{Stream, framed, policy, recording, streams, told};

/// A text of a dialect, and what ends it.
struct Text {
    dialect: &'static str,
    /// Its name, and the event that goes on with it; `@` stands for the piece.
    name: &'static str,
    delta: &'static str,
    /// What follows, in order: where `@` stands the text is said once more, where `+` stands it goes on.
    ends: &'static [&'static str],
    /// What it says: around the word, and where it is cut.
    pieces: [&'static str; 2],
}

const PLAIN: [&str; 2] = ["go zan", "zibar ok"];
const JSON: [&str; 2] = [r#"{\"q\":\"go zan"#, r#"zibar ok\"}"#];

const TEXTS: &[Text] = &[
    Text {
        dialect: "openai-responses",
        name: "text",
        delta: r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"item_id":"i","delta":"@"}"#,
        ends: &[
            r#"{"type":"response.output_text.done","output_index":0,"content_index":0,"item_id":"i","text":"@"}"#,
            r#"{"type":"response.content_part.done","output_index":0,"content_index":0,"item_id":"i","part":{"type":"output_text","annotations":[],"text":"@"}}"#,
            r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"message","id":"i","role":"assistant","content":[{"type":"output_text","annotations":[],"text":"@"}]}}"#,
            r#"{"type":"response.completed","response":{"id":"r","object":"response","status":"completed","model":"m","output":[{"type":"message","id":"i","role":"assistant","content":[{"type":"output_text","annotations":[],"text":"@"}]}]}}"#,
        ],
        pieces: PLAIN,
    },
    Text {
        dialect: "openai-responses",
        name: "refusal",
        delta: r#"{"type":"response.refusal.delta","output_index":0,"content_index":0,"item_id":"i","delta":"@"}"#,
        ends: &[
            r#"{"type":"response.refusal.done","output_index":0,"content_index":0,"item_id":"i","refusal":"@"}"#,
            r#"{"type":"response.content_part.done","output_index":0,"content_index":0,"item_id":"i","part":{"type":"refusal","refusal":"@"}}"#,
        ],
        pieces: PLAIN,
    },
    Text {
        dialect: "openai-responses",
        name: "summary",
        delta: r#"{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"item_id":"i","delta":"@"}"#,
        ends: &[
            r#"{"type":"response.reasoning_summary_text.done","output_index":0,"summary_index":0,"item_id":"i","text":"@"}"#,
            r#"{"type":"response.reasoning_summary_part.done","output_index":0,"summary_index":0,"item_id":"i","part":{"type":"summary_text","text":"@"}}"#,
            r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","id":"i","summary":[{"type":"summary_text","text":"@"}]}}"#,
        ],
        pieces: PLAIN,
    },
    Text {
        dialect: "openai-responses",
        name: "code",
        delta: r#"{"type":"response.code_interpreter_call_code.delta","output_index":0,"item_id":"i","delta":"@"}"#,
        ends: &[
            r#"{"type":"response.code_interpreter_call_code.done","output_index":0,"item_id":"i","code":"@"}"#,
        ],
        pieces: PLAIN,
    },
    Text {
        dialect: "openai-responses",
        name: "arguments",
        delta: r#"{"type":"response.function_call_arguments.delta","output_index":1,"item_id":"f","delta":"@"}"#,
        ends: &[
            r#"{"type":"response.function_call_arguments.done","output_index":1,"item_id":"f","arguments":"@"}"#,
            r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"function_call","id":"f","call_id":"c","name":"get","arguments":"@"}}"#,
        ],
        pieces: JSON,
    },
    Text {
        dialect: "openai-responses",
        name: "input",
        delta: r#"{"type":"response.custom_tool_call_input.delta","output_index":1,"item_id":"f","delta":"@"}"#,
        ends: &[
            r#"{"type":"response.custom_tool_call_input.done","output_index":1,"item_id":"f","input":"@"}"#,
            r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"custom_tool_call","id":"f","call_id":"c","name":"get","input":"@"}}"#,
        ],
        pieces: PLAIN,
    },
    Text {
        dialect: "anthropic",
        name: "text",
        delta: r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"@"}}"#,
        ends: &[
            r#"{"type":"content_block_stop","index":0,"content_block":{"type":"text","text":"@"}}"#,
        ],
        pieces: PLAIN,
    },
    Text {
        dialect: "anthropic",
        name: "input",
        delta: r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"@"}}"#,
        ends: &[r#"{"type":"content_block_stop","index":1}"#],
        pieces: JSON,
    },
    Text {
        dialect: "bedrock",
        name: "text",
        delta: r#"{"contentBlockIndex":0,"delta":{"text":"@"}}"#,
        ends: &[r#"{"contentBlockIndex":0}"#],
        pieces: PLAIN,
    },
    Text {
        dialect: "bedrock",
        name: "input",
        delta: r#"{"contentBlockIndex":1,"delta":{"toolUse":{"input":"@"}}}"#,
        ends: &[r#"{"contentBlockIndex":1}"#],
        pieces: JSON,
    },
    Text {
        dialect: "openai-chat",
        name: "text",
        delta: r#"{"choices":[{"index":0,"delta":{"content":"@"}}]}"#,
        ends: &[r#"{"choices":[{"index":0,"delta":{"content":"+"},"finish_reason":"stop"}]}"#],
        pieces: PLAIN,
    },
    Text {
        dialect: "openai-chat",
        name: "arguments",
        delta: r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"get","arguments":"@"}}]}}]}"#,
        ends: &[r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#],
        pieces: JSON,
    },
    Text {
        dialect: "openai-completions",
        name: "text",
        delta: r#"{"choices":[{"index":0,"text":"@"}]}"#,
        ends: &[r#"{"choices":[{"index":0,"text":"+","finish_reason":"stop"}]}"#],
        pieces: PLAIN,
    },
    Text {
        dialect: "cohere",
        name: "text",
        delta: r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"@"}}}}"#,
        ends: &[r#"{"type":"content-end","index":0,"delta":{"message":{"content":{"text":"+"}}}}"#],
        pieces: PLAIN,
    },
    Text {
        dialect: "cohere",
        name: "arguments",
        delta: r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"@"}}}}}"#,
        ends: &[r#"{"type":"tool-call-end","index":0}"#],
        pieces: JSON,
    },
    Text {
        dialect: "gemini-interactions",
        name: "text",
        delta: r#"{"event_type":"step.delta","index":0,"delta":{"type":"text","text":"@"}}"#,
        ends: &[
            r#"{"event_type":"step.stop","index":0,"step":{"type":"model_output","content":[{"type":"text","text":"@"}]}}"#,
        ],
        pieces: PLAIN,
    },
    Text {
        dialect: "gemini-interactions",
        name: "arguments",
        delta: r#"{"event_type":"step.delta","index":1,"delta":{"type":"arguments_delta","arguments":"@"}}"#,
        ends: &[r#"{"event_type":"step.stop","index":1}"#],
        pieces: JSON,
    },
    Text {
        dialect: "gemini",
        name: "text",
        delta: r#"{"candidates":[{"index":0,"content":{"parts":[{"text":"@"}]}}]}"#,
        ends: &[
            r#"{"candidates":[{"index":0,"content":{"parts":[{"text":"+"}]},"finishReason":"STOP"}]}"#,
        ],
        pieces: PLAIN,
    },
    Text {
        dialect: "a2a",
        name: "artifact",
        delta: r#"{"artifactUpdate":{"taskId":"t","contextId":"c","append":true,"artifact":{"artifactId":"a","parts":[{"text":"@"}]}}}"#,
        ends: &[
            r#"{"artifactUpdate":{"taskId":"t","contextId":"c","append":true,"lastChunk":true,"artifact":{"artifactId":"a","parts":[{"text":"+"}]}}}"#,
        ],
        pieces: PLAIN,
    },
    Text {
        dialect: "ollama",
        name: "text",
        delta: r#"{"message":{"role":"assistant","content":"@"},"done":false}"#,
        ends: &[r#"{"message":{"role":"assistant","content":"+"},"done":true}"#],
        pieces: PLAIN,
    },
];

/// Where the rest of the word stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// In the event that ends the text, which says nothing else.
    In,
    /// In that event, after all that has been said before.
    Copied,
    /// In another event that goes on with the text, behind the end.
    After,
}

impl Text {
    fn event(&self, template: &str, said: &str) -> Value {
        serde_json::from_str(&template.replace(['@', '+'], said)).unwrap()
    }

    /// The answer whose end number `end` has the rest, or stands before it.
    fn answer(&self, stream: &Stream, end: usize, rest: Rest) -> Vec<Value> {
        let [first, second] = self.pieces;
        let whole = format!("{first}{second}");
        let mut events = stream.open.clone();
        if self.pieces == JSON && self.dialect == "openai-responses" {
            let kind = if self.name == "input" { "custom_tool_call" } else { "function_call" };
            events.push(json!({"type": "response.output_item.added", "output_index": 1, "item": {"type": kind,
                "id": "f", "call_id": "c", "name": "get", "arguments": ""}}));
        }
        events.push(self.event(self.delta, first));
        for (at, template) in self.ends.iter().enumerate() {
            let said = match rest {
                Rest::In if at == end => second,
                Rest::After if at == end => first,
                _ if at < end => first,
                _ => &whole,
            };
            // A piece says nothing twice.
            let goes_on = template.contains('+') && !(rest == Rest::In && at == end);
            events.push(self.event(template, if goes_on { "" } else { said }));
            if rest == Rest::After && at == end {
                events.push(self.event(self.delta, second));
            }
        }
        let closes = self.ends.last().is_some_and(|last| last.contains("response.completed"));
        if !closes {
            events.extend(stream.close.clone());
        }
        events
    }
}

/// What leaves of a word around the end of its text, under redactions and blocks, however the answer is cut.
fn leaks(text: &Text, stream: &Stream, end: usize, rest: Rest) -> Vec<String> {
    let recording = recording(stream, framed(stream, &text.answer(stream, end, rest)));
    // Where a server goes on behind an end, what came before it has left, but no more of the word does.
    let strict = rest != Rest::After && end == 0;
    let bits = if strict { ["zan", "zib", "bar"] } else { ["zanz", "zib", "bar"] };
    let mut wrong = Vec::new();
    for action in [json!({"redact": "[X]"}), json!("block")] {
        let program = program(policy(action.clone()));
        let seen = run(&program, &recording, &Cut::Whole);
        let told: Vec<String> = told(&recording, &seen).into_values().collect();
        let what = format!("{action} {} {} {end} {rest:?}", text.dialect, text.name);
        if told.iter().any(|text| bits.iter().any(|bit| text.contains(bit))) {
            wrong.push(format!("{what}: {told:?}"));
        }
        if run(&program, &recording, &Cut::Every(11)).body != seen.body {
            wrong.push(format!("{what}: cut otherwise"));
        }
    }
    wrong
}

#[test]
fn a_text_is_one_text_around_its_end() {
    let streams = streams();
    let mut wrong = Vec::new();
    for text in TEXTS {
        let stream = streams.iter().find(|own| own.dialect == text.dialect).unwrap();
        for (end, said) in text.ends.iter().enumerate() {
            for rest in [Rest::In, Rest::Copied, Rest::After] {
                let has = match rest {
                    Rest::In => said.contains(['@', '+']),
                    Rest::Copied => said.contains('@'),
                    Rest::After => true,
                };
                if has {
                    wrong.extend(leaks(text, stream, end, rest));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

/// A server may say a text once more otherwise than it came, and go on with it as it came.
#[test]
fn a_copy_that_differs_does_not_hide_the_rest_of_a_word() {
    let streams = streams();
    let mut wrong = Vec::new();
    for text in TEXTS.iter().filter(|text| text.pieces == PLAIN) {
        let stream = streams.iter().find(|own| own.dialect == text.dialect).unwrap();
        let copies = (0..text.ends.len()).filter(|at| text.ends[*at].contains('@'));
        for (end, begun, copy) in copies.flat_map(|end| {
            // As it came at first, as it never came, with the beginning of another word, and as it came for long.
            [
                ("Firstzan", "Firstly"),
                ("Firstzan", "nothing like it"),
                ("Firstzan", "of zan"),
                ("First of all, a message zan", "First of all, a message, and more"),
            ]
            .map(|(begun, copy)| (end, begun, copy))
        }) {
            let mut events = stream.open.clone();
            events.push(text.event(text.delta, begun));
            events.extend(text.ends[..=end].iter().map(|ends| text.event(ends, copy)));
            events.push(text.event(text.delta, "zibar ok"));
            events.extend(stream.close.clone());
            let recording = recording(stream, framed(stream, &events));
            for action in [json!({"redact": "[X]"}), json!("block")] {
                let seen = run(&program(policy(action)), &recording, &Cut::Whole);
                let told: Vec<String> = told(&recording, &seen).into_values().collect();
                if told.iter().any(|text| text.contains("zibar")) {
                    wrong.push(format!("{} {} {end} {copy}: {told:?}", text.dialect, text.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

/// A part that is added behind its first pieces may be a text of its own: it hides nothing of theirs.
#[test]
fn a_part_that_is_added_late_does_not_hide_the_rest_of_a_word() {
    let streams = streams();
    let stream = streams.iter().find(|own| own.dialect == "openai-responses").unwrap();
    let delta = |text: &str| {
        json!({"type": "response.output_text.delta", "item_id": "i", "output_index": 0, "content_index": 0,
            "delta": text})
    };
    for late in ["zan", "other", ""] {
        let part = json!({"type": "output_text", "annotations": [], "text": late});
        let part = json!({"type": "response.content_part.added", "item_id": "i", "output_index": 0,
            "content_index": 0, "part": part});
        let mut events = stream.open.clone();
        events.retain(|event| event["type"] != "response.content_part.added");
        events.extend([delta("123z"), part, delta("anzibar ok")]);
        events.extend(stream.close.clone());
        let recording = recording(stream, framed(stream, &events));
        for action in [json!({"redact": "[X]"}), json!("block")] {
            let seen = run(&program(policy(action)), &recording, &Cut::Whole);
            let told: Vec<String> = told(&recording, &seen).into_values().collect();
            assert!(!told.iter().any(|text| text.contains("nzibar")), "{late}: {told:?}");
        }
    }
}
