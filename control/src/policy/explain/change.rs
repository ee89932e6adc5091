//! Levers 1 and 2 in words.

use super::super::document::{Document, RollbackSet, Switch};
use super::phrases::{rule_line, whom};

/// One line per rule, in the order in which requests meet them.
pub(super) fn lines(document: &Document) -> Vec<String> {
    let rollback = document.rollback.iter().map(|lever| {
        let whom = whom(&lever.rule.when, "a request", "every request");
        rule_line(document, &lever.rule, &format!("{whom} is sent with {}", set(&lever.set)))
    });
    let switch = document.switch.iter().enumerate().map(|(rank, lever)| {
        let whom = whom(&lever.rule.when, "a request", "every request");
        let else_if = if rank > 0 { "else, " } else { "" };
        rule_line(document, &lever.rule, &format!("{else_if}{whom} goes to {}", to(lever)))
    });
    rollback.chain(switch).collect()
}

fn set(set: &RollbackSet) -> String {
    let model = set.model.iter().map(|model| format!("model `{model}`"));
    let labels = set.labels.iter().map(|(label, value)| format!("{label} `{value}`"));
    let body = set.body.iter().map(|(at, json)| {
        let segments = at.iter().map(|segment| segment.replace('~', "~0").replace('/', "~1"));
        let pointer: String = segments.flat_map(|segment| ["/".to_owned(), segment]).collect();
        format!("`{pointer}` {json}")
    });
    let headers = set.headers.iter().map(|(name, value)| format!("header {name} `{value}`"));
    model.chain(labels).chain(body).chain(headers).collect::<Vec<_>>().join(", ")
}

fn to(switch: &Switch) -> String {
    let upstream = switch.upstream.iter().map(|name| format!("upstream `{name}`"));
    let model = switch.model.iter().map(|model| format!("model `{model}`"));
    upstream.chain(model).collect::<Vec<_>>().join(", ")
}
