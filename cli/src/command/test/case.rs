//! A case: how it is read, and what does not hold of it.

use std::fmt::Display;

use hemostat_engine::base::time;
use hemostat_engine::exchange::HeaderEdit;
use serde_json::{Map, Value, json};

use super::answer;
use crate::shared::error::{Error, Result};
use crate::shared::play::{Seen, Traffic};
use crate::shared::when;

/// How many characters of an answer are shown when an expected text is missing.
const SHOWN: usize = 300;

/// The most times that a case sends its request.
const TIMES: u64 = 10_000;

/// A case.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) traffic: Traffic,
    /// Its answer is a stream.
    pub(crate) streams: bool,
    /// How often the request is sent; the last answer is judged.
    pub(crate) times: u64,
    expect: Map<String, Value>,
}

/// Checks that a map has no other keys.
///
/// # Errors
/// It has one, or is not a map.
pub(crate) fn only(map: &Value, known: &[&str]) -> Result<()> {
    let unknown =
        map.as_object().into_iter().flatten().find(|(key, _)| !known.contains(&key.as_str()));
    match unknown {
        None if map.is_object() => Ok(()),
        None => Err(Error::failed("a map is expected")),
        Some((key, _)) => {
            Err(Error::failed(format!("unknown field `{key}`; accepted: {}", known.join(", "))))
        }
    }
}

const CASE: [&str; 8] =
    ["name", "request", "answer", "stream", "answer_status", "times", "at", "expect"];
const REQUEST: [&str; 7] = ["method", "host", "path", "headers", "properties", "body", "text"];
const EXPECT: [&str; 9] =
    ["status", "asked", "action", "hits", "headers", "upstream_headers", "sent", "says", "never"];

impl Case {
    /// Reads a case; `at` is its number.
    ///
    /// # Errors
    /// Says what is wrong with it, with its name.
    pub(crate) fn read(case: &Value, at: usize) -> Result<Self> {
        let name = case.get("name").and_then(Value::as_str).map(str::to_owned);
        let name = name.ok_or_else(|| Error::failed(format!("cases[{at}]: `name` is missing")))?;
        let wrong =
            |place: &str, why: &dyn Display| Error::failed(format!("case `{name}`: {place}{why}"));
        let parts = [("", case, CASE.as_slice()), ("request: ", part(case, "request"), &REQUEST)];
        for (place, map, known) in parts {
            only(map, known).map_err(|why| wrong(place, &why))?;
        }
        let expect = part(case, "expect");
        only(expect, &EXPECT).map_err(|why| wrong("expect: ", &why))?;
        let expect = expect.as_object().cloned().unwrap_or_default();
        judgeable(&expect).map_err(|why| wrong("expect: ", &why))?;
        let (traffic, streams) = traffic(case).map_err(|why| wrong("", &why))?;
        let times = case.get("times").map_or(Some(1), Value::as_u64);
        let times = times.filter(|times| (1..=TIMES).contains(times));
        let times = times.ok_or_else(|| wrong("times: ", &format!("1 to {TIMES} is expected")))?;
        Ok(Self { traffic, streams, times, expect, name })
    }

    /// What was expected and is not so.
    pub(crate) fn wrong(&self, seen: &Seen) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut want = |what: &str, wanted: &Value, was: &Value| {
            if wanted != was {
                wrong.push(format!("{what}: expected {wanted}, was {was}"));
            }
        };
        let expect = |key: &str| self.expect.get(key);
        if let Some(status) = expect("status") {
            want("status", status, &json!(seen.status));
        }
        if let Some(asked) = expect("asked") {
            want("asked", asked, &json!(seen.upstream.is_some()));
        }
        let action = seen.header("x-hemostat-action");
        match expect("action").and_then(Value::as_str) {
            None => want("action", &Value::Null, &json!(action)),
            Some(exact) if exact.contains(':') => want("action", &json!(exact), &json!(action)),
            // Any action of this rule.
            Some(rule) if action.is_some_and(|action| did(action, rule)) => {}
            Some(rule) => want("action", &json!(rule), &json!(action)),
        }
        for hit in texts(expect("hits")) {
            if !seen.hits.split(',').any(|own| own == hit) {
                want("hits", &json!(hit), &json!(seen.hits));
            }
        }
        for (name, value) in entries(expect("headers")) {
            want(name, value, &json!(seen.header(name)));
        }
        for (name, value) in entries(expect("upstream_headers")) {
            want(name, value, &set(&seen.upstream_edits, name));
        }
        let upstream = seen.upstream.as_deref().unwrap_or(b"null");
        let sent: Value = serde_json::from_slice(upstream).unwrap_or_default();
        for (pointer, value) in entries(expect("sent")) {
            want(pointer, value, sent.pointer(pointer).unwrap_or(&Value::Null));
        }
        wrong.extend(self.texts_wrong(seen));
        wrong
    }

    fn texts_wrong(&self, seen: &Seen) -> Vec<String> {
        let body = answer::readable(seen.header("content-type"), &seen.body);
        let told = if self.streams { answer::told(&body) } else { String::new() };
        let there = |text: &str| body.contains(text) || told.contains(text);
        let mut wrong = Vec::new();
        for text in texts(self.expect.get("says")).filter(|text| !there(text)) {
            wrong.push(format!("says: `{text}` is not in the answer: {}", beginning(&body)));
        }
        for text in texts(self.expect.get("never")).filter(|text| there(text)) {
            wrong.push(format!("never: `{text}` is in the answer: {}", beginning(&body)));
        }
        wrong
    }
}

