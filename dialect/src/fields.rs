//! What a field can contain, judged by its name: the deny-list behind "every string is a text unless it is known not to
//! be one".
//!
//! The names are those that the dialects use, in requests and answers alike; a name that is not listed is text.

use std::borrow::Cow;

use super::inline;
pub(super) use super::names::is_among;
use super::names::{self, FieldName, NameSet};
use crate::wire::json::{Kind, Value};
use crate::word::{self, Word};

/// How many members of an object are looked at to learn what a sibling means. Real objects have fewer; the bound keeps
/// hostile ones linear. Beyond it siblings are unknown, and the reading that scans most is used.
const SIBLINGS: usize = 48;

/// What the value of a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyRole {
    /// Text, or a container of texts.
    Text,
    /// Never text: ids, types, enumerations, timestamps, signatures, padding, counts, binary data.
    Never,
    /// Not text in a request. In an answer it comes from the model or the server like any other text: the name of a
    /// tool, the id of a call.
    FieldName,
    /// Who speaks: a known word, or a text.
    Role,
    /// The content of a file, as base64 or as a `data:` URL.
    File,
    /// A picture, a sound or a film, encoded like a file.
    Media,
    /// A tool call's arguments: JSON in a string, or a JSON value.
    Arguments,
    /// A JSON value that a tool returns or takes, or a document contains, with keys of the caller's own.
    Free,
    /// A reference to content elsewhere.
    Link,
    /// Log probabilities of a text beside it.
    Logprobs,
    /// Definitions of tools.
    Tools,
}

/// The last member under each of these names, found in one pass: what [`Value::get`] returns for each.
pub(super) fn pick<'a, const N: usize>(
    object: &Value<'a>,
    names: [&str; N],
) -> [Option<Value<'a>>; N] {
    if object.has_plain_keys() {
        return names.map(|name| object.get(name));
    }
    let mut found = [None; N];
    if object.kind() == Kind::Object {
        for member in object.children() {
            for (slot, wanted) in found.iter_mut().zip(&names) {
                if member.key_is(wanted) {
                    *slot = Some(member);
                }
            }
        }
    }
    found
}

/// The bytes of a string, with escapes decoded; empty for other values.
pub(super) fn string<'a>(value: Option<Value<'a>>) -> Cow<'a, [u8]> {
    value.map(|value| value.as_bytes()).unwrap_or_default()
}

/// What this value is, according to its key. Array items are what their array is.
#[inline(always)]
pub(super) fn field(value: &Value<'_>) -> KeyRole {
    named(Word::key_in_place(value), value)
}

/// The same, where the word that is its key is known.
#[inline(always)]
pub(super) fn named(key: Word, value: &Value<'_>) -> KeyRole {
    // Nearly every value has such a name, and needs no further look.
    match names::of(key) {
        None => KeyRole::Text,
        Some(FieldName::NeverText) if value.kind() == Kind::String => KeyRole::Never,
        Some(FieldName::NeverText) => KeyRole::Text,
        Some(FieldName::NeverBelow) => KeyRole::Never,
        Some(name) => by_surroundings(name, value),
    }
}

