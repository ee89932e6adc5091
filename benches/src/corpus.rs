//! Texts of recorded streams, event by event, as the providers cut them.

use serde_json::Value;
use testkit::recordings;

/// The events of each recorded stream that carry text, in order. Recordings without any are left out.
#[must_use]
pub fn recorded_streams() -> Vec<Vec<String>> {
    let all = recordings().into_iter();
    let streams = all.filter(|own| own.content_type.starts_with("text/event-stream"));
    let texts = streams.map(|own| -> Vec<String> {
        let events = testkit::text::events(&own, &own.response);
        events.iter().map(text_of).filter(|text| !text.is_empty()).collect()
    });
    texts.filter(|texts| !texts.is_empty()).collect()
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
