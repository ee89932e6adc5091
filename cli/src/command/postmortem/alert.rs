//! A Prometheus rule that would have detected the incident first.

use super::known::Known;

/// A rule file for the main finding; `None` if there is none. Counters have no label for feature or prompt version
/// (callers could create any number of them), so the rule watches the share of all traffic.
pub(super) fn rule(known: &Known<'_>) -> Option<String> {
    let finding = known.finding()?;
    let scope = known.scope.as_ref()?;
    let overall = finding.hit as f64 / (scope.survey.all.calls.max(1)) as f64;
    // Half of the share over all traffic: it would have fired while the share rose, and not at its usual level.
    let usual = finding.hit_before as f64 / scope.survey.all.calls.max(1) as f64;
    let threshold = (overall / 2.0).max(usual * 2.0).clamp(0.000_01, 0.5);
    let name = quoted(&known.args.title);
    let (expression, what) = match finding.outcome.rsplit_once(':') {
        Some(("status", _)) | None => return Some(failed(&name, threshold)),
        Some(("finish", reason)) => {
            // How answers end is not counted; the nearest counter is what a guardrail does about it.
            let _ = reason;
            ("sum(rate(hemostat_rule_hits_total[5m]))".to_owned(), "rules act".to_owned())
        }
        Some((rule, action)) => {
            let selector = format!("rule={},action={}", quoted(rule), quoted(action));
            (
                format!("sum(rate(hemostat_rule_hits_total{{{selector}}}[5m]))"),
                format!("{rule} does {action}"),
            )
        }
    };
    Some(file(
        &name,
        &format!(
            "{expression} / sum(rate(hemostat_requests_total{{dialect!=\"other\"}}[5m])) > {threshold:.6}"
        ),
        &what,
    ))
}

fn failed(name: &str, threshold: f64) -> String {
    let expression = format!(
        "sum(rate(envoy_http_downstream_rq_xx{{envoy_response_code_class=\"5\"}}[5m])) / sum(rate(hemostat_requests_total{{dialect!=\"other\"}}[5m])) > {threshold:.6}"
    );
    file(name, &expression, "calls fail")
}

fn file(title: &str, expression: &str, what: &str) -> String {
    format!(
        "# Written by `hemostat postmortem`: look at its threshold before you keep it.\n\
         groups:\n  - name: hemostat-regressions\n    rules:\n      - alert: HemostatRegression\n        expr: {}\n        for: 2m\n        \
         labels:\n          severity: warning\n        annotations:\n          summary: {}\n          description: {}\n",
        quoted(expression),
        quoted(&format!("{what} more often than before")),
        quoted(&format!(
            "As in {}. `hemostat scope` says for whom and since when.",
            title.trim_matches('\"')
        )),
    )
}

/// Quotes foreign text as a YAML and PromQL string, which both read JSON's escapes. Braces would be a template in
/// annotations.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text.replace("{{", "{ {")).to_string()
}
