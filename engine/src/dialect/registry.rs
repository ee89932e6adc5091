//! All dialects, one row each. A new one needs a folder, its `mod` line and a row here: everything else asks its
//! [`Dialect`].

use super::wordless::{Shape, Wordless};
use super::{
    Dialect, anthropic, bedrock, cohere, gemini, invocations, mcp, ollama, openai_chat,
    openai_completions, openai_responses,
};

macro_rules! registry {
    ($($(#[$doc:meta])* $id:ident => $dialect:expr,)*) => {
        /// The dialects. What they are called is [`Dialect::name`]'s word.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum DialectId {
            $($(#[$doc])* $id,)*
        }

        impl DialectId {
            /// All of them, in the order in which request lines are shown to them.
            pub const ALL: &'static [Self] = &[$(Self::$id,)*];
        }

        /// The dialect with this name.
        #[must_use]
        pub fn dialect(id: DialectId) -> &'static dyn Dialect {
            match id {
                $(DialectId::$id => &$dialect,)*
            }
        }
    };
}

registry! {
    /// OpenAI Chat Completions and the servers compatible with it.
    OpenaiChat => openai_chat::OpenaiChat,
    /// OpenAI Responses.
    OpenaiResponses => openai_responses::OpenaiResponses,
    /// Anthropic Messages.
    Anthropic => anthropic::Anthropic,
    /// Google Gemini.
    Gemini => gemini::Gemini,
    /// Model Context Protocol.
    Mcp => mcp::Mcp,
    /// AWS Bedrock Converse.
    Bedrock => bedrock::Bedrock,
    /// AWS Bedrock InvokeModel: a model's own request and answer.
    BedrockInvoke => bedrock::BedrockInvoke,
    /// OpenAI's legacy completions: a prompt goes on.
    OpenaiCompletions => openai_completions::OpenaiCompletions,
    /// Endpoints of Databricks and SageMaker that carry a chat.
    Invocations => invocations::Invocations,
    /// Ollama's chat.
    Ollama => ollama::Ollama { generate: false },
    /// Ollama's completion of a prompt.
    OllamaGenerate => ollama::Ollama { generate: true },
    /// Cohere's chat.
    Cohere => cohere::Cohere,
    /// OpenAI's embeddings.
    OpenaiEmbeddings => Wordless { id: DialectId::OpenaiEmbeddings, shape: Shape::OpenaiEmbeddings },
    /// OpenAI's pictures.
    OpenaiImages => Wordless { id: DialectId::OpenaiImages, shape: Shape::OpenaiImages },
    /// Google's embeddings, and what is predicted of instances (embeddings, pictures, films).
    GeminiPredict => Wordless { id: DialectId::GeminiPredict, shape: Shape::GeminiPredict },
    /// Ollama's embeddings.
    OllamaEmbed => Wordless { id: DialectId::OllamaEmbed, shape: Shape::OllamaEmbed },
}

impl DialectId {
    /// The value of the label `dialect`.
    #[must_use]
    pub fn name(self) -> &'static str {
        dialect(self).name()
    }

    /// The names of all, each once.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        let mut names = Vec::new();
        for id in Self::ALL {
            if !names.contains(&id.name()) {
                names.push(id.name());
            }
        }
        names
    }
}