/// The same for a name whose meaning depends on its surroundings.
#[inline(never)]
fn by_surroundings(name: FieldName, value: &Value<'_>) -> KeyRole {
    let container = matches!(value.kind(), Kind::Object | Kind::Array);
    let string = value.kind() == Kind::String;
    match name {
        FieldName::Role if string => KeyRole::Role,
        FieldName::CallId if string => KeyRole::FieldName,
        FieldName::Id if string => {
            if is_call(value) {
                KeyRole::FieldName
            } else {
                KeyRole::Never
            }
        }
        FieldName::Arguments => KeyRole::Arguments,
        FieldName::Input if container && (is_input(value) || under(value, &[b"toolUse"])) => {
            KeyRole::Arguments
        }
        FieldName::Json
            if under_item_of(value, b"content") || under_item_of(value, b"toolResult") =>
        {
            KeyRole::Free
        }
        FieldName::Structured => KeyRole::Free,
        FieldName::Response
            if under(value, &[b"functionResponse", b"function_response", b"toolResponse"]) =>
        {
            KeyRole::Free
        }
        FieldName::Link if string => KeyRole::Link,
        FieldName::Url if is_link(value) => KeyRole::Link,
        FieldName::Uri
            if string && (under(value, &[b"s3Location"]) || only_type(value, &MEDIA)) =>
        {
            KeyRole::Link
        }
        FieldName::Bytes if string && under(value, &[b"source"]) => file(value),
        FieldName::Url | FieldName::Uri if inline(value) == DataUrlContent::Binary => file(value),
        FieldName::File if string => file(value),
        // The contents of a Cohere document, under keys of the caller's own.
        FieldName::Data if container && under(value, &[b"document"]) => KeyRole::Free,
        FieldName::Data if string && is_sealed(value) => KeyRole::Never,
        FieldName::Data if string && is_binary(value) => file(value),
        FieldName::Format if string && under(value, &[b"input_audio", b"audio"]) => KeyRole::Never,
        FieldName::Result if string && only_type(value, &[word::image_generation_call]) => {
            KeyRole::Never
        }
        FieldName::Tool if string && names_a_tool(value) => KeyRole::FieldName,
        FieldName::Logprobs => KeyRole::Logprobs,
        FieldName::Tools => KeyRole::Tools,
        _ => KeyRole::Text,
    }
}

/// What a `data:` URL (RFC 2397) contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataUrlContent {
    /// It is not a `data:` URL.
    No,
    /// Base64: a picture, a file.
    Binary,
    /// Plain text.
    Text,
}

/// What a `data:` URL contains, if it is one.
pub(super) fn inline(value: &Value<'_>) -> DataUrlContent {
    let text = value.as_bytes();
    match inline::address(&text) {
        None => DataUrlContent::No,
        Some(address) if address.base64 => DataUrlContent::Binary,
        Some(_) => DataUrlContent::Text,
    }
}

/// A file, or binary data in which no words are read.
pub(super) fn file(value: &Value<'_>) -> KeyRole {
    let media = |kind: &[u8]| {
        [&b"image/"[..], b"audio/", b"video/"]
            .iter()
            .any(|one| kind.get(..one.len()).is_some_and(|head| head.eq_ignore_ascii_case(one)))
    };
    let text = value.as_bytes();
    if let Some(address) = inline::address(&text) {
        return if media(address.kind) { KeyRole::Media } else { KeyRole::File };
    }
    let holders: [&[u8]; 6] =
        [b"image", b"audio", b"video", b"input_audio", b"image_url", b"video_url"];
    let beside = any_sibling(value, &|sibling| match Word::key(sibling) {
        word::mimeType | word::mime_type | word::media_type => media(&sibling.word()),
        word::transcript => true,
        _ => false,
    });
    let outer = value.parent().is_some_and(|parent| under(&parent, &holders));
    if beside || outer || under(value, &holders) { KeyRole::Media } else { KeyRole::File }
}

fn under(value: &Value<'_>, keys: &[&[u8]]) -> bool {
    value.parent().is_some_and(|parent| keys.contains(&parent.key()))
}

/// True if the value is within an item of the list under this key.
fn under_item_of(value: &Value<'_>, key: &[u8]) -> bool {
    value.parent().and_then(|item| item.parent()).is_some_and(|list| list.key() == key)
}

/// True if any sibling satisfies `is`. One copy of the loop for all questions.
#[inline(never)]
fn any_sibling(value: &Value<'_>, is: &dyn Fn(&Value<'_>) -> bool) -> bool {
    let Some(parent) = value.parent() else { return false };
    parent.children().take(SIBLINGS).any(|sibling| is(&sibling))
}

/// True if there are more siblings than are looked at.
fn is_crowded(value: &Value<'_>) -> bool {
    value.parent().is_some_and(|parent| parent.children().nth(SIBLINGS).is_some())
}

