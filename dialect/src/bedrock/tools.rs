//! The tools of a Converse request: `toolConfig`, those that a message adds, and those of the model's native request.

use super::super::splice::{remove, replace};
use super::super::tools::{
    EACH, RemovedTools, Tool, add_strings, add_types, all, at, either, strings,
};
use crate::wire::edit::Edit;
use crate::wire::json::{Kind, Value};
use crate::word::{self, Word};

/// Fills a list that would be empty: the API requires `toolConfig` if the history contains calls.
const STUB: &str = r#"{"tools":[{"toolSpec":{"name":"no_tool_is_available","description":"No tool is available. Never call this.","inputSchema":{"json":{"type":"object","properties":{}}}}}]}"#;

/// The common name of a kind of tool, for one that Bedrock runs.
pub(super) fn provider_run(name: &[u8]) -> Option<&'static str> {
    match Word::of(name) {
        word::nova_grounding => Some("web_search"),
        word::nova_code_interpreter => Some("code_execution"),
        _ => None,
    }
}

/// Where the request's tools are listed.
const TOOLS: [&str; 3] = ["toolConfig", "tools", EACH];

/// Tools in the format of the model's native API.
const NATIVE: [&str; 3] = ["additionalModelRequestFields", "tools", EACH];

/// Content blocks of all messages.
const BLOCKS: [&str; 4] = ["messages", EACH, "content", EACH];

/// The tools that a request offers.
pub(super) fn tools(root: &Value<'_>) -> Vec<Tool> {
    let mut tools = Vec::new();
    for tool in at(root, &TOOLS) {
        let mut names = Vec::new();
        for body in either(&tool, ["toolSpec", "systemTool"]) {
            add_strings(&mut names, &body, "name");
        }
        let also = names.iter().filter_map(|name| provider_run(name.as_bytes()));
        let also: Vec<String> = also.map(str::to_owned).collect();
        names.extend(also);
        if !names.is_empty() {
            tools.push(Tool::new(tool.id(), names));
        }
    }
    for tool in at(root, &NATIVE) {
        let mut names = strings(&tool, "name");
        add_types(&mut names, &tool, &["custom"]);
        tools.push(Tool::new(tool.id(), names));
    }
    for block in at(root, &BLOCKS) {
        let mut names = Vec::new();
        for tool in at(&block, &["toolAddition", "tool"]) {
            add_strings(&mut names, &tool, "name");
            add_strings(&mut names, &tool, "serverName");
        }
        if !names.is_empty() {
            tools.push(Tool::new(block.id(), names));
        }
    }
    tools
}

/// Removes tools.
pub(super) fn without(root: &Value<'_>, gone: &RemovedTools<'_>) -> Vec<Edit> {
    let mut edits = Vec::new();
    let is_tool = |tool: &Value<'_>| tool.get("cachePoint").is_none();
    let left = at(root, &TOOLS).iter().any(|tool| is_tool(tool) && !gone.has(tool));
    let stub = !left && history_has_calls(root);
    remove(root, |field| !left && !stub && field.key_is("toolConfig"), &mut edits);
    for config in all(root, "toolConfig") {
        match (left, stub) {
            (true, _) => of_config(&config, gone, &mut edits),
            (false, true) => replace(&config, STUB, &mut edits),
            (false, false) => {}
        }
    }
    for fields in all(root, "additionalModelRequestFields") {
        let empty = |field: &Value<'_>| {
            field.key_is("tools") && field.children().all(|tool| gone.has(&tool))
        };
        remove(&fields, empty, &mut edits);
        for list in all(&fields, "tools").filter(|list| !empty(list)) {
            remove(&list, |tool| gone.has(tool), &mut edits);
        }
    }
    for list in all(root, "messages") {
        let empty = |turn: &Value<'_>| {
            let blocks = at(turn, &["content", EACH]);
            !blocks.is_empty() && blocks.iter().all(|block| gone.has(block))
        };
        remove(&list, empty, &mut edits);
        for turn in list.children().filter(|turn| !empty(turn)) {
            for content in all(&turn, "content") {
                remove(&content, |block| gone.has(block), &mut edits);
            }
        }
    }
    edits
}

fn of_config(config: &Value<'_>, gone: &RemovedTools<'_>, edits: &mut Vec<Edit>) {
    for list in all(config, "tools").filter(|list| list.kind() == Kind::Array) {
        // A cache point with nothing before it would cache nothing, which the API rejects.
        let first =
            list.children().find(|tool| tool.get("cachePoint").is_none() && !gone.has(tool));
        let first = first.map_or(0, |tool| tool.id());
        let goes = |tool: &Value<'_>| {
            gone.has(tool) || (tool.id() < first && tool.get("cachePoint").is_some())
        };
        remove(&list, goes, edits);
    }
    for choice in all(config, "toolChoice") {
        let named = |tool: Value<'_>| strings(&tool, "name").iter().any(|name| gone.named(name));
        if all(&choice, "tool").any(named) {
            replace(&choice, r#"{"auto":{}}"#, edits);
        }
    }
}

fn history_has_calls(root: &Value<'_>) -> bool {
    at(root, &BLOCKS)
        .iter()
        .any(|block| block.get("toolUse").is_some() || block.get("toolResult").is_some())
}
