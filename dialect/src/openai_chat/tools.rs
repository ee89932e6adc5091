//! The tools of a chat request: `tools`, the old `functions`, `web_search_options`.

use super::super::splice::remove;
use super::super::tools::{
    EACH, RemovedTools, Tool, at, of_type, openai_choice, openai_names, strings, take_out,
};
use crate::wire::edit::Edit;
use crate::wire::json::Value;

/// The tools that a request offers.
pub(super) fn tools(root: &Value<'_>) -> Vec<Tool> {
    let mut tools = Vec::new();
    for field in root.children() {
        if field.key_is("tools") {
            tools.extend(
                field
                    .children()
                    .map(|tool| Tool::new(tool.id(), openai_names(&tool, &["function", "custom"]))),
            );
        } else if field.key_is("functions") {
            tools.extend(field.children().map(|tool| Tool::new(tool.id(), strings(&tool, "name"))));
        } else if field.key_is("web_search_options") && !field.is_null() {
            tools.push(Tool::new(field.id(), of_type("web_search_options")));
        }
    }
    tools
}

/// Removes tools. If none is left, the API accepts neither `tools` nor `tool_choice` nor `parallel_tool_calls`.
pub(super) fn without(root: &Value<'_>, gone: &RemovedTools<'_>) -> Vec<Edit> {
    let mut edits = Vec::new();
    let left = |name: &str| at(root, &[name, EACH]).iter().any(|tool| !gone.has(tool));
    let (tools, functions) = (left("tools"), left("functions"));
    let goes = |field: &Value<'_>| {
        gone.has(field)
            || (!tools && (field.key_is("tools") || field.key_is("tool_choice")))
            || (!tools && field.key_is("parallel_tool_calls"))
            || (!functions && (field.key_is("functions") || field.key_is("function_call")))
    };
    remove(root, goes, &mut edits);
    for field in root.children().filter(|field| !goes(field)) {
        if field.key_is("tools") || field.key_is("functions") {
            take_out(&field, gone, &mut edits);
        } else if field.key_is("tool_choice") {
            openai_choice(&field, gone, &mut edits);
        } else if field.key_is("function_call")
            && strings(&field, "name").iter().any(|name| gone.named(name))
        {
            edits.push(Edit { at: field.span(), with: b"\"auto\"".to_vec() });
        }
    }
    edits
}
