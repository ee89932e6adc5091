//! Levers and fields of the language whose code does not work yet. A policy that names one is refused: a guard that
//! would not act must not look as if it did. Work on a lever ends with its line here.

use super::Judge;

/// What `capture` may be: the arguments of calls that wait for leave are all that is kept so far.
const CAPTURE: &[&str] = &["true", r#""tool_args""#, r#"["tool_args"]"#];

/// The code of these findings.
pub(super) const CODE: &str = "not-yet";

pub(super) fn check(judge: &mut Judge<'_>) {
    let root = *judge.root;
    if judge.document.capture.as_deref().is_some_and(|capture| !CAPTURE.contains(&capture)) {
        let message = format_args!("this `capture` does not work yet in this version");
        judge.error(CODE, &root.key("capture"), message, "`true` and `[tool_args]` work");
    }
}
