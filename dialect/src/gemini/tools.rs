//! The tools of a request: declarations in every `Tool`, and tools of the provider beside them. The server accepts
//! every field in snake_case too.

use super::super::splice::{remove, replace};
use super::super::tools::{RemovedTools, Tool, of_type, strings};
use super::spelling::{is, snake};
use crate::wire::edit::Edit;
use crate::wire::json::{Kind, Value};

/// `tools` is a list; the server also accepts a single one.
fn lists<'a>(root: &Value<'a>) -> Vec<Value<'a>> {
    let fields = root.children().filter(|field| field.key_is("tools"));
    fields
        .flat_map(
            |list| if list.kind() == Kind::Array { list.children().collect() } else { vec![list] },
        )
        .collect()
}

fn declarations(field: &Value<'_>) -> bool {
    is(field, "functionDeclarations")
}

/// The declarations under such a field: the server accepts a single one instead of a list.
fn declared<'a>(field: &Value<'a>) -> Vec<Value<'a>> {
    match field.kind() {
        Kind::Object => vec![*field],
        _ => field.children().collect(),
    }
}

/// The tools that a request offers.
pub(super) fn tools(root: &Value<'_>) -> Vec<Tool> {
    let mut tools = Vec::new();
    for field in lists(root).into_iter().flat_map(|tool| tool.children()) {
        if declarations(&field) {
            let inner = declared(&field).into_iter();
            tools.extend(inner.map(|tool| Tool::new(tool.id(), strings(&tool, "name"))));
        } else if !field.is_null() {
            let name = String::from_utf8_lossy(field.key()).into_owned();
            let mut names = of_type(&snake(&name));
            if snake(&name) == "mcp_servers" {
                names.extend(field.children().flat_map(|server| strings(&server, "name")));
            }
            names.push(name);
            tools.push(Tool::new(field.id(), names));
        }
    }
    tools
}

/// True if the member of a `Tool` is removed: a tool of the provider, or the last declarations.
fn member_goes(field: &Value<'_>, gone: &RemovedTools<'_>) -> bool {
    gone.has(field)
        || (declarations(field) && declared(field).iter().all(|tool| gone.has(tool)))
        || field.is_null()
}

fn tool_goes(tool: &Value<'_>, gone: &RemovedTools<'_>) -> bool {
    tool.kind() == Kind::Object && tool.children().all(|field| member_goes(&field, gone))
}

/// Removes tools, and with the last of them the function calling configuration.
pub(super) fn without(root: &Value<'_>, gone: &RemovedTools<'_>) -> Vec<Edit> {
    let mut edits = Vec::new();
    let left: Vec<Value<'_>> = lists(root).into_iter().filter(|t| !tool_goes(t, gone)).collect();
    let functions = left
        .iter()
        .flat_map(|tool| tool.children())
        .any(|field| declarations(&field) && declared(&field).iter().any(|tool| !gone.has(tool)));
    let goes =
        |field: &Value<'_>| left.is_empty() && (field.key_is("tools") || is(field, "toolConfig"));
    remove(root, goes, &mut edits);
    for field in root.children().filter(|field| !goes(field)) {
        if field.key_is("tools") {
            if field.kind() == Kind::Array {
                remove(&field, |tool| tool_goes(tool, gone), &mut edits);
            }
        } else if is(&field, "toolConfig") {
            config(&field, functions, gone, &mut edits);
        }
    }
    for tool in &left {
        let dead = |field: &Value<'_>| member_goes(field, gone) && !field.is_null();
        remove(tool, dead, &mut edits);
        for field in tool.children().filter(|field| declarations(field) && !dead(field)) {
            remove(&field, |tool| gone.has(tool), &mut edits);
        }
    }
    edits
}

fn config(config: &Value<'_>, functions: bool, gone: &RemovedTools<'_>, edits: &mut Vec<Edit>) {
    let calling = |field: &Value<'_>| is(field, "functionCallingConfig");
    if !functions {
        remove(config, calling, edits);
        return;
    }
    for calling in config.children().filter(calling) {
        for allowed in calling.children().filter(|field| is(field, "allowedFunctionNames")) {
            let is_gone = |name: &Value<'_>| name.as_str().is_some_and(|name| gone.named(&name));
            let mut own = Vec::new();
            let any = allowed.children().next().is_some();
            if remove(&allowed, is_gone, &mut own) || !any {
                edits.extend(own);
            } else {
                // None of the allowed functions is left: any other would be more than the caller allowed.
                replace(&calling, r#"{"mode":"NONE"}"#, edits);
                break;
            }
        }
    }
}
