//! The models that a request permits to answer, besides the one it names.
//!
//! Routers and providers accept lists of them under these names (OpenRouter `models`, LiteLLM's three kinds of
//! `fallbacks`, Anthropic's beta `fallbacks`), as names or as objects with a `model`. A rule for one of them must hold,
//! since it may be the one that answers.

use super::Unreadable;
use super::path::query_values;
use crate::base::headers::Headers;
use crate::limits;
use crate::wire::find;
use crate::wire::json::{Doc, Kind, Value};
use crate::word::{self, Word, WordTable};

/// What a member of a request's root, or of a router's options, tells about models.
#[derive(Debug, Clone, Copy)]
enum Told {
    /// The model that is asked.
    Model,
    /// The same under an older name, at the root. (Elsewhere an engine is a search engine.)
    Engine,
    /// Further models, in a list or alone.
    List,
    /// Tools, which may have models of their own, or turns that may contain tools.
    Tools,
    /// Vertex: a model in it may replace the one in the path.
    Routing,
    /// Nothing: a `model` below it is the caller's own text, or is read by code that knows its place.
    Nothing,
}

use Told::*;

#[rustfmt::skip]
static TOLD: WordTable<Told> = WordTable::of(&[
    (Model, word::model), (Engine, word::engine),
    (List, word::models), (List, word::fallbacks), (List, word::fallback), (List, word::context_window_fallbacks),
    (List, word::content_policy_fallbacks), (List, word::allowed_models), (List, word::draft_model),
    (List, word::model_name), (List, word::deployment_id), (List, word::fallback_models),
    (List, word::default_fallbacks), (List, word::model_fallbacks), (List, word::fallbackModels),
    (Tools, word::tools), (Tools, word::input), (Tools, word::messages),
    (Routing, word::generationConfig), (Routing, word::generation_config),
    (Nothing, word::contents), (Nothing, word::system), (Nothing, word::systemInstruction),
    (Nothing, word::system_instruction), (Nothing, word::instructions), (Nothing, word::prompt),
    (Nothing, word::prediction), (Nothing, word::documents), (Nothing, word::functions), (Nothing, word::tool_choice),
    (Nothing, word::toolConfig), (Nothing, word::tool_config), (Nothing, word::toolChoice),
    (Nothing, word::response_format), (Nothing, word::text), (Nothing, word::format), (Nothing, word::output_config),
    (Nothing, word::output_format), (Nothing, word::outputConfig), (Nothing, word::metadata),
    (Nothing, word::requestMetadata), (Nothing, word::labels),
]);

/// Query keys that name a model (LiteLLM, Realtime).
const QUERY: [&str; 2] = ["model", "deployment"];

/// The header that selects the model at SageMaker's multi-model endpoints.
const TARGET_MODEL: &str = "x-amzn-sagemaker-target-model";

/// The further models that a body names, in order.
///
/// # Errors
/// `model` occurs twice, or there are more than [`limits::OTHER_MODELS`]: it is then unknown which of them may answer.
pub fn other_models(doc: &Doc, body: &[u8]) -> Result<Vec<String>, Unreadable> {
    let mut models = Vec::new();
    let root = doc.root(body);
    // Where the path names another model, it is the server's choice which one counts.
    add(&mut models, root.unique("model").map_err(|_| Unreadable { field: "/model" })?)?;
    for field in root.children() {
        match TOLD.get(Word::key(&field)) {
            Some(Model | Nothing) => {}
            Some(Engine) => add(&mut models, Some(field))?,
            Some(List) => of_list(&field, &mut models)?,
            // (Anthropic's advisor, OpenAI's image generation.)
            Some(Tools) => of_tools(&field, &mut models)?,
            Some(Routing) => of_routing(&field, &mut models)?,
            None => of_options(&field, &mut models)?,
        }
    }
    Ok(models)
}

/// The further models that a request names before its body, in its query or in a header.
pub fn models_of_line(headers: &Headers, mut found: impl FnMut(&str)) {
    if let Some(target) = headers.value(":path").filter(|path| find::byte(path, b'?').is_some()) {
        let target = String::from_utf8_lossy(target);
        query_values(&target, &QUERY).for_each(|value| found(&value));
    }
    for value in headers.values(TARGET_MODEL) {
        found(&String::from_utf8_lossy(value));
    }
}

