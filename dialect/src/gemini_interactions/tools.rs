//! The tools of a request: functions, tools of the provider, MCP servers, and functions that a search returned.

use super::super::fields::string;
use super::super::splice::{remove, replace};
use super::super::tools::{EACH, RemovedTools, Tool, add_types, all, at, strings, take_out};
use crate::wire::edit::Edit;
use crate::wire::json::{Kind, Value};

/// The tools that a request offers.
pub(super) fn tools(root: &Value<'_>) -> Vec<Tool> {
    let mut tools = Vec::new();
    for tool in at(root, &["tools", EACH]) {
        let mut names = strings(&tool, "name");
        add_types(&mut names, &tool, &["function"]);
        if strings(&tool, "type").iter().any(|kind| kind == "mcp_server") {
            names.push("mcp".to_owned());
        }
        tools.push(Tool::new(tool.id(), names));
        for name in allowed(&tool).iter().flat_map(|list| list.children()) {
            tools.extend(Tool::by_name(&name));
        }
    }
    for tool in found(root).iter().flat_map(|list| list.children()) {
        tools.push(Tool::new(tool.id(), strings(&tool, "name")));
    }
    tools
}

/// The lists of names that a server's tools are restricted to.
fn allowed<'a>(tool: &Value<'a>) -> Vec<Value<'a>> {
    let mut lists = Vec::new();
    for allowed in all(tool, "allowed_tools") {
        let within: &[&str] =
            if allowed.kind() == Kind::Array { &[EACH, "tools"] } else { &["tools"] };
        lists.extend(at(&allowed, within));
    }
    lists.retain(|list| list.kind() == Kind::Array);
    lists
}

/// The lists of functions that a search returned in earlier steps.
fn found<'a>(root: &Value<'a>) -> Vec<Value<'a>> {
    let mut steps = at(root, &["input", EACH]);
    steps.retain(|step| &*string(step.get("type")) == b"tool_search_result");
    let mut lists = Vec::new();
    steps.iter().for_each(|step| lists.append(&mut at(step, &["result"])));
    lists.retain(|list| list.kind() == Kind::Array);
    lists
}

/// Removes tools, and with the last of them the tool choice.
pub(super) fn without(root: &Value<'_>, gone: &RemovedTools<'_>) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut left = at(root, &["tools", EACH]);
    left.retain(|tool| !gone.has(tool));
    remove(root, |field| left.is_empty() && field.key_is("tools"), &mut edits);
    for field in root.children() {
        if field.key_is("tools") && !left.is_empty() {
            take_out(&field, gone, &mut edits);
            for list in left.iter().flat_map(allowed) {
                remove(&list, |name| gone.has(name), &mut edits);
            }
        } else if field.key_is("generation_config") {
            let functions = left.iter().any(|tool| tool.get("name").is_some());
            choice(&field, functions, gone, &mut edits);
        }
    }
    for list in found(root) {
        remove(&list, |tool| gone.has(tool), &mut edits);
    }
    edits
}

fn choice(config: &Value<'_>, functions: bool, gone: &RemovedTools<'_>, edits: &mut Vec<Edit>) {
    if !functions {
        remove(config, |field| field.key_is("tool_choice"), edits);
        return;
    }
    for choice in all(config, "tool_choice") {
        let is_gone = |name: &Value<'_>| name.as_str().is_some_and(|name| gone.named(&name));
        let (mut own, mut none_left) = (Vec::new(), false);
        for list in allowed(&choice) {
            let any = list.children().next().is_some();
            none_left |= any && !remove(&list, is_gone, &mut own);
        }
        if none_left {
            // None of the allowed functions is left: any other would be more than the caller allowed.
            replace(&choice, "\"none\"", edits);
        } else {
            edits.extend(own);
        }
    }
}
