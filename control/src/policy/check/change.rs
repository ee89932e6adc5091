//! What `rollback` and `switch` may set.

use super::super::document::{Document, LabelSource, Mode, Rollback, Switch};
use super::super::language::BUILT_IN_LABELS;
use super::super::path::Path;
use super::super::source::SourceNode;
use super::checker::Checker;
use super::levers::is_open;
use super::names::suggestion;

/// Headers by which callers authenticate.
const CREDENTIALS: &[&str] =
    &["authorization", "proxy-authorization", "cookie", "set-cookie", "cookie2", "x-amz-date"];

/// Suffixes of the names of such headers.
const CREDENTIAL_ENDINGS: &[&str] =
    &["api-key", "apikey", "-token", "-secret", "-authorization", "-credential", "-signature"];

/// Headers about the framing, the coding or the connection of a message (RFC 9110 §7.6.1, RFC 9112 §6).
const FRAMING: &[&str] = &[
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "accept-encoding",
];

pub(super) fn check(judge: &mut Checker<'_>) {
    let document = judge.document;
    let root = *judge.root;
    let section = root.key("rollback");
    for (index, rule) in document.rollback.iter().enumerate() {
        let path = section.index(index);
        rollback(judge, rule, &path.key("set"));
    }
    let section = root.key("switch");
    for (index, rule) in document.switch.iter().enumerate() {
        let path = section.index(index);
        switch(judge, rule, &path.key("to"));
    }
    order(judge);
}

fn rollback(judge: &mut Checker<'_>, rule: &Rollback, path: &Path<'_>) {
    let set = &rule.set;
    if set.is_empty() && judge.node(path).is_some() {
        let message = "`set` names nothing: the rule can never act".to_owned();
        let help = "set `model`, `body`, `headers`, or a label such as `prompt_version`";
        judge.error("empty", path, format_args!("{message}"), help);
    }
    named(judge, set.model.as_deref(), &path.key("model"), "a model");
    for (name, value) in &set.labels {
        label(judge, name, value, &path.key(name));
    }
    let headers = path.key("headers");
    let written = judge.node(&headers).map(SourceNode::entries).unwrap_or_default();
    for (name, value) in &set.headers {
        let key = written.iter().map(|entry| &entry.key).find(|key| key.eq_ignore_ascii_case(name));
        let path = headers.key(key.unwrap_or(name));
        if let Some(why) = protected(judge.document, name) {
            judge.error_at_key("bad-header", &path, format_args!("`{name}` {why}"), HELP);
        }
        header_value(judge, value, &path);
    }
    let body = path.key("body");
    for (pointer, _) in &set.body {
        if pointer.first().is_some_and(|first| first == "stream") {
            let path = body.key("/stream");
            let message = "a caller reads the answer as it asked for it".to_owned();
            judge.error_at_key("conflict", &path, format_args!("{message}"), "remove `/stream`");
        }
    }
}

fn switch(judge: &mut Checker<'_>, rule: &Switch, path: &Path<'_>) {
    if rule.upstream.is_none() && rule.model.is_none() && judge.node(path).is_some() {
        let message = "`to` names nothing: the rule can never act".to_owned();
        let help = "name `upstream: NAME` for the proxy's route table, `model: MODEL`, or both";
        judge.error("empty", path, format_args!("{message}"), help);
    }
    named(judge, rule.model.as_deref(), &path.key("model"), "a model");
    let Some(upstream) = &rule.upstream else { return };
    let path = path.key("upstream");
    if upstream.is_empty() || !upstream.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = "this is not the name of an upstream".to_owned();
        let help = "it is the value of `x-hemostat-upstream`, such as `azure-eu`: visible ASCII \
                    characters without blanks";
        judge.error("bad-header", &path, format_args!("{message}"), help);
    }
}

fn named(judge: &mut Checker<'_>, text: Option<&str>, path: &Path<'_>, what: &str) {
    if text.is_some_and(|text| text.trim().is_empty()) && judge.node(path).is_some() {
        judge.error(
            "empty",
            path,
            format_args!("the name of {what} is empty"),
            "name it, or remove it",
        );
    }
}

