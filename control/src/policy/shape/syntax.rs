//! The syntax of names.

use crate::limits;

/// POLICY: `[A-Za-z0-9._-]{1,64}`.
pub(in super::super) fn is_id(text: &str) -> bool {
    (1..=limits::ID_CHARS).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

pub(super) fn is_label(text: &str) -> bool {
    text.len() <= limits::ID_CHARS
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// A JSON pointer (RFC 6901) as its decoded segments.
///
/// # Errors
/// What to write instead.
pub(in super::super) fn pointer(text: &str) -> Result<Vec<String>, String> {
    if text.starts_with('$') {
        return Err("this is JSONPath; write `/metadata/user_id`".to_owned());
    }
    let Some(rest) = text.strip_prefix('/') else {
        return Err(format!("it begins with `/`: `/{}`", text.replace('.', "/")));
    };
    rest.split('/').map(segment).collect()
}

fn segment(text: &str) -> Result<String, String> {
    let mut decoded = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        decoded.push(match (c, c == '~') {
            (c, false) => c,
            _ => match chars.next() {
                Some('0') => '~',
                Some('1') => '/',
                _ => return Err("`~` is written `~0`, and `/` in a key `~1`".to_owned()),
            },
        });
    }
    Ok(decoded)
}

/// A request header that a label can be read from.
///
/// # Errors
/// What to write instead.
pub(super) fn header(text: &str) -> Result<(), String> {
    if text.starts_with(':') {
        return Err("the labels `method`, `host` and `path` always exist".to_owned());
    }
    if text.to_ascii_lowercase().starts_with("x-hemostat-") {
        return Err("`x-hemostat-` headers are removed from every request".to_owned());
    }
    // RFC 9110 §5.6.2: token.
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if text.is_empty() || !text.bytes().all(token) {
        return Err("a header's name has letters, digits and `-`: `x-tenant`".to_owned());
    }
    Ok(())
}
