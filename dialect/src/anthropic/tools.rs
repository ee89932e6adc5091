//! The tools of a request, and the servers whose tools the provider runs.

use super::super::fields::string;
use super::super::splice::{remove, replace};
use super::super::tools::{
    EACH, RemovedTools, Tool, add_strings, add_types, all, at, of_type, strings, take_out,
};
use crate::wire::edit::Edit;
use crate::wire::json::{Kind, Value};

/// Fills a list that would be empty: the API requires `tools` if the history contains calls.
const STUB: &str = r#"[{"name":"no_tool_is_available","description":"No tool is available. Never call this.","input_schema":{"type":"object","properties":{}}}]"#;

/// The tools that a request offers.
pub(super) fn tools(root: &Value<'_>) -> Vec<Tool> {
    let mut tools = Vec::new();
    for tool in at(root, &["tools", EACH]) {
        let mut names = strings(&tool, "name");
        add_strings(&mut names, &tool, "mcp_server_name");
        add_types(&mut names, &tool, &["custom"]);
        tools.push(Tool::new(tool.id(), names));
        // A server's tools may be listed and configured one by one.
        for nested in at(&tool, &["tools", EACH]) {
            tools.push(Tool::new(nested.id(), strings(&nested, "name")));
        }
        for config in at(&tool, &["configs", EACH]) {
            let name = String::from_utf8_lossy(config.key()).into_owned();
            tools.push(Tool::new(config.id(), vec![name]));
        }
    }
    for change in additions(root).into_iter().flat_map(|list| list.children()) {
        let mut names = Vec::new();
        for tool in all(&change, "tool").filter(|_| is_addition(&change)) {
            add_strings(&mut names, &tool, "name");
            add_strings(&mut names, &tool, "server_name");
            for definition in all(&tool, "definition") {
                add_strings(&mut names, &definition, "name");
                add_strings(&mut names, &definition, "mcp_server_name");
                add_types(&mut names, &definition, &["custom"]);
            }
        }
        if !names.is_empty() {
            tools.push(Tool::new(change.id(), names));
        }
        for nested in defined(&change).iter().flat_map(|list| list.children()) {
            tools.push(Tool::new(nested.id(), strings(&nested, "name")));
        }
    }
    for server in at(root, &["mcp_servers", EACH]) {
        let mut names = strings(&server, "name");
        names.append(&mut of_type("mcp_servers"));
        tools.push(Tool::new(server.id(), names));
        let names = at(&server, &["tool_configuration", "allowed_tools", EACH]);
        tools.extend(names.iter().filter_map(Tool::by_name));
    }
    tools
}

fn is_addition(change: &Value<'_>) -> bool {
    strings(change, "type").iter().any(|kind| kind == "tool_addition")
}

/// The lists of tools in a server definition.
fn defined<'a>(change: &Value<'a>) -> Vec<Value<'a>> {
    let mut lists =
        if is_addition(change) { at(change, &["tool", "definition", "tools"]) } else { Vec::new() };
    lists.retain(|list| list.kind() == Kind::Array);
    lists
}

/// Lists in which turns may add tools: their blocks, and a compaction's record of tools that were added before.
fn additions<'a>(root: &Value<'a>) -> Vec<Value<'a>> {
    let mut lists = at(root, &["messages", EACH, "content"]);
    lists.extend(at(root, &["messages", EACH, "content", EACH, "tool_changes"]));
    lists.retain(|list| list.kind() == Kind::Array);
    lists
}

/// Removes tools.
pub(super) fn without(root: &Value<'_>, gone: &RemovedTools<'_>) -> Vec<Edit> {
    let mut edits = Vec::new();
    let left = |name: &str| at(root, &[name, EACH]).iter().any(|tool| !gone.has(tool));
    let (tools, servers) = (left("tools"), left("mcp_servers"));
    let stub = !tools && all(root, "tools").next().is_some() && history_has_calls(root);
    let goes = |field: &Value<'_>| {
        (!tools && !stub && (field.key_is("tools") || field.key_is("tool_choice")))
            || (!servers && field.key_is("mcp_servers"))
    };
    remove(root, goes, &mut edits);
    for field in root.children().filter(|field| !goes(field)) {
        if field.key_is("tools") {
            if stub {
                replace(&field, STUB, &mut edits);
            } else {
                take_out(&field, gone, &mut edits);
                for tool in field.children().filter(|tool| !gone.has(tool)) {
                    for list in all(&tool, "tools").filter(|list| list.kind() == Kind::Array) {
                        remove(&list, |nested| gone.has(nested), &mut edits);
                    }
                    let configs = at(&tool, &["configs", EACH]);
                    for config in configs.iter().filter(|config| gone.has(config)) {
                        replace(config, r#"{"enabled":false}"#, &mut edits);
                    }
                }
            }
        } else if field.key_is("messages") {
            turns(&field, gone, &mut edits);
        } else if field.key_is("mcp_servers") {
            take_out(&field, gone, &mut edits);
            for server in field.children().filter(|server| !gone.has(server)) {
                for list in at(&server, &["tool_configuration", "allowed_tools"]) {
                    remove(&list, |name| gone.has(name), &mut edits);
                }
            }
        } else if field.key_is("tool_choice") {
            choice(&field, gone, stub, &mut edits);
        }
    }
    edits
}

/// Removes blocks that add tools from turns, and turns that contained nothing else.
fn turns(messages: &Value<'_>, gone: &RemovedTools<'_>, edits: &mut Vec<Edit>) {
    let empty = |turn: &Value<'_>| {
        let blocks = at(turn, &["content", EACH]);
        !blocks.is_empty() && blocks.iter().all(|block| gone.has(block))
    };
    if messages.kind() != Kind::Array {
        return;
    }
    remove(messages, empty, edits);
    for turn in messages.children().filter(|turn| !empty(turn)) {
        for content in all(&turn, "content").filter(|content| content.kind() == Kind::Array) {
            remove(&content, |block| gone.has(block), edits);
            for block in content.children().filter(|block| !gone.has(block)) {
                within(&block, gone, edits);
                for list in all(&block, "tool_changes").filter(|list| list.kind() == Kind::Array) {
                    remove(&list, |change| gone.has(change), edits);
                    let left = list.children().filter(|change| !gone.has(change));
                    left.into_iter().for_each(|change| within(&change, gone, edits));
                }
            }
        }
    }
}

/// Removes tools from a block's definition.
fn within(change: &Value<'_>, gone: &RemovedTools<'_>, edits: &mut Vec<Edit>) {
    for list in defined(change) {
        remove(&list, |nested| gone.has(nested), edits);
    }
}

fn choice(choice: &Value<'_>, gone: &RemovedTools<'_>, stub: bool, edits: &mut Vec<Edit>) {
    if stub {
        replace(choice, r#"{"type":"none"}"#, edits);
    } else if strings(choice, "name").iter().any(|name| gone.named(name)) {
        for kind in all(choice, "type") {
            replace(&kind, "\"auto\"", edits);
        }
        remove(choice, |field| field.key_is("name"), edits);
    }
}

fn history_has_calls(root: &Value<'_>) -> bool {
    at(root, &["messages", EACH, "content", EACH]).iter().any(|block| {
        let kind = string(block.get("type"));
        kind.ends_with(b"tool_use") || kind.ends_with(b"tool_result")
    })
}