/// A field; an empty map if it is missing.
fn part<'a>(case: &'a Value, key: &str) -> &'a Value {
    static EMPTY: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| json!({}));
    case.get(key).unwrap_or(&EMPTY)
}

/// True if an action is of this rule.
fn did(actions: &str, rule: &str) -> bool {
    actions.split(',').any(|one| one.rsplit_once(':').is_some_and(|(own, _)| own == rule))
}

/// The value that a request header was set to.
fn set(edits: &[HeaderEdit], name: &str) -> Value {
    let found = edits.iter().rev().find_map(|edit| match edit {
        HeaderEdit::Set(own, value) if own == name => Some(value.as_str()),
        _ => None,
    });
    json!(found)
}

/// The texts of a value that is a text or a list of texts.
fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let one = value.and_then(Value::as_str);
    let many = value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    one.into_iter().chain(many)
}

fn entries(value: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    let map = value.and_then(Value::as_object).into_iter().flatten();
    map.map(|(key, value)| (key.as_str(), value))
}

/// Checks that the values have the expected form: a typing error must not make a case hold.
fn judgeable(expect: &Map<String, Value>) -> Result<()> {
    let is_texts = |value: &Value| {
        value.is_string() || value.as_array().is_some_and(|all| all.iter().all(Value::is_string))
    };
    for (key, value) in expect {
        let (fits, wanted) = match key.as_str() {
            "status" => (value.is_u64(), "a number"),
            "asked" => (value.is_boolean(), "true or false"),
            "action" => (value.is_string(), "`RULE` or `RULE:ACTION`"),
            "headers" | "upstream_headers" | "sent" => (value.is_object(), "a map"),
            _ => (is_texts(value), "a text or a list of texts"),
        };
        if !fits {
            return Err(Error::failed(format!("`{key}` is {wanted}")));
        }
    }
    Ok(())
}

/// The exchange of a case, and whether its answer is a stream.
fn traffic(case: &Value) -> Result<(Traffic, bool)> {
    let request = part(case, "request");
    let text = |key: &str| request.get(key).and_then(Value::as_str).map(str::to_owned);
    let pairs = |key: &str| -> Result<Vec<(String, String)>> {
        entries(request.get(key))
            .map(|(name, value)| {
                let is_text = || Error::failed(format!("request: {key}: `{name}` is a text"));
                let value = value.as_str().ok_or_else(is_text)?;
                Ok((name.to_ascii_lowercase(), value.to_owned()))
            })
            .collect()
    };
    let body = request.get("body").map(Value::to_string).or_else(|| text("text"));
    let default_method = if body.is_some() { "POST" } else { "GET" };
    let method = text("method").unwrap_or_else(|| default_method.to_owned());
    let path = text("path").ok_or_else(|| Error::failed("request: `path` is missing"))?;
    let streamed = case.get("stream").map(|list| answer::stream(&method, &path, list));
    let streamed = streamed.transpose()?;
    let whole = case.get("answer").map(|answer| match answer {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    if streamed.is_some() && whole.is_some() {
        let why = "`answer` is a whole answer, `stream` a streamed one: one of them";
        return Err(Error::failed(why));
    }
    let streams = streamed.is_some();
    let status = case.get("answer_status").map_or(Some(200), Value::as_u64);
    let status = status.and_then(|status| u16::try_from(status).ok());
    let at = case.get("at").and_then(Value::as_str).map(time::parse).transpose();
    let at = at.map_err(|why| Error::failed(format!("at: {why}")))?;
    let properties = pairs("properties")?.into_iter();
    let whole = || match whole {
        Some(whole) => whole,
        None => answer::fine(&method, &path, request.get("body")),
    };
    let (kind, answer) = streamed.unwrap_or_else(|| ("application/json", whole().into_bytes()));
    let traffic = Traffic {
        method,
        host: text("host").unwrap_or_else(|| "api.example.com".to_owned()),
        path,
        headers: pairs("headers")?,
        properties: properties
            .map(|(path, value)| (path.split('.').map(str::to_owned).collect(), value))
            .collect(),
        request: body.unwrap_or_default().into_bytes(),
        status: status.ok_or_else(|| Error::failed("`answer_status` is an HTTP status"))?,
        answer_headers: vec![("content-type".to_owned(), kind.to_owned())],
        answer,
        at_ns: at.unwrap_or_else(when::now).saturating_mul(1_000_000_000),
    };
    Ok((traffic, streams))
}

fn beginning(body: &str) -> String {
    let more = if body.chars().count() > SHOWN { "…" } else { "" };
    format!("{}{more}", body.chars().take(SHOWN).collect::<String>())
}
