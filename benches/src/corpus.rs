//! Texts of recorded streams, event by event, as the providers cut them.

use serde_json::Value;
use testkit::dialects::dialect;
use testkit::{Recording, recordings};

/// The events of each recorded stream that carry text, in order. Recordings without any are left out.
#[must_use]
pub fn recorded_streams() -> Vec<Vec<String>> {
    let streams = recordings().into_iter().filter(Recording::is_stream);
    let texts = streams.map(|own| -> Vec<String> {
        let pointer = dialect(&own.dialect).text_pointer().unwrap_or_default();
        let text = |event: Value| event.pointer(&pointer)?.as_str().map(str::to_owned);
        let events = testkit::text::events(&own, &own.response);
        events.into_iter().filter_map(text).filter(|text| !text.is_empty()).collect()
    });
    texts.filter(|texts| !texts.is_empty()).collect()
}
