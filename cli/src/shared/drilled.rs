//! Recognises drills in versions and histories, so that nobody takes one for the real thing.

use serde_json::Value;

/// The prefix of a drill's version, as proxies show it.
const MARK: &str = "drill.";

/// True for the version of a drill.
pub(crate) fn is_drill(version: &str) -> bool {
    version == "drill" || version.starts_with(MARK)
}

/// True for an activation by a drill: of the drill's policy, or of the policy that it restored.
pub(crate) fn of_drill(entry: &Value) -> bool {
    let truth = |name: &str| entry.get(name).and_then(Value::as_bool).unwrap_or_default();
    truth("drill") || truth("after_drill")
}
