//! Calls that are answered with vectors, pictures or films: embeddings, image generation, predictions. What they ask is read
//! like any other request; their answers say nothing that a rule could look at, save what they used.

use super::gemini::Gemini;
use super::openai_chat::OpenaiChat;
use super::recognise::{self, Line};
use super::request::{self, Speaker};
use super::texts::Texts;
use super::write::{Json, error_reply};
use super::{
    Answer, Call, Canned, Dialect, DialectId, Ending, ErrorAnswer, Item, Leaves, Piece, Recognised,
    Reply, RequestView, Tool, Unreadable, openai,
};
use crate::dialect::spend::{Spending, Usage, some_tokens};
use crate::wire::edit::Edit;
use crate::wire::frame::Framing;
use crate::wire::json::{Doc, Kind, Value};

/// Whose shape it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `…/embeddings`
    OpenaiEmbeddings,
    /// `…/images/generations`
    OpenaiImages,
    /// `{model}:embedContent`, `:batchEmbedContents`, and of publishers' models `:predict`, `:predictLongRunning`
    GeminiPredict,
    /// `/api/embed`, `/api/embeddings`
    OllamaEmbed,
}

/// The dialect.
#[derive(Debug)]
pub(super) struct Wordless {
    pub(super) id: DialectId,
    pub(super) shape: Shape,
}

impl Wordless {
    /// There is no answer in words to give: an error says it.
    fn instead(&self, call: &Call, message: String) -> Reply {
        let error = ErrorAnswer { status: 403, message, code: "content_blocked" };
        self.error(&call.recognised, &error)
    }
}

impl Dialect for Wordless {
    fn id(&self) -> DialectId {
        self.id
    }

