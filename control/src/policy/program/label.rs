//! Where labels are read from, and their values (POLICY "when").

use std::rc::Rc;

use sha2::{Digest, Sha256};

use crate::limits::LABEL_BYTES;
use crate::policy::document::{Document, LabelSource, ValuePart};
use crate::search::Extract;

/// Labels that always exist, in the order of their numbers.
pub const BUILT_IN: [&str; 5] = ["dialect", "model", "method", "host", "path"];

/// The number of a label in its [`LabelTable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelId(pub usize);

impl LabelId {
    /// `dialect`
    pub const DIALECT: Self = Self(0);
    /// `model`
    pub const MODEL: Self = Self(1);
    /// `method`
    pub const METHOD: Self = Self(2);
    /// `host`
    pub const HOST: Self = Self(3);
    /// `path`
    pub const PATH: Self = Self(4);

    /// True for labels that always exist.
    #[must_use]
    pub fn is_built_in(self) -> bool {
        self.0 < BUILT_IN.len()
    }
}

/// All labels of a policy.
#[derive(Debug, Clone, Default)]
pub struct LabelTable {
    names: Vec<String>,
    sources: Vec<Vec<LabelReader>>,
    /// The sources as written, so that the labels of two policies can be compared.
    written: Vec<Vec<LabelSource>>,
    /// Host properties that sources read, each once.
    pub properties: Vec<Vec<String>>,
}

/// A compiled source.
#[derive(Debug, Clone)]
pub struct LabelReader {
    /// Where.
    pub from: LabelOrigin,
    /// Only a digest is kept.
    pub digest: bool,
    /// The proxy vouches for it.
    pub trusted: bool,
    /// Only a part of the value counts.
    pub part: Option<Rc<ReadPart>>,
}

/// The part of a value that counts.
#[derive(Debug)]
pub struct ReadPart {
    /// The value, or a text on the path to it, is JSON text.
    pub json_text: bool,
    /// The pointer into the JSON text of a header or a property.
    pub pointer: Vec<String>,
    /// The first group of this pattern. The inner `None`, for a pattern that `check` would have refused, yields no
    /// value.
    pub pattern: Option<Option<Extract>>,
}

/// What a source reads.
#[derive(Debug, Clone)]
pub enum LabelOrigin {
    /// This request header.
    Header(String),
    /// This place in the request's body.
    Json(Vec<String>),
    /// The property with this number in [`LabelTable::properties`].
    Property(usize),
}

impl ReadPart {
    fn compile(part: &ValuePart) -> Self {
        let pattern = part.pattern.as_ref().map(|source| Extract::parse(source).ok());
        Self { json_text: part.json_text, pointer: part.pointer.clone(), pattern }
    }
}

/// The result of reading a label's sources.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Label {
    /// This value, or the empty text (for globs) if no source has one.
    Value {
        /// The value.
        text: Rc<str>,
        /// The proxy vouches for it.
        trusted: bool,
        /// It was too long, and is kept as its beginning and a digest.
        cut: bool,
    },
    /// It is in the body, which has not been read yet.
    #[default]
    Unknown,
    /// It cannot be read: a header sent twice, two digests that differ, a duplicate key.
    Unreadable,
}

impl Label {
    /// A value, bounded to [`LABEL_BYTES`].
    #[must_use]
    pub fn value(text: &str, trusted: bool) -> Self {
        let (text, cut) = bounded(text);
        Self::Value { text: text.as_ref().into(), trusted, cut }
    }

    /// Its text, if one was read.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Value { text, .. } => Some(text),
            _ => None,
        }
    }
}

impl LabelTable {
    /// Numbers the labels and the properties they need.
    #[must_use]
    pub fn compile(document: &Document) -> Self {
        let mut table = Self {
            names: BUILT_IN.iter().map(|&name| name.to_owned()).collect(),
            sources: BUILT_IN.iter().map(|_| Vec::new()).collect(),
            written: BUILT_IN.iter().map(|_| Vec::new()).collect(),
            properties: Vec::new(),
        };
        for (name, sources) in document.labels.iter() {
            let reads = sources.iter().map(|source| table.read(source, document)).collect();
            table.names.push(name.clone());
            table.sources.push(reads);
            table.written.push(sources.clone());
        }
        table
    }

    /// The members of a request's root in which labels are looked for.
    pub fn first_segments(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().flatten().filter_map(|source| match &source.from {
            LabelOrigin::Json(pointer) => pointer.first().map(String::as_str),
            _ => None,
        })
    }

