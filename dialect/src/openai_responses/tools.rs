//! The tools of a Responses request: a flat list, except those within namespaces.

use super::super::splice::remove;
use super::super::tools::{
    EACH, RemovedTools, Tool, add_strings, all, at, openai_choice, openai_names, strings,
};
use crate::wire::edit::Edit;
use crate::wire::json::{Kind, Value};
use crate::word::{self, Word};

/// The tools that a request offers.
pub(super) fn tools(root: &Value<'_>) -> Vec<Tool> {
    let mut tools = Vec::new();
    let mut lists_of_all = at(root, &["tools"]);
    lists_of_all.append(&mut added(root));
    for tool in lists_of_all.iter().flat_map(Value::children) {
        tools.push(Tool::new(tool.id(), names(&tool)));
        for nested in at(&tool, &["tools", EACH]) {
            tools.push(Tool::new(nested.id(), names(&nested)));
        }
        // The tools that a server may run are named, if the request names them.
        if Word::value(tool.get("type")) == word::mcp {
            let allowed = lists(&tool).into_iter().flat_map(|list| list.children());
            tools.extend(allowed.filter_map(|name| Tool::by_name(&name)));
        }
    }
    tools
}

/// Lists of tools in items of the input (`additional_tools`, `tool_search_output`, `tool_addition`). A server's own
/// list (`mcp_list_tools`) is history.
fn added<'a>(root: &Value<'a>) -> Vec<Value<'a>> {
    let mut added = Vec::new();
    for input in all(root, "input").filter(|input| input.kind() == Kind::Array) {
        for item in input.children() {
            if Word::value(item.get("type")) != word::mcp_list_tools {
                added.extend(all(&item, "tools"));
            }
        }
    }
    added
}

/// `allowed_tools` of a server: a list of names, or `{tool_names: [...]}`.
fn lists<'a>(server: &Value<'a>) -> Vec<Value<'a>> {
    let mut lists = Vec::new();
    for allowed in all(server, "allowed_tools") {
        match allowed.kind() {
            Kind::Array => lists.push(allowed),
            _ => lists.extend(all(&allowed, "tool_names").filter(|l| l.kind() == Kind::Array)),
        }
    }
    lists
}

fn names(tool: &Value<'_>) -> Vec<String> {
    // In the format of Chat Completions too, which compatible servers accept.
    let mut names = openai_names(tool, &["function", "custom", "namespace"]);
    if strings(tool, "type").iter().any(|kind| kind == "mcp") {
        add_strings(&mut names, tool, "server_label");
    }
    names
}

/// True if nothing of the tool is left: it is removed itself, or everything in it is.
fn goes(tool: &Value<'_>, gone: &RemovedTools<'_>) -> bool {
    let mut nested = at(tool, &["tools", EACH]);
    nested.extend(lists(tool).iter().flat_map(Value::children));
    gone.has(tool) || (!nested.is_empty() && nested.iter().all(|part| gone.has(part)))
}

/// Removes parts from the tools of a list that stay.
fn parts(list: &Value<'_>, gone: &RemovedTools<'_>, edits: &mut Vec<Edit>) {
    for tool in list.children().filter(|tool| !goes(tool, gone)) {
        let mut both = at(&tool, &["tools"]);
        both.append(&mut lists(&tool));
        for part in both {
            remove(&part, |part| gone.has(part), edits);
        }
    }
}

/// Removes tools. If none is left, `tools` and the members about their use are removed too.
pub(super) fn without(root: &Value<'_>, gone: &RemovedTools<'_>) -> Vec<Edit> {
    let mut edits = Vec::new();
    let left = at(root, &["tools", EACH]).iter().any(|tool| !goes(tool, gone));
    let of_tools = |field: &Value<'_>| {
        ["tools", "tool_choice", "parallel_tool_calls", "max_tool_calls"]
            .iter()
            .any(|name| field.key_is(name))
    };
    for list in added(root) {
        remove(&list, |tool| goes(tool, gone), &mut edits);
        parts(&list, gone, &mut edits);
    }
    if !left {
        remove(root, of_tools, &mut edits);
        return edits;
    }
    for list in all(root, "tools") {
        remove(&list, |tool| goes(tool, gone), &mut edits);
        parts(&list, gone, &mut edits);
    }
    for choice in all(root, "tool_choice") {
        openai_choice(&choice, gone, &mut edits);
    }
    edits
}
