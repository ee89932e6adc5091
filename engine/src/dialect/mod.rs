//! What bytes mean for one provider: one file a dialect behind one trait.
//!
//! A dialect reads requests ([`Dialect::read_request`]), reads answers frame by frame ([`Answer::read`]), and speaks:
//! canned answers, endings of answers that have begun, errors. It decides nothing: which texts are scanned, held,
//! rewritten or cut is the exchange's business.

mod anthropic;
mod batch;
mod bedrock;
mod cohere;
pub mod definitions;
mod fields;
mod gemini;
mod inline;
mod invocations;
pub mod lane;
pub mod mcp;
mod models;
mod ollama;
mod openai;
mod openai_chat;
mod openai_completions;
mod openai_responses;
mod path;
mod place;
mod recognise;
mod registry;
mod request;
mod say;
mod spelling;
pub mod spend;
mod splice;
mod texts;
mod tools;
mod wordless;
mod write;

pub use batch::read_batch;
pub(crate) use inline::text as file_text;
pub use models::other_models;
pub use path::normalise;
pub use recognise::{Line, read_line, recognise, recognise_as};
pub use registry::{DialectId, dialect};
pub use tools::Tool;
pub use write::plain_error;
pub(crate) use write::quoted;

use crate::wire::edit::Edit;
use crate::wire::frame::Framing;
use crate::wire::json::{Doc, NodeId, Value};
use spend::{Spending, Usage};

/// What kind of call a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// It asks the model to generate.
    Generate,
    /// It fetches an answer that was generated before (`GET /v1/responses/{id}`).
    StoredAnswer,
    /// It fetches a list of those, or of what they are made of.
    StoredList,
    /// It asks for many answers that will be fetched elsewhere.
    Batch,
}

impl CallKind {
    /// True where nothing is generated: what was before is fetched.
    #[must_use]
    pub fn is_stored(self) -> bool {
        matches!(self, Self::StoredAnswer | Self::StoredList)
    }
}

/// What the request line alone tells of a call; made by [`recognise`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognised {
    /// Whose format it is.
    pub dialect: DialectId,
    /// What it asks for.
    pub kind: CallKind,
    /// The model, where the path carries it (Gemini, Bedrock, Azure deployments, Vertex).
    pub model: Option<String>,
    /// The path says that a stream is asked for (Gemini `:streamGenerateContent`, Bedrock `converse-stream`).
    pub stream: bool,
    /// How that stream is framed if the answer is not SSE (Gemini without `alt=sse`: an array; Bedrock: messages).
    pub json_stream: Framing,
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
    /// The answer that this one goes on from, if upstream knows it (Responses `previous_response_id`). A canned answer
    /// carries it on in its own id.
    pub previous: Option<String>,
}

impl Call {
    /// A call that has no body to be read (a GET for a stored answer).
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

/// A field that cannot be read because its key stands twice or its type is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The field, as a JSON pointer.
    pub field: &'static str,
}

/// Whose words a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The answer, refusals and reasoning included.
    Output,
    /// Arguments of a tool call in an answer: of calls that have a name, or that the caller carries out. What a
    /// provider runs by itself and shows (code interpreter, web search) is `Output`.
    ToolArgs,
    /// A text of a request, with the parts of `input` it belongs to.
    Input(InputParts),
}

/// Which parts of `input` a request's text belongs to (POLICY "Streams", last paragraphs).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct InputParts {
    /// System prompts and instructions.
    pub system: bool,
    /// User turns.
    pub user: bool,
    /// Turns before what follows the last assistant turn (that turn included).
    pub history: bool,
    /// Results of tools.
    pub tool_results: bool,
    /// What follows the last assistant turn.
    pub last: bool,
    /// Definitions of tools.
    pub tool_definitions: bool,
}

/// Names one running text of an answer: what goes on from event to event. The dialect gives the numbers their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct TextKey {
    /// Content, refusal, reasoning, arguments …
    pub kind: u8,
    /// Choice, output item, content block, candidate.
    pub a: u32,
    /// Content part, tool call.
    pub b: u32,
}

impl TextKey {
    /// The kind of texts at places that no dialect knows: `a` is the item, `b` the place.
    pub const UNKNOWN: u8 = u8::MAX;

    /// All texts at unknown places of an item, for [`Item::TextEnd`].
    #[must_use]
    pub fn all_unknown(item: u32) -> Self {
        Self { kind: Self::UNKNOWN, a: item, b: 0 }
    }

