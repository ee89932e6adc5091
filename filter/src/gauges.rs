//! The gauges of what is in force, one set a scope: a process may follow several, and their serials have nothing to do
//! with one another.

use std::cell::RefCell;

use hemostat_engine::base::sorted_map::SortedMap;
use hemostat_engine::policy::document::RuleSeverity;

use crate::telemetry;

/// At most this many bytes of a scope stand in a gauge's name.
const SCOPE_CHARS: usize = 64;

thread_local! {
    /// The version that is shown, by the scope's label.
    static VERSIONS: RefCell<SortedMap<String, String>> = const { RefCell::new(SortedMap::new()) };
}

/// The gauges of one scope.
#[derive(Debug)]
pub struct Gauges {
    /// `;scope=NAME`; empty where the configuration has no scope.
    label: String,
}

impl Gauges {
    /// Those of a scope, which is an operator's free text: what would end a label, or a line, is `_`.
    pub fn of(scope: &str) -> Self {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '/');
        let mut label = if scope.is_empty() { String::new() } else { ";scope=".to_owned() };
        label.extend(scope.chars().take(SCOPE_CHARS).map(|c| if plain(c) { c } else { '_' }));
        Self { label }
    }

    fn set(&self, name: &str, value: u64) {
        telemetry::gauge(&format!("{name}{}", self.label), value);
    }

    /// Sets the serial that is in force, and when it expires in Unix seconds; 0: never.
    pub fn release(&self, serial: u64, ends: Option<u64>) {
        self.set("hemostat_policy_serial", serial);
        self.set("hemostat_policy_ends_seconds", ends.unwrap_or_default());
    }

    /// Sets how many configurations do not run what is in force.
    pub fn not_following(&self, count: u64) {
        self.set("hemostat_not_following", count);
    }

    /// Sets the severity that the policy in force states: 1 to 3; 0 if it states none.
    pub fn severity(&self, severity: Option<RuleSeverity>) {
        self.set("hemostat_policy_severity", severity.map_or(0, |severity| 1 + severity as u64));
    }

    /// Says which version is in force: the gauge of that version stands at 1, those of others at 0.
    pub fn version(&self, version: Option<&str>) {
        let named = |version: &str| format!("hemostat_policy_info{};version={version}", self.label);
        let mut name = named(version.unwrap_or("-"));
        if !telemetry::has_room_for_gauge(&name) {
            name = named("other");
        }
        let last = VERSIONS
            .with_borrow_mut(|shown| shown.insert(self.label.clone(), name.clone()))
            .filter(|last| *last != name);
        if let Some(last) = last {
            telemetry::gauge(&last, 0);
        }
        telemetry::gauge(&name, 1);
    }
}
