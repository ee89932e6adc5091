//! Texts of recorded streams, event by event, as the providers cut them.

use serde_json::Value;
use std::path::Path;

/// The events of one recorded stream that carry text, in order. Files without any are left out.
///
/// # Errors
/// The corpus cannot be read.
pub fn recorded_streams(testdata: &Path) -> std::io::Result<Vec<Vec<String>>> {
    let mut paths = Vec::new();
    for dialect in std::fs::read_dir(testdata.join("recorded"))? {
        let dialect = dialect?.path();
        if dialect.is_dir() {
            for file in std::fs::read_dir(dialect)? {
                paths.push(file?.path());
            }
        }
    }
    paths.retain(|path| path.to_string_lossy().ends_with(".response.sse"));
    paths.sort();
    let mut streams = Vec::new();
    for path in paths {
        let events: Vec<String> = std::fs::read_to_string(path)?
            .lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .filter_map(|data| serde_json::from_str(data.trim()).ok())
            .map(|event| text_of(&event))
            .filter(|text| !text.is_empty())
            .collect();
        if !events.is_empty() {
            streams.push(events);
        }
    }
    Ok(streams)
}

/// The text that an event adds, whatever the dialect.
fn text_of(event: &Value) -> String {
    let at = |pointer| event.pointer(pointer).and_then(Value::as_str);
    [
        at("/choices/0/delta/content"),
        at("/delta/text"),
        at("/delta/thinking"),
        // OpenAI Responses: its closing events repeat the whole text under other names.
        at("/delta"),
        at("/candidates/0/content/parts/0/text"),
    ]
    .into_iter()
    .flatten()
    .collect()
}
