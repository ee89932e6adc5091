//! What a dialect finds in a frame or a request body.

use crate::wire::json::NodeId;

/// Where a text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The answer, including refusals and reasoning.
    Output,
    /// Arguments of a tool call in an answer: of calls that have a name, or that the caller carries out. Arguments of
    /// tools that a provider runs and shows itself (code interpreter, web search) are `Output`.
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
    /// Turns up to and including the last assistant turn.
    pub history: bool,
    /// Tool results.
    pub tool_results: bool,
    /// Turns after the last assistant turn.
    pub last: bool,
    /// Tool definitions.
    pub tool_definitions: bool,
}

/// Identifies one running text of an answer, which continues from event to event. The dialect gives the numbers their
/// meaning.
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
    /// The answer itself.
    Says,
    /// Reasoning.
    Thinks,
    /// A copy, token by token, of a text that also stands elsewhere.
    Repeats,
}

/// How a JSON value carries text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueShape {
    /// The string is text, or a piece of it.
    Text,
    /// The string is JSON text, or a piece of it, whose keys, strings and numbers are separate texts (OpenAI
    /// `arguments`, Anthropic `partial_json`).
    Json,
    /// The key of this value is a text (in JSON values that tools take or, in requests, returned).
    Key,
    /// The number is a text (in JSON values that tools take or, in requests, returned).
    Number,
    /// The string is a text in base64 or a `data:` URL, which is never rewritten.
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
        /// How the value carries the text.
        shape: ValueShape,
        /// Where the text comes from.
        role: Role,
        /// The running text that this piece continues; `None` if the text is whole in this value.
        text: Option<TextKey>,
        /// Signed or encrypted: must not be changed in a request.
        signed: bool,
        /// The value to erase if a rule changes this text, because it repeats it (`logprobs`) or signs it. It becomes
        /// `null`, or `""` if it is a string. It may contain `node` itself (a token of `logprobs`): then erasing it is
        /// all that needs to be done.
        erase: Option<NodeId>,
    },
    /// A string that repeats a running text, or contains the part of it that has not arrived yet. It is scanned as an
    /// [`Item::Text`] of its own, which comes next.
    TextAgain {
        /// The string.
        node: NodeId,
        /// The running text.
        text: TextKey,
    },
    /// A running text is complete.
    TextEnd(TextKey),
    /// A tool call begins: all its items come before its [`Item::CallEnd`].
    CallBegin {
        /// The key of its arguments' running text, which identifies the call.
        call: TextKey,
        /// The string with its name.
        name: Option<NodeId>,
    },
    /// A tool call is complete.
    CallEnd {
        /// The call.
        call: TextKey,
    },
    /// A piece of a call, or a repetition of it, including calls that the provider runs. It comes before the items
    /// within it.
    CallPiece {
        /// The call.
        call: TextKey,
        /// The value that contains the whole piece.
        node: NodeId,
    },
    /// The call's name, or the next piece of it.
    CallName {
        /// The call.
        call: TextKey,
        /// The name.
        name: CallName,
        /// Later frames may continue the name until arguments arrive.
        open: bool,
    },
    /// The call's arguments.
    CallArgs {
        /// The call.
        call: TextKey,
        /// The value that contains them.
        node: NodeId,
        /// How the value contains them.
        form: ArgsForm,
    },
    /// A key on the path to a call occurs twice: it is unknown which one a client reads.
    Twice,
    /// The frame has a format that is not read here: it may contain anything.
    Unreadable,
    /// The answer is complete, with all its texts and calls (`[DONE]`, `message_stop`, `response.completed`).
    AnswerEnd,
}

/// A call's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallName {
    /// The string in this value.
    Node(NodeId),
    /// Another name that rules may use for it: the server that runs it.
    Alias(NodeId),
    /// The name of a tool that is built into the provider.
    BuiltIn(&'static str),
}

/// How a value contains arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgsForm {
    /// The value is the next piece of their JSON text.
    Piece,
    /// The value is the next piece of plain text.
    TextPiece,
    /// The value is all of their JSON text.
    Whole,
    /// The value is all of the plain text.
    WholeText,
    /// The value itself is the arguments, as JSON.
    Value,
    /// The arguments cannot be judged.
    Opaque,
}
