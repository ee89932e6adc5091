//! Paths as an upstream may read them: every spelling that some server takes for the same path becomes one list of
//! segments. A path that is read too generously is only inspected; one that is read too strictly is a bypass.

use std::borrow::Cow;

/// How often percent-encoding is undone: a proxy in between and the server may each decode once.
const DECODE_ROUNDS: usize = 3;

/// A request target taken apart.
#[derive(Debug)]
pub(super) struct Target {
    /// The path's segments, decoded, without empty ones, dots and parameters.
    pub(super) segments: Vec<String>,
    query: String,
}

impl Target {
    /// Reads a request target in origin form or absolute form (RFC 9112 §3.2).
    pub(super) fn parse(target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = without_authority(path);
        let decoded = match path.contains('%') {
            true => Cow::Owned(decode_rounds(path.as_bytes())),
            false => Cow::Borrowed(path.as_bytes()),
        };
        // What was `%3F` or `#` before decoding ends the path for a server that decodes first.
        let end =
            decoded.iter().position(|b| matches!(b, b'?' | b'#' | 0)).unwrap_or(decoded.len());
        let mut segments: Vec<String> = Vec::new();
        for segment in decoded.get(..end).unwrap_or_default().split(|b| matches!(b, b'/' | b'\\')) {
            // Path parameters (`;v=1`, RFC 3986 §3.3) are taken off by many servers before they route.
            let bare = segment.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
            match bare {
                b"" | b"." => {}
                b".." => {
                    segments.pop();
                }
                _ => segments.push(String::from_utf8_lossy(bare).into_owned()),
            }
        }
        Self { segments, query: query.split('#').next().unwrap_or_default().to_owned() }
    }

    /// The path as all its spellings have it, without query.
    pub(super) fn normalised(&self) -> String {
        match self.segments.is_empty() {
            true => "/".to_owned(),
            false => self.segments.iter().flat_map(|segment| ["/", segment.as_str()]).collect(),
        }
    }

    /// The segment this far from the end (0 is the last), or "".
    pub(super) fn nth_last(&self, n: usize) -> &str {
        self.segments.iter().rev().nth(n).map_or("", String::as_str)
    }

    /// True if the segment this far from the end is `word`, whatever its case: some upstreams route without case.
    pub(super) fn is(&self, n: usize, word: &str) -> bool {
        self.nth_last(n).eq_ignore_ascii_case(word)
    }

    /// True if the query has a key that `accept` takes.
    pub(super) fn has_key(&self, accept: impl Fn(&str) -> bool) -> bool {
        self.query.split('&').any(|pair| accept(pair.split('=').next().unwrap_or_default()))
    }

    /// True if the query has `key` with a value that `accept` takes, in any of its occurrences.
    pub(super) fn query_has(&self, key: &str, accept: impl Fn(&str) -> bool) -> bool {
        self.query.split('&').any(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let text = |raw: &str| String::from_utf8_lossy(&decode(raw.as_bytes()).0).into_owned();
            text(name) == key && accept(&text(value))
        })
    }
}

/// The normalised path, without query: what the label `path` has.
#[must_use]
pub fn normalise(target: &str) -> String {
    Target::parse(target).normalised()
}

/// `http://host/path` → `/path`.
fn without_authority(path: &str) -> &str {
    let Some((scheme, rest)) = path.split_once("://") else { return path };
    if !scheme.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return path;
    }
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
}

fn decode_rounds(raw: &[u8]) -> Vec<u8> {
    let mut bytes = raw.to_vec();
    for _ in 0..DECODE_ROUNDS {
        let (decoded, changed) = decode(&bytes);
        bytes = decoded;
        if !changed {
            break;
        }
    }
    bytes
}

/// Undoes percent-encoding once (RFC 3986 §2.1); a bad escape stands for itself. True if anything changed.
fn decode(raw: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::with_capacity(raw.len());
    let mut changed = false;
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        let digits = (byte == b'%').then(|| raw.get(at + 1..at + 3)).flatten();
        let value = digits.and_then(|d| {
            d.iter().try_fold(0_u32, |sum, &d| Some(sum * 16 + char::from(d).to_digit(16)?))
        });
        match value.and_then(|value| u8::try_from(value).ok()) {
            Some(value) => {
                out.push(value);
                changed = true;
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    (out, changed)
}