    /// True for a text at a place that no dialect knows.
    #[must_use]
    pub fn is_unknown(self) -> bool {
        self.kind == Self::UNKNOWN
    }

    /// True if `end`, the key of an [`Item::TextEnd`], ends this text.
    #[must_use]
    pub fn ends_with(self, end: Self) -> bool {
        self == end || (end.is_unknown() && end.b == 0 && self.kind == end.kind && self.a == end.a)
    }
}

/// What a running text of an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speech {
    /// What the model says.
    Says,
    /// What it thinks.
    Thinks,
    /// What is said elsewhere too, token by token.
    Repeats,
}

/// What stands in a JSON value that carries text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The string is text, or a piece of one.
    Text,
    /// The string is JSON text, or a piece of one, whose keys, strings and numbers are texts of their own
    /// (OpenAI `arguments`, Anthropic `partial_json`).
    Json,
    /// The key of this value is a text (in JSON values that tools take or, in requests, gave).
    Key,
    /// The number is a text (in JSON values that tools take or, in requests, gave).
    Number,
    /// The string is a text in base64 or a `data:` address, which is never written anew.
    File,
    /// A signature over the running text of this item: emptied once a rule has changed that text.
    Seal,
}

/// Something that a dialect found in a frame or a request body, in the order of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// A value that carries text.
    Text {
        /// The value.
        node: NodeId,
        /// How the text stands in it.
        shape: Shape,
        /// Whose words.
        role: Role,
        /// The running text that this is the next piece of; `None`: the text is whole in this value.
        text: Option<TextKey>,
        /// It is signed or encrypted: a request must not change it.
        signed: bool,
        /// If a rule changes this text, this value (`logprobs`, a signature) repeats or seals it: it is replaced by
        /// `null` if it is not a string, by `""` if it is one. It may hold `node` itself (a token of `logprobs`):
        /// then erasing it is all that is to be done.
        erase: Option<NodeId>,
    },
    /// A running text is complete.
    TextEnd(TextKey),
    /// A tool call begins: everything of it stands between here and its [`Item::CallEnd`].
    CallBegin {
        /// The running text of its arguments names the call.
        call: TextKey,
        /// The string with its name.
        name: Option<NodeId>,
    },
    /// A tool call is complete.
    CallEnd {
        /// Which.
        call: TextKey,
    },
    /// A piece of a call, or a repeat of it, provider-run ones included. It comes before what it holds.
    CallPiece {
        /// Which.
        call: TextKey,
        /// All of the piece in this frame.
        node: NodeId,
    },
    /// The call's name, or the next piece of it.
    CallName {
        /// Which.
        call: TextKey,
        /// The name.
        name: CallName,
        /// The name may go on in later frames until arguments come.
        open: bool,
    },
    /// The call's arguments.
    CallArgs {
        /// Which.
        call: TextKey,
        /// The value that has them.
        node: NodeId,
        /// How.
        form: ArgsForm,
    },
    /// A key on the way to a call stands twice: which one a client takes cannot be known.
    Twice,
    /// The frame has a shape that this code does not read: it may hold anything.
    Unreadable,
    /// The answer is complete: all its texts and calls are (`[DONE]`, `message_stop`, `response.completed`).
    AnswerEnd,
}

/// A call's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallName {
    /// The string in this value.
    Node(NodeId),
    /// Another name that rules may call it by: the server that runs it.
    Alias(NodeId),
    /// The name of a tool that the provider has built in.
    BuiltIn(&'static str),
}

/// How arguments stand in a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgsForm {
    /// The value is the next piece of their JSON text.
    Piece,
    /// The value is the next piece of plain text.
    TextPiece,
    /// The value holds all of their JSON text.
    Whole,
    /// The value holds all of the plain text.
    WholeText,
    /// The value is the arguments.
    Value,
    /// They cannot be judged.
    Opaque,
}

/// A call that does not leave, and what is said in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Which.
    pub call: TextKey,
    /// What is said.
    pub text: String,
    /// Distinguishes what is said: part of the ids that a dialect gives it.
    pub id: String,
}

/// A piece of a call in a frame that is about to leave.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    /// Which call.
    pub call: TextKey,
    /// All of it.
    pub node: NodeId,
    /// The call was stopped.
    pub stopped: Option<&'a Stopped>,
}