    fn read(&mut self, source: &LabelSource, document: &Document) -> LabelReader {
        match source {
            LabelSource::Header { name, digest } => LabelReader {
                from: LabelOrigin::Header(name.clone()),
                digest: *digest,
                trusted: document.trusted_headers.contains(name),
                part: None,
            },
            LabelSource::Json { pointer, digest } => LabelReader {
                from: LabelOrigin::Json(pointer.clone()),
                digest: *digest,
                trusted: false,
                part: None,
            },
            LabelSource::Property { path, digest } => {
                let known = self.properties.iter().position(|property| property == path);
                let number = known.unwrap_or_else(|| {
                    self.properties.push(path.clone());
                    self.properties.len() - 1
                });
                LabelReader {
                    from: LabelOrigin::Property(number),
                    digest: *digest,
                    trusted: true,
                    part: None,
                }
            }
            LabelSource::Part { of, part } => LabelReader {
                part: Some(Rc::new(ReadPart::compile(part))),
                ..self.read(of, document)
            },
        }
    }

    /// The label's number.
    #[must_use]
    pub fn id(&self, name: &str) -> Option<LabelId> {
        self.names.iter().position(|known| known == name).map(LabelId)
    }

    /// All labels, by number and name.
    pub fn named(&self) -> impl Iterator<Item = (LabelId, &str)> {
        self.names.iter().enumerate().map(|(number, name)| (LabelId(number), name.as_str()))
    }

    /// True if a source of it keeps only a digest: it may be a credential.
    #[must_use]
    pub fn is_digest(&self, id: LabelId) -> bool {
        self.sources(id).iter().any(|read| read.digest)
    }

    /// A label's name.
    #[must_use]
    pub fn name(&self, id: LabelId) -> Option<&str> {
        self.names.get(id.0).map(String::as_str)
    }

    /// How many labels there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Never true: the built-in labels always exist.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The sources of a label, best first; none for the built-in ones.
    #[must_use]
    pub fn sources(&self, id: LabelId) -> &[LabelReader] {
        self.sources.get(id.0).map_or(&[], Vec::as_slice)
    }

    /// The sources of a label as written.
    #[must_use]
    pub fn written(&self, id: LabelId) -> &[LabelSource] {
        self.written.get(id.0).map_or(&[], Vec::as_slice)
    }

    /// True if a body must be read to know this label for certain.
    #[must_use]
    pub fn in_body(&self, id: LabelId) -> bool {
        id == LabelId::MODEL
            || self.sources(id).iter().any(|read| matches!(read.from, LabelOrigin::Json(_)))
    }
}

/// `sha256:` and 64 hex digits of a credential, without its scheme and surrounding blanks.
#[must_use]
pub fn digest(credential: &[u8]) -> String {
    let trimmed = credential.trim_ascii();
    let bare = match trimmed.iter().position(u8::is_ascii_whitespace) {
        Some(blank) => trimmed.get(blank..).unwrap_or_default().trim_ascii(),
        None => trimmed,
    };
    format!("sha256:{}", hex(&Sha256::digest(bare)))
}

/// The text itself or, beyond [`LABEL_BYTES`], its beginning and a digest of all of it; the flag tells which.
fn bounded(text: &str) -> (std::borrow::Cow<'_, str>, bool) {
    if text.len() <= LABEL_BYTES {
        return (text.into(), false);
    }
    let tail = format!("~sha256:{}", hex(&Sha256::digest(text)));
    let keep = text.floor_char_boundary(LABEL_BYTES - tail.len());
    let head = text.get(..keep).unwrap_or_default();
    (format!("{head}{tail}").into(), true)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_leaves_scheme_and_blanks_out() {
        let bare = digest(b"sk-abc");
        assert_eq!(bare.len(), 7 + 64);
        assert_eq!(digest(b"Bearer sk-abc"), bare);
        assert_eq!(digest(b"  bearer   sk-abc "), bare);
        assert_ne!(digest(b"sk-abd"), bare);
    }

    #[test]
    fn a_long_label_keeps_its_size_and_its_identity() {
        let long = "é".repeat(500);
        let (cut, was_cut) = bounded(&long);
        assert!(was_cut && cut.len() <= LABEL_BYTES);
        assert_ne!(cut, bounded(&format!("{long}x")).0);
        assert_eq!(bounded("short"), ("short".into(), false));
    }
}
