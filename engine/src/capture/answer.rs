//! What a caller got: the bytes that left, read as the caller reads them.

use super::messages::{CapturedMessage, MessagePart, shorten};
use super::tool::CapturedResult;
use crate::answer::FrameLoop;
use crate::answer::frame_loop::{FrameContent, ShownFrame};
use crate::dialect::{
    self, ArgsForm, Call, CallName, Dialect, DialectId, Item, Role, Speech, TextKey, ValueShape,
};
use crate::limits::CAPTURE_PARTS;
use crate::wire::frame::Framing;
use crate::wire::json::Value;

/// Which texts of an answer are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WantedTexts {
    /// The model's output.
    pub output: bool,
    /// Arguments of its tool calls.
    pub tool_args: bool,
}

/// The texts of one answer, gathered as they leave.
#[derive(Debug)]
pub struct CapturedAnswer {
    frames: FrameLoop,
    dialect: &'static Dialect,
    wanted: WantedTexts,
    texts: Vec<CapturedText>,
    /// The tool result that is looked for, in place of a model's output.
    result: Option<CapturedResult>,
    left: usize,
    taken: usize,
    /// Something was left out: because of its length, or because it cannot be read.
    cut: bool,
}

/// One running text.
#[derive(Debug)]
struct CapturedText {
    key: TextKey,
    part: MessagePart,
}

impl CapturedAnswer {
    /// An answer of which nothing has left yet. `room`: the most text to keep, in bytes.
    #[must_use]
    pub fn new(call: &Call, framing: Framing, room: usize, wanted: WantedTexts) -> Self {
        let dialect = dialect::dialect(call.recognised.dialect);
        let frames = FrameLoop::new(framing, Some(dialect.answer(call, framing)));
        Self::over(frames, dialect, room, wanted)
    }

    fn over(
        frames: FrameLoop,
        dialect: &'static Dialect,
        room: usize,
        wanted: WantedTexts,
    ) -> Self {
        Self {
            frames,
            dialect,
            wanted,
            texts: Vec::new(),
            result: None,
            left: room,
            taken: 0,
            cut: false,
        }
    }

    /// The same for an answer over MCP: looks for the result of the call with this id.
    #[must_use]
    pub fn of_tool(framing: Framing, room: usize, id: Vec<u8>) -> Self {
        let (frames, dialect) = (FrameLoop::new(framing, None), dialect::dialect(DialectId::Mcp));
        let mut got = Self::over(frames, dialect, room, WantedTexts::default());
        got.result = Some(CapturedResult { id, ..CapturedResult::default() });
        got
    }

    /// The tool's result.
    #[must_use]
    pub fn result(&self) -> Option<&CapturedResult> {
        self.result.as_ref()
    }

    /// Sets how much room other exchanges leave for an incomplete frame, in bytes.
    pub fn set_room(&mut self, room: usize) {
        self.frames.set_room(room);
    }

