//! The names that tell something about their values, found with one table look-up: every value of every answer is
//! looked up by its name, and most have none of these.

use crate::wire::find::same;
use crate::wire::json::{Value, key_hash};

/// What a name tells by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldName {
    /// A string with this name is never text: ids, types, enumerations, timestamps, signatures, padding, binary data. A
    /// list or an object under it does not belong there, and is read like any other.
    NeverText,
    /// Nothing below it is text, at any depth: counts, ratings, the provider's options.
    NeverBelow,
    /// Who speaks.
    Role,
    /// The id of a call.
    CallId,
    /// An id, of a call or of something else.
    Id,
    /// A call's arguments.
    Arguments,
    /// A call's arguments, or the input of something else.
    Input,
    /// A tool's result as JSON.
    Json,
    /// The same, at any place.
    Structured,
    /// The same, if it is part of a result.
    Response,
    /// An address that stands for its content.
    Link,
    /// An address.
    Url,
    /// An address.
    Uri,
    /// Base64, in a source.
    Bytes,
    /// Base64.
    File,
    /// Base64, encrypted data, or text.
    Data,
    /// The format of a sound, or a text.
    Format,
    /// A picture, or a text.
    Result,
    /// The name of a tool, or of something else.
    Tool,
    /// Log probabilities.
    Logprobs,
    /// Definitions of tools.
    Tools,
}

use FieldName::*;

#[rustfmt::skip]
static NAMES: NameTable<FieldName, 90> = NameTable::of([
    (NeverText, "type"), (NeverText, "object"), (NeverText, "status"), (NeverText, "model"),
    (NeverText, "modelVersion"), (NeverText, "index"), (NeverText, "created"), (NeverText, "created_at"),
    (NeverText, "createTime"), (NeverText, "expires_at"), (NeverText, "completed_at"), (NeverText, "finish_reason"),
    (NeverText, "native_finish_reason"), (NeverText, "finishReason"), (NeverText, "stop_reason"),
    (NeverText, "blockReason"), (NeverText, "system_fingerprint"), (NeverText, "fingerprint"),
    (NeverText, "service_tier"), (NeverText, "serviceTier"), (NeverText, "trafficType"), (NeverText, "signature"),
    (NeverText, "thoughtSignature"), (NeverText, "thought_signature"), (NeverText, "obfuscation"),
    (NeverText, "encrypted_content"), (NeverText, "encrypted_index"), (NeverText, "encrypted_stdout"),
    (NeverText, "response_id"), (NeverText, "responseId"), (NeverText, "item_id"), (NeverText, "tool_id"),
    (NeverText, "caller_id"), (NeverText, "container_id"), (NeverText, "skill_id"),
    (NeverText, "approval_request_id"), (NeverText, "request_id"), (NeverText, "mimeType"), (NeverText, "mime_type"),
    (NeverText, "media_type"), (NeverText, "modality"), (NeverText, "severity"), (NeverText, "b64_json"),
    (NeverText, "partial_image_b64"), (NeverText, "stopReason"), (NeverText, "redactedContent"),
    (NeverText, "bucketOwner"), (NeverBelow, "usage"), (NeverBelow, "usageMetadata"), (NeverBelow, "usage_metadata"),
    (NeverBelow, "safetyRatings"), (NeverBelow, "safety_ratings"),
    (NeverBelow, "category_applied_input_types"), (Role, "role"), (CallId, "call_id"), (CallId, "tool_call_id"),
    (CallId, "tool_use_id"), (CallId, "toolUseId"), (Id, "id"), (Arguments, "arguments"), (Arguments, "partial_json"),
    (Arguments, "args"), (Input, "input"), (Json, "json"), (Structured, "structuredContent"),
    (Structured, "structured_content"), (Response, "response"), (Link, "image_url"), (Link, "audio_url"),
    (Link, "video_url"), (Link, "file_url"), (Link, "fileUri"), (Link, "file_uri"), (Link, "file_id"), (Url, "url"),
    (Uri, "uri"), (Bytes, "bytes"), (File, "blob"), (File, "file_data"), (Data, "data"), (Format, "format"),
    (Result, "result"), (Tool, "name"), (Logprobs, "logprobs"), (Logprobs, "logprobsResult"),
    (Logprobs, "prompt_logprobs"), (Structured, "tool_output"), (Structured, "attributes"),
    (Structured, "additionalModelResponseFields"), (Tools, "tools"),
]);

