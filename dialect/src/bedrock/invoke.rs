//! `InvokeModel` and `InvokeModelWithResponseStream`: a model's native request and answer. Those of Anthropic's models
//! are read as in the dialect [`super::super::anthropic`]; in a stream each message carries one event. The formats of
//! other models are recognised, but unreadable.

use super::super::anthropic;
use super::super::contract::{About, Answers, Requests, Spend, about};
use super::super::own_answers::OwnAnswers;
use super::super::write::quoted;
use super::super::{
    Answer, Call, CallPiece, CannedAnswer, Dialect, DialectId, Ending, ErrorAnswer, Item, Leaves,
    Recognised, Reply, RequestView, Unreadable,
};
use super::{exception, stream_reply};
use crate::EndingHow;
use crate::recognise;
use crate::spend::{Usage, some_tokens};
use crate::wire::frame::Framing;
use crate::wire::json::{Doc, Kind, Value};
use crate::wire::own::{OwnEvents, Wrap};
use crate::word::{self, Word};

/// What Bedrock adds to a stream's last event.
const METRICS: &str = "amazon-bedrock-invocationMetrics";

/// True if this model accepts Anthropic's requests, or if its name does not tell (an ARN within the account).
fn may_be_anthropic(model: &str) -> bool {
    let kind = model.split_once('/').map_or(model, |(kind, _)| kind);
    let named = match model.starts_with("arn:") {
        true => kind.ends_with(":foundation-model") || kind.ends_with(":inference-profile"),
        // `provider.model`, `region.provider.model`
        false => model.contains('.'),
    };
    !named || model.contains("anthropic.")
}

/// The dialect of a model's native requests.
pub(in super::super) static DIALECT: Dialect = Dialect {
    about: About {
        kin: DialectId::Bedrock,
        ..about!(DialectId::BedrockInvoke, "bedrock", "aws.bedrock")
    },
    requests: Requests {
        recognise: |line| {
            recognise::bedrock(line).filter(|own| own.dialect == DialectId::BedrockInvoke)
        },
        takes: None,
        read: read_request,
    },
    tools: anthropic::DIALECT.tools,
    answers: Answers {
        read: |call, framing| Box::new(Reading::new(call, framing)),
        made: OwnAnswers::Own { canned, blocked },
        error: |_, error| exception(error),
        ..anthropic::DIALECT.answers
    },
    spend: Spend { usage, ..anthropic::DIALECT.spend },
};

fn read_request(
    recognised: &Recognised,
    doc: &Doc,
    body: &[u8],
) -> Result<RequestView, Unreadable> {
    // Bedrock requires this field in such requests, and in no others.
    let version = doc.root(body).get("anthropic_version");
    let model = recognised.model.as_deref().unwrap_or_default();
    if version.is_none_or(|version| version.kind() != Kind::String) || !may_be_anthropic(model) {
        return Err(Unreadable { field: "/anthropic_version" });
    }
    let mut view = anthropic::DIALECT.read_request(recognised, doc, body)?;
    // The path decides, whatever the body says.
    view.call.stream = recognised.stream;
    Ok(view)
}

fn canned(call: &Call, canned: &CannedAnswer) -> Reply {
    if !may_be_anthropic(&call.model) {
        // This model's answers have a format of their own.
        let message = canned.text.clone();
        return exception(&ErrorAnswer { status: 403, message, code: "content_blocked" });
    }
    if !call.stream {
        return anthropic::DIALECT.canned(call, canned);
    }
    let events = Reading::new(call, Framing::EventStream).ending(&canned.ending());
    let mut reply = stream_reply(&events);
    // The content type of the messages' contents.
    reply.headers.push(("x-amzn-bedrock-content-type", "application/json".to_owned()));
    reply
}

fn blocked(call: &Call, decision: &str, now: u64) -> Reply {
    if !may_be_anthropic(&call.model) {
        let message = format!("the answer was withheld by policy (decision {decision})");
        return exception(&ErrorAnswer { status: 403, message, code: "content_blocked" });
    }
    anthropic::DIALECT.blocked(call, decision, now)
}

fn usage(root: &Value<'_>, usage: &mut Usage) {
    anthropic::DIALECT.usage(root, usage);
    if let Some(said) = root.get(METRICS).filter(|said| said.kind() == Kind::Object) {
        let count = |name| some_tokens(&said, name);
        usage.fresh = count("inputTokenCount").max(usage.fresh);
        usage.output = count("outputTokenCount").max(usage.output);
        usage.cached = count("cacheReadInputTokenCount").unwrap_or(0).max(usage.cached);
        usage.written = count("cacheWriteInputTokenCount").unwrap_or(0).max(usage.written);
    }
}

/// Reads one answer, as Anthropic's dialect does.
#[derive(Debug)]
struct Reading {
    inner: Box<dyn Answer>,
    framing: Framing,
    /// The type of the message that is read next.
    event: Vec<u8>,
    /// The model, judged by its name, uses a format that is not read here.
    foreign: bool,
}

impl Reading {
    fn new(call: &Call, framing: Framing) -> Self {
        let inner = if framing == Framing::EventStream { Framing::Sse } else { framing };
        Self {
            inner: anthropic::DIALECT.answer(call, inner),
            framing,
            event: Vec::new(),
            foreign: !may_be_anthropic(&call.model),
        }
    }

    /// True if this is the format of Anthropic's models, or an error of Bedrock.
    fn is_read(&self, root: &Value<'_>) -> bool {
        let error = || {
            root.children().all(|field| matches!(Word::key(&field), word::message | word::Message))
        };
        match root.get("type") {
            _ if root.kind() != Kind::Object => false,
            _ if self.event.ends_with(b"Exception") => true,
            Some(kind) => kind.kind() == Kind::String,
            None => self.framing != Framing::EventStream && error(),
        }
    }
}

impl Answer for Reading {
    fn named(&mut self, event: &[u8]) {
        self.event.clear();
        self.event.extend_from_slice(event);
    }

    fn read(&mut self, doc: &Doc, payload: &[u8], items: &mut Vec<Item>) {
        let root = doc.root(payload);
        if !self.is_read(&root) {
            self.foreign = true;
            items.push(Item::Unreadable);
        }
        self.inner.read(doc, payload, items);
        if self.event.ends_with(b"Exception") {
            items.push(Item::AnswerEnd);
        }
    }

    fn read_other(&mut self, payload: &[u8], items: &mut Vec<Item>) {
        self.inner.read_other(payload, items);
    }

    fn leave(&mut self, doc: &Doc, payload: &[u8], pieces: &[CallPiece<'_>]) -> Leaves {
        let leaves = self.inner.leave(doc, payload, pieces);
        Leaves { after: leaves.after.wrapped(Wrap::Chunk), ..leaves }
    }

    fn sent(&mut self, doc: &Doc, payload: &[u8]) {
        self.inner.sent(doc, payload);
    }

    fn ending(&mut self, ending: &Ending) -> OwnEvents {
        if !self.foreign {
            return self.inner.ending(ending).wrapped(Wrap::Chunk);
        }
        // The end of that model's answers is not known here: clients raise this as an exception.
        let text = match &ending.how {
            EndingHow::Canned { text, .. } => text.clone(),
            EndingHow::Blocked | EndingHow::Spent => {
                format!("the answer was withheld by policy (decision {})", ending.decision)
            }
        };
        let json = format!(r#"{{"message":{}}}"#, quoted(&text));
        let mut events = OwnEvents::default();
        events.push("modelStreamErrorException", &json);
        events.wrapped(Wrap::Exception)
    }

    fn model(&self) -> Option<&str> {
        self.inner.model()
    }
}
