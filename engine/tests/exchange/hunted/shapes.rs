//! The shapes of streams, by dialect.

mod others;

/// `@` is the piece, `[B]` its bytes, `TOKENS` its letters as tokens, `N` counts the events; templates between `|||` take
/// turns, one before `>>>` comes once, before all others. `whole:` says that the format never cuts it.
pub(super) fn shapes(dialect: &str) -> Vec<(&'static str, &'static str)> {
    match dialect {
        "openai-chat" => vec![
            (
                "mistral text",
                r#"{"choices":[{"index":0,"delta":{"content":[{"type":"text","text":"@"}]}}]}"#,
            ),
            (
                "mistral thinking",
                r#"{"choices":[{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"@"}]}]}}]}"#,
            ),
            (
                "mistral moving",
                r#"{"choices":[{"index":0,"delta":{"content":[{"type":"text","text":"@"}]}}]}|||{"choices":[{"index":0,"delta":{"content":[{"type":"reference","reference_ids":[1]},{"type":"text","text":"@"}]}}]}"#,
            ),
            (
                "mistral closed",
                r#"{"choices":[{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"@"}],"closed":true}]}}]}"#,
            ),
            (
                "content object",
                r#"{"choices":[{"index":0,"delta":{"content":{"type":"text","text":"@"}}}]}"#,
            ),
            (
                "content string or parts",
                r#"{"choices":[{"index":0,"delta":{"content":"@"}}]}|||{"choices":[{"index":0,"delta":{"content":[{"type":"text","text":"@"}]}}]}"#,
            ),
            (
                "databricks reasoning",
                r#"{"choices":[{"index":0,"delta":{"content":[{"type":"reasoning","summary":[{"type":"summary_text","text":"@"}]}]}}]}"#,
            ),
            (
                "openrouter details",
                r#"{"choices":[{"index":0,"delta":{"reasoning_details":[{"type":"reasoning.text","text":"@","index":0}]}}]}"#,
            ),
            (
                "openrouter summary",
                r#"{"choices":[{"index":0,"delta":{"reasoning_details":[{"type":"reasoning.summary","summary":"@"}]}}]}"#,
            ),
            (
                "litellm thinking blocks",
                r#"{"choices":[{"index":0,"delta":{"thinking_blocks":[{"type":"thinking","thinking":"@","signature":""}]}}]}"#,
            ),
            (
                "litellm specific",
                r#"{"choices":[{"index":0,"delta":{"provider_specific_fields":{"reasoning_content":"@"}}}]}"#,
            ),
            ("thinking", r#"{"choices":[{"index":0,"delta":{"thinking":{"content":"@"}}}]}"#),
            ("audio", r#"{"choices":[{"index":0,"delta":{"audio":{"id":"a","transcript":"@"}}}]}"#),
            ("refusal", r#"{"choices":[{"index":0,"delta":{"refusal":"@"}}]}"#),
            (
                "logprobs",
                r#"{"choices":[{"index":0,"delta":{"content":"."},"logprobs":{"content":[{"token":"@","logprob":-0.1,"bytes":[B],"top_logprobs":[{"token":"@","logprob":-0.1,"bytes":[B]}]}]}}]}"#,
            ),
            (
                "logprobs only bytes",
                r#"{"choices":[{"index":0,"delta":{"content":"@"},"logprobs":{"content":[{"logprob":-0.1,"bytes":[B]}]}}]}"#,
            ),
            (
                "logprobs beside",
                r#"{"choices":[{"index":0,"delta":{"content":"@","logprobs":{"content":[{"token":"@"}]}}}]}"#,
            ),
            (
                "logprobs at the root",
                r#"{"choices":[{"index":0,"delta":{"content":"."}}],"logprobs":{"content":[{"token":"@"}]}}"#,
            ),
            (
                "logprobs as a list",
                r#"{"choices":[{"index":0,"delta":{"content":"."},"logprobs":[{"token":"@","top":{"@":-0.1}}]}]}"#,
            ),
            (
                "logprobs of completions",
                r#"{"choices":[{"index":0,"delta":{"content":"."},"logprobs":{"tokens":["@"],"top_logprobs":[{"@":-0.1}],"text_offset":[1]}}]}"#,
            ),
            (
                "many tokens",
                r#"{"choices":[{"index":0,"delta":{"content":".","logprobs":{"content":[TOKENS]}}}]}"#,
            ),
            ("many tokens at the root", r#"{"choices":[],"logprobs":[TOKENS]}"#),
            (
                "old call",
                r#"{"choices":[{"index":0,"delta":{"function_call":{"name":"f","arguments":"@"}}}]}"#,
            ),
            (
                "custom tool",
                r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","type":"custom","custom":{"name":"f","input":"@"}}]}}]}"#,
            ),
            (
                "call without index",
                r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"@"}}]}}]}"#,
            ),
            (
                "call with counting index",
                r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"cN","type":"function","function":{"arguments":"@"}}]}}]}"#,
            ),
            (
                "call, flat",
                r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","name":"f","arguments":"@"}]}}]}"#,
            ),
            (
                "call, args object",
                r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":{"x":"@"}}}]}}]}"#,
            ),
            (
                "tool calls as an object",
                r#"{"choices":[{"index":0,"delta":{"tool_calls":{"index":0,"id":"c","function":{"name":"f","arguments":"@"}}}}]}"#,
            ),
            (
                "zhipu interpreter",
                r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"type":"code_interpreter","code_interpreter":{"input":"@","outputs":[{"type":"logs","logs":"@"}]}}]}}]}"#,
            ),
            (
                "groq executed",
                r#"{"choices":[{"index":0,"delta":{"executed_tools":[{"index":0,"type":"python","arguments":"@","output":"@"}]}}]}"#,
            ),
            (
                "annotations",
                r#"{"choices":[{"index":0,"delta":{"annotations":[{"type":"url_citation","url_citation":{"title":"@","content":"@","url":"u"}}]}}]}"#,
            ),
            (
                "azure context",
                r#"{"choices":[{"index":0,"delta":{"context":{"intent":"@","citations":[{"content":"@","title":"@"}]}}}]}"#,
            ),
            (
                "azure messages",
                r#"{"choices":[{"index":0,"messages":[{"index":0,"delta":{"role":"assistant","content":"@"},"end_turn":false}]}]}"#,
            ),
            (
                "minimax messages",
                r#"{"choices":[{"index":0,"messages":[{"sender_type":"BOT","text":"@"}]}],"reply":"@"}"#,
            ),
            (
                "llama verbose",
                r#"{"choices":[{"index":0,"delta":{"content":"@"}}],"__verbose":{"content":"@"}}"#,
            ),
            (
                "qwen extra",
                r#"{"choices":[{"index":0,"delta":{"extra":{"output_schema":"@"}}}],"output":{"text":"@"}}"#,
            ),
            (
                "choice error",
                r#"{"choices":[{"index":0,"delta":{"content":""},"error":{"message":"@","metadata":{"raw":"@"}}}]}"#,
            ),
            ("root error", r#"{"choices":[],"error":{"message":"@","metadata":{"raw":"@"}}}"#),
            ("no choice index", r#"{"choices":[{"delta":{"content":"@"}}]}"#),
            ("choices an object", r#"{"choices":{"index":0,"delta":{"content":"@"}}}"#),
            (
                "other choice before",
                r#"{"choices":[{"index":0,"delta":{"foo":"@"}}]}|||{"choices":[{"index":1,"delta":{}},{"index":0,"delta":{"foo":"@"}}]}"#,
            ),
            (
                "prompt logprobs",
                r#"{"choices":[{"index":0,"delta":{}}],"prompt_logprobs":[{"1":{"logprob":-0.1,"decoded_token":"@"}}]}"#,
            ),
            ("delta a string", r#"{"choices":[{"index":0,"delta":"@"}]}"#),
            ("delta a list", r#"{"choices":[{"index":0,"delta":[{"content":"@"}]}]}"#),
            (
                "index in place",
                r#"{"choices":[{"index":0,"delta":{"foo":[{"index":0,"text":"@"}]}}]}"#,
            ),
            ("nested wrapper", r#"{"data":{"choices":[{"index":0,"delta":{"content":"@"}}]}}"#),
            ("wrapper string", r#"{"id":"x","data":"@"}"#),
            ("list of chunks", r#"[{"choices":[{"index":0,"delta":{"content":"@"}}]}]"#),
            ("a string alone", r#""@""#),
        ],
        "openai-responses" => vec![
            (
                "text",
                r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"item_id":"i","delta":"@","logprobs":[{"token":"@","logprob":-0.1,"bytes":[B],"top_logprobs":[{"token":"@"}]}]}"#,
            ),
            (
                "other item id each",
                r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"item_id":"iN","delta":"@"}"#,
            ),
            ("no indexes", r#"{"type":"response.output_text.delta","item_id":"i","delta":"@"}"#),
            (
                "content index -1",
                r#"{"type":"response.output_text.delta","output_index":0,"content_index":-1,"item_id":"","delta":"@"}"#,
            ),
            (
                "refusal",
                r#"{"type":"response.refusal.delta","output_index":0,"content_index":0,"delta":"@"}"#,
            ),
            (
                "reasoning text",
                r#"{"type":"response.reasoning_text.delta","output_index":0,"content_index":0,"delta":"@"}"#,
            ),
            (
                "reasoning object",
                r#"{"type":"response.reasoning.delta","output_index":0,"content_index":0,"delta":{"text":"@"}}"#,
            ),
            (
                "summary object",
                r#"{"type":"response.reasoning_summary.delta","output_index":0,"summary_index":0,"delta":{"text":"@"}}"#,
            ),
            ("transcript", r#"{"type":"response.audio.transcript.delta","delta":"@"}"#),
            (
                "audio transcript",
                r#"{"type":"response.output_audio_transcript.delta","output_index":0,"delta":"@"}"#,
            ),
            (
                "mcp arguments",
                r#"{"type":"response.mcp_call_arguments.delta","output_index":0,"item_id":"i","delta":"@"}"#,
            ),
            (
                "mcp arguments old",
                r#"{"type":"response.mcp_call.arguments.delta","output_index":0,"item_id":"i","delta":{"x":"@"}}"#,
            ),
            (
                "custom input",
                r#"{"type":"response.custom_tool_call_input.delta","output_index":0,"item_id":"i","delta":"@"}"#,
            ),
            (
                "patch diff",
                r#"{"type":"response.apply_patch_call_operation_diff.delta","output_index":0,"item_id":"i","delta":"@"}"#,
            ),
            (
                "shell command",
                r#"{"type":"response.shell_call_command.delta","output_index":0,"command_index":0,"delta":"@"}"#,
            ),
            (
                "code",
                r#"{"type":"response.code_interpreter_call_code.delta","output_index":0,"item_id":"i","delta":"@"}"#,
            ),
            (
                "whole: annotation",
                r#"{"type":"response.output_text.annotation.added","output_index":0,"content_index":0,"annotation_index":0,"annotation":{"type":"file_citation","quote":"@","filename":"@"}}"#,
            ),
            (
                "whole: search result",
                r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"file_search_call","id":"f","status":"completed","queries":["@"],"results":[{"text":"@","filename":"@","attributes":{"k":"@"}}]}}"#,
            ),
            (
                "whole: web action",
                r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"web_search_call","id":"f","status":"completed","action":{"type":"search","query":"@","queries":["@"],"sources":[{"type":"url","url":"@"}]}}}"#,
            ),
            (
                "whole: interpreter logs",
                r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"code_interpreter_call","id":"f","code":"@","outputs":[{"type":"logs","logs":"@"}]}}"#,
            ),
            (
                "whole: mcp output",
                r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"mcp_call","id":"f","name":"n","server_label":"s","arguments":"{\"a\":\"@\"}","output":"@","error":{"content":[{"type":"text","text":"@"}]}}}"#,
            ),
            (
                "whole: computer",
                r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"computer_call","id":"f","call_id":"c","action":{"type":"type","text":"@"},"actions":[{"type":"keypress","keys":["@"]}],"pending_safety_checks":[{"id":"s","code":"c","message":"@"}]}}"#,
            ),
            (
                "whole: local shell",
                r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"local_shell_call","id":"f","call_id":"c","action":{"type":"exec","command":["sh","@"],"env":{"K":"@"}}}}"#,
            ),
            (
                "whole: patch",
                r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"apply_patch_call","id":"f","call_id":"c","operation":{"type":"update_file","path":"@","diff":"@"}}}"#,
            ),
            (
                "part added",
                r#"{"type":"response.content_part.added","output_index":0,"content_index":0,"part":{"type":"output_text","text":"@"}}"#,
            ),
            (
                "summary part",
                r#"{"type":"response.reasoning_summary_part.added","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":"@"}}"#,
            ),
            (
                "whole: item added",
                r#"{"type":"response.output_item.added","output_index":2,"item":{"type":"message","id":"q","content":[{"type":"output_text","text":"@"}]}}"#,
            ),
            ("error", r#"{"type":"error","code":"x","message":"@","param":null}"#),
        ],
        _ => others::shapes(dialect),
    }
}