/// A label that is written back to where it was read from.
fn label(judge: &mut Checker<'_>, name: &str, value: &str, path: &Path<'_>) {
    if BUILT_IN_LABELS.contains(&name) {
        let message = format!("`{name}` is what the request is, and cannot be set");
        judge.error_at_key(
            "bad-label",
            path,
            format_args!("{message}"),
            "`set` takes `model` and your own labels",
        );
        return;
    }
    let Some(sources) = judge.document.labels.get(name) else {
        let known: Vec<&str> = judge.document.labels.keys().map(String::as_str).collect();
        let help = suggestion(name, &known, "labels");
        judge.error_at_key(
            "unknown-label",
            path,
            format_args!("there is no label `{name}`"),
            &help,
        );
        return;
    };
    if value.is_empty() {
        let message = "an empty label is none: there would be nothing to put back".to_owned();
        judge.error("empty", path, format_args!("{message}"), "write the last good value");
    }
    if sources.iter().any(|source| matches!(source, LabelSource::Part { .. })) {
        let message =
            format!("`{name}` is read from a part of a value, and cannot be written back");
        judge.error_at_key(
            "bad-label",
            path,
            format_args!("{message}"),
            "set the whole header or member (`headers`, `body`)",
        );
        return;
    }
    let digest = |source: &LabelSource| match source {
        LabelSource::Header { digest, .. }
        | LabelSource::Json { digest, .. }
        | LabelSource::Property { digest, .. } => *digest,
        LabelSource::Part { .. } => false,
    };
    if sources.iter().any(digest) {
        let message = format!("`{name}` is read as a digest, and cannot be written back");
        judge.error_at_key(
            "bad-label",
            path,
            format_args!("{message}"),
            "set a label that is read as it stands",
        );
        return;
    }
    if !sources.is_empty()
        && sources.iter().all(|source| matches!(source, LabelSource::Property { .. }))
    {
        let message = format!("`{name}` is what the proxy knows, and cannot be written back");
        judge.error_at_key(
            "bad-label",
            path,
            format_args!("{message}"),
            "it must be read from a header or the body",
        );
        return;
    }
    for source in sources {
        let LabelSource::Header { name: header, .. } = source else { continue };
        if let Some(why) = protected(judge.document, header) {
            let message = format!("`{name}` is read from `{header}`, which {why}");
            judge.error_at_key("bad-header", path, format_args!("{message}"), HELP);
        }
        header_value(judge, value, path);
    }
}

const HELP: &str = "a policy sets neither `host`, credentials, cookies nor framing; the proxy's own configuration \
     does";

/// Why a policy must not set this header.
pub(super) fn protected(document: &Document, name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let read_as_digest = || {
        let sources = document.labels.values().flatten();
        sources.into_iter().any(
            |source| matches!(source.whole(), LabelSource::Header { name: own, digest: true } if *own == name),
        )
    };
    if name == "host" {
        Some("says where the request goes")
    } else if CREDENTIALS.contains(&name.as_str())
        || CREDENTIAL_ENDINGS.iter().any(|ending| name.ends_with(ending))
        || name.contains("api-key")
        || read_as_digest()
    {
        Some("is a credential")
    } else if FRAMING.contains(&name.as_str()) {
        Some("says how the message is framed")
    } else {
        None
    }
}

/// RFC 9110 §5.5: no control characters, no blanks at the ends.
pub(super) fn header_value(judge: &mut Checker<'_>, value: &str, path: &Path<'_>) {
    if value.bytes().any(|byte| byte.is_ascii_control() || !byte.is_ascii()) {
        let message = "a header's value has visible ASCII characters and blanks".to_owned();
        judge.error(
            "bad-header",
            path,
            format_args!("{message}"),
            "remove control characters and others",
        );
    } else if value.trim() != value {
        let message = "blanks around a header's value are lost on the way".to_owned();
        judge.error("bad-header", path, format_args!("{message}"), "remove them");
    }
}

/// In `switch` the first match wins.
fn order(judge: &mut Checker<'_>) {
    let document = judge.document;
    let root = *judge.root;
    let section = root.key("switch");
    let mut all: Option<&Switch> = None;
    for (index, rule) in document.switch.iter().enumerate() {
        if let Some(earlier) = all {
            let message = format!("never reached: `{}` before it holds for all", earlier.rule.id);
            let help = "the first match wins; order the rules";
            judge.warn("unreachable", &section.index(index), format_args!("{message}"), help);
        }
        let enforced = rule.rule.mode_under(document.mode) == Mode::Enforce;
        if all.is_none() && enforced && is_open(&rule.rule.when) {
            all = Some(rule);
        }
    }
}
