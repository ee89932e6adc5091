//! `summary.json` of a status page: Atlassian's Statuspage, and services that use its format with fields left out.

use super::{Incident, StatusPage};
use crate::base::time;
use crate::limits::{PROVIDER_INCIDENTS, PROVIDER_TEXT_CHARS};
use crate::policy::source::{SourceNode, parse_json};

/// Reads a page. Unresolved incidents are kept, up to a maximum.
///
/// # Errors
/// Why it is not such a document, in words.
pub fn read(body: &[u8]) -> Result<StatusPage, String> {
    let tree = parse_json(body).map_err(|_| "its answer is not JSON".to_owned())?;
    let status = tree.get("status");
    let text = |name| status.and_then(|status| status.get(name)).map(text).unwrap_or_default();
    let (indicator, description) = (text("indicator"), text("description"));
    if indicator.is_empty() && tree.get("incidents").is_none() {
        return Err("its answer has neither `status.indicator` nor `incidents`".to_owned());
    }
    let incidents =
        tree.get("incidents").map(SourceNode::items).unwrap_or_default().iter().map(incident);
    let open = incidents.filter(|incident| !is_over(&incident.status) && !incident.id.is_empty());
    Ok(StatusPage { indicator, description, incidents: open.take(PROVIDER_INCIDENTS).collect() })
}

fn is_over(status: &str) -> bool {
    matches!(status, "resolved" | "postmortem" | "completed")
}

fn text(node: &SourceNode) -> String {
    node.text().unwrap_or_default().chars().take(PROVIDER_TEXT_CHARS).collect()
}

fn incident(node: &SourceNode) -> Incident {
    let field = |name| node.get(name).map(text).unwrap_or_default();
    let at = |name| node.get(name)?.text().and_then(at);
    Incident {
        id: field("id"),
        name: field("name"),
        status: field("status"),
        impact: field("impact"),
        since: at("started_at").or_else(|| at("created_at")),
        updated: at("updated_at"),
    }
}

/// A time with fractions of a second, which are dropped: `2026-11-24T07:00:00.123Z`.
fn at(text: &str) -> Option<u64> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let zone = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    time::parse(&format!("{whole}{zone}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn document(name: &str) -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/providers/");
        std::fs::read(format!("{folder}{name}")).unwrap()
    }

    #[test]
    fn a_full_page_and_one_that_leaves_fields_out_are_read() {
        let full = read(&document("statuspage.json")).unwrap();
        assert_eq!((full.indicator.as_str(), full.incidents.len()), ("major", 1));
        let incident = &full.incidents[0];
        assert_eq!((incident.id.as_str(), incident.impact.as_str()), ("kx41t2pdf0vq", "major"));
        assert_eq!(incident.status, "identified");
        assert_eq!(incident.since.map(time::format).as_deref(), Some("2026-11-24T06:41:02Z"));
        let lean = read(&document("compatible.json")).unwrap();
        assert_eq!((lean.indicator.as_str(), lean.incidents.len()), ("minor", 2));
        assert_eq!(lean.incidents[1].impact, "");
        let calm = read(&document("calm.json")).unwrap();
        assert_eq!((calm.indicator.as_str(), calm.incidents.len()), ("none", 0));
    }

    #[test]
    fn what_is_no_status_page_is_said_to_be_none() {
        for bad in
            ["", "<html>", "[]", "{}", r#"{"status": "ok"}"#, r#"{"status": {"indicator": 3}}"#]
        {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_page_without_end_is_bounded() {
        let incident =
            format!(r#"{{"id": "x", "name": "{}", "status": "new"}}"#, "y".repeat(5_000));
        let many = vec![incident; 100].join(",");
        let page = read(format!(r#"{{"incidents": [{many}]}}"#).as_bytes()).unwrap();
        assert_eq!(page.incidents.len(), PROVIDER_INCIDENTS);
        assert!(page.incidents.iter().all(|i| i.name.chars().count() == PROVIDER_TEXT_CHARS));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }

        #[test]
        fn a_cut_document_never_panics(cut: proptest::sample::Index) {
            let whole = document("statuspage.json");
            let _ = read(&whole[..cut.index(whole.len())]);
        }
    }
}
