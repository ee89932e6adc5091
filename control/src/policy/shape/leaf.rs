//! Scalar values: text, names, numbers, times.

use super::super::decode;
use super::super::diagnostic::Diagnostic;
use super::super::language::ValueKind;
use super::super::path::Path;
use super::super::source::{
    Position, SourceNode, SourceValue, looks_like_date, micros, real, whole,
};
use super::syntax;
use crate::base::time;
use crate::limits;

/// Boxed: findings are rare and big.
type Finding = Box<Diagnostic>;

#[cold]
#[inline(never)]
fn error(code: &'static str, path: &Path<'_>, at: Position, message: String) -> Finding {
    Box::new(Diagnostic::error(code, path.to_string(), at, message))
}

fn with_help(mut finding: Finding, help: impl Into<String>) -> Finding {
    finding.help = Some(help.into());
    finding
}

/// Checks a value according to its kind.
pub(super) fn check(node: &SourceNode, kind: &ValueKind, path: &Path<'_>) -> Result<(), Finding> {
    match kind {
        ValueKind::Bool => match node.bool() {
            Some(_) => Ok(()),
            None => Err(not_a_bool(node, path)),
        },
        ValueKind::Whole(least, most) => whole_number(node, *least, *most, path),
        ValueKind::Number(least, most) => number(node, *least, *most, path),
        ValueKind::Percent => number(node, 0, 100, path),
        ValueKind::Real => match node.number().and_then(real) {
            Some(_) => Ok(()),
            None => Err(not_a_number(node, "a number", path)),
        },
        // `until` may be written without quotes, and then looks like a date.
        ValueKind::Time => match node.text() {
            Some(written) => text(written, node.at, kind, path),
            None => {
                let message = format!(
                    "a time such as `2026-11-25T06:00:00Z` is expected, not {}",
                    shown(node)
                );
                Err(error("bad-time", path, node.at, message))
            }
        },
        // A number without a unit: quotes would not supply one.
        ValueKind::Window | ValueKind::Span if node.number().is_some() => {
            text(node.number().unwrap_or_default(), node.at, kind, path)
        }
        kind => text(plain_text(node, path)?, node.at, kind, path),
    }
}

/// Text that no other reader takes for something else.
pub(super) fn plain_text<'a>(node: &'a SourceNode, path: &Path<'_>) -> Result<&'a str, Finding> {
    let (what, written) = match &node.value {
        SourceValue::String { text, quoted: false } if looks_like_date(text) => {
            ("a date", text.clone())
        }
        SourceValue::String { text, .. } => return Ok(text),
        SourceValue::Number(raw) => ("a number", raw.clone()),
        SourceValue::Bool(value) => ("a boolean", value.to_string()),
        SourceValue::Null => {
            let message = "text is expected, not nothing".to_owned();
            let found = error("needs-quotes", path, node.at, message);
            return Err(with_help(found, "write `\"\"` for the empty text"));
        }
        SourceValue::Seq(_) | SourceValue::Map(_) => {
            let message = format!("text is expected, not {}", node.kind());
            let found = error("wrong-type", path, node.at, message);
            return Err(match node.entries() {
                // `pack: secrets`, `foo: bar` in a pattern: YAML reads it as a map.
                [_] => with_help(
                    found,
                    "text with `: ` in it, or that begins with `{`, stands in quotes; a pack is `pack:NAME`",
                ),
                _ => found,
            });
        }
    };
    let message = format!("text is expected, and `{written}` is {what}");
    Err(with_help(error("needs-quotes", path, node.at, message), format!("write `\"{written}\"`")))
}

fn not_a_bool(node: &SourceNode, path: &Path<'_>) -> Finding {
    let message = format!("`true` or `false` is expected, not {}", shown(node));
    let found = error("wrong-type", path, node.at, message);
    match node.text() {
        Some("true" | "yes" | "Yes" | "on" | "y") => with_help(found, "write `true`"),
        Some("false" | "no" | "No" | "off" | "n") => with_help(found, "write `false`"),
        _ => found,
    }
}

/// A short value as written, a long one by its kind.
fn shown(node: &SourceNode) -> String {
    match &node.value {
        SourceValue::Number(text) => format!("`{text}`"),
        SourceValue::String { text, .. } if text.chars().count() <= 40 => format!("`{text}`"),
        SourceValue::Bool(value) => format!("`{value}`"),
        _ => node.kind().to_owned(),
    }
}

fn not_a_number(node: &SourceNode, what: &str, path: &Path<'_>) -> Finding {
    let message = format!("{what} is expected, not {}", shown(node));
    let found = error("wrong-type", path, node.at, message);
    match node.text().filter(|text| micros(text).is_some()) {
        Some(text) => with_help(found, format!("write `{text}` without quotes")),
        None => found,
    }
}

