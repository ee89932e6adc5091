//! The language as one table: every section, field, kind, word and default. It drives the check of shapes, the
//! suggestions, the JSON Schema and the test that docs/policy-language.md names every field.

mod config;
mod policy;
mod release;
mod rules;
mod words;

pub use config::CONFIG;
pub use policy::POLICY;
pub(super) use policy::{CAPTURE, CAPTURED};
pub use release::RELEASE;
pub(super) use rules::{ARGUMENT, PERCENT};
pub use words::{BUILT_IN_LABELS, redirect};

/// The kind of a value.
#[derive(Debug)]
pub enum ValueKind {
    /// Free text.
    Text,
    /// An id or a version: `[A-Za-z0-9._-]{1,64}`.
    Id,
    /// The name of a label.
    Label,
    /// A glob.
    Glob,
    /// A regular expression or `pack:NAME`.
    Pattern,
    /// A JSON pointer (RFC 6901).
    Pointer,
    /// The name of a request header (RFC 9110 §5.1).
    Header,
    /// A time (RFC 3339), quoted or not.
    Time,
    /// A window of a limit: `1s`, `5m`, `1h`, `day`, `month`.
    Window,
    /// A short time: `500ms`, `2s`.
    Span,
    /// `true` or `false`.
    Bool,
    /// An integer within these bounds.
    Whole(u64, u64),
    /// A number within these bounds, with at most six decimals.
    Number(u64, u64),
    /// Any number.
    Real,
    /// A fraction of traffic: a number from 0 to 100, or `{share, by}`.
    Percent,
    /// A condition on an argument: globs, or a map of tests.
    Argument,
    /// What is captured: `true`, words, a map, or a list of words and maps.
    Capture,
    /// Text, a number or a boolean.
    Scalar,
    /// One of these words.
    Words(&'static [LanguageWord]),
    /// A word, or a map of one word to its argument.
    Action(&'static [LanguageWord]),
    /// A list; a single value may be written without brackets.
    List(&'static ValueKind),
    /// A map with arbitrary keys.
    Map(&'static ValueKind, &'static ValueKind),
    /// A map with known keys.
    Struct(&'static Struct),
    /// Anything.
    Any,
}

/// A word that is accepted as a value.
#[derive(Debug)]
pub struct LanguageWord {
    /// As written.
    pub name: &'static str,
    /// Its argument in a map (`{fallback: ID}`), if it takes one.
    pub argument: Option<&'static ValueKind>,
    /// It may be written without an argument.
    pub alone: bool,
    /// What it does.
    pub doc: &'static str,
}

/// A map with known keys.
#[derive(Debug)]
pub struct Struct {
    /// Its name in messages: "a guardrail".
    pub name: &'static str,
    /// Its fields, in the order of the docs.
    pub fields: &'static [LanguageField],
    /// The kinds of other keys and their values: labels in `when`.
    pub others: Option<(&'static ValueKind, &'static ValueKind)>,
    /// Exactly one of these is required.
    pub one_of: &'static [&'static str],
}

/// One field.
#[derive(Debug)]
pub struct LanguageField {
    /// Its key.
    pub name: &'static str,
    /// The kind of its value.
    pub kind: ValueKind,
    /// It is required.
    pub required: bool,
    /// The default.
    pub default: Option<&'static str>,
    /// What it does, in one line.
    pub doc: &'static str,
}

impl Struct {
    /// The field with this key.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static LanguageField> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl LanguageField {
    const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    const fn default(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }
}

/// An optional field.
const fn field(name: &'static str, kind: ValueKind, doc: &'static str) -> LanguageField {
    LanguageField { name, kind, required: false, default: None, doc: words(doc) }
}

/// A word without an argument.
const fn word(name: &'static str, doc: &'static str) -> LanguageWord {
    LanguageWord { name, argument: None, alone: true, doc: words(doc) }
}

/// A word that requires an argument.
const fn word_with(
    name: &'static str,
    argument: &'static ValueKind,
    doc: &'static str,
) -> LanguageWord {
    LanguageWord { name, argument: Some(argument), alone: false, doc: words(doc) }
}

/// Docs are for command-line tools; the module that a proxy loads does without them.
const fn words(doc: &'static str) -> &'static str {
    if cfg!(feature = "yaml") { doc } else { "" }
}
