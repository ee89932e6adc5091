//! The calls that wait for approval, as proxies list them on their control listeners.

use std::io::Write;

use serde_json::{Value, json};

use crate::shared::error::{Error, Result};
use crate::shared::exit::Exit;
use crate::shared::fleet::{Fleet, Status};
use crate::shared::table::Table;
use crate::shared::terminal::{or_dash, safe};

/// A waiting call, merged over the proxies that report it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WaitingCall {
    /// Its tool.
    pub(super) tool: String,
    /// Whose call it is, if the proxies may show it.
    pub(super) tenant: Option<String>,
    /// Its arguments, redacted, if the policy lets them be kept.
    pub(super) arguments: Option<String>,
    /// The proxies' scope.
    pub(super) scope: String,
    count: u64,
    since: String,
    proxies: Vec<String>,
}

impl WaitingCall {
    fn read(id: Option<&str>, proxy: &str, status: &Status, call: &Value) -> Option<Self> {
        let text = |name: &str| call.get(name).and_then(Value::as_str).map(str::to_owned);
        if id.is_some_and(|id| text("id").as_deref() != Some(id)) {
            return None;
        }
        Some(Self {
            tool: text("tool")?,
            tenant: text("tenant"),
            arguments: call.get("arguments").map(Value::to_string),
            scope: status.text("scope").to_owned(),
            count: call.get("count").and_then(Value::as_u64).unwrap_or(1),
            since: text("since").unwrap_or_default(),
            proxies: vec![proxy.to_owned()],
        })
    }

    /// True if both are the same call, and are shown as one.
    fn is(&self, other: &Self) -> bool {
        (&self.tool, &self.tenant, &self.scope) == (&other.tool, &other.tenant, &other.scope)
    }

    fn add(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.since = std::mem::take(&mut self.since).min(other.since);
        self.arguments = self.arguments.take().or(other.arguments);
        self.proxies.extend(other.proxies);
    }

    /// The call as JSON. `arguments` is the JSON that proxies kept, or `null` if the policy keeps none.
    fn in_json(&self, id: &str) -> Value {
        let arguments: Option<Value> =
            self.arguments.as_deref().and_then(|kept| serde_json::from_str(kept).ok());
        json!({"id": id, "tool": self.tool, "tenant": self.tenant, "scope": self.scope, "arguments": arguments,
            "count": self.count, "since": self.since, "proxies": self.proxies})
    }

    /// How often, since when and at which proxies it was requested.
    pub(super) fn asked(&self) -> String {
        let times = if self.count == 1 { "once" } else { &format!("{} times", self.count) };
        format!("{times} since {} on {}", self.since, self.proxies.join(", "))
    }
}

/// Finds a call by its id.
///
/// # Errors
/// No proxy knows it, or they know several.
pub(super) fn find(fleet: &Fleet, id: &str, tenant: Option<&str>) -> Result<WaitingCall> {
    let mut found: Vec<WaitingCall> = Vec::new();
    let mut silent = Vec::new();
    for (proxy, status) in fleet.each(|proxy| fleet.status(proxy)) {
        let Ok(status) = status else {
            silent.push(safe(&proxy.name));
            continue;
        };
        let calls = status.list("pending_approvals").iter();
        for one in calls.filter_map(|call| WaitingCall::read(Some(id), &proxy.name, &status, call))
        {
            if tenant.is_some_and(|tenant| one.tenant.as_deref().is_some_and(|own| own != tenant)) {
                continue;
            }
            match found.iter_mut().find(|known| known.is(&one)) {
                Some(known) => known.add(one),
                None => found.push(one),
            }
        }
    }
    let mut all = found.into_iter();
    match (all.next(), all.next()) {
        (Some(one), None) => Ok(one),
        (Some(one), Some(other)) if one.scope != other.scope => {
            let why =
                format!("proxies of several scopes wait for `{id}`: name fewer with `--proxy`");
            Err(Error::no(why))
        }
        (Some(_), Some(_)) => {
            Err(Error::no(format!("several tenants wait for `{id}`: say which with `--tenant`")))
        }
        (None, _) => {
            let mut why =
                format!("no proxy knows `{id}`: give `--tool` and `--args`, or `--blind`");
            if !silent.is_empty() {
                why.push_str(&format!(" (not reached: {})", silent.join(", ")));
            }
            Err(Error::no(why))
        }
    }
}

/// Lists all waiting calls; as JSON if asked to.
pub(super) fn list(
    fleet: &Fleet,
    in_json: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit> {
    let mut exit = Exit::Fine;
    let mut silent = Vec::new();
    let mut found: Vec<(String, WaitingCall)> = Vec::new();
    for (proxy, status) in fleet.each(|proxy| fleet.status(proxy)) {
        let status = match status {
            Ok(status) => status,
            Err(why) => {
                writeln!(err, "hemostat: {}: {}", safe(&proxy.name), why)?;
                silent.push(proxy.name.clone());
                exit = Exit::Failed;
                continue;
            }
        };
        for call in status.list("pending_approvals") {
            let id = call.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            let Some(seen) = WaitingCall::read(None, &proxy.name, &status, call) else { continue };
            match found.iter_mut().find(|known| known.0 == id && known.1.is(&seen)) {
                Some(known) => known.1.add(seen),
                None => found.push((id, seen)),
            }
        }
    }
    if in_json {
        let calls: Vec<_> = found.iter().map(|(id, seen)| seen.in_json(id)).collect();
        writeln!(out, "{:#}", json!({"calls": calls, "not_reached": silent}))?;
        return Ok(exit);
    }
    let mut table = Table::new(["CALL", "TOOL", "TENANT", "ASKED", "ARGUMENTS"]);
    for (id, seen) in &found {
        table.row([
            safe(id),
            safe(&seen.tool),
            safe(or_dash(seen.tenant.as_deref().unwrap_or_default())),
            safe(&seen.asked()),
            safe(or_dash(seen.arguments.as_deref().unwrap_or_default())),
        ]);
    }
    table.write(out)?;
    Ok(exit)
}
