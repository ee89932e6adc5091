//! The models that a request lets answer beside the one that it names.
//!
//! Routers and providers take lists of them under these names (OpenRouter `models`, LiteLLM `fallbacks`, Anthropic's beta
//! `fallbacks`), as names or as objects with a `model`. A rule for one of them must hold: it may be the one that answers.

use super::Unreadable;
use crate::limits;
use crate::wire::json::{Doc, Kind, Value};

/// Members of a request that name further models.
const LISTS: [&str; 3] = ["models", "fallbacks", "fallback"];

/// The further models, in order.
///
/// # Errors
/// There are more than [`limits::OTHER_MODELS`]: which of them may answer is not known then.
pub fn other_models(doc: &Doc, body: &[u8]) -> Result<Vec<String>, Unreadable> {
    let mut models = Vec::new();
    let root = doc.root(body);
    for list in root.children().filter(|field| LISTS.iter().any(|name| field.key_is(name))) {
        let mut all: Vec<Value<'_>> = match list.kind() {
            Kind::Array => list.children().collect(),
            _ => vec![list],
        };
        // `fallbacks: [{"a": ["b", "c"]}]`: by the model that they stand in for.
        let nested: Vec<Value<'_>> = all
            .iter()
            .filter(|one| one.kind() == Kind::Object && one.get("model").is_none())
            .flat_map(Value::descendants)
            .collect();
        all.extend(nested);
        for one in all {
            let name = match one.kind() {
                Kind::Object => one.get("model").and_then(|model| model.as_str()),
                _ => one.as_str(),
            };
            let Some(name) = name.filter(|name| !name.is_empty()) else { continue };
            if models.len() >= limits::OTHER_MODELS {
                return Err(Unreadable { field: "/models" });
            }
            models.push(name.into_owned());
        }
    }
    Ok(models)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_a_list_is_written() {
        let of = |body: &str| {
            let mut doc = Doc::default();
            doc.parse(body.as_bytes()).unwrap();
            other_models(&doc, body.as_bytes()).unwrap()
        };
        assert_eq!(of(r#"{"models":["a","b"],"fallback":"c"}"#), ["a", "b", "c"]);
        assert_eq!(of(r#"{"fallbacks":[{"model":"b","max_tokens":1},"c"]}"#), ["b", "c"]);
        assert_eq!(of(r#"{"fallbacks":[{"a":["b","c"]}]}"#), ["b", "c"]);
        assert_eq!(of(r#"{"model":"a","models":null}"#), [""; 0]);
    }
}
