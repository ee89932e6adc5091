//! Paths as an upstream may read them: every spelling that some server takes for the same path becomes one list of
//! segments. A path that is read too generously is merely inspected; one that is read too strictly is a bypass.

use std::borrow::Cow;
use std::ops::Range;

use crate::wire::find;

/// How many times percent-encoding is undone: a proxy in between and the server may each decode once.
const DECODE_ROUNDS: usize = 3;

/// A parsed request target.
#[derive(Debug)]
pub(super) struct RequestTarget<'a> {
    /// The normal form of the path: `/` before each segment, decoded, without empty segments, dot segments and
    /// parameters.
    path: String,
    /// The range of each segment in it.
    segments: Vec<Range<usize>>,
    query: &'a str,
}

impl<'a> RequestTarget<'a> {
    /// Reads a request target in origin form or absolute form (RFC 9112 §3.2).
    pub(super) fn parse(target: &'a str) -> Self {
        let (raw, query) = split(target);
        let raw = without_authority(raw);
        let decoded = match find::byte(raw.as_bytes(), b'%') {
            Some(_) => decode_rounds(raw.as_bytes()).into(),
            None => Cow::Borrowed(raw),
        };
        let mut this = Self {
            path: String::with_capacity(decoded.len() + 1),
            segments: Vec::with_capacity(8),
            query,
        };
        let mut at = 0;
        loop {
            let end = find::path_stop(decoded.as_bytes(), at);
            this.segment(decoded.get(at..end).unwrap_or_default());
            // Many servers remove path parameters (`;v=1`, RFC 3986 §3.3) before they route.
            at = end;
            while decoded.as_bytes().get(at) == Some(&b';') {
                at = find::path_stop(decoded.as_bytes(), at + 1);
            }
            match decoded.as_bytes().get(at) {
                Some(b'/' | b'\\') => at += 1,
                // For a server that decodes first, what was `%3F` or `#` before decoding ends the path.
                _ => break,
            }
        }
        this
    }

    /// Adds the next segment, given as it is written, decoded.
    fn segment(&mut self, text: &str) {
        match text.trim_ascii() {
            "" | "." => {}
            ".." => {
                let before = self.segments.pop().map_or(0, |gone| gone.start - 1);
                self.path.truncate(before);
            }
            bare => {
                self.path.push('/');
                self.segments.push(self.path.len()..self.path.len() + bare.len());
                self.path.push_str(bare);
            }
        }
    }

    /// The normalised path, without query.
    pub(super) fn normalised(self) -> String {
        match self.path.is_empty() {
            true => "/".to_owned(),
            false => self.path,
        }
    }

    /// The segments in order.
    pub(super) fn segments(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        self.segments.iter().map(|at| self.path.get(at.clone()).unwrap_or_default())
    }

    /// The segment at this distance from the end (0 is the last), or "".
    pub(super) fn nth_last(&self, n: usize) -> &str {
        let at = self.segments.len().checked_sub(n + 1).and_then(|at| self.segments.get(at));
        at.and_then(|at| self.path.get(at.clone())).unwrap_or_default()
    }

    /// True if the segment at this distance from the end is `word` in any case: some upstreams route without regard to
    /// case.
    pub(super) fn is(&self, n: usize, word: &str) -> bool {
        let at = self.segments.len().checked_sub(n + 1).and_then(|at| self.segments.get(at));
        at.is_some_and(|at| self.is_at(at, word))
    }

    /// The number of the last of the first `before` segments that is `word` in any case.
    pub(super) fn last_is(&self, before: usize, word: &str) -> Option<usize> {
        self.segments.get(..before)?.iter().rposition(|at| self.is_at(at, word))
    }

    /// True for the place of a segment that is `word` in any case.
    fn is_at(&self, at: &Range<usize>, word: &str) -> bool {
        // Most have another length, and the others are nearly always written like that.
        at.len() == word.len()
            && self.path.get(at.clone()).is_some_and(|own| {
                find::same(own.as_bytes(), word.as_bytes()) || own.eq_ignore_ascii_case(word)
            })
    }

    /// True if the query has `key` with a value that satisfies `accept`, in any of its occurrences.
    pub(super) fn query_has(&self, key: &str, accept: impl Fn(&str) -> bool) -> bool {
        values(self.query, &[key]).any(|value| accept(&value))
    }
}

/// A request target's path as it is written, and its query.
fn split(target: &str) -> (&str, &str) {
    let mark = find::byte(target.as_bytes(), b'?');
    let path = mark.map_or(Some(target), |at| target.get(..at)).unwrap_or_default();
    let query = mark.and_then(|at| target.get(at + 1..)).unwrap_or_default();
    (path, query.split('#').next().unwrap_or_default())
}

/// True if the query of a request target has a key that satisfies `accept`.
pub(super) fn query_has_key(target: &str, accept: impl Fn(&str) -> bool) -> bool {
    split(target).1.split('&').any(|pair| accept(pair.split('=').next().unwrap_or_default()))
}

/// The values that the query of a request target has under any of these keys.
pub(super) fn query_values(target: &str, keys: &[&str]) -> impl Iterator<Item = String> {
    values(split(target).1, keys)
}

fn values(query: &str, keys: &[&str]) -> impl Iterator<Item = String> {
    query.split('&').filter_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        keys.contains(&&*decoded(name)).then(|| decoded(value).into_owned())
    })
}

/// The normalised path, without query: the value of the label `path`.
#[must_use]
pub fn normalise(target: &str) -> String {
    RequestTarget::parse(target).normalised()
}

/// `http://host/path` → `/path`.
fn without_authority(path: &str) -> &str {
    if path.starts_with('/') {
        return path;
    }
    let Some((scheme, rest)) = path.split_once("://") else { return path };
    if !scheme.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return path;
    }
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
}

fn decode_rounds(raw: &[u8]) -> String {
    let mut bytes = raw.to_vec();
    for _ in 0..DECODE_ROUNDS {
        let (decoded, changed) = decode(&bytes);
        bytes = decoded;
        if !changed {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A part of a query, decoded.
fn decoded(raw: &str) -> Cow<'_, str> {
    if !raw.contains('%') {
        return raw.into();
    }
    String::from_utf8_lossy(&decode(raw.as_bytes()).0).into_owned().into()
}

/// Undoes percent-encoding once (RFC 3986 §2.1); an invalid escape stands for itself. True if anything changed.
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