/// The options of a router, in which a model may be named anywhere (`extra_body`, `providerOptions`, `plugins`).
fn of_options(field: &Value<'_>, models: &mut Vec<String>) -> Result<(), Unreadable> {
    // What a list contains is examined once, however deeply lists are nested.
    let mut listed = 0;
    for below in field.descendants() {
        if below.id() < listed {
            continue;
        }
        match TOLD.get(Word::key(&below)) {
            Some(Model) => add(models, Some(below))?,
            Some(List) => {
                of_list(&below, models)?;
                listed = below.after();
            }
            _ => {}
        }
    }
    Ok(())
}

fn add(models: &mut Vec<String>, name: Option<Value<'_>>) -> Result<(), Unreadable> {
    let name = name.and_then(|name| name.as_str()).unwrap_or_default();
    // A router may accept a list in one string (LiteLLM: `model: "a,b"`).
    let listed = name.contains(',').then(|| name.split(',').map(str::trim));
    for name in std::iter::once(&*name).chain(listed.into_iter().flatten()) {
        if name.is_empty() || models.iter().any(|own| own == name) {
            continue;
        }
        if models.len() >= limits::OTHER_MODELS {
            return Err(Unreadable { field: "/models" });
        }
        models.push(name.to_owned());
    }
    Ok(())
}

fn of_list(list: &Value<'_>, models: &mut Vec<String>) -> Result<(), Unreadable> {
    let mut all: Vec<Value<'_>> = match list.kind() {
        Kind::Array => list.children().collect(),
        _ => vec![*list],
    };
    // `fallbacks: [{"a": ["b", "c"]}]`: keyed by the model that they replace.
    let nested: Vec<Value<'_>> = all
        .iter()
        .filter(|one| match one.kind() {
            Kind::Object => one.get("model").is_none(),
            kind => kind == Kind::Array,
        })
        .flat_map(Value::descendants)
        .collect();
    all.extend(nested);
    for one in all {
        match one.kind() {
            Kind::Object => of_each(&one, models)?,
            _ => add(models, Some(one))?,
        }
    }
    Ok(())
}

/// Every `model` of an object: if there are two, it is the server's choice which one counts.
fn of_each(object: &Value<'_>, models: &mut Vec<String>) -> Result<(), Unreadable> {
    object.children().filter(|field| field.key_is("model")).try_for_each(|m| add(models, Some(m)))
}

/// The models of tools: a `model` beside a tool's `type`, in a list of tools or in a definition of one. What a turn
/// says about a model that spoke (`from`, `to`) is history.
fn of_tools(field: &Value<'_>, models: &mut Vec<String>) -> Result<(), Unreadable> {
    for one in field.descendants().filter(|one| one.key_is("model")) {
        let Some(tool) = one.parent() else { continue };
        let holder = if tool.key_is("svg") { tool.parent().unwrap_or(tool) } else { tool };
        let listed = holder.parent().is_some_and(|list| list.key_is("tools"));
        if listed || holder.key_is("definition") {
            add(models, Some(one))?;
        }
    }
    Ok(())
}

fn of_routing(config: &Value<'_>, models: &mut Vec<String>) -> Result<(), Unreadable> {
    let named = |name: &Value<'_>| name.key_is("modelName") || name.key_is("model_name");
    let under_routing = |name: &Value<'_>| {
        let mode = name.parent();
        let routing = mode.and_then(|mode| mode.parent());
        routing.is_some_and(|own| own.key_is("routingConfig") || own.key_is("routing_config"))
    };
    let all = config.descendants().filter(named).filter(under_routing);
    all.into_iter().try_for_each(|name| add(models, Some(name)))
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
        assert_eq!(of(r#"{"context_window_fallbacks":[{"a":["b"]}]}"#), ["b"]);
        assert_eq!(of(r#"{"model":"a","models":null}"#), ["a"]);
        assert_eq!(
            of(r#"{"models":["a","a"],"tools":[{"type":"x","model":"b","model":"c"}]}"#),
            ["a", "b", "c"]
        );
        assert_eq!(
            of(r#"{"extra_body":{"model":"a"},"providerOptions":{"gateway":{"models":["b"]}}}"#),
            ["a", "b"]
        );
        assert_eq!(of(r#"{"plugins":[{"id":"x","model":"a"}],"draft_model":"b"}"#), ["a", "b"]);
        assert_eq!(of(r#"{"engine":"a","plugins":[{"id":"web","engine":"exa"}]}"#), ["a"]);
        assert_eq!(of(r#"{"metadata":{"model":"a"},"response_format":{"model":"b"}}"#), [""; 0]);
        assert_eq!(
            of(r#"{"messages":[{"content":[{"type":"fallback","from":{"model":"a"}}]}]}"#),
            [""; 0]
        );
    }
}