/// True if there is a sibling `type`, and all of them are among these.
fn only_type(value: &Value<'_>, kinds: &[Word]) -> bool {
    let is_type = |sibling: &Value<'_>| sibling.key_is("type");
    let is_other =
        |sibling: &Value<'_>| is_type(sibling) && !kinds.contains(&Word::of(&sibling.word()));
    !is_crowded(value) && any_sibling(value, &is_type) && !any_sibling(value, &is_other)
}

/// True for the `input` of a tool call, as opposed to that of something else (a moderation report has one).
fn is_input(value: &Value<'_>) -> bool {
    let calls = |kind: &[u8]| kind.ends_with(b"tool_use") || kind.ends_with(b"_call");
    is_crowded(value) || any_sibling(value, &|own| own.key_is("type") && calls(&own.word()))
}

/// What contains the id of a tool call.
static CALLS: NameSet<4> =
    NameSet::new(["functionCall", "function_call", "toolCall", "functionResponse"]);

/// What stands beside the id of a tool call.
static BESIDE_CALL: NameSet<3> = NameSet::new(["function", "custom", "type"]);

/// True for the `id` of a tool call.
fn is_call(value: &Value<'_>) -> bool {
    let Some(parent) = value.parent() else { return false };
    let is_call = |sibling: &Value<'_>| {
        BESIDE_CALL.has(sibling)
            && (!sibling.key_is("type") || sibling.word().ends_with(b"tool_use"))
    };
    CALLS.has(&parent) || BESIDE_CALL.may_be_in(&parent) && any_sibling(value, &is_call)
}

/// `{"image_url": {"url": …}}`, `{"source": {"type": "url", "url": …}}`: an address that stands for its content. A
/// `url` beside a title is a text that is shown.
fn is_link(value: &Value<'_>) -> bool {
    under(value, &[b"image_url", b"audio_url", b"video_url", b"file", b"source"])
        || only_type(value, &[word::url])
}

/// Types of content that may be given by address instead of inline.
const MEDIA: [Word; 4] = [word::image, word::document, word::audio, word::video];

/// True for encrypted reasoning.
fn is_sealed(value: &Value<'_>) -> bool {
    only_type(value, &[word::redacted_thinking, word::reasoning_encrypted])
}

/// `data` is base64 next to a media type, a format or a transcript; with `type: text` (Anthropic's plain documents) it is
/// text whatever stands beside it.
fn is_binary(value: &Value<'_>) -> bool {
    let kind =
        |sibling: &Value<'_>, is: Word| sibling.key_is("type") && Word::of(&sibling.word()) == is;
    let is_binary = |sibling: &Value<'_>| {
        let tells = matches!(
            Word::key(sibling),
            word::mimeType | word::mime_type | word::media_type | word::format | word::transcript
        );
        tells || kind(sibling, word::base64)
    };
    let is_text = |sibling: &Value<'_>| kind(sibling, word::text);
    !is_crowded(value) && any_sibling(value, &is_binary) && !any_sibling(value, &is_text)
}

/// What contains the name of a tool.
#[rustfmt::skip]
static TOOLS: NameSet<12> = NameSet::new([
    "function", "custom", "functionCall", "function_call", "functionResponse", "toolUse", "toolSpec", "systemTool",
    "function_response", "toolCall", "toolResponse", "tools",
]);

/// What stands beside the name of a tool.
#[rustfmt::skip]
static BESIDE_TOOL: NameSet<9> = NameSet::new([
    "arguments", "input", "args", "call_id", "tool_call_id", "tool_use_id", "input_schema", "parameters", "role",
]);

/// True if the name of a tool stands here, which is not text: beside arguments or a call's id, and in a message that
/// holds a result.
fn names_a_tool(value: &Value<'_>) -> bool {
    let Some(parent) = value.parent() else { return false };
    let is_tool = |sibling: &Value<'_>| {
        BESIDE_TOOL.has(sibling)
            && (!sibling.key_is("role")
                || matches!(Word::of(&sibling.word()), word::tool | word::function))
    };
    TOOLS.has(&parent)
        || under(&parent, &[b"tools"])
        || BESIDE_TOOL.may_be_in(&parent) && any_sibling(value, &is_tool)
}