/// What the name of this value tells; `None` if nothing.
pub(super) fn of(value: &Value<'_>) -> Option<FieldName> {
    NAMES.find(value)
}

/// Slots of a table; a power of two, and more than twice the number of its names.
const PLACES: usize = 256;

/// Names, with what each of them tells.
pub(super) struct NameTable<T, const N: usize> {
    names: [(T, &'static str); N],
    /// At the slot of a name's hash, or the next free one: its index in `names`, counted from 1.
    places: [u8; PLACES],
}

const fn place(hash: u16) -> usize {
    (hash ^ (hash >> 8)) as usize % PLACES
}

impl<T: Copy, const N: usize> NameTable<T, N> {
    #[expect(
        clippy::indexing_slicing,
        reason = "evaluated when this is compiled: it cannot fail later"
    )]
    pub(super) const fn of(names: [(T, &'static str); N]) -> Self {
        let mut places = [0; PLACES];
        let mut at = 0;
        while at < N {
            let mut here = place(key_hash(names[at].1.as_bytes()));
            while places[here] != 0 {
                here = (here + 1) % PLACES;
            }
            at += 1;
            places[here] = at as u8;
        }
        Self { names, places }
    }

    /// What the key of this value tells, if it is one of them.
    pub(super) fn find(&self, value: &Value<'_>) -> Option<T> {
        self.look_up(value.key(), value.hash())
    }

    fn look_up(&self, own: &[u8], hash: u16) -> Option<T> {
        let mut here = place(hash);
        loop {
            let number = usize::from(*self.places.get(here)?);
            let (told, name) = self.names.get(number.checked_sub(1)?)?;
            if same(name.as_bytes(), own) {
                return Some(*told);
            }
            here = (here + 1) % PLACES;
        }
    }
}

/// Names that are looked for together. Most keys are none of them, which is found out without comparing bytes.
#[derive(Debug)]
pub(super) struct NameSet<const N: usize> {
    names: [&'static str; N],
    /// A bit for each: `hash & 63`.
    bits: u64,
}

impl<const N: usize> NameSet<N> {
    #[expect(
        clippy::indexing_slicing,
        reason = "evaluated when this is compiled: it cannot fail later"
    )]
    pub(super) const fn new(names: [&'static str; N]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < N {
            bits |= 1 << (key_hash(names[at].as_bytes()) & 63);
            at += 1;
        }
        Self { names, bits }
    }

    /// True if the key of this value is one of them.
    #[inline(always)]
    pub(super) fn has(&self, value: &Value<'_>) -> bool {
        self.bits >> (value.hash() & 63) & 1 == 1 && is_among(&self.names, value.key())
    }

    /// False only if it is not an object, or has no member with one of them.
    #[inline(always)]
    pub(super) fn may_be_in(&self, object: &Value<'_>) -> bool {
        object.may_have_any(self.bits)
    }
}

/// True if the name is in the list. A list compiles to a few bytes, a `matches!` with as many words to a kilobyte.
pub(super) fn is_among(names: &[&str], name: &[u8]) -> bool {
    names.iter().any(|own| same(own.as_bytes(), name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_nothing_else() {
        let look_up = |name: &str| NAMES.look_up(name.as_bytes(), key_hash(name.as_bytes()));
        for (name, word) in NAMES.names {
            assert_eq!(look_up(word), Some(name), "{word}");
            for other in [format!("{word}x"), word.chars().skip(1).collect(), word.to_uppercase()] {
                assert_eq!(look_up(&other), None, "{other}");
            }
        }
        assert_eq!(look_up(""), None);
    }

    #[test]
    fn no_name_stands_twice() {
        let mut all = NAMES.names.map(|(_, word)| word).to_vec();
        all.sort_unstable();
        all.dedup();
        assert_eq!((all.len(), all.len() < PLACES / 2), (NAMES.names.len(), true));
    }
}
