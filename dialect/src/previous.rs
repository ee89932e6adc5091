//! Answers that continue earlier ones. Upstream does not know a canned answer, so its id contains the id of the last
//! answer that upstream does know; a request that continues it is forwarded with that id (POLICY "Canned answers").

use super::Call;
use crate::wire::edit::Edit;
use crate::wire::json::Value;
use crate::wire::text::encode;

/// The id of a canned answer to this call. `ours`: the prefix of all such ids in a dialect.
pub(super) fn canned_id(ours: &str, call: &Call, decision: &str) -> String {
    match &call.previous {
        Some(previous) => format!("{ours}{decision}_{previous}"),
        None => format!("{ours}{decision}"),
    }
}

/// The upstream id within a canned answer's id; `None` for ids that the proxy did not make.
fn carried<'a>(ours: &str, id: &'a str) -> Option<&'a str> {
    let rest = id.strip_prefix(ours)?;
    Some(rest.split_once('_').map_or("", |(_, carried)| carried))
}

/// The answer, known to upstream, that a request continues.
pub(super) fn of(ours: &str, field: Option<Value<'_>>) -> Option<String> {
    let id = field?.as_str()?.into_owned();
    let known = carried(ours, &id).map(str::to_owned).unwrap_or(id);
    (!known.is_empty()).then_some(known)
}

/// The edit that replaces the proxy's id by one that upstream knows: the last real one, or `null` if there was none.
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
