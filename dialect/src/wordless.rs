//! Calls that are answered with vectors, pictures or films: embeddings, image generation, predictions. Their requests
//! are read like any other; their answers contain nothing for rules to look at, except their usage.

use super::contract::{About, Answers, OfferedTools, Requests, Spend, about};
use super::own_answers::OwnAnswers;
use super::recognise::{self, RequestLine};
use super::request::{self, Speaker};
use super::texts::TextWalk;
use super::{
    Answer, Call, CallPiece, Dialect, DialectId, Ending, ErrorAnswer, Item, Leaves, Recognised,
    Reply, RequestView, Unreadable,
};
use super::{gemini, ollama, openai_chat};
use crate::record_members::RecordMembers;
use crate::spend::{Spending, Usage, some_tokens};
use crate::wire::json::{Doc, Kind, Value};
use crate::wire::own::OwnEvents;
use crate::word::{self, Word};

/// What they share. Vectors are not billed as output.
static WORDLESS: Dialect = Dialect {
    about: About {
        kin: DialectId::Gemini,
        operation: "embeddings",
        ..about!(DialectId::OllamaEmbed, "ollama-embed", "ollama")
    },
    requests: Requests { recognise: |_| None, takes: None, read: read_request },
    tools: OfferedTools::NONE,
    answers: Answers {
        read: |_, _| Box::new(Reading),
        made: OwnAnswers::Own {
            canned: |call, canned| instead(call, canned.text.clone()),
            blocked: |call, decision, _| {
                instead(call, format!("the answer was withheld by policy (decision {decision})"))
            },
        },
        error: |_, error| ollama::error(error),
        speech: None,
        choices: false,
        members: &RecordMembers { usage: &[b"prompt_eval_count"], ..RecordMembers::OPENAI },
    },
    spend: Spend { spending: |_| spending(Some(0)), ..Spend::NONE },
};

/// `/api/embed`, `/api/embeddings`
pub(super) static OLLAMA_EMBED: Dialect = Dialect {
    requests: Requests {
        recognise: |line| {
            let own = line.posts(&["api", "embed"]) || line.posts(&["api", "embeddings"]);
            own.then(|| recognise::call(DialectId::OllamaEmbed, None))
        },
        ..WORDLESS.requests
    },
    spend: Spend {
        usage: |root, usage| usage.fresh = some_tokens(root, "prompt_eval_count").or(usage.fresh),
        ..WORDLESS.spend
    },
    ..WORDLESS
};

/// `…/embeddings`
pub(super) static OPENAI_EMBEDDINGS: Dialect = Dialect {
    about: About {
        kin: DialectId::OpenaiChat,
        operation: "embeddings",
        ..about!(DialectId::OpenaiEmbeddings, "openai-embeddings", "openai")
    },
    requests: Requests {
        recognise: |line| {
            let own = line.posts(&["embeddings"]) && !line.posts(&["api", "embeddings"]);
            own.then(|| recognise::call(DialectId::OpenaiEmbeddings, line.deployment(1)))
        },
        ..WORDLESS.requests
    },
    answers: Answers {
        error: openai_chat::DIALECT.answers.error,
        members: &RecordMembers::OPENAI,
        ..WORDLESS.answers
    },
    spend: Spend { usage: openai_chat::DIALECT.spend.usage, ..WORDLESS.spend },
    ..WORDLESS
};

/// `…/images/generations`
pub(super) static OPENAI_IMAGES: Dialect = Dialect {
    about: About {
        kin: DialectId::OpenaiChat,
        operation: "generate_content",
        ..about!(DialectId::OpenaiImages, "openai-images", "openai")
    },
    requests: Requests {
        recognise: |line| {
            let own = line.posts(&["images", "generations"]);
            own.then(|| recognise::call(DialectId::OpenaiImages, line.deployment(2)))
        },
        ..WORDLESS.requests
    },
    answers: Answers {
        error: openai_chat::DIALECT.answers.error,
        members: &RecordMembers::OPENAI,
        ..WORDLESS.answers
    },
    // Where pictures are billed in tokens, they are billed as output.
    spend: Spend { spending: |_| spending(None), usage: usage_of_images, ..WORDLESS.spend },
    ..WORDLESS
};

