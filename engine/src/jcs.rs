//! stand-in
use crate::policy::source::{Entry, Node, Value, to_json};
/// stand-in
pub fn canonical(node: &Node) -> Result<String, &'static str> {
    fn sorted(node: &Node) -> Node {
        let value = match &node.value {
            Value::Seq(items) => Value::Seq(items.iter().map(sorted).collect()),
            Value::Map(entries) => {
                let mut entries: Vec<Entry> = entries.iter().map(|e| Entry { value: sorted(&e.value), ..e.clone() }).collect();
                entries.sort_by(|a, b| a.key.cmp(&b.key));
                Value::Map(entries)
            }
            other => other.clone(),
        };
        Node { at: node.at, value }
    }
    Ok(to_json(&sorted(node)))
}
