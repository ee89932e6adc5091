//! Shapes that servers were seen to send, by the kind of server: a word that stands in them leaves nowhere, however it is
//! cut into events. The reader here is lazier than clients are: it joins all strings under one name, whatever item they
//! are of.

use std::collections::BTreeMap;

use super::matrix::{Stream, framed, recording, streams};
use crate::support::{Cut, Recording, Seen, program, run};
use serde_json::{Value, json};

const WORD: &str = "zanzibar";

/// `@` is the piece, `[B]` its bytes, `TOKENS` its letters as tokens, `N` counts the events; templates between `|||` take
/// turns, one before `>>>` comes once, before all others. `whole:` says that the format never cuts it.
fn shapes(dialect: &str) -> Vec<(&'static str, &'static str)> {
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
                "whole: call, args object",
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
        "anthropic" | "bedrock-invoke" => vec![
            (
                "text",
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"@"}}"#,
            ),
            (
                "no index",
                r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"@"}}"#,
            ),
            ("no delta type", r#"{"type":"content_block_delta","index":0,"delta":{"text":"@"}}"#),
            (
                "citation",
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"type":"char_location","cited_text":"@","document_title":"@"}}}"#,
            ),
            (
                "compaction",
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"compaction_delta","content":"@"}}"#,
            ),
            (
                "json",
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"@"}}"#,
            ),
            (
                "start text",
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"@"}}"#,
            ),
            (
                "start then delta",
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"@"}}|||{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"@"}}"#,
            ),
            (
                "bash result",
                r#"{"type":"content_block_start","index":1,"content_block":{"type":"bash_code_execution_tool_result","tool_use_id":"t","content":{"type":"bash_code_execution_result","stdout":"@","stderr":"@","return_code":0,"content":[]}}}"#,
            ),
            (
                "editor result",
                r#"{"type":"content_block_start","index":1,"content_block":{"type":"text_editor_code_execution_tool_result","tool_use_id":"t","content":{"type":"text_editor_code_execution_view_result","content":"@","lines":["@"]}}}"#,
            ),
            (
                "whole: search result",
                r#"{"type":"content_block_start","index":1,"content_block":{"type":"web_search_tool_result","tool_use_id":"t","content":[{"type":"web_search_result","title":"@","url":"@","encrypted_content":"x","page_age":"@"}]}}"#,
            ),
            (
                "fetch result",
                r#"{"type":"content_block_start","index":1,"content_block":{"type":"web_fetch_tool_result","tool_use_id":"t","content":{"type":"web_fetch_result","url":"@","content":{"type":"document","source":{"type":"text","media_type":"text/plain","data":"@"},"title":"@"}}}}"#,
            ),
            (
                "mcp result",
                r#"{"type":"content_block_start","index":1,"content_block":{"type":"mcp_tool_result","tool_use_id":"t","is_error":false,"content":[{"type":"text","text":"@"}]}}"#,
            ),
            (
                "stop details",
                r#"{"type":"message_delta","delta":{"stop_reason":null,"stop_details":{"type":"refusal","explanation":"@"}},"usage":{"output_tokens":5}}"#,
            ),
            ("error", r#"{"type":"foo","error":{"type":"x","message":"@"}}"#),
            (
                "citation list",
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citations":[{"cited_text":"@"}]}}"#,
            ),
            ("old completion", r#"{"type":"completion","completion":"@","stop_reason":null}"#),
        ],
        "gemini" => vec![
            (
                "moving part",
                r#"{"candidates":[{"content":{"parts":[{"text":"@"}]}}]}|||{"candidates":[{"content":{"parts":[{"thoughtSignature":"c2ln"},{"text":"@"}]}}]}"#,
            ),
            (
                "result",
                r#"{"candidates":[{"content":{"parts":[{"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"@"}}]}}]}"#,
            ),
            (
                "snake result",
                r#"{"candidates":[{"content":{"parts":[{"code_execution_result":{"outcome":"OUTCOME_OK","output":"@"}}]}}]}"#,
            ),
            (
                "partial args",
                r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","willContinue":true}}]}}]}>>>{"candidates":[{"content":{"parts":[{"functionCall":{"partialArgs":[{"jsonPath":"$.x","stringValue":"@","willContinue":true}],"willContinue":true}}]}}]}"#,
            ),
            (
                "grounding",
                r#"{"candidates":[{"content":{"parts":[{"text":"."}]},"groundingMetadata":{"webSearchQueries":["@"],"groundingSupports":[{"segment":{"startIndex":1,"endIndex":5,"text":"@"},"groundingChunkIndices":[0]}],"groundingChunks":[{"web":{"uri":"@","title":"@"}},{"retrievedContext":{"text":"@"}}],"searchEntryPoint":{"renderedContent":"@"}}}]}"#,
            ),
            (
                "citations",
                r#"{"candidates":[{"content":{"parts":[{"text":"."}]},"citationMetadata":{"citations":[{"title":"@","uri":"@","license":"@"}]}}]}"#,
            ),
            (
                "logprobs",
                r#"{"candidates":[{"content":{"parts":[{"text":"."}]},"logprobsResult":{"chosenCandidates":[{"token":"@","tokenId":1,"logProbability":-0.1}],"topCandidates":[{"candidates":[{"token":"@"}]}]}}]}"#,
            ),
            (
                "finish message",
                r#"{"candidates":[{"content":{"parts":[{"text":"."}]},"finishMessage":"@"}]}"#,
            ),
            (
                "url context",
                r#"{"candidates":[{"content":{"parts":[{"text":"."}]},"urlContextMetadata":{"urlMetadata":[{"retrievedUrl":"@","urlRetrievalStatus":"X"}]}}]}"#,
            ),
            (
                "inline",
                r#"{"candidates":[{"content":{"parts":[{"text":"@","inlineData":{"mimeType":"image/png","data":"AAAA"}}]}}]}"#,
            ),
            (
                "prompt feedback",
                r#"{"promptFeedback":{"blockReason":"OTHER","blockReasonMessage":"@"}}"#,
            ),
            ("parts an object", r#"{"candidates":[{"content":{"parts":{"text":"@"}}}]}"#),
            ("content a list", r#"{"candidates":[{"content":[{"parts":[{"text":"@"}]}]}]}"#),
            ("output", r#"{"candidates":[{"output":"@","content":"@"}]}"#),
        ],
        "bedrock" => vec![
            ("text", r#"{"contentBlockIndex":0,"delta":{"text":"@"}}"#),
            (
                "citation",
                r#"{"contentBlockIndex":0,"delta":{"citation":{"title":"@","source":"@","sourceContent":[{"text":"@"}],"location":{"web":{"url":"@"}}}}}"#,
            ),
            ("tool", r#"{"contentBlockIndex":1,"delta":{"toolUse":{"input":"@"}}}"#),
            (
                "result json",
                r#"{"contentBlockIndex":1,"delta":{"toolResult":[{"json":{"x":"@"}}]}}"#,
            ),
            (
                "guard trace",
                r#"{"usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2},"trace":{"guardrail":{"modelOutput":["@"],"outputAssessments":{"g":[{"wordPolicy":{"customWords":[{"match":"@","action":"BLOCKED"}]},"sensitiveInformationPolicy":{"piiEntities":[{"match":"@","type":"NAME"}]}}]}}}}"#,
            ),
            (
                "result of any keys",
                r#"{"contentBlockIndex":1,"delta":{"toolResult":[{"json":{"status":"@"}}]}}"#,
            ),
            (
                "whole: result keys",
                r#"{"contentBlockIndex":1,"delta":{"toolResult":[{"json":{"@":1}}]}}"#,
            ),
        ],
        "openai-completions" => vec![
            (
                "text",
                r#"{"choices":[{"index":0,"text":"@","logprobs":{"tokens":["@"],"token_logprobs":[-0.1],"top_logprobs":[{"@":-0.1}],"text_offset":[0]}}]}"#,
            ),
            (
                "text beside",
                r#"{"choices":[{"index":0,"text":".","logprobs":{"tokens":["@"],"token_logprobs":[-0.1],"top_logprobs":[{"@":-0.1}]}}]}"#,
            ),
            (
                "chat logprobs",
                r#"{"choices":[{"index":0,"text":".","logprobs":{"content":[{"token":"@","top_logprobs":[{"token":"@"}]}]}}]}"#,
            ),
            (
                "prompt logprobs",
                r#"{"choices":[{"index":0,"text":".","prompt_logprobs":[{"1":{"decoded_token":"@"}}]}]}"#,
            ),
            (
                "reasoning",
                r#"{"choices":[{"index":0,"text":"","reasoning":"@","reasoning_content":"@"}]}"#,
            ),
            ("llama", r#"{"content":"@","stop":false}"#),
            (
                "probabilities",
                r#"{"content":".","completion_probabilities":[{"content":"@","probs":[{"tok_str":"@","prob":1}]}],"stop":false}"#,
            ),
            (
                "tgi",
                r#"{"token":{"id":1,"text":"@","logprob":-0.1,"special":false},"generated_text":null}"#,
            ),
            ("delta", r#"{"choices":[{"index":0,"delta":{"content":"@"}}]}"#),
            ("message", r#"{"choices":[{"index":0,"message":{"content":"@"}}]}"#),
        ],
        "ollama" => vec![
            (
                "logprobs",
                r#"{"message":{"role":"assistant","content":"@"},"logprobs":[{"token":"@","logprob":-0.1,"bytes":[B],"top_logprobs":[{"token":"@"}]}],"done":false}"#,
            ),
            (
                "many tokens",
                r#"{"message":{"role":"assistant","content":"."},"logprobs":[TOKENS],"done":false}"#,
            ),
            (
                "logprobs alone",
                r#"{"message":{"role":"assistant","content":"."},"logprobs":[{"token":"@","logprob":-0.1}],"done":false}"#,
            ),
            (
                "whole: calls",
                r#"{"message":{"content":"","tool_calls":[{"function":{"name":"f","arguments":{"x":"@"}}}]},"done":false}"#,
            ),
            (
                "whole: calls as text",
                r#"{"message":{"content":"","tool_calls":[{"function":{"name":"f","arguments":"@"}}]},"done":false}"#,
            ),
            ("whole: error", r#"{"error":"@"}"#),
        ],
        "ollama-generate" => vec![
            (
                "logprobs",
                r#"{"response":".","logprobs":[{"token":"@","logprob":-0.1}],"done":false}"#,
            ),
            ("context", r#"{"response":"","context":["@"],"done":false}"#),
            ("message", r#"{"message":{"content":"@"},"done":false}"#),
        ],
        "cohere" => vec![
            (
                "logprobs",
                r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"."}}},"logprobs":{"token_ids":[1],"text":"@","logprobs":[-0.1]}}"#,
            ),
            (
                "citation",
                r#"{"type":"citation-start","index":0,"delta":{"message":{"citations":{"start":1,"end":2,"text":"@","sources":[{"type":"document","id":"d","document":{"id":"d","snippet":"@","title":"@"}}]}}}}"#,
            ),
            (
                "call",
                r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"@"}}}}}"#,
            ),
            ("debug", r#"{"type":"debug","prompt":"@"}"#),
            ("v1", r#"{"event_type":"text-generation","text":"@","is_finished":false}"#),
            (
                "v1 citations",
                r#"{"event_type":"citation-generation","citations":[{"start":1,"text":"@","document_ids":["@"]}]}"#,
            ),
            (
                "content list",
                r#"{"type":"content-delta","index":0,"delta":{"message":{"content":[{"type":"text","text":"@"}]}}}"#,
            ),
            (
                "no index",
                r#"{"type":"content-delta","delta":{"message":{"content":{"text":"@"}}}}"#,
            ),
        ],
        "gemini-interactions" => vec![
            (
                "whole: annotation",
                r#"{"event_type":"step.delta","index":0,"delta":{"type":"text_annotation","annotations":[{"source":"@","title":"@","start_index":1}]}}"#,
            ),
            (
                "text with annotations",
                r#"{"event_type":"step.delta","index":0,"delta":{"type":"text","text":".","annotations":[{"source":"@"}]}}"#,
            ),
            (
                "whole: search result",
                r#"{"event_type":"step.delta","index":1,"delta":{"type":"google_search_result","result":[{"url":"@","title":"@","rendered_content":"@"}]}}"#,
            ),
            (
                "mcp result",
                r#"{"event_type":"step.delta","index":1,"delta":{"type":"mcp_server_tool_result","result":{"items":["@"]}}}"#,
            ),
            (
                "code",
                r#"{"event_type":"step.delta","index":1,"delta":{"type":"code_execution_call","arguments":{"language":"python","code":"@"}}}"#,
            ),
        ],
        _ => Vec::new(),
    }
}

/// `go zanzibar ok` in pieces: every place that lies in the word, once, and every letter.
fn pieces() -> Vec<Vec<&'static str>> {
    const ALL: &str = "go zanzibar ok";
    let mut cuts: Vec<Vec<&str>> = vec![vec![ALL]];
    cuts.extend((4..11).map(|at| vec![&ALL[..at], &ALL[at..]]));
    cuts.extend([5, 8].map(|at| vec![&ALL[..at], &ALL[at..at + 2], &ALL[at + 2..]]));
    cuts.push(ALL.split("").filter(|letter| !letter.is_empty()).collect());
    cuts
}

fn events(template: &str, pieces: &[&str]) -> Vec<Value> {
    let (before, template) = template.split_once(">>>").unwrap_or(("", template));
    let turns: Vec<&str> = template.split("|||").collect();
    let event = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"));
    let piece = |(at, piece): (usize, &&str)| {
        let bytes: Vec<String> = piece.bytes().map(|byte| byte.to_string()).collect();
        let token =
            |c: char| json!({"token": c, "bytes": [c as u8], "top_logprobs": [{"token": c}]});
        let tokens: Vec<String> = piece.chars().map(|c| token(c).to_string()).collect();
        let text = turns[at % turns.len()]
            .replace('@', piece)
            .replace("[B]", &format!("[{}]", bytes.join(",")))
            .replace("TOKENS", &tokens.join(","))
            .replace("iN", &format!("i{at}"))
            .replace("cN", &format!("c{at}"));
        event(&text)
    };
    let before = (!before.is_empty()).then(|| event(before));
    before.into_iter().chain(pieces.iter().enumerate().map(piece)).collect()
}

/// All strings under one name, in their order, and the keys of objects. Lists of numbers are bytes.
fn told(recording: &Recording, seen: &Seen) -> BTreeMap<String, String> {
    fn strings(name: &str, value: &Value, all: &mut BTreeMap<String, String>) {
        match value {
            Value::String(text) => all.entry(name.to_owned()).or_default().push_str(text),
            Value::Array(items) => {
                let bytes: Option<Vec<u8>> =
                    items.iter().map(|n| n.as_u64().and_then(|n| u8::try_from(n).ok())).collect();
                if let Some(bytes) = bytes.filter(|_| name == "bytes") {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    all.entry("bytes".to_owned()).or_default().push_str(&text);
                } else {
                    items.iter().for_each(|item| strings(name, item, all));
                }
            }
            Value::Object(members) => {
                for (key, member) in members {
                    all.entry(format!("{name}/keys")).or_default().push_str(key);
                    strings(key, member, all);
                }
            }
            _ => {}
        }
    }
    let mut all = BTreeMap::new();
    let found = crate::support::text::events(recording, &seen.body);
    found.iter().for_each(|event| strings("", event, &mut all));
    all
}

fn left(recording: &Recording, seen: &Seen) -> Option<String> {
    let told = told(recording, seen);
    let bad = |text: &str| (0..WORD.len() - 2).any(|at| text.contains(&WORD[at..at + 3]));
    told.into_iter().find(|(_, text)| bad(text)).map(|(name, text)| format!("{name}: {text:?}"))
}

fn policy(action: &Value) -> Value {
    json!({
        "guardrails": [{"id": "g", "scan": ["output", "tool_args"], "find": [WORD], "do": action}],
        "fallbacks": {"f": {"text": "CANNED"}},
    })
}

fn stream_of(stream: &Stream, template: &str, pieces: &[&str]) -> Recording {
    let mut all = stream.open.clone();
    all.extend(events(template, pieces));
    all.extend(stream.close.clone());
    recording(stream, framed(stream, &all))
}

#[test]
fn a_word_leaves_in_none_of_the_shapes_that_servers_send() {
    let mut failed = Vec::new();
    let mut tried = 0;
    for action in [json!({"redact": "[X]"}), json!("block"), json!({"fallback": "f"})] {
        let program = program(policy(&action));
        for stream in streams() {
            for (name, template) in shapes(stream.dialect) {
                tried += 1;
                let cuts = if name.starts_with("whole:") { 1 } else { usize::MAX };
                let leak = pieces().into_iter().take(cuts).find_map(|pieces| {
                    let recording = stream_of(&stream, template, &pieces);
                    let seen = run(&program, &recording, &Cut::Whole);
                    Some(format!("{pieces:?} {}", left(&recording, &seen)?))
                });
                if let Some(leak) = leak {
                    failed.push(format!("{action} {} {name}: {leak}", stream.path));
                }
            }
        }
    }
    assert!(failed.is_empty(), "{} of {tried}:\n{}", failed.len(), failed.join("\n"));
}

/// Answers that come whole: by dialect, what is said in it besides its text.
#[test]
fn whole_answers_leave_it_in_no_repeat() {
    const TOKENS: [&str; 4] = ["go", " zan", "zibar", " ok"];
    let token = |text: &&str| {
        let own = json!({"token": text, "bytes": text.as_bytes()});
        json!({"token": text, "bytes": text.as_bytes(), "top_logprobs": [own]})
    };
    let tokens: Vec<Value> = TOKENS.iter().map(token).collect();
    let prompt: Vec<Value> =
        TOKENS.iter().map(|text| json!({"1": {"decoded_token": text, "rank": 1}})).collect();
    let named: Vec<Value> = TOKENS.iter().map(|text| json!({"text": text})).collect();
    let alternatives: Vec<Value> = TOKENS.iter().map(|text| json!({*text: -0.1})).collect();
    let word = format!("go {WORD} ok");
    let cases = [
        (
            "openai-chat",
            json!({"choices": [{"index": 0, "message": {"content": word, "logprobs": {"content": tokens}}}]}),
        ),
        (
            "openai-chat",
            json!({"choices": [{"index": 0, "message": {"content": "."}}], "logprobs": tokens}),
        ),
        (
            "openai-chat",
            json!({"choices": [{"index": 0, "message": {"content": "."}}], "prompt_logprobs": prompt}),
        ),
        (
            "openai-chat",
            json!({"choices": [{"index": 0, "message": {"content": "."},
            "logprobs": {"tokens": TOKENS, "top_logprobs": alternatives}}]}),
        ),
        (
            "openai-chat",
            json!({"choices": [{"index": 0, "message": {"content": "."},
            "logprobs": {"top_logprobs": [{WORD: -0.1}]}}]}),
        ),
        (
            "openai-responses",
            json!({"object": "response", "output": [{"type": "message", "content": [
            {"type": "output_text", "text": ".", "logprobs": tokens}]}]}),
        ),
        (
            "openai-responses",
            json!({"object": "response", "output": [{"type": "file_search_call",
            "results": [{"attributes": {"status": word}}, {"attributes": {WORD: 1}}]}]}),
        ),
        (
            "openai-completions",
            json!({"choices": [{"index": 0, "text": ".", "prompt_logprobs": prompt}]}),
        ),
        ("ollama", json!({"message": {"content": word}, "logprobs": tokens, "done": true})),
        ("ollama-generate", json!({"response": ".", "logprobs": tokens, "done": true})),
        (
            "cohere",
            json!({"message": {"content": [{"type": "text", "text": "."}]}, "logprobs": named}),
        ),
        (
            "cohere",
            json!({"message": {"content": [{"type": "text", "text": ".", "citations": [
            {"sources": [{"type": "tool", "tool_output": {"status": word, WORD: 1}}]}]}]}}),
        ),
        (
            "bedrock",
            json!({"output": {"message": {"content": [{"text": "."}]}},
            "additionalModelResponseFields": {"type": word, WORD: 1}}),
        ),
    ];
    for action in [json!({"redact": "[X]"}), json!("block"), json!({"fallback": "f"})] {
        let program = program(policy(&action));
        for (dialect, answer) in &cases {
            let stream = streams().into_iter().find(|stream| stream.dialect == *dialect).unwrap();
            let mut made = recording(&stream, answer.to_string().into_bytes());
            made.content_type = "application/json".to_owned();
            made.path = made.path.replace("-stream", "");
            let request = String::from_utf8(made.request).unwrap();
            made.request = request.replace("\"stream\":true", "\"stream\":false").into_bytes();
            let seen = run(&program, &made, &Cut::Whole);
            assert_eq!(left(&made, &seen), None, "{action} {dialect} {answer}: {}", seen.text());
        }
    }
}

fn ask(path: &str, request: &Value) -> Recording {
    Recording {
        name: "made".to_owned(),
        dialect: "openai-chat".to_owned(),
        method: "POST".to_owned(),
        path: path.to_owned(),
        status: 200,
        content_type: "application/json".to_owned(),
        request: request.to_string().into_bytes(),
        response: b"{}".to_vec(),
    }
}

/// Places of a request that the model is told, though they are no turn.
#[test]
fn what_the_model_is_told_elsewhere_is_looked_at() {
    let predict = "/v1/projects/p/locations/l/publishers/google/models/m:predict";
    let cases = [
        (
            "/v1/chat/completions",
            json!({"model": "m", "messages": [], "data_sources": [{"type": "azure_search",
            "parameters": {"role_information": WORD}}]}),
        ),
        (
            "/v1/messages",
            json!({"model": "m", "max_tokens": 1, "messages": [],
            "context_management": {"edits": [{"type": "compact_20260112", "instructions": WORD}]}}),
        ),
        (
            "/v2/chat",
            json!({"model": "m", "messages": [], "documents": [{"data": {"status": WORD}}]}),
        ),
        (
            "/v2/chat",
            json!({"model": "m", "messages": [], "documents": [{"data": {"format": "x", "data": WORD}}]}),
        ),
        (
            "/v2/chat",
            json!({"model": "m", "messages": [{"role": "tool", "tool_call_id": "c", "content": [
            {"type": "document", "document": {"data": {"status": WORD}}}]}]}),
        ),
        ("/v1/embeddings", json!({"model": "m", "messages": [{"role": "user", "content": WORD}]})),
        (
            "/v1beta/models/m:embedContent",
            json!({"content": {"parts": [{"text": "x"}]}, "title": WORD}),
        ),
        (predict, json!({"instances": [{"prompt": "x"}], "parameters": {"negativePrompt": WORD}})),
    ];
    let rule = |action: Value| {
        program(
            json!({"guardrails": [{"id": "g", "scan": ["input"], "find": [WORD], "do": action}]}),
        )
    };
    for (path, request) in &cases {
        let seen = run(&rule(json!("block")), &ask(path, request), &Cut::Whole);
        assert_eq!(seen.status, 403, "{path} {request}");
        let seen = run(&rule(json!({"redact": "[X]"})), &ask(path, request), &Cut::Whole);
        let told = String::from_utf8(seen.upstream.unwrap()).unwrap();
        assert!(told.contains("[X]") && !told.contains(WORD), "{path} {told}");
    }
}

#[test]
fn tools_and_models_are_known_however_servers_take_them() {
    let deny = program(json!({"tools": [{"id": "t", "match": "rm", "do": "deny"}]}));
    let gemini = "/v1beta/models/m:generateContent";
    let own = json!({"name": "rm", "parameters": {}});
    let offered = [
        (gemini, json!({"contents": [], "tools": [{"functionDeclarations": own}]})),
        (gemini, json!({"contents": [], "tools": {"function_declarations": own}})),
        (
            gemini,
            json!({"contents": [], "tools": [{"function_declarations": own}, {"googleSearch": {}}]}),
        ),
        (
            "/v1/responses",
            json!({"model": "m", "input": "x", "tools": [{"type": "function", "function": own}]}),
        ),
        (
            "/v1/responses",
            json!({"model": "m", "input": "x", "tools": [{"type": "custom", "custom": own},
            {"type": "function", "name": "get"}]}),
        ),
    ];
    for (path, request) in &offered {
        let seen = run(&deny, &ask(path, request), &Cut::Whole);
        let told: Value = serde_json::from_slice(&seen.upstream.unwrap()).unwrap();
        assert!(!told.to_string().contains("\"rm\""), "{request}: {told}");
    }
    let kill =
        program(json!({"failsafe": [{"id": "k", "when": {"model": "killed"}, "do": "block"}]}));
    for list in ["fallbacks", "context_window_fallbacks", "content_policy_fallbacks"] {
        let request = json!({"model": "m", "messages": [], list: [{"m": ["killed"]}]});
        let seen = run(&kill, &ask("/v1/chat/completions", &request), &Cut::Whole);
        assert_eq!((seen.status, seen.upstream), (403, None), "{list}");
    }
}

/// Some servers make up an id of a call for each of its pieces.
#[test]
fn a_call_whose_id_changes_is_one_call() {
    let chunk = |id: &str, name: &str, arguments: &str| {
        let call = json!({"index": 0, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
        json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": null}]})
    };
    let stream = streams().into_iter().find(|stream| stream.dialect == "openai-chat").unwrap();
    let mut events = stream.open.clone();
    events.extend([chunk("a", "rm", "{\"x\""), chunk("b", "", ":1"), chunk("c", "", "}")]);
    events.extend([chunk("d", "get", "{\"y\""), chunk("e", "", ":2}")]);
    events.extend(stream.close.clone());
    let recording = recording(&stream, framed(&stream, &events));
    let deny = program(json!({"tools": [{"id": "t", "match": "rm", "do": "deny"}]}));
    let seen = run(&deny, &recording, &Cut::Whole);
    let text = seen.text();
    assert!(
        !text.contains("\"rm\"") && !text.contains("\\\"x") && !text.contains("\":1\""),
        "{text}"
    );
    assert!(text.contains("get") && text.contains(":2}"), "{text}");
    assert_eq!(run(&deny, &recording, &Cut::Every(7)).text(), text);
}