/// `{model}:embedContent`, `:batchEmbedContents`, and `:predict`, `:predictLongRunning` of publisher models.
pub(super) static GEMINI_PREDICT: Dialect = Dialect {
    about: About {
        kin: DialectId::Gemini,
        operation: "generate_content",
        ..about!(DialectId::GeminiPredict, "gemini-predict", "gcp.gemini")
    },
    requests: Requests { recognise: recognise_predict, ..WORDLESS.requests },
    answers: Answers {
        error: gemini::DIALECT.answers.error,
        members: &RecordMembers::GEMINI,
        ..WORDLESS.answers
    },
    spend: Spend { usage: gemini::DIALECT.spend.usage, ..WORDLESS.spend },
    ..WORDLESS
};

fn recognise_predict(line: &RequestLine<'_>) -> Option<Recognised> {
    let (name, verb) = line.verb()?;
    let is = |word: &str| verb.eq_ignore_ascii_case(word);
    // A private endpoint may predict anything.
    let publishers = line.target.is(1, "models");
    let predicts = publishers && (is("predict") || is("predictLongRunning"));
    (predicts || is("embedContent") || is("batchEmbedContents"))
        .then(|| recognise::call(DialectId::GeminiPredict, Some(name.to_owned())))
}

/// The answer cannot contain words, so an error does.
fn instead(call: &Call, message: String) -> Reply {
    let error = ErrorAnswer { status: 403, message, code: "content_blocked" };
    super::dialect(call.recognised.dialect).error(&call.recognised, &error)
}

/// What any of them may cost.
fn spending(max_output: Option<u64>) -> Result<Spending, Unreadable> {
    Ok(Spending { max_output, turns: 1, ..Spending::default() })
}

fn usage_of_images(root: &Value<'_>, usage: &mut Usage) {
    let Some(said) = root.get("usage").filter(|said| said.kind() == Kind::Object) else {
        return;
    };
    usage.fresh = some_tokens(&said, "input_tokens").or(usage.fresh);
    usage.output = some_tokens(&said, "output_tokens").max(usage.output);
}

fn read_request(
    recognised: &Recognised,
    doc: &Doc,
    body: &[u8],
) -> Result<RequestView, Unreadable> {
    let root = doc.root(body);
    request::root_object(&root)?;
    let mut texts_of = Vec::new();
    let mut texts = TextWalk::request(doc, body, &mut texts_of, Speaker::User.role(true));
    for field in root.children() {
        match Word::key(&field) {
            word::input | word::prompt => {
                let numbers = |value: Value<'_>| value.kind() == Kind::Number;
                if field.descendants().any(numbers) || numbers(field) {
                    // Token numbers cannot be read without the model's vocabulary.
                    return Err(Unreadable { field: "/input" });
                }
                texts.under(&field);
            }
            word::content
            | word::requests
            | word::instances
            | word::messages
            | word::title
            | word::parameters => {
                texts.under(&field);
            }
            _ => {}
        }
    }
    let remote = texts.remote;
    let model = match &recognised.model {
        Some(model) => model.clone(),
        None => request::text(&root, "model", "/model")?,
    };
    let choices = match recognised.dialect {
        DialectId::OpenaiImages => request::choices(&root, "n", "/n")?,
        _ => 1,
    };
    let call = Call { model, choices, ..Call::without_body(recognised.clone()) };
    Ok(RequestView { call, texts: texts_of, remote, edits: Vec::new() })
}

/// The reader of an answer without text.
#[derive(Debug)]
struct Reading;

impl Answer for Reading {
    fn read(&mut self, _doc: &Doc, _payload: &[u8], items: &mut Vec<Item>) {
        items.push(Item::AnswerEnd);
    }

    fn read_other(&mut self, _payload: &[u8], _items: &mut Vec<Item>) {}

    fn leave(&mut self, _doc: &Doc, _payload: &[u8], _pieces: &[CallPiece<'_>]) -> Leaves {
        Leaves::default()
    }

    fn sent(&mut self, _doc: &Doc, _payload: &[u8]) {}

    fn ending(&mut self, _ending: &Ending) -> OwnEvents {
        OwnEvents::default()
    }

    fn model(&self) -> Option<&str> {
        None
    }
}
