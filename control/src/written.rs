//! Writes JSON for operators: objects, member by member.

use crate::base::json_text::quote;
use crate::base::time;

/// A JSON string.
#[must_use]
pub fn text(value: &str) -> String {
    let mut out = String::new();
    quote(value, &mut out);
    out
}

/// A JSON list of the results of `write`.
#[must_use]
pub fn list<T>(values: &[T], write: impl Fn(&T) -> String) -> String {
    let mut out = "[".to_owned();
    for value in values {
        item(&mut out, &write(value));
    }
    out.push(']');
    out
}

/// Adds an item to a list under construction.
#[inline(never)]
fn item(out: &mut String, json: &str) {
    if out.len() > 1 {
        out.push(',');
    }
    out.push_str(json);
}

/// The value of a member.
#[derive(Debug, Clone, Copy)]
pub enum Written<'a> {
    /// `null`
    Nothing,
    /// `true` or `false`
    Flag(bool),
    /// A number.
    Number(u64),
    /// A string.
    Text(&'a str),
    /// A time as a string (Unix seconds).
    Time(u64),
    /// What is JSON already.
    Json(&'a str),
}

impl From<bool> for Written<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<u64> for Written<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl<'a> From<&'a str> for Written<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Written<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a, T: Into<Written<'a>>> From<Option<T>> for Written<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, T::into)
    }
}

/// A JSON object under construction.
#[derive(Debug, Default)]
pub struct Object(String);

impl Object {
    /// Adds a member.
    pub fn set<'a>(&mut self, key: &str, value: impl Into<Written<'a>>) {
        self.write(key, value.into());
    }

    /// Kept out of line: it is called from many places, and the module that a proxy loads must be small.
    #[inline(never)]
    fn write(&mut self, key: &str, value: Written<'_>) {
        let out = &mut self.0;
        out.push(if out.is_empty() { '{' } else { ',' });
        quote(key, out);
        out.push(':');
        match value {
            Written::Nothing => out.push_str("null"),
            Written::Flag(flag) => out.push_str(if flag { "true" } else { "false" }),
            Written::Number(number) => out.push_str(&number.to_string()),
            Written::Text(text) => quote(text, out),
            Written::Time(at) => quote(&time::format(at), out),
            Written::Json(json) => out.push_str(json),
        }
    }

    /// Adds a member whose value is JSON already.
    pub fn raw(&mut self, key: &str, json: &str) {
        self.write(key, Written::Json(json));
    }

    /// Adds a string.
    pub fn text(&mut self, key: &str, value: &str) {
        self.write(key, Written::Text(value));
    }

    /// Adds a number.
    pub fn number(&mut self, key: &str, value: u64) {
        self.write(key, Written::Number(value));
    }

    /// Adds a list of the results of `write`.
    pub fn list<T>(&mut self, key: &str, values: &[T], write: impl Fn(&T) -> String) {
        self.raw(key, &list(values, write));
    }

    /// Adds a list of strings.
    pub fn texts(&mut self, key: &str, values: &[String]) {
        self.list(key, values, |value| text(value));
    }

    /// The finished object.
    #[must_use]
    pub fn end(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('{');
        }
        self.0.push('}');
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_written_as_what_it_is() {
        let mut out = Object::default();
        out.set("none", None::<u64>);
        out.set("flag", true);
        out.set("number", Some(7));
        out.set("text", "a\"b");
        out.set("time", Written::Time(0));
        out.set("json", Some(Written::Json("[1]")));
        out.texts("texts", &["x".to_owned(), String::new()]);
        assert_eq!(
            out.end(),
            r#"{"none":null,"flag":true,"number":7,"text":"a\"b","time":"1970-01-01T00:00:00Z","json":[1],"texts":["x",""]}"#
        );
        assert_eq!(Object::default().end(), "{}");
    }
}
