//! Describes in plain words what a policy does: rule by rule, in the order in which traffic meets them.

mod change;
mod limits;
mod phrases;

use super::document::{
    CapturedTexts, Document, FailsafeAction, FailsafeDocument, GuardAction, Guardrail, Mode, OnCut,
    OnHoldLimit, OnUnreadable, Scan, Show, ToolAction, ToolRuleDocument, UnknownLanes,
};
use crate::base::time;
use phrases::{condition, fallback, rule_line, whom};

/// The policy in words, one line per fact; an indented line belongs to the one above.
#[must_use]
pub fn explain(document: &Document) -> Vec<String> {
    let mut lines = vec![head(document)];
    let before: Vec<&FailsafeDocument> =
        document.failsafe.iter().filter(|rule| rule.upstream.is_none()).collect();
    let after: Vec<&FailsafeDocument> =
        document.failsafe.iter().filter(|rule| rule.upstream.is_some()).collect();
    for (rank, rule) in before.iter().enumerate() {
        let whom = whom(&rule.rule.when, "a request", "every request");
        let else_if = if rank > 0 { "else, " } else { "" };
        let what =
            format!("{else_if}{whom} {}, and the model is not called", failsafe(document, rule));
        let running = if rule.cuts_running { "; streams under way end too" } else { "" };
        let what = format!("{what}{running}");
        lines.push(rule_line(document, &rule.rule, &what));
    }
    lines.extend(change::lines(document));
    for (rank, rule) in document.tools.iter().enumerate() {
        let else_if = if rank > 0 { "else, " } else { "" };
        let what = format!("{else_if}{}", tool(rule));
        lines.push(rule_line(document, &rule.rule, &what));
    }
    let is_input = |scan: &Scan| !matches!(scan, Scan::Output | Scan::ToolArgs);
    for rule in document.guardrails.iter().filter(|rule| rule.scan.iter().any(is_input)) {
        lines.push(rule_line(document, &rule.rule, &guardrail(document, rule, true)));
    }
    for limit in &document.limits {
        lines.push(rule_line(document, &limit.rule, &limits::limit(document, limit)));
    }
    for (rank, rule) in after.iter().enumerate() {
        let else_if = if rank > 0 { "else, " } else { "" };
        let what = format!("{else_if}{}", upstream(document, rule));
        lines.push(rule_line(document, &rule.rule, &what));
    }
    for rule in document.guardrails.iter().filter(|rule| !rule.scan.iter().all(is_input)) {
        lines.push(rule_line(document, &rule.rule, &guardrail(document, rule, false)));
    }
    lines.extend(lanes(document));
    lines.extend(document.disable.iter().map(|disable| {
        format!("rule `{}` is switched off until {}", disable.rule, time::format(disable.until))
    }));
    lines.extend(settings(document).into_iter().map(str::to_owned));
    lines.extend(limits::settings(document));
    if let Some(notify) = &document.notify {
        let (cluster, path) = (&notify.cluster, &notify.path);
        lines.push(format!("events are posted to `{path}` of cluster `{cluster}`"));
    }
    if document.capture.approvals {
        let what =
            "arguments of calls that wait for leave are kept, redacted, for whoever approves";
        lines.push(what.to_owned());
    }
    lines.extend(document.capture.rules.iter().map(|rule| {
        let words = rule.what.iter().map(|what| match what {
            CapturedTexts::Input => "what the model is asked",
            CapturedTexts::Output => "what callers get",
            CapturedTexts::ToolArgs => "arguments of tool calls",
        });
        let (cluster, path) = (&rule.to.cluster, &rule.to.path);
        let what = words.collect::<Vec<_>>().join(", ");
        rule_line(
            document,
            &rule.rule,
            &format!("{what}, after redaction, goes to `{path}` of cluster `{cluster}` as spans"),
        )
    }));
    lines
}

fn head(document: &Document) -> String {
    let version = document
        .version
        .as_deref()
        .map_or("without a version".to_owned(), |version| format!("version `{version}`"));
    let changes = document.rollback.len() + document.switch.len();
    let rules = changes + levers(document).iter().sum::<usize>();
    let mode = match document.mode {
        Mode::Enforce => "",
        Mode::Shadow => ", in shadow: rules that do not say otherwise only count",
        Mode::Disabled => ", disabled: rules that do not say otherwise are not there",
    };
    match rules {
        0 => format!("policy {version}{mode}: no rules, recognised traffic passes unchanged"),
        1 => format!("policy {version}{mode}: 1 rule"),
        _ => format!("policy {version}{mode}: {rules} rules"),
    }
}

/// How many rules each lever has.
fn levers(document: &Document) -> [usize; 4] {
    [
        document.guardrails.len(),
        document.tools.len(),
        document.limits.len(),
        document.failsafe.len(),
    ]
}

