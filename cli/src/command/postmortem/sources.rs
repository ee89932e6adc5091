//! The inputs of the report besides access logs: activations, events, and incidents of providers.

use serde_json::Value;

use crate::shared::access_log::milliseconds;
use crate::shared::error::{Error, Result, not_json};
use crate::shared::files;
use crate::shared::terminal::safe;

/// A release came into force.
#[derive(Debug, Clone, Default)]
pub(super) struct Activation {
    /// Unix milliseconds.
    pub(super) at: u64,
    pub(super) serial: u64,
    pub(super) version: String,
    pub(super) issuer: String,
    pub(super) keys: String,
    pub(super) way: String,
    pub(super) reason: String,
    pub(super) rolls_back: Option<u64>,
    /// It was a drill.
    pub(super) drill: bool,
}

/// The kind of events that are alerts.
pub(super) const ALERT: &str = "alert";

/// An event of `notify`, or an alert.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) at: u64,
    pub(super) kind: String,
    pub(super) what: String,
    pub(super) count: u64,
}

/// An incident that a provider reported.
#[derive(Debug, Clone)]
pub(super) struct Incident {
    pub(super) provider: String,
    pub(super) name: String,
    pub(super) impact: String,
    pub(super) begins: u64,
    pub(super) ends: Option<u64>,
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn json(file: &str) -> Result<Value> {
    serde_json::from_str(&files::read(file)?)
        .map_err(|error| Error::failed(format!("{}: {}", safe(file), not_json(&error))))
}

/// Reads activations in the form of status.
pub(super) fn activations(list: &[Value]) -> Vec<Activation> {
    let one = |entry: &Value| {
        let keys = entry.get("key_ids").and_then(Value::as_array);
        let keys: Vec<&str> = keys.into_iter().flatten().filter_map(Value::as_str).collect();
        let (reason, version) = (text(entry, "reason"), text(entry, "version"));
        let says = |word: &str| {
            word.to_ascii_lowercase()
                .split(|c: char| !c.is_alphanumeric())
                .any(|own| own == "drill")
        };
        let drill = entry
            .get("drill")
            .and_then(Value::as_bool)
            .unwrap_or_else(|| says(&reason) || says(&version));
        Some(Activation {
            at: milliseconds(&text(entry, "at"))?,
            serial: entry.get("serial").and_then(Value::as_u64).unwrap_or_default(),
            issuer: text(entry, "issuer"),
            keys: keys.join(", "),
            way: text(entry, "source"),
            rolls_back: entry.get("rolls_back").and_then(Value::as_u64),
            reason,
            version,
            drill,
        })
    };
    list.iter().filter_map(one).collect()
}

/// Reads events of `notify` and alerts: one JSON object per line, or one document. Anything else is skipped.
pub(super) fn events(file: &str) -> Result<Vec<Event>> {
    let bytes = files::bytes(file)?;
    if let Ok(one) = serde_json::from_slice::<Value>(&bytes) {
        return Ok(told(&one));
    }
    let lines = bytes.split(|byte| *byte == b'\n');
    Ok(lines
        .filter_map(|line| serde_json::from_slice(line).ok())
        .flat_map(|one| told(&one))
        .collect())
}

/// The events of a document: one event, or the alerts of Alertmanager's webhook or of Prometheus' `/api/v1/alerts`.
fn told(one: &Value) -> Vec<Event> {
    let alerts =
        one.get("alerts").or_else(|| one.pointer("/data/alerts")).and_then(Value::as_array);
    match alerts {
        Some(alerts) => alerts.iter().filter_map(alert).collect(),
        None => event(one).into_iter().collect(),
    }
}

/// An alert that fires; one that is only `pending` is skipped. The time is when its expression became true (Prometheus)
/// or when it fired (Alertmanager).
fn alert(one: &Value) -> Option<Event> {
    let since = ["startsAt", "activeAt"].iter().find_map(|key| milliseconds(&text(one, key)))?;
    let name = one.pointer("/labels/alertname").and_then(Value::as_str)?;
    if text(one, "state") == "pending" {
        return None;
    }
    Some(Event { at: since, kind: ALERT.to_owned(), what: name.to_owned(), count: 1 })
}

fn event(one: &Value) -> Option<Event> {
    let kind = text(one, "event");
    let parts = [
        "hemostat.rule",
        "hemostat.action",
        "hemostat.reason",
        "hemostat.policy_version",
        "gen_ai.tool.name",
    ];
    let what: Vec<String> =
        parts.iter().map(|key| text(one, key)).filter(|part| !part.is_empty()).collect();
    let count = one.get("count").and_then(Value::as_u64).unwrap_or(1);
    (!kind.is_empty()).then_some(())?;
    Some(Event { at: milliseconds(&text(one, "time"))?, kind, what: what.join(" "), count })
}

/// Reads the incidents of a status page (Statuspage's `summary.json` and `incidents.json`).
pub(super) fn incidents(file: &str) -> Result<Vec<Incident>> {
    let all = json(file)?;
    let provider =
        all.pointer("/page/name").and_then(Value::as_str).unwrap_or("provider").to_owned();
    let list = all.get("incidents").and_then(Value::as_array).ok_or_else(|| {
        Error::failed(format!(
            "{}: no `incidents`: not a status document of Statuspage",
            safe(file)
        ))
    })?;
    let one = |own: &Value| {
        let begins =
            ["started_at", "created_at"].iter().find_map(|key| milliseconds(&text(own, key)))?;
        Some(Incident {
            provider: provider.clone(),
            name: text(own, "name"),
            impact: text(own, "impact"),
            begins,
            ends: milliseconds(&text(own, "resolved_at")),
        })
    };
    Ok(list.iter().filter_map(one).collect())
}
