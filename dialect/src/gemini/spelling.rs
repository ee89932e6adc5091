//! The server accepts every field in `camelCase` and in `snake_case`.

use super::super::Unreadable;
use super::super::request;
use crate::wire::json::Value;

/// True for a field with either of its names.
pub(super) fn is(field: &Value<'_>, camel: &str) -> bool {
    field.key_is(camel) || field.key_is(&snake(camel))
}

/// The name in the other spelling.
pub(super) fn snake(camel: &str) -> String {
    let mut out = String::new();
    for c in camel.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// A member with either of its names, where no decision depends on it.
pub(super) fn either<'a>(object: &Value<'a>, camel: &str) -> Option<Value<'a>> {
    object.get(camel).or_else(|| object.get(&snake(camel)))
}

/// The same for a member that a decision depends on, which must not occur twice.
///
/// # Errors
/// It occurs twice, under either name; `field` says where.
pub(super) fn only<'a>(
    object: &Value<'a>,
    camel: &str,
    field: &'static str,
) -> Result<Option<Value<'a>>, Unreadable> {
    match (request::one(object, camel, field)?, request::one(object, &snake(camel), field)?) {
        (Some(_), Some(_)) => Err(Unreadable { field }),
        (found, None) | (None, found) => Ok(found),
    }
}
