//! Where a text can stand, by dialect.

/// The events in which a piece of text can stand, by the place's name; `@` stands for the piece, `#` for all so far.
pub(crate) fn places(dialect: &str) -> Vec<(&'static str, &'static str)> {
    let chat = [
        ("known", r##"{"choices":[{"index":0,"delta":{"content":"@"}}]}"##),
        ("reasoning", r##"{"choices":[{"index":0,"delta":{"reasoning_content":"@"}}]}"##),
        ("object", r##"{"choices":[{"index":0,"delta":{"reasoning_content":{"text":"@"}}}]}"##),
        ("unknown", r##"{"choices":[{"index":0,"delta":{"foo":"@"}}]}"##),
        ("list", r##"{"choices":[{"index":0,"delta":{"foo":["@"]}}]}"##),
        ("nested", r##"{"choices":[{"index":0,"delta":{"a":{"b":[{"c":{"d":"@"}}]}}}]}"##),
        ("beside", r##"{"choices":[{"index":0,"delta":{},"text":"@"}]}"##),
        ("message", r##"{"choices":[{"index":0,"message":{"content":"@"}}]}"##),
        ("messages", r##"{"choices":[{"index":0,"messages":[{"delta":{"content":"@"}}]}]}"##),
        ("root", r##"{"choices":[],"note":"@"}"##),
        ("odd index", r##"{"choices":[{"index":4294967296,"delta":{"content":"@"}}]}"##),
        (
            "repeated",
            r##"{"choices":[{"index":0,"delta":{"content":"@"},"message":{"content":"@"}}]}"##,
        ),
        (
            "grown",
            r##"{"choices":[{"index":0,"delta":{"content":"@"},"message":{"content":"#"}}]}"##,
        ),
        ("grown alone", r##"{"choices":[{"index":0,"message":{"content":"#"}}]}"##),
        (
            "named event",
            r##"{"type":"thread.message.delta","delta":{"content":[{"index":0,"text":{"value":"@"}}]}}"##,
        ),
    ];
    let responses = [
        (
            "known",
            r##"{"type":"response.output_text.delta","output_index":0,"content_index":0,"item_id":"i","delta":"@"}"##,
        ),
        (
            "summary",
            r##"{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":"@"}"##,
        ),
        (
            "code",
            r##"{"type":"response.code_interpreter_call_code.delta","output_index":0,"delta":"@"}"##,
        ),
        (
            "object",
            r##"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":{"text":"@"}}"##,
        ),
        (
            "shell",
            r##"{"type":"response.shell_call_output_content.delta","output_index":1,"command_index":0,"delta":{"stdout":"@"}}"##,
        ),
        (
            "unknown phase",
            r##"{"type":"response.file_search_call.result","output_index":0,"results":[{"text":"@"}]}"##,
        ),
        ("unknown", r##"{"type":"response.foo.delta","output_index":0,"delta":"@"}"##),
        ("no phase", r##"{"type":"response.foo","output_index":0,"bar":{"baz":"@"}}"##),
        ("no name", r##"{"delta":"@"}"##),
        ("list", r##"{"type":"response.foo.delta","output_index":0,"delta":[{"a":"@"}]}"##),
        (
            "root",
            r##"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"","note":"@"}"##,
        ),
        (
            "repeated",
            r##"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"@","snapshot":"#"}"##,
        ),
        (
            "item once more",
            r##"{"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"i","content":[{"type":"output_text","text":"#"}]}}"##,
        ),
        (
            "call once more",
            r##"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"i","call_id":"k","name":"get","arguments":"{\"x\":\"#"}}"##,
        ),
        (
            "part once more",
            r##"{"type":"response.content_part.added","output_index":0,"content_index":0,"part":{"type":"output_text","text":"#"}}"##,
        ),
        (
            "response so far",
            r##"{"type":"response.in_progress","response":{"id":"r","output":[{"type":"message","id":"i","content":[{"type":"output_text","text":"#"}]}]}}"##,
        ),
    ];
    let anthropic = [
        (
            "known",
            r##"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"@"}}"##,
        ),
        (
            "thinking",
            r##"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"@"}}"##,
        ),
        (
            "unknown",
            r##"{"type":"content_block_delta","index":0,"delta":{"type":"foo_delta","foo":"@"}}"##,
        ),
        (
            "object",
            r##"{"type":"content_block_delta","index":0,"delta":{"type":"foo_delta","foo":{"bar":"@"}}}"##,
        ),
        (
            "list",
            r##"{"type":"content_block_delta","index":0,"delta":{"type":"foo_delta","foo":[{"bar":"@"}]}}"##,
        ),
        ("beside", r##"{"type":"content_block_delta","index":0,"delta":{},"text":"@"}"##),
        ("event", r##"{"type":"foo","index":0,"bar":"@"}"##),
        ("no item", r##"{"type":"foo","bar":{"baz":"@"}}"##),
        (
            "repeated",
            r##"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"@","copy":"@"}}"##,
        ),
        (
            "grown",
            r##"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"@"},"snapshot":"#"}"##,
        ),
        (
            "odd index",
            r##"{"type":"content_block_delta","index":-1,"delta":{"type":"text_delta","text":"@"}}"##,
        ),
    ];
    let gemini = [
        ("known", r##"{"candidates":[{"index":0,"content":{"parts":[{"text":"@"}]}}]}"##),
        (
            "thought",
            r##"{"candidates":[{"index":0,"content":{"parts":[{"text":"@","thought":true}]}}]}"##,
        ),
        ("part", r##"{"candidates":[{"index":0,"content":{"parts":[{"foo":"@"}]}}]}"##),
        ("nested", r##"{"candidates":[{"index":0,"content":{"parts":[{"foo":{"bar":["@"]}}]}}]}"##),
        (
            "code",
            r##"{"candidates":[{"index":0,"content":{"parts":[{"executableCode":{"code":"@"}}]}}]}"##,
        ),
        ("candidate", r##"{"candidates":[{"index":0,"note":{"text":"@"}}]}"##),
        ("root", r##"{"note":"@"}"##),
        (
            "repeated",
            r##"{"candidates":[{"index":0,"content":{"parts":[{"text":"@"}]}}],"text":"@"}"##,
        ),
    ];
    let bedrock = [
        ("known", r##"{"contentBlockIndex":0,"delta":{"text":"@"}}"##),
        ("reasoning", r##"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"@"}}}"##),
        ("unknown", r##"{"contentBlockIndex":0,"delta":{"foo":"@"}}"##),
        ("object", r##"{"contentBlockIndex":0,"delta":{"foo":{"bar":"@"}}}"##),
        ("list", r##"{"contentBlockIndex":0,"delta":{"foo":[{"bar":"@"}]}}"##),
        ("result", r##"{"contentBlockIndex":0,"delta":{"toolResult":[{"text":"@"}]}}"##),
        ("repeated", r##"{"contentBlockIndex":0,"delta":{"text":"@","copy":"@"}}"##),
    ];
    let completions = [
        ("known", r##"{"choices":[{"index":0,"text":"@"}]}"##),
        ("unknown", r##"{"choices":[{"index":0,"text":"","foo":"@"}]}"##),
        ("nested", r##"{"choices":[{"index":0,"text":"","a":{"b":[{"c":"@"}]}}]}"##),
        ("root", r##"{"choices":[],"note":"@"}"##),
        ("odd index", r##"{"choices":[{"index":4294967296,"text":"@"}]}"##),
        ("repeated", r##"{"choices":[{"index":0,"text":"@","copy":"@"}]}"##),
        ("grown", r##"{"choices":[{"index":0,"text":"@","all":"#"}]}"##),
    ];
    let ollama = [
        ("known", r##"{"message":{"role":"assistant","content":"@"},"done":false}"##),
        ("thinking", r##"{"message":{"content":"","thinking":"@"},"done":false}"##),
        ("unknown", r##"{"message":{"content":"","foo":"@"},"done":false}"##),
        ("nested", r##"{"message":{"content":"","a":{"b":[{"c":"@"}]}},"done":false}"##),
        ("root", r##"{"note":"@","done":false}"##),
        ("repeated", r##"{"message":{"content":"@","copy":"@"},"done":false}"##),
        ("grown", r##"{"message":{"content":"@"},"all":"#","done":false}"##),
    ];
    let cohere = [
        (
            "known",
            r##"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"@"}}}}"##,
        ),
        (
            "thinking",
            r##"{"type":"content-delta","index":0,"delta":{"message":{"content":{"thinking":"@"}}}}"##,
        ),
        ("plan", r##"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"@"}}}"##),
        (
            "unknown",
            r##"{"type":"content-delta","index":0,"delta":{"message":{"content":{"foo":{"bar":"@"}}}}}"##,
        ),
        ("beside", r##"{"type":"content-delta","index":0,"delta":{"note":"@"}}"##),
        (
            "citation",
            r##"{"type":"citation-start","index":0,"delta":{"message":{"citations":{"text":"@"}}}}"##,
        ),
        ("event", r##"{"type":"foo","index":0,"bar":["@"]}"##),
        (
            "repeated",
            r##"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"@","copy":"@"}}}}"##,
        ),
    ];
    let interactions = [
        ("known", r##"{"event_type":"step.delta","index":0,"delta":{"type":"text","text":"@"}}"##),
        (
            "thought",
            r##"{"event_type":"step.delta","index":0,"delta":{"type":"thought_summary","content":{"type":"text","text":"@"}}}"##,
        ),
        (
            "before",
            r##"{"event_type":"content.delta","index":0,"delta":{"type":"text","text":"@"}}"##,
        ),
        ("other key", r##"{"type":"step.delta","index":0,"delta":{"type":"text","text":"@"}}"##),
        (
            "result",
            r##"{"event_type":"step.delta","index":0,"delta":{"type":"code_execution_result","result":"@"}}"##,
        ),
        (
            "places",
            r##"{"event_type":"step.delta","index":0,"delta":{"type":"google_maps_result","result":[{"places":[{"name":"@"}]}]}}"##,
        ),
        ("unknown", r##"{"event_type":"step.delta","index":0,"delta":{"type":"foo","foo":"@"}}"##),
        (
            "object",
            r##"{"event_type":"step.delta","index":0,"delta":{"type":"foo","foo":{"bar":["@"]}}}"##,
        ),
        ("beside", r##"{"event_type":"step.delta","index":0,"delta":{},"note":"@"}"##),
        ("event", r##"{"event_type":"foo","index":0,"bar":"@"}"##),
        ("no item", r##"{"event_type":"foo","bar":{"baz":"@"}}"##),
        (
            "repeated",
            r##"{"event_type":"step.delta","index":0,"delta":{"type":"text","text":"@","copy":"@"}}"##,
        ),
        (
            "grown",
            r##"{"event_type":"step.delta","index":0,"delta":{"type":"text","text":"@"},"snapshot":"#"}"##,
        ),
        (
            "odd index",
            r##"{"event_type":"step.delta","index":-1,"delta":{"type":"text","text":"@"}}"##,
        ),
    ];
    let a2a = [
        (
            "known",
            r##"{"artifactUpdate":{"taskId":"t","contextId":"c","append":true,"artifact":{"artifactId":"a","parts":[{"text":"@"}]}}}"##,
        ),
        (
            "status",
            r##"{"statusUpdate":{"taskId":"t","contextId":"c","status":{"state":"TASK_STATE_WORKING","message":{"messageId":"m","role":"ROLE_AGENT","parts":[{"text":"@"}]}}}}"##,
        ),
        (
            "snake case",
            r##"{"artifact_update":{"task_id":"t","artifact":{"artifact_id":"a","parts":[{"text":"@"}]}}}"##,
        ),
        (
            "data",
            r##"{"artifactUpdate":{"artifact":{"artifactId":"a","parts":[{"data":{"a":{"b":["@"]}}}]}}}"##,
        ),
        (
            "unknown part",
            r##"{"artifactUpdate":{"artifact":{"artifactId":"a","parts":[{"foo":{"bar":"@"}}]}}}"##,
        ),
        ("metadata", r##"{"statusUpdate":{"taskId":"t","metadata":{"note":"@"}}}"##),
        ("unknown event", r##"{"foo":{"bar":[{"baz":"@"}]}}"##),
        ("root", r##"{"note":"@"}"##),
        (
            "repeated",
            r##"{"artifactUpdate":{"artifact":{"artifactId":"a","parts":[{"text":"@","copy":"@"}]}}}"##,
        ),
        (
            "grown",
            r##"{"artifactUpdate":{"artifact":{"artifactId":"a","parts":[{"text":"@"}]},"all":"#"}}"##,
        ),
    ];
    let a2a_before = [
        (
            "known",
            r##"{"kind":"artifact-update","taskId":"t","contextId":"c","artifact":{"artifactId":"a","parts":[{"kind":"text","text":"@"}]}}"##,
        ),
        (
            "status",
            r##"{"kind":"status-update","taskId":"t","contextId":"c","final":false,"status":{"state":"working","message":{"kind":"message","messageId":"m","role":"agent","parts":[{"kind":"text","text":"@"}]}}}"##,
        ),
        (
            "data",
            r##"{"kind":"artifact-update","artifact":{"artifactId":"a","parts":[{"kind":"data","data":{"b":"@"}}]}}"##,
        ),
        ("unknown", r##"{"kind":"foo","taskId":"t","foo":{"bar":"@"}}"##),
        (
            "repeated",
            r##"{"kind":"artifact-update","artifact":{"artifactId":"a","parts":[{"kind":"text","text":"@"}],"foo":"@"}}"##,
        ),
    ];
    let generate = [
        ("known", r##"{"response":"@","done":false}"##),
        ("thinking", r##"{"response":"","thinking":"@","done":false}"##),
        ("unknown", r##"{"response":"","foo":{"bar":["@"]},"done":false}"##),
        ("repeated", r##"{"response":"@","copy":"@","done":false}"##),
    ];
    match dialect {
        "openai-chat" => chat.to_vec(),
        "openai-completions" => completions.to_vec(),
        "cohere" => cohere.to_vec(),
        "gemini-interactions" => interactions.to_vec(),
        "a2a" => a2a.to_vec(),
        "a2a-before" => a2a_before.to_vec(),
        "ollama" => ollama.to_vec(),
        "ollama-generate" => generate.to_vec(),
        "openai-responses" => responses.to_vec(),
        "gemini" => gemini.to_vec(),
        "bedrock" => bedrock.to_vec(),
        _ => anthropic.to_vec(),
    }
}
