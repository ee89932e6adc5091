//! Reads HAR 1.2, as browsers and debugging proxies write it.

use hemostat_engine::base::time;
use hemostat_engine::dsse::base64;
use serde_json::Value;

use super::one::{Recording, default_type, unreadable};
use crate::shared::error::Result;
use crate::shared::play::Traffic;

/// The exchanges of a HAR file; `None` if the document is not one.
pub(super) fn exchanges(name: &str, one: &Value) -> Option<Vec<Result<Recording>>> {
    let entries = one.pointer("/log/entries")?.as_array()?;
    let named = |at: usize| format!("{name}#{}", at + 1);
    Some(entries.iter().enumerate().map(|(at, entry)| exchange(&named(at), entry)).collect())
}

fn exchange(name: &str, entry: &Value) -> Result<Recording> {
    let text = |at: &str| entry.pointer(at).and_then(Value::as_str);
    let url = text("/request/url").ok_or_else(|| unreadable("an entry without `request.url`"))?;
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let headers = |side: &str| -> Vec<(String, String)> {
        let all = entry.pointer(&format!("/{side}/headers")).and_then(Value::as_array);
        let pair = |header: &Value| {
            let text = |key: &str| header.get(key).and_then(Value::as_str).map(str::to_owned);
            Some((text("name")?.to_ascii_lowercase(), text("value").unwrap_or_default()))
        };
        let all = all.into_iter().flatten().filter_map(pair);
        // Bodies are recorded decoded, whatever their encoding on the wire was; names with a colon are HTTP/2's own.
        all.filter(|(name, _)| !name.starts_with(':') && name != "content-encoding").collect()
    };
    let content = text("/response/content/text").unwrap_or_default();
    let answer = match text("/response/content/encoding") {
        Some("base64") => {
            base64::decode(content).ok_or_else(|| unreadable("the answer's body is not base64"))?
        }
        _ => content.as_bytes().to_vec(),
    };
    let status = entry.pointer("/response/status").and_then(Value::as_u64).unwrap_or(200);
    let mut traffic = Traffic {
        method: text("/request/method").unwrap_or("POST").to_owned(),
        host: host.to_owned(),
        path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
        headers: headers("request"),
        request: text("/request/postData/text").unwrap_or_default().as_bytes().to_vec(),
        status: u16::try_from(status)
            .map_err(|_| unreadable("`response.status` is not an HTTP status"))?,
        answer_headers: headers("response"),
        answer,
        ..Traffic::default()
    };
    default_type(&mut traffic, text("/response/content/mimeType").unwrap_or("application/json"));
    let at = text("/startedDateTime").and_then(|at| time::parse(at).ok());
    Ok(Recording { name: name.to_owned(), at, traffic })
}
