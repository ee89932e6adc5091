//! Finds and reads recorded exchanges, in any of several formats.

mod har;
mod one;
mod otlp;

use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use hemostat_engine::base::time;
use hemostat_engine::dsse::base64;
use serde_json::Value;

use crate::shared::error::{Error, Result, not_json};
use crate::shared::play::Traffic;
use crate::shared::terminal::{safe, size};

pub(crate) use one::Recording;
use one::{default_type, unreadable};

/// How many levels of folders are searched.
const DEPTH: usize = 8;

/// The maximum size of one file, in bytes: a day of a small gateway.
const BYTES: u64 = 1 << 30;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Recordings {
    pub(crate) recordings: Vec<Recording>,
    /// What could not be read, and why.
    pub(crate) wrong: Vec<(String, String)>,
}

impl Recordings {
    /// Reads a file, or all below a folder.
    pub(crate) fn look(&mut self, path: &str) -> Result<()> {
        let at = Path::new(path);
        let named = |error: io::Error| Error::file(path, &error);
        if std::fs::metadata(at).map_err(named)?.is_dir() {
            self.below(at, DEPTH)
        } else {
            self.file(at);
            Ok(())
        }
    }

    /// Sorts by time; those without one come last, ordered by name.
    pub(crate) fn in_order(&mut self) {
        self.recordings.sort_by(|a, b| {
            let key = |one: &Recording| one.at.unwrap_or(u64::MAX);
            key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name))
        });
    }

    /// Names what was looked at in vain; `paths` are what [`Self::look`] was given.
    pub(crate) fn none_in(paths: &[String]) -> String {
        let paths: Vec<String> = paths.iter().map(|path| safe(path)).collect();
        format!(
            "{}: no recorded exchange; a tap's traces, HAR, OTLP, or JSON with `path` and `request` are expected, in files \
             that end with `.json`, `.jsonl` or `.har`",
            paths.join(", ")
        )
    }

    /// The number of recordings without a time.
    pub(crate) fn untimed(&self) -> usize {
        self.recordings.iter().filter(|recording| recording.at.is_none()).count()
    }

    fn below(&mut self, folder: &Path, depth: usize) -> Result<()> {
        let named = |error: io::Error| Error::file(folder, &error);
        let entries = std::fs::read_dir(folder).map_err(named)?;
        let mut paths: Vec<_> =
            entries.map(|entry| Ok(entry.map_err(named)?.path())).collect::<Result<_>>()?;
        paths.sort();
        for path in paths {
            let name = path.to_string_lossy().into_owned();
            if path.is_dir() {
                if depth > 0 && !path.is_symlink() {
                    self.below(&path, depth - 1)?;
                }
            } else if [".json", ".jsonl", ".har"].iter().any(|end| name.ends_with(end))
                && ![".request.json", ".response.json", ".events.jsonl"]
                    .iter()
                    .any(|end| name.ends_with(end))
            {
                self.file(&path);
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) {
        let name = path.display().to_string();
        let result = if name.ends_with(".meta.json") {
            beside(path).map(|one| vec![one])
        } else {
            lines(path)
        };
        match result {
            Ok(all) => {
                for (at, one) in all {
                    match one {
                        Ok(recording) => self.recordings.push(recording),
                        Err(why) => self.wrong.push((format!("{name}:{at}"), why.to_string())),
                    }
                }
            }
            Err(error) => self.wrong.push((name, error.to_string())),
        }
    }
}

/// A line's number, and the recording there.
type Numbered = (usize, Result<Recording>);

fn read(path: &Path) -> Result<Vec<u8>> {
    let bytes = std::fs::metadata(path)?.len();
    if bytes > BYTES {
        let (has, most) = (size(bytes), size(BYTES));
        return Err(Error::failed(format!("it has {has}; {most} are read")));
    }
    Ok(std::fs::read(path)?)
}

/// `NAME.meta.json` with `NAME.request.json` and `NAME.response.sse`, `.json` or `.eventstream`.
fn beside(path: &Path) -> Result<Numbered> {
    let name = path.to_string_lossy().replace(".meta.json", "");
    let body = |ending: &str| std::fs::read(format!("{name}{ending}")).ok();
    let meta: Value =
        serde_json::from_slice(&read(path)?).map_err(|error| Error::failed(not_json(&error)))?;
    let kinds = [
        (".response.sse", "text/event-stream"),
        (".response.json", "application/json"),
        (".response.eventstream", "application/vnd.amazon.eventstream"),
    ];
    let answer = kinds.iter().find_map(|(ending, kind)| Some((body(ending)?, *kind)));
    let (answer, kind) = answer.unwrap_or_default();
    let mut recording = described(&name, &meta);
    if let Ok(recording) = &mut recording {
        // A call whose body was not kept is still a call, and rules that do not need the body can be judged.
        recording.traffic.request = body(".request.json").unwrap_or_else(|| b"{}".to_vec());
        recording.traffic.answer = answer;
        default_type(&mut recording.traffic, kind);
    }
    Ok((1, recording))
}

/// Reads a file that is one document, or has one per line.
fn lines(path: &Path) -> Result<Vec<Numbered>> {
    let bytes = read(path)?;
    let name = path.display().to_string();
    // A tap's trace has no time. Envoy writes its file when the exchange ends.
    let written = std::fs::metadata(path)?.modified().ok();
    let written = written.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).map(|at| at.as_secs());
    if let Ok(one) = serde_json::from_slice::<Value>(&bytes) {
        return Ok(
            several(&name, &one).unwrap_or_else(|| vec![(1, exchange(&name, &one, written))])
        );
    }
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    let mut read = Vec::new();
    for (at, line) in lines {
        let named = format!("{name}:{}", at + 1);
        match serde_json::from_slice::<Value>(line) {
            Err(error) => read.push((at + 1, Err(unreadable(not_json(&error))))),
            Ok(one) => match several(&named, &one) {
                Some(all) => read.extend(all.into_iter().map(|(_, own)| (at + 1, own))),
                // Of several traces in a file, only the last was written at the file's time.
                None => read.push((at + 1, exchange(&named, &one, None))),
            },
        }
    }
    Ok(read)
}

