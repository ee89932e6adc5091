//! The tools of a request: their names, and what the dialects share to remove some.

use std::borrow::Cow;

use super::fields::string;
use super::splice::{remove, replace};
use crate::wire::edit::Edit;
use crate::wire::json::{Kind, NodeId, Value};
use crate::word::{self, Word};

/// A tool that a request offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// The names that rules may use for it: its own, or for a tool that the provider runs its type, with and without
    /// version. Every occurrence of a duplicate key counts.
    pub names: Vec<String>,
    /// Where it stands.
    pub(super) node: NodeId,
}

impl Tool {
    pub(super) fn new(node: NodeId, names: Vec<String>) -> Self {
        Self { names, node }
    }

    /// A tool that is given by its name alone; `None` if the name is not a string.
    pub(super) fn by_name(name: &Value<'_>) -> Option<Self> {
        Some(Self::new(name.id(), vec![name.as_str()?.into_owned()]))
    }
}

/// Every string under a key of an object, including duplicates.
pub(super) fn strings(object: &Value<'_>, name: &str) -> Vec<String> {
    let mut strings = Vec::new();
    add_strings(&mut strings, object, name);
    strings
}

/// Adds them to a tool's names.
pub(super) fn add_strings(names: &mut Vec<String>, object: &Value<'_>, name: &str) {
    for child in object.children().filter(|child| child.key_is(name)) {
        names.extend(child.as_str().map(Cow::into_owned));
    }
}

/// Adds the names of a tool that the provider runs, by its types. `callers`: types of tools that have names of their own.
pub(super) fn add_types(names: &mut Vec<String>, tool: &Value<'_>, callers: &[&str]) {
    for kind in strings(tool, "type") {
        if !callers.contains(&&*kind) {
            names.append(&mut of_type(&kind));
        }
    }
}

/// Every member of an object under one key or the other, including duplicates.
pub(super) fn either<'a>(object: &Value<'a>, names: [&str; 2]) -> Vec<Value<'a>> {
    let mut found = Vec::new();
    for name in names {
        found.append(&mut at(object, &[name]));
    }
    found
}

/// The names of a tool in OpenAI's formats: its own, those of its function or custom tool, and its types.
pub(super) fn openai_names(tool: &Value<'_>, callers: &[&str]) -> Vec<String> {
    let mut names = strings(tool, "name");
    for body in either(tool, ["function", "custom"]) {
        add_strings(&mut names, &body, "name");
    }
    add_types(&mut names, tool, callers);
    names
}

/// A path step that matches every child.
pub(super) const EACH: &str = "*";

/// Every value that a path of keys leads to, including duplicates, in order.
///
/// It returns a list rather than an iterator over the caller's closures, which compiled each walk over a request
/// separately: a twentieth of the module, for code that only requests under a tools rule need.
pub(super) fn at<'a>(value: &Value<'a>, path: &[&str]) -> Vec<Value<'a>> {
    let mut found = vec![*value];
    for &step in path {
        let mut next = Vec::new();
        for value in found {
            next.extend(value.children().filter(|child| step == EACH || child.key_is(step)));
        }
        found = next;
    }
    found
}

/// Every member under a key, including duplicates.
pub(super) fn all<'a>(object: &Value<'a>, name: &str) -> std::vec::IntoIter<Value<'a>> {
    at(object, &[name]).into_iter()
}

/// The names of a tool that the provider runs, from its type: `web_search_20250305` is also `web_search`.
pub(super) fn of_type(kind: &str) -> Vec<String> {
    let mut names = vec![kind.to_owned()];
    let mut base = kind;
    loop {
        let digits = base.trim_end_matches(|c: char| c.is_ascii_digit());
        let shorter = match digits.strip_suffix(['_', '-']) {
            Some(rest) if digits.len() < base.len() => rest,
            _ => base.strip_suffix("_preview").unwrap_or(base),
        };
        if shorter == base || shorter.is_empty() {
            break;
        }
        base = shorter;
        names.push(base.to_owned());
    }
    let also: &[&str] = match base {
        "code_interpreter" => &["code_execution"],
        "computer_use" => &["computer"],
        "local_shell" => &["shell"],
        "google_search" | "google_search_retrieval" | "web_search_options" => &["web_search"],
        "mcp_toolset" | "mcp_servers" => &["mcp"],
        _ => &[],
    };
    names.extend(also.iter().map(|&name| name.to_owned()));
    names
}

