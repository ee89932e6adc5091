//! Where requests name their maximum of output tokens, so that one can be set.

use super::spend::insert;
use super::write::quoted;
use crate::wire::edit::Edit;
use crate::wire::json::Value;

/// The place of that number in one dialect's requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct OutputCap {
    /// The root's member that holds it, in each spelling that the server accepts; empty if it stands at the root.
    pub(super) holder: &'static [&'static str],
    /// Its own name, in each spelling.
    pub(super) name: &'static [&'static str],
}

impl OutputCap {
    /// Sets it in a request that does not name one, or `null`. `None` if there is no place for it.
    pub(super) fn set(&self, root: &Value<'_>, most: u64) -> Option<Edit> {
        let most = most.to_string();
        if self.holder.is_empty() {
            return put(root, self.name, &most);
        }
        match get(root, self.holder).filter(|holder| !holder.is_null()) {
            Some(holder) => put(&holder, self.name, &most),
            None => put(root, self.holder, &format!("{{{}}}", member(self.name, &most))),
        }
    }
}

fn get<'a>(object: &Value<'a>, names: &[&str]) -> Option<Value<'a>> {
    names.iter().find_map(|name| object.get(name))
}

/// Sets a member of an object, whatever its value was.
fn put(object: &Value<'_>, names: &[&str], json: &str) -> Option<Edit> {
    match get(object, names) {
        Some(said) => Some(Edit { at: said.span(), with: json.as_bytes().to_vec() }),
        None => insert(object, &member(names, json)),
    }
}

fn member(names: &[&str], json: &str) -> String {
    format!("{}:{json}", quoted(names.first().copied().unwrap_or_default()))
}