    /// Memory that is kept, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.taken + self.texts.capacity() * size_of::<CapturedText>() + self.frames.memory()
    }

    /// Something was left out.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// Bytes of text.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.taken
    }

    /// These bytes have left; `end`: the answer ends with them.
    pub fn feed(&mut self, bytes: &[u8], end: bool) {
        let mut rest = bytes;
        while let Some(shown) = self.frames.next(&mut rest) {
            self.frame(&shown);
        }
        if end && let Some(shown) = self.frames.last() {
            self.frame(&shown);
        }
    }

    fn frame(&mut self, shown: &ShownFrame<'_>) {
        let Self { frames, dialect, wanted, texts, result, left, taken, cut } = self;
        let payload = shown.frame.payload_bytes();
        let view = frames.view(shown.content, &payload);
        match shown.content {
            FrameContent::Json => {}
            FrameContent::Unread(_) => {
                *cut = true;
                return;
            }
            FrameContent::Nothing | FrameContent::Other => return,
        }
        if let Some(result) = result {
            let room = *left;
            *cut |= result.look(&view.doc.root(&payload), left);
            *taken += room - *left;
            return;
        }
        let mut gather = Gather { wanted: *wanted, texts, left, taken, cut };
        for item in view.items {
            match *item {
                Item::Text {
                    node,
                    shape: ValueShape::Text,
                    role: Role::Output,
                    text: Some(key),
                    ..
                } => {
                    let speech = dialect.speech(key.kind);
                    if !wanted.output || key.is_unknown() || speech == Speech::Repeats {
                        continue;
                    }
                    let Some(value) = view.doc.value(view.payload, node) else { continue };
                    let text = value.as_str().unwrap_or_default();
                    let new = match speech {
                        Speech::Thinks => MessagePart::Reasoning(String::new()),
                        _ => MessagePart::Text(String::new()),
                    };
                    gather.add(key, new, &text);
                }
                // In an event, such a text repeats what arrived piece by piece.
                Item::Text {
                    node,
                    shape: ValueShape::Text,
                    role: Role::Output,
                    text: None,
                    ..
                } if wanted.output && !view.streamed => {
                    let Some(value) = view.doc.value(view.payload, node) else { continue };
                    let new = match whole_speech(&value) {
                        Some(Speech::Says) => MessagePart::Text(String::new()),
                        Some(Speech::Thinks) => MessagePart::Reasoning(String::new()),
                        Some(Speech::Repeats) | None => continue,
                    };
                    // There is only one document, so the position of a text identifies it.
                    let at = u32::try_from(value.span().start).unwrap_or(u32::MAX);
                    let key = TextKey { kind: TextKey::UNKNOWN, a: 0, b: at };
                    gather.add(key, new, &value.as_str().unwrap_or_default());
                }
                Item::CallBegin { call, name } => {
                    let name = name.and_then(|node| view.doc.value(view.payload, node));
                    let name = name.and_then(|name| name.as_str()).unwrap_or_default();
                    gather.name(call, &name);
                }
                Item::CallName { call, name: CallName::Node(node), .. } => {
                    let name = view.doc.value(view.payload, node);
                    let name = name.and_then(|name| name.as_str()).unwrap_or_default();
                    gather.name(call, &name);
                }
                Item::CallName { call, name: CallName::BuiltIn(name), .. } => {
                    gather.name(call, name);
                }
                Item::CallArgs { call, node, form } if wanted.tool_args => {
                    let Some(value) = view.doc.value(view.payload, node) else { continue };
                    let text = value.as_str();
                    match form {
                        ArgsForm::Piece | ArgsForm::TextPiece => {
                            gather.arguments(call, &text.unwrap_or_default(), false);
                        }
                        ArgsForm::Whole | ArgsForm::WholeText => {
                            gather.arguments(call, &text.unwrap_or_default(), true);
                        }
                        ArgsForm::Value => {
                            let raw = String::from_utf8_lossy(value.raw());
                            gather.arguments(call, &raw, true);
                        }
                        ArgsForm::Opaque => {}
                    }
                }
                _ => {}
            }
        }
    }

    /// The messages that the caller has got, one per choice.
    #[must_use]
    pub fn messages(&self) -> Vec<CapturedMessage> {
        let mut all: Vec<(u32, CapturedMessage)> = Vec::new();
        for text in &self.texts {
            let choice = if self.dialect.has_choices() { text.key.a } else { 0 };
            let part = text.part.clone();
            match all.iter_mut().find(|(own, _)| *own == choice) {
                Some((_, message)) => message.parts.push(part),
                None => {
                    all.push((choice, CapturedMessage { role: "assistant", parts: vec![part] }))
                }
            }
        }
        all.sort_by_key(|(choice, _)| *choice);
        all.into_iter().map(|(_, message)| message).collect()
    }
}

