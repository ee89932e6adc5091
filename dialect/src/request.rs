//! What the request readers share: the fields that decisions depend on, and whose turn a text belongs to.

use super::call::{Call, Recognised, RequestView};
use super::texts::TextWalk;
use super::{InputParts, Role, Unreadable, spelling};
use crate::limits;
use crate::wire::json::{Doc, Kind, LeftOut, Value};
use crate::word::{self, Word};

/// What a request says, and the tools that it offers, in all dialects: its length, nearly, and nothing that tells how it
/// is to be answered. A `model` among the tools, or in a turn with tools, may be one that answers
/// ([`super::other_models`]).
///
/// Three lists name members with texts, and none follows from another. A member that is missing here costs time. Missing
/// among the turns that `beside.rs` knows, it is still searched, its roles and types too, as anybody's text. Missing where
/// `spelling.rs` looks below a member, a key in another case gets past a rule. And a `prompt` has turns but is not here: each
/// prompt of a list gets an answer, which a limit has to know.
pub const SAID: LeftOut = LeftOut {
    members: &[
        "messages",
        "input",
        "contents",
        "system",
        "systemInstruction",
        "system_instruction",
        "tools",
        "functions",
        "documents",
        "chat_history",
        "toolConfig",
    ],
    unless_keyed: "model",
};

/// The body of a request that is being read.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestBody<'a> {
    pub(super) recognised: &'a Recognised,
    pub(super) doc: &'a Doc,
    pub(super) body: &'a [u8],
    /// The speaker where none is named.
    pub(super) first: Speaker,
}

/// What a dialect does with a root member of a request: it finds the texts in it.
type Member<'f> =
    &'f mut dyn for<'a, 'b> FnMut(&mut TextWalk<'a, 'b>, Value<'a>) -> Result<(), Unreadable>;

/// Reads a request: first what it asks for, then the texts of each root member.
///
/// # Errors
/// A field that a decision depends on has the wrong type or occurs twice, or `member` fails.
pub(super) fn read(
    of: &RequestBody<'_>,
    call: fn(&Recognised, &Value<'_>) -> Result<Call, Unreadable>,
    member: Member<'_>,
) -> Result<RequestView, Unreadable> {
    let root = of.doc.root(of.body);
    root_object(&root)?;
    let call = call(of.recognised, &root)?;
    let mut items = Vec::new();
    let mut texts = TextWalk::request(of.doc, of.body, &mut items, of.first.role(true));
    for field in root.children() {
        member(&mut texts, field)?;
    }
    let remote = texts.remote;
    Ok(RequestView { call, texts: items, remote, edits: Vec::new() })
}

/// Who speaks in a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaker {
    /// System prompts, developer messages, instructions.
    System,
    /// The user, and every speaker that is not known here.
    User,
    /// The model.
    Assistant,
    /// A tool's result.
    Tool,
}

impl Speaker {
    /// The speaker that the `role` of a message names in any dialect.
    pub(super) fn of(role: Word) -> Self {
        match role {
            word::system | word::developer => Self::System,
            word::assistant | word::model => Self::Assistant,
            word::tool | word::function => Self::Tool,
            _ => Self::User,
        }
    }

    /// The role of this speaker's text; `last`: it follows the last assistant turn.
    pub(super) fn role(self, last: bool) -> Role {
        let turn = self != Self::System;
        Role::Input(InputParts {
            system: !turn,
            user: self == Self::User,
            history: turn && !last,
            tool_results: self == Self::Tool,
            last: turn && last,
            tool_definitions: false,
        })
    }
}

/// The only value of a field that a decision depends on; `null` counts as absent.
pub(super) fn one<'a>(
    object: &Value<'a>,
    name: &str,
    field: &'static str,
) -> Result<Option<Value<'a>>, Unreadable> {
    let found = object.unique(name).map_err(|_| Unreadable { field })?;
    Ok(found.filter(|value| !value.is_null()))
}

/// A text, or "" if absent.
pub(super) fn text(
    object: &Value<'_>,
    name: &str,
    field: &'static str,
) -> Result<String, Unreadable> {
    match one(object, name, field)? {
        None => Ok(String::new()),
        Some(value) => Ok(value.as_str().ok_or(Unreadable { field })?.into_owned()),
    }
}

/// A flag, false if absent.
pub(super) fn flag(
    object: &Value<'_>,
    name: &str,
    field: &'static str,
) -> Result<bool, Unreadable> {
    match one(object, name, field)? {
        None => Ok(false),
        Some(value) => value.as_bool().ok_or(Unreadable { field }),
    }
}

/// An object, if present.
pub(super) fn object<'a>(
    outer: &Value<'a>,
    name: &str,
    field: &'static str,
) -> Result<Option<Value<'a>>, Unreadable> {
    match one(outer, name, field)? {
        Some(value) if value.kind() != Kind::Object => Err(Unreadable { field }),
        found => Ok(found),
    }
}

/// How many answers are asked for: 1 if absent.
pub(super) fn choices(
    object: &Value<'_>,
    name: &str,
    field: &'static str,
) -> Result<u32, Unreadable> {
    let Some(value) = one(object, name, field)? else { return Ok(1) };
    let number = value.as_u64().and_then(|n| u32::try_from(n).ok());
    number.filter(|n| (1..=limits::CHOICES).contains(n)).ok_or(Unreadable { field })
}

/// True if an object has this member with its key in any case: some servers ignore case.
pub(super) fn has_member(root: &Value<'_>, name: &str) -> bool {
    root.children().any(|member| member.key().eq_ignore_ascii_case(name.as_bytes()))
}

/// Checks that the root is an object: a list of requests or a bare string is not a call that can be read.
pub(super) fn root_object(root: &Value<'_>) -> Result<(), Unreadable> {
    if root.kind() != Kind::Object {
        return Err(Unreadable { field: "" });
    }
    spelling::check(root)
}
