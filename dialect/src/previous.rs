//! Answers that go on from earlier ones. Upstream knows nothing of a canned answer, so its id carries the id of the last
//! answer that upstream does know, and a request that goes on from it is sent on with that one (POLICY "Canned answers").

use super::Call;
use crate::wire::edit::Edit;
use crate::wire::json::Value;
use crate::wire::text::encode;

/// The id of a canned answer to this call; `ours` begins it, as it does all such ids of a dialect.
pub(super) fn canned_id(ours: &str, call: &Call, decision: &str) -> String {
    match &call.previous {
        Some(previous) => format!("{ours}{decision}_{previous}"),
        None => format!("{ours}{decision}"),
    }
}

/// The id that a canned answer's id carries; `None` for ids that are not ours.
fn carried<'a>(ours: &str, id: &'a str) -> Option<&'a str> {
    let rest = id.strip_prefix(ours)?;
    Some(rest.split_once('_').map_or("", |(_, carried)| carried))
}

/// The answer that upstream knows and that a request goes on from.
pub(super) fn of(ours: &str, field: Option<Value<'_>>) -> Option<String> {
    let id = field?.as_str()?.into_owned();
    let known = carried(ours, &id).map(str::to_owned).unwrap_or(id);
    (!known.is_empty()).then_some(known)
}

/// The change that puts an id that upstream knows in place of ours: the last real one, or `null` where there was none.
pub(super) fn known_upstream(ours: &str, field: &Value<'_>) -> Option<Edit> {
    let id = field.as_str()?;
    let known = carried(ours, &id)?;
    let with = match known {
        "" => b"null".to_vec(),
        known => {
            let mut with = vec![b'"'];
            encode(known, &mut with);
            with.push(b'"');
            with
        }
    };
    Some(Edit { at: field.span(), with })
}