/// How a frame of an answer leaves of which calls were stopped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Leaves {
    /// Changes of its payload.
    pub edits: Vec<Edit>,
    /// It does not leave at all; what is `after` it does.
    pub dropped: bool,
    /// Whole frames that leave behind it.
    pub after: Vec<u8>,
}

/// What a dialect says of a request's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestView {
    /// What is asked for.
    pub call: Call,
    /// The texts that the model would be shown ([`Item::Text`] only).
    pub texts: Vec<Item>,
    /// Texts that the request only points to (file ids, URLs, stored prompts): counted, not scanned.
    pub remote: u32,
    /// What must change before upstream can take the request: ids that only this proxy knows.
    pub edits: Vec<Edit>,
}

/// A canned answer to be spoken in a dialect.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Canned {
    /// What it says.
    pub text: String,
    /// What it says to a caller that asked for structured output: a JSON text.
    pub json: Option<String>,
    /// It ends as a refusal.
    pub refusal: bool,
    /// The decision's id, which the answer's own id carries.
    pub decision: String,
    /// Unix time in seconds, for `created`.
    pub now: u64,
}

/// How an answer that has begun is brought to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Decoded text of the frame being replaced that still leaves, before the end, by running text and in order.
    pub before: Vec<(TextKey, String)>,
    /// What follows.
    pub how: EndingHow,
    /// The decision's id.
    pub decision: String,
    /// Unix time in seconds, for `created` where nothing was sent yet.
    pub now: u64,
}

/// What an ending says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndingHow {
    /// A canned answer follows the text, and the answer ends as an ordinary one does.
    Canned {
        /// What it says.
        text: String,
        /// For structured output when no text has left yet: a JSON text.
        json: Option<String>,
        /// It ends as a refusal.
        refusal: bool,
    },
    /// The dialect's content-filter or refusal stop, no text.
    Blocked,
    /// The dialect's stop for an answer that has come to its most tokens, no text.
    Spent,
}

/// An error in the dialect's own shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorAnswer {
    /// The HTTP status.
    pub status: u16,
    /// For people: rule, decision id, place; never text of the traffic.
    pub message: String,
    /// Machine-readable reason (`content_blocked`, `unreadable`, `no_policy`).
    pub code: &'static str,
}

/// An answer that the proxy makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Headers, `content-type` among them.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// One provider's format.
pub trait Dialect: std::fmt::Debug + Sync {
    /// Which it is.
    fn id(&self) -> DialectId;

    /// The value of the label `dialect`. Several may share one.
    fn name(&self) -> &'static str;

    /// What a request line says, if it is this dialect's. No two dialects take the same line.
    fn recognise(&self, line: &Line<'_>) -> Option<Recognised>;

    /// The dialect whose habits it has where more than its format counts: how many tokens its requests come to, and what
    /// callers above a cap are told.
    fn kin(&self) -> DialectId {
        self.id()
    }

    /// The conventions' word for what is asked (`gen_ai.operation.name`).
    fn operation(&self) -> &'static str {
        "chat"
    }

