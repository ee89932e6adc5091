//! The rules of a policy, by the names that hits show.

use hemostat_engine::policy::source::{self, SourceNode};

use crate::shared::files;

const SECTIONS: [&str; 7] =
    ["rollback", "switch", "guardrails", "tools", "limits", "failsafe", "other_traffic"];

/// The rules of a file; none if it cannot be read, which is reported elsewhere.
pub(super) fn of(file: &str) -> Vec<String> {
    let tree = files::read(file).ok().and_then(|text| source::parse(&text, file).ok());
    let Some(tree) = tree else { return Vec::new() };
    let policy = tree.get("policy").unwrap_or(&tree);
    let rules = |section: &&str| -> Vec<String> {
        policy
            .get(section)
            .map(|list| list.items().iter().filter_map(name).collect())
            .unwrap_or_default()
    };
    SECTIONS.iter().flat_map(rules).collect()
}

/// The id of a rule; for a tools rule without one, `tools:` and its first match.
fn name(rule: &SourceNode) -> Option<String> {
    if let Some(id) = rule.get("id").and_then(SourceNode::text) {
        return Some(id.to_owned());
    }
    let tools = rule.get("match")?;
    let first = tools.text().or_else(|| tools.items().first().and_then(SourceNode::text))?;
    Some(format!("tools:{first}"))
}