/// What is removed from a request, by node.
#[derive(Debug)]
pub(super) struct RemovedTools<'t> {
    nodes: Vec<NodeId>,
    /// Names of tools that are removed, and of tools that stay; both sorted, since a choice may name as many.
    names: Vec<&'t str>,
    kept: Vec<&'t str>,
}

impl<'t> RemovedTools<'t> {
    pub(super) fn new(tools: &'t [Tool], gone: &[usize]) -> Self {
        let is_gone = |at: usize| gone.binary_search(&at).is_ok();
        let names = |which: bool| {
            let tools = tools.iter().enumerate().filter(move |(at, _)| is_gone(*at) == which);
            let names = tools.flat_map(|(_, tool)| tool.names.iter().map(String::as_str));
            let mut names: Vec<&str> = names.collect();
            names.sort_unstable();
            names
        };
        let nodes = tools.iter().enumerate().filter(|(at, _)| is_gone(*at));
        let mut nodes: Vec<NodeId> = nodes.map(|(_, tool)| tool.node).collect();
        nodes.sort_unstable();
        Self { nodes, names: names(true), kept: names(false) }
    }

    /// True if this value is a tool that is removed.
    pub(super) fn has(&self, value: &Value<'_>) -> bool {
        self.nodes.binary_search(&value.id()).is_ok()
    }

    /// True if the tool with this name is removed and no other tool with the name stays.
    pub(super) fn named(&self, name: &str) -> bool {
        self.names.binary_search(&name).is_ok() && self.kept.binary_search(&name).is_err()
    }
}

/// Removes tools from `list`; true if any is left.
pub(super) fn take_out(list: &Value<'_>, gone: &RemovedTools<'_>, edits: &mut Vec<Edit>) -> bool {
    if list.kind() == Kind::Array { remove(list, |tool| gone.has(tool), edits) } else { true }
}

/// OpenAI's `tool_choice` (Chat and Responses): a choice that names a removed tool becomes `"auto"`, and a list of
/// allowed tools of which none is left becomes `"none"`, since `"auto"` would allow more than the caller did.
pub(super) fn openai_choice(choice: &Value<'_>, gone: &RemovedTools<'_>, edits: &mut Vec<Edit>) {
    if choice.kind() != Kind::Object {
        return;
    }
    let names = |entry: &Value<'_>| -> Vec<String> {
        let mut names = strings(entry, "name");
        for body in either(entry, ["function", "custom"]) {
            add_strings(&mut names, &body, "name");
        }
        let kind = string(entry.get("type"));
        if names.is_empty()
            && !matches!(Word::of(&kind), word::function | word::custom | word::allowed_tools)
        {
            names.push(String::from_utf8_lossy(&kind).into_owned());
        }
        if &*kind == b"mcp" {
            add_strings(&mut names, entry, "server_label");
        }
        names
    };
    let is_gone = |entry: &Value<'_>| names(entry).iter().any(|name| gone.named(name));
    let mut lists = at(choice, &["tools"]);
    lists.extend(at(choice, &["allowed_tools", "tools"]));
    if lists.is_empty() {
        if is_gone(choice) {
            replace(choice, "\"auto\"", edits);
        }
        return;
    }
    let mut own = Vec::new();
    let mut left = false;
    for list in &lists {
        left |= remove(list, is_gone, &mut own);
    }
    if left { edits.extend(own) } else { replace(choice, "\"none\"", edits) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_not_part_of_a_name() {
        for (kind, base) in [
            ("web_search_20250305", "web_search"),
            ("web_search_preview_2025_03_11", "web_search"),
            ("web_search_preview", "web_search"),
            ("computer_20250124", "computer"),
            ("code_execution_20250825", "code_execution"),
            ("code_interpreter", "code_execution"),
            ("tool_search_tool_regex_20251119", "tool_search_tool_regex"),
            ("mcp", "mcp"),
        ] {
            assert!(of_type(kind).iter().any(|name| name == base), "{kind}: {:?}", of_type(kind));
        }
        assert_eq!(of_type("20250305"), ["20250305"]);
        assert_eq!(of_type(""), [""]);
    }
}
