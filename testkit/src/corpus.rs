//! Reads the recorded exchanges of `testdata/recorded`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::recording::Recording;
use crate::{Caller, dialects, messages, text};

/// All recorded exchanges of the dialects, ordered by name, and some of Anthropic's in the form of Bedrock's
/// InvokeModel.
pub fn recordings() -> Vec<Recording> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/recorded");
    let mut all = Vec::new();
    for dialect in dialects::talking().map(dialects::Dialect::name) {
        let mut metas: Vec<PathBuf> = std::fs::read_dir(root.join(dialect))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_string_lossy().ends_with(".meta.json"))
            .collect();
        metas.sort();
        all.extend(metas.iter().filter_map(|meta| recording(dialect, meta)));
    }
    assert!(all.len() > 200, "the corpus is there");
    let invoked: Vec<Recording> = all.iter().filter_map(invoked).step_by(4).collect();
    all.extend(invoked);
    all
}

/// Recorded MCP exchanges, each with the headers of its request.
pub fn mcp_recordings() -> Vec<(Recording, Caller)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/recorded/mcp");
    let mut metas: Vec<PathBuf> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".meta.json"))
        .collect();
    metas.sort();
    let all = metas.iter().filter_map(|meta| {
        let recording = recording("mcp", meta)?;
        let meta: Value = serde_json::from_slice(&std::fs::read(meta).unwrap()).unwrap();
        let headers = meta["request_headers"].as_object().unwrap().iter();
        let headers = headers
            .map(|(name, value)| (&*name.clone().leak(), value.as_str().unwrap().to_owned()))
            .collect();
        Some((recording, Caller { headers, ..Caller::default() }))
    });
    all.collect()
}

/// The same exchange through Bedrock's InvokeModel: each event of the answer in a `chunk`, and the request without what
/// the path says. `None` if it is not such an exchange.
pub fn invoked(recording: &Recording) -> Option<Recording> {
    if recording.dialect != "anthropic"
        || recording.status != 200
        || recording.response.len() > 60_000
    {
        return None;
    }
    let mut request: Value = serde_json::from_slice(&recording.request).ok()?;
    for field in ["model", "stream"] {
        request.as_object_mut()?.remove(field);
    }
    request["anthropic_version"] = json!("bedrock-2023-05-31");
    let stream = recording.is_stream();
    let response = match stream {
        true => {
            let events = text::events(recording, &recording.response);
            let messages = events.iter().map(|event| messages::chunk(&event.to_string()));
            messages.collect::<Vec<_>>().concat()
        }
        false => recording.response.clone(),
    };
    let verb = if stream { "invoke-with-response-stream" } else { "invoke" };
    let kind = if stream { "application/vnd.amazon.eventstream" } else { "application/json" };
    Some(Recording {
        name: format!("invoked--{}", recording.name),
        dialect: "bedrock-invoke".to_owned(),
        method: "POST".to_owned(),
        path: format!("/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/{verb}"),
        status: 200,
        content_type: kind.to_owned(),
        request: request.to_string().into_bytes(),
        response,
    })
}

fn recording(dialect: &str, meta: &Path) -> Option<Recording> {
    let name = meta.to_string_lossy().replace(".meta.json", "");
    let read = |ending: &str| std::fs::read(format!("{name}{ending}")).ok();
    let kinds = [
        (".response.sse", "text/event-stream; charset=utf-8"),
        (".response.eventstream", "application/vnd.amazon.eventstream"),
        (".response.ndjson", "application/x-ndjson"),
        (".response.json", "application/json"),
    ];
    let (response, content_type) =
        kinds.iter().find_map(|(ending, kind)| Some((read(ending)?, *kind)))?;
    let meta: Value = serde_json::from_slice(&std::fs::read(meta).unwrap()).unwrap();
    let text = |key: &str| meta[key].as_str().unwrap_or_default().to_owned();
    let query = text("query");
    let path = match query.is_empty() {
        true => text("path"),
        false => format!("{}?{query}", text("path")),
    };
    Some(Recording {
        name: name.rsplit('/').next().unwrap().to_owned(),
        dialect: dialect.to_owned(),
        method: text("method"),
        path,
        status: meta["status"].as_u64().unwrap_or(200) as u16,
        content_type: content_type.to_owned(),
        request: read(".request.json").unwrap_or_else(|| b"{}".to_vec()),
        response,
    })
}
