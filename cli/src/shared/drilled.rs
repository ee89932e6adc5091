//! What a drill leaves in versions and histories, so that nobody takes it for the real thing.

use serde_json::Value;

/// What the version of a drill begins with, as proxies say it.
const MARK: &str = "drill.";

/// True for a policy that was put in force by a drill.
pub(crate) fn is_drill(version: &str) -> bool {
    version == "drill" || version.starts_with(MARK)
}

/// True for an activation by a drill: of its policy, or of the one before it again.
pub(crate) fn of_drill(entry: &Value) -> bool {
    let truth = |name: &str| entry.get(name).and_then(Value::as_bool).unwrap_or_default();
    truth("drill") || truth("after_drill")
}