fn tool(rule: &ToolRuleDocument) -> String {
    let whom = whom(&rule.rule.when, " in a request", "");
    let tools = condition("tools", &rule.tools);
    let tools = tools.strip_prefix("tools ").unwrap_or(&tools);
    let pointers = |list: &mut dyn Iterator<Item = &Vec<String>>| {
        list.map(|pointer| format!("`/{}`", pointer.join("/"))).collect::<Vec<_>>().join(", ")
    };
    let args = match rule.when_args.is_empty() {
        true => String::new(),
        false => {
            let list = pointers(&mut rule.when_args.iter().map(|(pointer, _)| pointer));
            format!(" whose {list} pass")
        }
    };
    let counted = match rule.id_args.is_empty() {
        true => String::new(),
        false => format!(", in which {} count", pointers(&mut rule.id_args.iter())),
    };
    match rule.action {
        ToolAction::Allow => format!("calls of {tools}{args}{whom} leave"),
        ToolAction::Approve => {
            format!("calls of {tools}{args}{whom} leave with a grant only{counted}")
        }
        ToolAction::Deny if rule.when_args.is_empty() => {
            format!("{tools}{whom} is taken out of requests, and calls of it do not leave")
        }
        ToolAction::Deny => format!("calls of {tools}{args}{whom} do not leave"),
    }
}

fn failsafe(document: &Document, rule: &FailsafeDocument) -> String {
    match &rule.action {
        FailsafeAction::Block => "is refused with 403".to_owned(),
        FailsafeAction::Fallback(id) => format!("is answered with {}", fallback(document, id)),
    }
}

fn upstream(document: &Document, rule: &FailsafeDocument) -> String {
    let mut causes = Vec::new();
    if let Some(upstream) = &rule.upstream {
        if !upstream.status.is_empty() {
            let status: Vec<String> = upstream.status.iter().map(u16::to_string).collect();
            causes.push(format!("upstream answers {}", status.join(", ")));
        }
        if upstream.timeout {
            causes.push("upstream does not answer in time".to_owned());
        }
    }
    let whom = whom(&rule.rule.when, "a request", "the request");
    format!("when {}, {whom} {}", causes.join(" or "), failsafe(document, rule))
}

fn guardrail(document: &Document, rule: &Guardrail, request: bool) -> String {
    let places: Vec<&str> = rule
        .scan
        .iter()
        .filter(|scan| matches!(scan, Scan::Output | Scan::ToolArgs) != request)
        .map(|scan| place(*scan))
        .collect();
    let find: Vec<String> = rule.find.iter().map(|find| format!("`{}`", find)).collect();
    let fold = if rule.fold { ", look-alikes too" } else { "" };
    let whom = whom(&rule.rule.when, " of requests", "");
    let side = if request { "on requests " } else { "on answers " };
    let action = match (&rule.action, request) {
        (GuardAction::Redact(text), _) => {
            format!("what matches becomes \"{}\"", text)
        }
        (GuardAction::Block, true) => "a match refuses the request with 403".to_owned(),
        (GuardAction::Block, false) => "a match ends the answer as a refusal".to_owned(),
        (GuardAction::Fallback(id), true) => {
            format!("a match answers with {}, and the model is not called", fallback(document, id))
        }
        (GuardAction::Fallback(id), false) => {
            format!("a match ends the answer with {}", fallback(document, id))
        }
        (GuardAction::Tag, _) => "a match is counted and shown".to_owned(),
    };
    format!("{side}looks in {}{whom} for {}{fold}; {action}", places.join(", "), find.join(", "))
}

fn place(scan: Scan) -> &'static str {
    match scan {
        Scan::Output => "the model's text",
        Scan::ToolArgs => "arguments of tool calls",
        Scan::Input => "all text for the model",
        Scan::System => "system prompts",
        Scan::User => "user turns",
        Scan::History => "earlier turns",
        Scan::ToolResults => "results of tools",
        Scan::Last => "the last turn",
        Scan::ToolDefinitions => "definitions of tools",
    }
}

fn lanes(document: &Document) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for lane in &document.other_traffic {
        let what = if lane.block { "is refused with 403" } else { "passes" };
        let whom =
            whom(&lane.when, "what is not a generating call", "what is not a generating call");
        lines.push(format!("other traffic: {whom} {what}"));
    }
    lines
}

fn settings(document: &Document) -> Vec<&'static str> {
    let mut lines = Vec::new();
    let changes = !document.rollback.is_empty() || !document.switch.is_empty();
    if !changes && levers(document).iter().all(|rules| *rules == 0) {
        return lines;
    }
    lines.push(match document.on_unreadable {
        None => {
            "bodies that cannot be read: refused where an enforced rule needed them, else passed"
        }
        Some(OnUnreadable::Block) => "bodies that cannot be read are refused",
        Some(OnUnreadable::Pass) => "bodies that cannot be read pass unchecked, and are counted",
    });
    lines.push(match document.unknown_lanes {
        UnknownLanes::Pass => {
            "calls of a model in a shape that is not read here pass, and are counted (`lane`)"
        }
        UnknownLanes::Block => "calls of a model in a shape that is not read here are refused",
    });
    if document.on_hold_limit == OnHoldLimit::Release {
        lines.push("held text above the bound leaves without a verdict, and is counted");
    }
    if document.on_cut == OnCut::Cancel {
        lines.push("after a cut, the connection is reset so that upstream stops");
    }
    match document.show {
        Show::Full => {}
        Show::Decision => lines.push("callers see only the decision id"),
        Show::None => lines.push("callers see nothing of what was done"),
    }
    lines
}