fn whole_number(node: &SourceNode, least: u64, most: u64, path: &Path<'_>) -> Result<(), Finding> {
    let Some(raw) = node.number() else { return Err(not_a_number(node, "a whole number", path)) };
    if whole(raw).is_some_and(|value| (least..=most).contains(&value)) {
        return Ok(());
    }
    let message = if least == most {
        format!("`{raw}` is not known; this is version {least} of the language")
    } else if most == u64::MAX {
        format!("`{raw}` is not a whole number of at least {least}")
    } else {
        format!("`{raw}` is not a whole number from {least} to {most}")
    };
    Err(error("out-of-range", path, node.at, message))
}

fn number(node: &SourceNode, least: u64, most: u64, path: &Path<'_>) -> Result<(), Finding> {
    let Some(raw) = node.number() else {
        let found = not_a_number(node, "a number", path);
        return Err(match node.text().and_then(|text| without_percent(text, most)) {
            Some(help) => with_help(found, help),
            None => found,
        });
    };
    let bounds = least.saturating_mul(1_000_000)..=most.saturating_mul(1_000_000);
    let message = match micros(raw) {
        Some(value) if bounds.contains(&value) => return Ok(()),
        None if six_decimals(raw).is_some_and(|value| bounds.contains(&value)) => {
            format!("`{raw}` has more than six decimals")
        }
        _ => format!("`{raw}` is not a number from {least} to {most}"),
    };
    Err(error("out-of-range", path, node.at, message))
}

/// The number without decimals after the sixth.
fn six_decimals(raw: &str) -> Option<u64> {
    micros(raw.get(..raw.find('.')? + 1 + 6)?)
}

/// Checks text according to its kind.
pub(super) fn text(
    text: &str,
    at: Position,
    kind: &ValueKind,
    path: &Path<'_>,
) -> Result<(), Finding> {
    let (code, what, help) = match kind {
        ValueKind::Id if !syntax::is_id(text) => {
            let most = limits::ID_CHARS;
            let help = format!("an id has 1 to {most} letters, digits, `.`, `_` or `-`");
            ("bad-id", "an id", help)
        }
        ValueKind::Label if !syntax::is_label(text) => {
            let help = "a label has letters, digits, `_` and `-`, and a letter first";
            ("bad-id", "the name of a label", help.to_owned())
        }
        ValueKind::Pointer => match syntax::pointer(text) {
            Ok(_) => return Ok(()),
            Err(help) => ("bad-pointer", "a JSON pointer", help),
        },
        ValueKind::Header => match syntax::header(text) {
            Ok(()) => return Ok(()),
            Err(help) => ("bad-header", "a header that can be used", help),
        },
        ValueKind::Time => match time::parse(text) {
            Ok(_) => return Ok(()),
            Err(message) => return Err(not_a_time(error("bad-time", path, at, message), text)),
        },
        ValueKind::Window if decode::window(text).is_none() => {
            ("bad-window", "a window", with_a_unit(text, "`1s`, `5m`, `1h`, `day` or `month`"))
        }
        ValueKind::Span if decode::span(text).is_none() => {
            ("bad-window", "a time span", with_a_unit(text, "`500ms` or `2s`"))
        }
        ValueKind::Glob if text == "!" => {
            let help = "`\"!*\"` negates everything, `\"?*\"` is any text but the empty one";
            ("bad-glob", "a glob: it negates nothing", help.to_owned())
        }
        ValueKind::Glob if text.len() > limits::LABEL_BYTES => {
            let help = format!("labels have at most {} bytes", limits::LABEL_BYTES);
            ("bad-glob", "a glob that can match", help)
        }
        _ => return Ok(()),
    };
    let message = format!("`{}` is not {what}", short(text));
    Err(with_help(error(code, path, at, message), help))
}

/// The forms of a time span and, for a bare number, a note that the unit is missing.
fn with_a_unit(text: &str, forms: &str) -> String {
    if cfg!(feature = "yaml") && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
    {
        return format!("a number alone has no unit: write {forms}; `{text}s` are seconds");
    }
    format!("write {forms}")
}

/// How to write `50%` where a number up to `most` is expected.
fn without_percent(text: &str, most: u64) -> Option<String> {
    if cfg!(not(feature = "yaml")) {
        return None;
    }
    let number = text.strip_suffix('%')?.trim_end();
    let share = micros(number)? / 100;
    if most > 1 {
        return Some(format!("write `{number}`, without `%`"));
    }
    let decimals = format!("{:06}", share % 1_000_000);
    Some(format!("write the share: `{}.{:0<1}`", share / 1_000_000, decimals.trim_end_matches('0')))
}

/// People who write `until: 4h` want what the command does for overlays.
fn not_a_time(finding: Finding, text: &str) -> Finding {
    let counted = text.strip_suffix(['s', 'm', 'h', 'd']).unwrap_or_default();
    if cfg!(feature = "yaml") && !counted.is_empty() && counted.bytes().all(|b| b.is_ascii_digit())
    {
        return with_help(
            finding,
            format!(
                "a policy names the moment itself; `hemostat release --overlay FILE --until {text}` writes it into \
                 the rules of an overlay"
            ),
        );
    }
    finding
}

/// Text for a message: long text is cut.
fn short(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("{}…", text.get(..cut).unwrap_or_default()),
        None => text.to_owned(),
    }
}
