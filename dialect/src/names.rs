//! The names that tell something about their values: every value of every answer is looked up by its name, and most have none
//! of these.

use crate::wire::find::same;
use crate::wire::json::{Value, key_hash};
use crate::word::{self, Word, WordTable};

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
static NAMES: WordTable<FieldName> = WordTable::of(&[
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
]);

/// What a word tells as the name of a value; `None` if nothing.
#[inline(always)]
pub(super) fn of(word: Word) -> Option<FieldName> {
    NAMES.get(word)
}

/// Names that are looked for together. Most keys are none of them, which is found out without comparing bytes, or, unlike with
/// words, for all members of an object at once.
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
