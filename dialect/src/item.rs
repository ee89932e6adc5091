//! What a dialect finds in a frame or a request body.

use crate::wire::json::NodeId;

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
pub enum ValueShape {
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
        shape: ValueShape,
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
    /// A string says a running text once more, or what has not come of it yet. It is looked at as an [`Item::Text`] of its
    /// own, which comes next.
    TextAgain {
        /// The string.
        node: NodeId,
        /// The running text.
        text: TextKey,
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