/// What kind of speech a whole text is, judged by the names around it; `None` if it is a title, an address or a
/// quotation.
fn whole_speech(value: &Value<'_>) -> Option<Speech> {
    let above = value.parent();
    let named = |names: &[&str], value: &Value<'_>| names.iter().any(|name| value.key_is(name));
    if named(&["thinking", "reasoning", "reasoning_content"], value) {
        return Some(Speech::Thinks);
    }
    if !named(&["text", "refusal", "content"], value) {
        return None;
    }
    // Quotations in an answer: Gemini's `segment`s, the sources of Bedrock's citations, Cohere's citations.
    let mut quoted = false;
    let mut at = above;
    while let Some(outer) = at {
        quoted |= named(&["segment", "sourceContent", "citations"], &outer);
        at = outer.parent();
    }
    if quoted {
        return None;
    }
    let kind = above.and_then(|above| above.get("type"));
    let thinks = kind.is_some_and(|kind| {
        ["summary_text", "reasoning_text"].iter().any(|name| kind.is_str(name))
    }) || above.is_some_and(|above| {
        // In Gemini's Interactions API a summary is a list of texts.
        above.key_is("reasoningText") || above.parent().is_some_and(|list| list.key_is("summary"))
    });
    Some(if thinks { Speech::Thinks } else { Speech::Says })
}

/// Where gathered texts are stored.
struct Gather<'a> {
    wanted: WantedTexts,
    texts: &'a mut Vec<CapturedText>,
    left: &'a mut usize,
    taken: &'a mut usize,
    cut: &'a mut bool,
}

impl Gather<'_> {
    /// The text with this key, searched from the end: the last ones are those that continue.
    fn open(&mut self, key: TextKey, new: MessagePart) -> Option<&mut MessagePart> {
        let at = match self.texts.iter().rposition(|text| text.key == key) {
            Some(at) => at,
            None if self.texts.len() >= CAPTURE_PARTS => {
                *self.cut = true;
                return None;
            }
            None => {
                self.texts.push(CapturedText { key, part: new });
                self.texts.len() - 1
            }
        };
        self.texts.get_mut(at).map(|text| &mut text.part)
    }

    fn take(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        *self.cut |= shorten(&mut text, self.left);
        *self.taken += text.len();
        text
    }

    fn add(&mut self, key: TextKey, new: MessagePart, text: &str) {
        if *self.left == 0 {
            *self.cut |= !text.is_empty();
            return;
        }
        let text = self.take(text);
        if let Some(MessagePart::Text(own) | MessagePart::Reasoning(own)) = self.open(key, new) {
            own.push_str(&text);
        }
    }

    fn call(&mut self, call: TextKey) -> Option<(&mut String, &mut Option<String>)> {
        let new = MessagePart::Call { name: String::new(), arguments: None };
        match self.open(call, new)? {
            MessagePart::Call { name, arguments } => Some((name, arguments)),
            _ => None,
        }
    }

    /// Sets a call's name. Some providers repeat it.
    fn name(&mut self, call: TextKey, said: &str) {
        let wanted = self.wanted.output || self.wanted.tool_args;
        let known = self.call(call).filter(|_| wanted).map(|(name, _)| name.clone());
        let Some(known) = known.filter(|known| known != said) else { return };
        if said.is_empty() || known.ends_with(said) {
            return;
        }
        let said = self.take(said);
        if let Some((name, _)) = self.call(call) {
            name.push_str(&said);
        }
    }

    /// Adds arguments of a call; `whole`: all of them, which may be repeated.
    fn arguments(&mut self, call: TextKey, said: &str, whole: bool) {
        let known =
            self.call(call).and_then(|(_, own)| own.as_ref()).is_some_and(|own| !own.is_empty());
        if whole && known {
            return;
        }
        let said = self.take(said);
        if let Some((_, own)) = self.call(call) {
            own.get_or_insert_default().push_str(&said);
        }
    }
}
