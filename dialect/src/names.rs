//! The names that tell something about their values, found with one table look-up: every value of every answer is
//! looked up by its name, and most have none of these.

use crate::wire::find::same;
use crate::wire::json::{Value, key_hash};
use crate::word::{self, Word};

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
const NAMES: [(FieldName, Word); 90] = [
    (NeverText, word::type_), (NeverText, word::object), (NeverText, word::status), (NeverText, word::model),
    (NeverText, word::modelVersion), (NeverText, word::index), (NeverText, word::created),
    (NeverText, word::created_at), (NeverText, word::createTime), (NeverText, word::expires_at),
    (NeverText, word::completed_at), (NeverText, word::finish_reason), (NeverText, word::native_finish_reason),
    (NeverText, word::finishReason), (NeverText, word::stop_reason), (NeverText, word::blockReason),
    (NeverText, word::system_fingerprint), (NeverText, word::fingerprint), (NeverText, word::service_tier),
    (NeverText, word::serviceTier), (NeverText, word::trafficType), (NeverText, word::signature),
    (NeverText, word::thoughtSignature), (NeverText, word::thought_signature), (NeverText, word::obfuscation),
    (NeverText, word::encrypted_content), (NeverText, word::encrypted_index), (NeverText, word::encrypted_stdout),
    (NeverText, word::response_id), (NeverText, word::responseId), (NeverText, word::item_id),
    (NeverText, word::tool_id), (NeverText, word::caller_id), (NeverText, word::container_id),
    (NeverText, word::skill_id), (NeverText, word::approval_request_id), (NeverText, word::request_id),
    (NeverText, word::mimeType), (NeverText, word::mime_type), (NeverText, word::media_type),
    (NeverText, word::modality), (NeverText, word::severity), (NeverText, word::b64_json),
    (NeverText, word::partial_image_b64), (NeverText, word::stopReason), (NeverText, word::redactedContent),
    (NeverText, word::bucketOwner), (NeverBelow, word::usage), (NeverBelow, word::usageMetadata),
    (NeverBelow, word::usage_metadata), (NeverBelow, word::safetyRatings), (NeverBelow, word::safety_ratings),
    (NeverBelow, word::category_applied_input_types), (Role, word::role), (CallId, word::call_id),
    (CallId, word::tool_call_id), (CallId, word::tool_use_id), (CallId, word::toolUseId), (Id, word::id),
    (Arguments, word::arguments), (Arguments, word::partial_json), (Arguments, word::args), (Input, word::input),
    (Json, word::json), (Structured, word::structuredContent), (Structured, word::structured_content),
    (Response, word::response), (Link, word::image_url), (Link, word::audio_url), (Link, word::video_url),
    (Link, word::file_url), (Link, word::fileUri), (Link, word::file_uri), (Link, word::file_id), (Url, word::url),
    (Uri, word::uri), (Bytes, word::bytes), (File, word::blob), (File, word::file_data), (Data, word::data),
    (Format, word::format), (Result, word::result), (Tool, word::name), (Logprobs, word::logprobs),
    (Logprobs, word::logprobsResult), (Logprobs, word::prompt_logprobs), (Structured, word::tool_output),
    (Structured, word::attributes), (Structured, word::additionalModelResponseFields), (Tools, word::tools),
];

/// What each word tells as a name.
static TOLD: [Option<FieldName>; Word::NUMBERS] = told();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated when this is compiled: it cannot fail later"
)]
const fn told() -> [Option<FieldName>; Word::NUMBERS] {
    let mut told = [None; Word::NUMBERS];
    let mut at = 0;
    while at < NAMES.len() {
        told[NAMES[at].1.number()] = Some(NAMES[at].0);
        at += 1;
    }
    told
}

/// What a word tells as the name of a value; `None` if nothing.
#[inline(always)]
pub(super) fn of(word: Word) -> Option<FieldName> {
    *TOLD.get(word.number())?
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

    static TABLE: NameTable<usize, 4> =
        NameTable::of([(1, "type"), (2, "models"), (3, "fallbacks"), (4, "prompt_logprobs")]);

    #[test]
    fn every_name_is_found_and_nothing_else() {
        let look_up = |name: &str| TABLE.look_up(name.as_bytes(), key_hash(name.as_bytes()));
        for (name, word) in TABLE.names {
            assert_eq!(look_up(word), Some(name), "{word}");
            for other in [format!("{word}x"), word.chars().skip(1).collect(), word.to_uppercase()] {
                assert_eq!(look_up(&other), None, "{other}");
            }
        }
        assert_eq!(look_up(""), None);
    }

    #[test]
    fn every_word_tells_what_the_list_says_and_others_nothing() {
        for (number, told) in TOLD.iter().enumerate() {
            let listed: Vec<_> = NAMES.iter().filter(|own| own.1.number() == number).collect();
            assert!(listed.len() <= 1, "{listed:?} stands twice");
            assert_eq!(*told, listed.first().map(|own| own.0));
        }
        assert_eq!(of(Word::OTHER), None);
    }
}
