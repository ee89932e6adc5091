//! The shapes of the dialects that are not OpenAI's two large ones.

pub(super) fn shapes(dialect: &str) -> Vec<(&'static str, &'static str)> {
    match dialect {
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