/// The exchanges of a document that holds several; `None` if it is of another kind.
fn several(name: &str, one: &Value) -> Option<Vec<Numbered>> {
    let all = har::exchanges(name, one).or_else(|| otlp::exchanges(name, one))?;
    Some(all.into_iter().enumerate().map(|(at, own)| (at + 1, own)).collect())
}

fn exchange(name: &str, one: &Value, written: Option<u64>) -> Result<Recording> {
    if one.get("http_streamed_trace_segment").is_some() {
        return Err(unreadable("a streamed tap; set `streaming: false` to have whole traces"));
    }
    match one.get("http_buffered_trace") {
        Some(trace) => tapped(name, trace, written),
        None => {
            let mut recording = described(name, one)?;
            recording.traffic.request = body(one.get("request"));
            recording.traffic.answer = body(one.get("response"));
            let streamed = recording.traffic.answer.starts_with(b"event:")
                || recording.traffic.answer.starts_with(b"data:");
            let kind = if streamed { "text/event-stream" } else { "application/json" };
            default_type(&mut recording.traffic, kind);
            Ok(recording)
        }
    }
}

/// A text is the body itself; any other value stands for its JSON.
fn body(value: Option<&Value>) -> Vec<u8> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) => text.clone().into_bytes(),
        Some(other) => other.to_string().into_bytes(),
    }
}

/// Reads an exchange of the form `{at, method, host, path, query, headers, status, response_headers}`.
fn described(name: &str, one: &Value) -> Result<Recording> {
    let text = |key: &str| one.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let path = text("path").ok_or_else(|| unreadable("no exchange: `path` is missing"))?;
    let path = text("query").map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let headers = |key: &str| {
        let all = one.get(key).and_then(Value::as_object).into_iter().flatten();
        all.filter_map(|(name, value)| {
            Some((name.to_ascii_lowercase(), value.as_str()?.to_owned()))
        })
        // Bodies are recorded decoded, whatever their encoding on the wire was.
        .filter(|(name, _)| !name.starts_with(':') && name != "content-encoding")
        .collect::<Vec<_>>()
    };
    let mut request = headers("request_headers");
    request.extend(headers("headers"));
    let at = text("at")
        .map(|at| time::parse(at).map_err(|why| unreadable(format!("at: {why}"))))
        .transpose()?;
    let status = one.get("status").and_then(Value::as_u64).unwrap_or(200);
    let traffic = Traffic {
        method: text("method").unwrap_or("POST").to_owned(),
        host: text("host").unwrap_or_default().to_owned(),
        path,
        headers: request,
        status: u16::try_from(status).map_err(|_| unreadable("`status` is not an HTTP status"))?,
        answer_headers: headers("response_headers"),
        ..Traffic::default()
    };
    Ok(Recording { name: name.to_owned(), at, traffic })
}

/// A trace of Envoy's tap filter (`envoy.data.tap.v3.HttpBufferedTrace`).
fn tapped(name: &str, trace: &Value, at: Option<u64>) -> Result<Recording> {
    let headers = |side: &str| -> Vec<(String, String)> {
        let all = trace.pointer(&format!("/{side}/headers")).and_then(Value::as_array);
        let pair = |header: &Value| {
            let text = |key: &str| header.get(key).and_then(Value::as_str).map(str::to_owned);
            Some((text("key")?.to_ascii_lowercase(), text("value").unwrap_or_default()))
        };
        all.into_iter().flatten().filter_map(pair).collect()
    };
    let (request, answer) = (headers("request"), headers("response"));
    let take = |from: &[(String, String)], key: &str| {
        from.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
    };
    let rest = |from: &[(String, String)]| -> Vec<_> {
        from.iter().filter(|(name, _)| !name.starts_with(':')).cloned().collect()
    };
    let status = take(&answer, ":status").and_then(|status| status.parse().ok());
    let traffic = Traffic {
        method: take(&request, ":method").unwrap_or_default(),
        host: take(&request, ":authority").unwrap_or_default(),
        path: take(&request, ":path").ok_or_else(|| unreadable("a trace without a request"))?,
        headers: rest(&request),
        request: tapped_body(trace, "request")?,
        status: status.ok_or_else(|| unreadable("a trace without an answer"))?,
        answer_headers: rest(&answer),
        answer: tapped_body(trace, "response")?,
        ..Traffic::default()
    };
    Ok(Recording { name: name.to_owned(), at, traffic })
}

fn tapped_body(trace: &Value, side: &str) -> Result<Vec<u8>> {
    let Some(body) = trace.pointer(&format!("/{side}/body")) else { return Ok(Vec::new()) };
    if body.get("truncated").and_then(Value::as_bool) == Some(true) {
        let field =
            if side == "request" { "max_buffered_rx_bytes" } else { "max_buffered_tx_bytes" };
        return Err(unreadable(format!("the {side}'s body is cut; raise `{field}` of the tap")));
    }
    match (body.get("as_bytes"), body.get("as_string")) {
        (Some(Value::String(text)), _) => base64::decode(text)
            .ok_or_else(|| unreadable(format!("the {side}'s body is not base64"))),
        (_, Some(Value::String(text))) => Ok(text.clone().into_bytes()),
        _ => Ok(Vec::new()),
    }
}
