//! Definitions of tools: what a model reads about a tool before it calls it. A changed definition can tell the model
//! what to do, so guardrails can scan definitions (`scan: [tool_definitions]`) and rules can pin them (`pin`).

use sha2::{Digest, Sha256};

use super::fields::{KeyRole, field};
use super::texts::TextWalk;
use super::{InputParts, Item, Role};
use crate::jcs;
use crate::wire::json::{Doc, Kind, Value};

/// A tool's definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// The tool's name.
    pub name: String,
    /// `sha256:` and 64 hex digits: the digest of the RFC 8785 form of `{"description", "name", "schema"}`, without
    /// absent members; empty if there is no such form.
    pub digest: String,
}

/// The member with the schema of the arguments, in each dialect.
const SCHEMAS: [&str; 5] =
    ["inputSchema", "input_schema", "parameters", "parametersJsonSchema", "parameters_json_schema"];

/// The lists of tools in a document, at any place: outermost lists only.
fn lists<'a>(doc: &'a Doc, bytes: &'a [u8]) -> Vec<Value<'a>> {
    let mut lists: Vec<Value<'a>> = Vec::new();
    let mut after = 0;
    for value in doc.root(bytes).descendants() {
        if value.id() >= after && is_list(&value) {
            after = value.after();
            lists.push(value);
        }
    }
    lists
}

fn is_list(value: &Value<'_>) -> bool {
    let list = matches!(value.kind(), Kind::Array | Kind::Object);
    list && (field(value) == KeyRole::Tools || value.key_is("functions"))
}

/// Every key, string and number of the definitions in a document.
pub fn texts(doc: &Doc, bytes: &[u8], items: &mut Vec<Item>) {
    if doc.is_empty() {
        return;
    }
    let role = Role::Input(InputParts { tool_definitions: true, ..InputParts::default() });
    let mut texts = TextWalk::request(doc, bytes, items, role);
    for list in lists(doc, bytes) {
        texts.leaves(&list);
    }
}

/// The definitions in a document.
#[must_use]
pub fn all(doc: &Doc, bytes: &[u8]) -> Vec<Definition> {
    let mut all = Vec::new();
    if doc.is_empty() {
        return all;
    }
    for list in lists(doc, bytes) {
        let mut after = 0;
        for value in std::iter::once(list).chain(list.descendants()) {
            if value.id() < after {
                continue;
            }
            if let Some(definition) = of(&value) {
                after = value.after();
                all.push(definition);
            }
        }
    }
    all
}

/// The definition in an object, if it has a name and a description or a schema.
#[must_use]
pub fn of(tool: &Value<'_>) -> Option<Definition> {
    if tool.kind() != Kind::Object {
        return None;
    }
    let name = tool.get("name").filter(|name| name.kind() == Kind::String)?;
    let description = tool.get("description").filter(|text| !text.is_null());
    let schema = SCHEMAS.iter().find_map(|key| tool.get(key)).filter(|schema| !schema.is_null());
    // Bedrock wraps the schema.
    let schema = schema.map(|schema| schema.get("json").unwrap_or(schema));
    if description.is_none() && schema.is_none() {
        return None;
    }
    let mut json = b"{\"name\":".to_vec();
    json.extend_from_slice(name.raw());
    for (key, value) in [("description", description), ("schema", schema)] {
        if let Some(value) = value {
            json.extend_from_slice(b",\"");
            json.extend_from_slice(key.as_bytes());
            json.extend_from_slice(b"\":");
            json.extend_from_slice(value.raw());
        }
    }
    json.push(b'}');
    let digest = jcs::canonical_text(&json).map(|canonical| {
        let hash = Sha256::digest(canonical);
        hash.iter().fold("sha256:".to_owned(), |mut out, byte| {
            for nibble in [byte >> 4, byte & 15] {
                out.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
            }
            out
        })
    });
    let name = name.as_str().unwrap_or_default().into_owned();
    Some(Definition { name, digest: digest.unwrap_or_default() })
}
