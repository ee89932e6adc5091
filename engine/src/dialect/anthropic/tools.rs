//! The tools of a request, and the servers whose tools the provider runs.

use super::super::fields::string;
use super::super::splice::{remove, replace};
use super::super::tools::{Gone, Tool, all, of_type, strings, take_out};
use crate::wire::edit::Edit;
use crate::wire::json::Value;

/// Stands in an empty list: the API wants `tools` where the history holds calls.
const STUB: &str = r#"[{"name":"no_tool_is_available","description":"No tool is available. Never call this.","input_schema":{"type":"object","properties":{}}}]"#;

/// What a request offers.
pub(super) fn tools(root: &Value<'_>) -> Vec<Tool> {
    let mut tools = Vec::new();
    for tool in all(root, "tools").flat_map(|list| list.children()) {
        let mut names = strings(&tool, "name");
        names.extend(strings(&tool, "mcp_server_name"));
        for kind in strings(&tool, "type").iter().filter(|kind| *kind != "custom") {
            names.extend(of_type(kind));
        }
        tools.push(Tool::new(tool.id(), names));
    }
    for server in all(root, "mcp_servers").flat_map(|list| list.children()) {
        let mut names = strings(&server, "name");
        names.extend(of_type("mcp_servers"));
        tools.push(Tool::new(server.id(), names));
        for allowed in all(&server, "tool_configuration") {
            let names = all(&allowed, "allowed_tools").flat_map(|list| list.children());
            tools.extend(
                names.filter_map(|name| {
                    Some(Tool::new(name.id(), vec![name.as_str()?.into_owned()]))
                }),
            );
        }
    }
    tools
}

/// Takes tools out.
pub(super) fn without(root: &Value<'_>, gone: &Gone<'_>) -> Vec<Edit> {
    let mut edits = Vec::new();
    let left = |name: &'static str| {
        let list = all(root, name).flat_map(|list| list.children());
        list.filter(|tool| !gone.has(tool)).count() > 0
    };
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
            }
        } else if field.key_is("mcp_servers") {
            take_out(&field, gone, &mut edits);
            for server in field.children().filter(|server| !gone.has(server)) {
                for allowed in all(&server, "tool_configuration") {
                    for list in all(&allowed, "allowed_tools") {
                        remove(&list, |name| gone.has(name), &mut edits);
                    }
                }
            }
        } else if field.key_is("tool_choice") {
            choice(&field, gone, stub, &mut edits);
        }
    }
    edits
}

fn choice(choice: &Value<'_>, gone: &Gone<'_>, stub: bool, edits: &mut Vec<Edit>) {
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
    let turns = all(root, "messages").flat_map(|list| list.children());
    let blocks = turns.flat_map(|turn| all(&turn, "content").collect::<Vec<_>>());
    blocks.flat_map(|content| content.children()).any(|block| {
        let kind = string(block.get("type"));
        kind.ends_with(b"tool_use") || kind.ends_with(b"tool_result")
    })
}