    fn name(&self) -> &'static str {
        match self.shape {
            Shape::OpenaiEmbeddings => "openai-embeddings",
            Shape::OpenaiImages => "openai-images",
            Shape::GeminiPredict => "gemini-predict",
            Shape::OllamaEmbed => "ollama-embed",
        }
    }

    fn kin(&self) -> DialectId {
        match self.shape {
            Shape::OpenaiEmbeddings | Shape::OpenaiImages => DialectId::OpenaiChat,
            Shape::GeminiPredict | Shape::OllamaEmbed => DialectId::Gemini,
        }
    }

    fn operation(&self) -> &'static str {
        match self.shape {
            Shape::OpenaiEmbeddings | Shape::OllamaEmbed => "embeddings",
            Shape::OpenaiImages | Shape::GeminiPredict => "generate_content",
        }
    }

    fn provider(&self) -> &'static str {
        match self.shape {
            Shape::OpenaiEmbeddings | Shape::OpenaiImages => "openai",
            Shape::GeminiPredict => "gcp.gemini",
            Shape::OllamaEmbed => "ollama",
        }
    }

    fn speaks(&self) -> bool {
        false
    }

    fn recognise(&self, line: &Line<'_>) -> Option<Recognised> {
        let own = |model| Some(recognise::call(self.id, model));
        match self.shape {
            Shape::OpenaiEmbeddings
                if line.posts(&["embeddings"]) && !line.posts(&["api", "embeddings"]) =>
            {
                own(line.deployment(1))
            }
            Shape::OpenaiImages if line.posts(&["images", "generations"]) => {
                own(line.deployment(2))
            }
            Shape::OllamaEmbed
                if line.posts(&["api", "embed"]) || line.posts(&["api", "embeddings"]) =>
            {
                own(None)
            }
            Shape::GeminiPredict => {
                let (name, verb) = line.verb()?;
                let is = |word: &str| verb.eq_ignore_ascii_case(word);
                // An endpoint of one's own may predict anything.
                let publishers = line.target.is(1, "models");
                let predicts = publishers && (is("predict") || is("predictLongRunning"));
                (predicts || is("embedContent") || is("batchEmbedContents"))
                    .then(|| recognise::call(self.id, Some(name.to_owned())))
            }
            _ => None,
        }
    }

    fn read_request(
        &self,
        recognised: &Recognised,
        doc: &Doc,
        body: &[u8],
    ) -> Result<RequestView, Unreadable> {
        let root = doc.root(body);
        request::root_object(&root)?;
        let mut texts_of = Vec::new();
        let mut texts = Texts::request(doc, body, &mut texts_of, Speaker::User.role(true));
        for field in root.children() {
            match &*field.key() {
                b"input" | b"prompt" => {
                    let numbers = |value: Value<'_>| value.kind() == Kind::Number;
                    if field.descendants().any(numbers) || numbers(field) {
                        // Tokens by their numbers: nobody can read them without the model's table.
                        return Err(Unreadable { field: "/input" });
                    }
                    texts.under(&field);
                }
                b"content" | b"requests" | b"instances" => texts.under(&field),
                _ => {}
            }
        }
        let remote = texts.remote;
        let model = match &recognised.model {
            Some(model) => model.clone(),
            None => request::text(&root, "model", "/model")?,
        };
        let choices = match self.shape {
            Shape::OpenaiImages => request::choices(&root, "n", "/n")?,
            _ => 1,
        };
        let call = Call { model, choices, ..Call::without_body(recognised.clone()) };
        Ok(RequestView { call, texts: texts_of, remote, edits: Vec::new() })
    }

    fn tools(&self, _doc: &Doc, _body: &[u8]) -> Vec<Tool> {
        Vec::new()
    }

    fn without_tools(&self, _doc: &Doc, _body: &[u8], _gone: &[usize]) -> Vec<Edit> {
        Vec::new()
    }

    fn answer(&self, _call: &Call, _framing: Framing) -> Box<dyn Answer> {
        Box::new(Reading)
    }

    fn canned(&self, call: &Call, canned: &Canned) -> Reply {
        self.instead(call, canned.text.clone())
    }

    fn blocked(&self, call: &Call, decision: &str, _now: u64) -> Reply {
        self.instead(call, format!("the answer was withheld by policy (decision {decision})"))
    }

    fn error(&self, call: &Recognised, error: &ErrorAnswer) -> Reply {
        match self.shape {
            Shape::OpenaiEmbeddings | Shape::OpenaiImages => openai::error(error),
            Shape::GeminiPredict => Gemini.error(call, error),
            Shape::OllamaEmbed => {
                let message = Json::default().raw(r#"{"error":"#).text(&error.message).take();
                error_reply(error, message + "}")
            }
        }
    }

    fn spending(&self, _root: &Value<'_>) -> Result<Spending, Unreadable> {
        // Pictures are billed as output where they are billed in tokens; vectors are not.
        let max_output = (self.shape != Shape::OpenaiImages).then_some(0);
        Ok(Spending { max_output, turns: 1, ..Spending::default() })
    }

    fn usage(&self, root: &Value<'_>, usage: &mut Usage) {
        match self.shape {
            Shape::OpenaiEmbeddings => OpenaiChat.usage(root, usage),
            Shape::OpenaiImages => {
                let Some(said) = root.get("usage").filter(|said| said.kind() == Kind::Object)
                else {
                    return;
                };
                usage.fresh = some_tokens(&said, "input_tokens").or(usage.fresh);
                usage.output = some_tokens(&said, "output_tokens").max(usage.output);
            }
            Shape::GeminiPredict => Gemini.usage(root, usage),
            Shape::OllamaEmbed => {
                usage.fresh = some_tokens(root, "prompt_eval_count").or(usage.fresh);
            }
        }
    }

    fn cap(&self, _root: &Value<'_>, _most: u64) -> Option<Edit> {
        None
    }
}

/// Reads an answer that says nothing.
#[derive(Debug)]
struct Reading;

impl Answer for Reading {
    fn read(&mut self, _doc: &Doc, _payload: &[u8], items: &mut Vec<Item>) {
        items.push(Item::AnswerEnd);
    }

    fn read_other(&mut self, _payload: &[u8], _items: &mut Vec<Item>) {}

    fn leave(&mut self, _doc: &Doc, _payload: &[u8], _pieces: &[Piece<'_>]) -> Leaves {
        Leaves::default()
    }

    fn sent(&mut self, _doc: &Doc, _payload: &[u8]) {}

    fn ending(&mut self, _ending: &Ending) -> Vec<u8> {
        Vec::new()
    }

    fn model(&self) -> Option<&str> {
        None
    }
}
