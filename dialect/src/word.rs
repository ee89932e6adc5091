//! The words of all formats: names of members, and values of `type` and its like.
//!
//! `match` compares bytes with a list of literals byte by byte, a branch and a constant for each of them: a dozen literals
//! compile to a kilobyte. A word is found once, in one table for all formats, and is a number from then on, so that
//! `match Word::key(&field) { word::text => … }` compiles to a comparison of numbers.

mod find;

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
    _meta, action, added, agent, allowed_tools, apply_patch, apply_patch_call, apply_patch_call_operation_diff,
    args, arguments, artifact, artifact_update, artifacts, artifactUpdate, assistant, audio, base64, blocking,
    cached_content, cachedContent, cacheScope, cancelled, candidates, capabilities, choices, citation, clientInfo,
    code, code_execution, code_execution_call, code_interpreter_call, code_interpreter_call_code, codeExecution,
    command, compaction, completed, computer, computer_call, computer_use_preview, configuration, content,
    content_block, content_block_delta, content_block_start, content_block_stop, content_part, contents, context,
    continuation_token, conversation, created, created_at, cursor, custom, custom_tool_call, custom_tool_call_input,
    data, data_sources, delta, description, developer, diff, document, documents, done, done_reason, elicitationId,
    encrypted_content, enterprise_web_search, enterpriseWebSearch, environment, error, event_id, event_type,
    executable_code, executableCode, failed, fallback_message, file, file_search, file_search_call, fileSearch,
    format, function, function_call, function_call_arguments, function_response, functionCall, functionResponse,
    generating, google_maps, google_maps_call, google_search, google_search_call, google_search_retrieval,
    googleMaps, googleSearch, googleSearchRetrieval, history, id, image, image_generation_call, images, in_progress,
    incomplete, index, input, instances, instructions, interaction, interaction_id, interpreting, item,
    item_reference, jsonPath, jsonrpc, level, local_shell, local_shell_call, logprobs, logprobsResult, mcp,
    mcp_approval_request, mcp_approval_response, mcp_call, mcp_call_arguments, mcp_list_tools, mcp_server,
    mcp_server_tool, mcp_server_tool_call, mcp_tool_use, media_type, Message, message, message_delta, message_start,
    message_stop, messages, metadata, method, mime_type, mimeType, model, model_output, model_version, modelVersion,
    name, nextCursor, nova_code_interpreter, nova_grounding, operation, output, output_audio, output_item,
    output_text, outputs, p, parameters, params, part, partial_image, partial_json, partialArgs, parts, ping,
    prediction, previous_interaction_id, previous_response_id, progressToken, prompt, promptVariables,
    protocolVersion, queries, queued, raw, reasoning, reasoning_content, reasoning_details, reasoning_encrypted,
    reasoning_summary_part, reasoning_summary_text, reasoning_text, reasoningContent, redacted_thinking, refusal,
    request, requestedSchema, requestId, requests, requestState, response, responseId, result, resultType,
    retrieval, retrieval_call, return_immediately, returnimmediately, ROLE_AGENT, ROLE_USER, searching, server_name,
    server_tool_use, serverInfo, shell, shell_call, shell_call_command, shell_call_output_content, signature, start,
    status, status_update, statusUpdate, step, steps, stringValue, structuredContent, suffix, summary, summary_text,
    system, system_instruction, systemInstruction, task, taskId, template, text, thinking, thought,
    thought_signature, thoughtSignature, title, tool, tool_call, tool_calls, tool_name, tool_plan, tool_search_call,
    tool_use, toolCall, toolResponse, toolResult, tools, toolType, toolUse, transcript, ttlMs, uri, url,
    url_context, url_context_call, urlContext, usage, user, video, web_search_call,
    audio_transcript: "audio.transcript", content__delta: "content-delta", content__end: "content-end",
    content__start: "content-start", content_delta: "content.delta", content_start: "content.start",
    content_stop: "content.stop", empty: "", final_: "final", interaction_complete: "interaction.complete",
    interaction_completed: "interaction.completed", interaction_created: "interaction.created",
    interaction_start: "interaction.start", message__end: "message-end", message__start: "message-start",
    output_text_annotation: "output_text.annotation", ref_: "ref", step_delta: "step.delta",
    step_start: "step.start", step_stop: "step.stop", tool__call__end: "tool-call-end",
    tool__call__start: "tool-call-start", type_: "type",
}
