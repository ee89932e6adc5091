//! The words of all formats: names of members, and values of `type` and its like.
//!
//! `match` compares bytes with a list of literals byte by byte, a branch and a constant for each of them: a dozen literals
//! compile to a kilobyte. A word is found once, in one table for all formats, and is a number from then on, so that
//! `match Word::key(&field) { word::text => … }` compiles to a comparison of numbers.

mod find;
mod set;
mod table;

pub(super) use set::WordSet;
pub(super) use table::WordTable;

/// A word of some format; all other texts are [`Word::OTHER`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(u16);

/// Passes the words to a macro, as they are written, or by the name that stands for one that Rust does not accept as
/// such: a dot becomes an underscore, a hyphen two.
macro_rules! words {
    ($($name:ident $(: $text:literal)?),* $(,)?) => {
        /// All words, one after the other.
        const ALL: &str = concat!($(text!($name $(: $text)?)),*);

        /// The lengths of the words.
        const LENGTHS: [usize; COUNT] = [$(text!($name $(: $text)?).len()),*];

        const COUNT: usize = [$(stringify!($name)),*].len();

        /// The positions of the words; a number is one more.
        #[allow(non_camel_case_types, reason = "named as they are written")]
        #[repr(u16)]
        enum Number { $($name),* }

        $(
            #[allow(non_upper_case_globals, reason = "named as they are written")]
            pub(super) const $name: Word = Word(Number::$name as u16 + 1);
        )*
    };
}

macro_rules! text {
    ($name:ident) => {
        stringify!($name)
    };
    ($name:ident : $text:literal) => {
        $text
    };
}

#[rustfmt::skip]
words! {
    _meta, action, added, additionalModelRequestFields, additionalModelResponseFields, agent, allowed_models,
    allowed_tools, anthropic_beta, anthropic_version, api_base, api_key, apply_patch, apply_patch_call,
    apply_patch_call_operation_diff, approval_request_id, args, arguments, artifact, artifact_id, artifact_update,
    artifactId, artifacts, artifactUpdate, assistant, attributes, audio, audio_url, b64_json, base64, base_url, betas,
    blob, blocking, blockReason, bucketOwner, bytes, cached_content, cachedContent, cacheScope, call_id, caller_id,
    cancelled, candidates, capabilities, category_applied_input_types, choices, citation, clientInfo, code,
    code_execution, code_execution_call, code_interpreter_call, code_interpreter_call_code, codeExecution, command,
    compaction, completed, completed_at, computer, computer_call, computer_use_preview, configuration, container_id,
    content, content_block, content_block_delta, content_block_start, content_block_stop, content_part,
    content_policy_fallbacks, contents, context_id, context_window_fallbacks, contextId, continuation_token,
    conversation, created, created_at, createTime, cursor, custom, custom_tool_call, custom_tool_call_input, data,
    data_sources, default_fallbacks, delta, deployment_id, description, developer, diff, document, documents, done,
    done_reason, draft_model, elicitationId, encrypted_content, encrypted_index, encrypted_stdout, engine,
    enterprise_web_search, enterpriseWebSearch, environment, error, event_id, event_type, executable_code,
    executableCode, expires_at, extra_body, extra_headers, failed, fallback, fallback_message, fallback_models,
    fallbackModels, fallbacks, file, file_data, file_id, file_search, file_search_call, file_uri, file_url, fileData,
    fileSearch, fileUri, fingerprint, finish_reason, finishReason, format, function, function_call,
    function_call_arguments, function_response, functionCall, functionResponse, functions, generating,
    generation_config, generationConfig, google_maps, google_maps_call, google_search, google_search_call,
    google_search_retrieval, googleMaps, googleSearch, googleSearchRetrieval, headers, history, id, image,
    image_generation_call, image_url, images, in_progress, incomplete, index, inferenceConfig, inline_data, inlineData,
    input, input_audio, input_file, input_image, instances, instructions, interaction, interaction_id, interpreting,
    item, item_id, item_reference, json, jsonPath, jsonrpc, kind, labels, level, litellm_metadata, local_shell,
    local_shell_call, logit_bias, logprobs, logprobsResult, mask, mcp, mcp_approval_request, mcp_approval_response,
    mcp_call, mcp_call_arguments, mcp_list_tools, mcp_server, mcp_server_tool, mcp_server_tool_call, mcp_servers,
    mcp_tool_use, media_type, mediaType, Message, message, message_delta, message_id, message_start, message_stop,
    messageId, messages, metadata, method, mime_type, mimeType, modality, model, model_fallbacks, model_name,
    model_output, model_version, models, modelVersion, name, native_finish_reason, nextCursor, nextPageToken,
    nova_code_interpreter, nova_grounding, obfuscation, object, operation, options, output, output_audio, output_config,
    output_format, output_item, output_text, outputConfig, outputs, p, parameters, params, part, partial_image,
    partial_image_b64, partial_json, partialArgs, parts, ping, prediction, previous_interaction_id,
    previous_response_id, progressToken, prompt, prompt_cache_key, prompt_logprobs, protocolVersion, queries, queued,
    raw, reasoning, reasoning_content, reasoning_details, reasoning_encrypted, reasoning_summary_part,
    reasoning_summary_text, reasoning_text, reasoningContent, redacted_thinking, redactedContent, refusal, request,
    request_id, requestedSchema, requestId, requestMetadata, requests, requestState, response, response_format,
    response_id, responseId, result, resultType, retrieval, retrieval_call, return_immediately, returnimmediately, role,
    ROLE_AGENT, ROLE_USER, safety_identifier, safety_ratings, safetyRatings, searching, server_name, server_tool_use,
    serverInfo, service_tier, serviceTier, session_id, sessionId, severity, shell, shell_call, shell_call_command,
    shell_call_output_content, signature, skill_id, start, state, status, status_update, statusUpdate, step, steps,
    stop, stop_reason, stop_sequences, stopReason, stopSequences, stringValue, structured_content, structuredContent,
    suffix, summary, summary_text, system, system_fingerprint, system_instruction, systemInstruction, task, task_id,
    taskId, tenant, text, thinking, thought, thought_signature, thoughtSignature, timestamp, title, tool, tool_call,
    tool_call_id, tool_calls, tool_choice, tool_config, tool_id, tool_name, tool_output, tool_plan, tool_search_call,
    tool_use, tool_use_id, toolCall, toolChoice, toolConfig, toolResponse, toolResult, tools, toolType, toolUse,
    toolUseId, trafficType, transcript, ttlMs, uri, url, url_context, url_context_call, urlContext, usage,
    usage_metadata, usageMetadata, user, video, video_url, web_search_call, webhook_config,
    audio_transcript: "audio.transcript", content__delta: "content-delta", content__end: "content-end",
    content__start: "content-start", content_delta: "content.delta", content_start: "content.start",
    content_stop: "content.stop", empty: "", final_: "final", interaction_complete: "interaction.complete",
    interaction_completed: "interaction.completed", interaction_created: "interaction.created",
    interaction_start: "interaction.start", message__end: "message-end", message__start: "message-start",
    output_text_annotation: "output_text.annotation", ref_: "ref", step_delta: "step.delta", step_start: "step.start",
    step_stop: "step.stop", tool__call__end: "tool-call-end", tool__call__start: "tool-call-start", type_: "type",
}
