//! What a call asks for.

use std::rc::Rc;

use super::id::DialectId;
use super::item::Item;
use crate::wire::edit::Edit;
use crate::wire::frame::Framing;

/// What kind of call a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// Generate an answer.
    Generate,
    /// Fetch an answer that was generated before (`GET /v1/responses/{id}`).
    StoredAnswer,
    /// Fetch a list of stored answers, or of their parts.
    StoredList,
    /// Generate many answers that will be fetched elsewhere.
    Batch,
}

impl CallKind {
    /// True if nothing is generated: an earlier answer is fetched.
    #[must_use]
    pub fn is_stored(self) -> bool {
        matches!(self, Self::StoredAnswer | Self::StoredList)
    }
}

/// What the request line alone tells about a call; made by [`recognise()`](crate::recognise()).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognised {
    /// The format.
    pub dialect: DialectId,
    /// What it asks for.
    pub kind: CallKind,
    /// The model, where the path carries it (Gemini, Bedrock, Azure deployments, Vertex).
    pub model: Option<String>,
    /// The path asks for a stream (Gemini `:streamGenerateContent`, Bedrock `converse-stream`).
    pub stream: bool,
    /// The framing of the stream where it is not SSE (Gemini without `alt=sse`: an array; Bedrock: messages).
    pub json_stream: Framing,
    /// The envelope of the answer, where a dialect has more than one form.
    pub envelope: Option<Rc<AnswerEnvelope>>,
}

/// What a request tells about the form of its answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnswerEnvelope {
    /// The id of a JSON-RPC request, as it was written; `None` for the HTTP binding.
    pub id: Option<String>,
    /// The protocol version is before 1.0.
    pub old: bool,
    /// The conversation that it continues.
    pub context: Option<String>,
}

/// What is known of a call once its body has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// From the request line.
    pub recognised: Recognised,
    /// The model that was asked for, in the path or the body.
    pub model: String,
    /// A stream was asked for.
    pub stream: bool,
    /// Structured output was asked for (a JSON schema or JSON mode).
    pub structured: bool,
    /// How many answers were asked for (`n`, `candidateCount`); at least 1.
    pub choices: u32,
    /// The caller asked for the usage event (OpenAI Chat `stream_options.include_usage`).
    pub include_usage: bool,
    /// The answer will be fetched elsewhere (`background: true`, batches).
    pub background: bool,
    /// The answer that this call continues, if upstream knows it (Responses `previous_response_id`). A canned answer
    /// carries it in its own id.
    pub previous: Option<String>,
}

impl Call {
    /// A call without a body (a GET for a stored answer).
    #[must_use]
    pub fn without_body(recognised: Recognised) -> Self {
        Self {
            model: recognised.model.clone().unwrap_or_default(),
            stream: recognised.stream,
            structured: false,
            choices: 1,
            include_usage: false,
            background: recognised.kind == CallKind::Batch,
            previous: None,
            recognised,
        }
    }
}

/// A field that cannot be read because its key occurs twice or its type is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The field, as a JSON pointer.
    pub field: &'static str,
}

/// What a dialect reads from a request's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestView {
    /// The call.
    pub call: Call,
    /// The texts that the model would be shown ([`Item::Text`] only).
    pub texts: Vec<Item>,
    /// The number of texts that the request only references (file ids, URLs, stored prompts): counted, not scanned.
    pub remote: u32,
    /// Edits without which upstream would refuse the request: they replace ids that only this proxy knows.
    pub edits: Vec<Edit>,
}
