//! Writes JSON for operators: objects, member by member.

use crate::base::json_text::quote;

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
    let items: Vec<String> = values.iter().map(write).collect();
    format!("[{}]", items.join(","))
}

/// A JSON object under construction.
#[derive(Debug, Default)]
pub struct Object(String);

impl Object {
    /// Adds a member whose value is JSON already.
    pub fn raw(&mut self, key: &str, json: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        quote(key, &mut self.0);
        self.0.push(':');
        self.0.push_str(json);
    }

    /// A string.
    pub fn text(&mut self, key: &str, value: &str) {
        self.raw(key, &text(value));
    }

    /// A string, or `null`.
    pub fn optional_text(&mut self, key: &str, value: Option<&str>) {
        self.raw(key, &value.map_or_else(|| "null".to_owned(), text));
    }

    /// A number.
    pub fn number(&mut self, key: &str, value: u64) {
        self.raw(key, &value.to_string());
    }

    /// Adds a list of the results of `write`.
    pub fn list<T>(&mut self, key: &str, values: &[T], write: impl Fn(&T) -> String) {
        self.raw(key, &list(values, write));
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