    /// The conventions' name of its maker (`gen_ai.provider.name`); who really answers, the proxy's routes decide.
    fn provider(&self) -> &'static str {
        self.name()
    }

    /// False where an answer is vectors or pictures: rules over what a model says have nothing to look at.
    fn speaks(&self) -> bool {
        true
    }

    /// True where other services have the same path, so that only a body shows whose it is ([`Dialect::takes`]).
    fn shares_its_path(&self) -> bool {
        false
    }

    /// False for a body that is not in this dialect's shape: at a shared path it is an unknown lane, or other traffic.
    fn takes(&self, _root: &Value<'_>) -> bool {
        true
    }

    /// Reads a request body that parsed as JSON.
    ///
    /// # Errors
    /// A field that a decision needs cannot be read.
    fn read_request(
        &self,
        recognised: &Recognised,
        doc: &Doc,
        body: &[u8],
    ) -> Result<RequestView, Unreadable>;

    /// The tools that a request offers, those that the provider runs included.
    fn tools(&self, doc: &Doc, body: &[u8]) -> Vec<Tool>;

    /// The edits that take tools (by their place in [`Dialect::tools`], rising) out of a request, so that the rest of
    /// it stays valid.
    fn without_tools(&self, doc: &Doc, body: &[u8], gone: &[usize]) -> Vec<Edit>;

    /// Begins to read an answer.
    fn answer(&self, call: &Call, framing: Framing) -> Box<dyn Answer>;

    /// A complete answer with status 200: a stream if the call asked for one, else a whole.
    fn canned(&self, call: &Call, canned: &Canned) -> Reply;

    /// A complete answer with status 200, not streamed, that ends with the dialect's content-filter or refusal stop.
    /// (A stream is ended with [`Answer::ending`].)
    fn blocked(&self, call: &Call, decision: &str, now: u64) -> Reply;

    /// An error body.
    fn error(&self, call: &Recognised, error: &ErrorAnswer) -> Reply;

    /// What a request says of its cost.
    ///
    /// # Errors
    /// A field that decides cannot be read.
    fn spending(&self, root: &Value<'_>) -> Result<Spending, Unreadable>;

    /// Takes what an event or a whole body of an answer says of its cost.
    fn usage(&self, root: &Value<'_>, usage: &mut Usage);

    /// Writes the most output into a request that names none (or `null`).
    fn cap(&self, root: &Value<'_>, most: u64) -> Option<Edit>;

    /// Asks for usage in a stream that would not report it.
    fn ask_usage(&self, _root: &Value<'_>) -> Option<Edit> {
        None
    }

    /// What running texts of this kind are ([`TextKey::kind`]).
    fn speech(&self, _kind: u8) -> Speech {
        Speech::Says
    }

    /// `a` of a [`TextKey`] is one of several answers to the same request.
    fn has_choices(&self) -> bool {
        false
    }

    /// True for an event that stands in a stream only because usage was asked for.
    fn is_usage_event(&self, _root: &Value<'_>) -> bool {
        false
    }
}

/// The state of reading one answer, and of what the caller has been sent of it.
pub trait Answer: std::fmt::Debug {
    /// The frame that is read next has this type beside its payload (`event:`, `:event-type`); "": none.
    fn named(&mut self, _event: &[u8]) {}

    /// Looks at a frame as it arrives; `doc` is its payload parsed. Pushes what it finds in the order of the bytes.
    /// Every string that could carry text to the caller is pushed; fields that never do (ids, types, models,
    /// signatures, padding, base64 data, the echo of the request) are not.
    fn read(&mut self, doc: &Doc, payload: &[u8], items: &mut Vec<Item>);

    /// A frame without JSON (`[DONE]`): pushes [`Item::AnswerEnd`] if it ends the answer.
    fn read_other(&mut self, payload: &[u8], items: &mut Vec<Item>);

    /// True if an event like this one only goes on with texts: it begins and ends nothing, so that one with other words in
    /// the same places is read the same way, and reading it changes nothing that reading this one has not. (Asked only of
    /// events in which nothing but pieces of running texts was found, after they were read.)
    fn goes_on(&self, _root: &Value<'_>) -> bool {
        false
    }

    /// A frame is about to leave in which calls have pieces, or before which calls were stopped: how it leaves, so that
    /// nothing of the stopped ones does, and the rest stays true (indexes, numbers, stop reasons, repeats). Frames come
    /// here in the order they leave; `doc` and `payload` are the frame as [`Answer::read`] saw it.
    fn leave(&mut self, doc: &Doc, payload: &[u8], pieces: &[Piece<'_>]) -> Leaves;

    /// A frame has left for the caller, as `payload` (rewritten or not; `doc` is it, parsed). Frames come here in
    /// the order they are sent, later than [`Answer::read`] saw them if they were held.
    fn sent(&mut self, doc: &Doc, payload: &[u8]);

    /// [`Answer::sent`] for an event that [`Answer::goes_on`], where the one that was sent just before it differs from it in
    /// nothing but words and counts. `items` is what was found in it. Whoever remembers no words has nothing to note.
    fn sent_again(&mut self, doc: &Doc, payload: &[u8], _items: &[Item]) {
        self.sent(doc, payload);
    }

    /// [`Answer::sent_again`] for such an event that was not parsed: `text` is what it says of the running text `key`, its
    /// only one, and `number` its `sequence_number`. False: nothing was noted, and it must be parsed first.
    fn sent_word(&mut self, _key: TextKey, _text: &str, _number: Option<u64>) -> bool {
        false
    }

    /// A frame without JSON has left: its payload (`[DONE]`) or, where it has none (the brackets of an array), its
    /// bytes.
    fn sent_other(&mut self, _bytes: &[u8]) {}

    /// The well-formed rest of the answer for a caller that has been sent what [`Answer::sent`] saw.
    fn ending(&mut self, ending: &Ending) -> Vec<u8>;

    /// The model that answered, once known.
    fn model(&self) -> Option<&str>;
}
