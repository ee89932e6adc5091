//! All dialects, one row each. A new one needs a folder, its `mod` line and a row here: everything else asks its
//! [`Dialect`].

use super::{
    Dialect, a2a, anthropic, bedrock, cohere, gemini, gemini_interactions, invocations, mcp,
    ollama, openai_chat, openai_completions, openai_responses, wordless,
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
        pub fn dialect(id: DialectId) -> &'static Dialect {
            match id {
                $(DialectId::$id => &$dialect,)*
            }
        }
    };
}

registry! {
    /// OpenAI Chat Completions and the servers compatible with it.
    OpenaiChat => openai_chat::DIALECT,
    /// OpenAI Responses.
    OpenaiResponses => openai_responses::DIALECT,
    /// Anthropic Messages.
    Anthropic => anthropic::DIALECT,
    /// Google Gemini.
    Gemini => gemini::DIALECT,
    /// Google's Gemini Interactions with a model.
    GeminiInteractions => gemini_interactions::DIALECT,
    /// Model Context Protocol.
    Mcp => mcp::DIALECT,
    /// Agent2Agent: agents that ask each other.
    A2a => a2a::DIALECT,
    /// AWS Bedrock Converse.
    Bedrock => bedrock::DIALECT,
    /// AWS Bedrock InvokeModel: a model's own request and answer.
    BedrockInvoke => bedrock::INVOKE,
    /// OpenAI's legacy completions: a prompt goes on.
    OpenaiCompletions => openai_completions::DIALECT,
    /// Endpoints of Databricks and SageMaker that carry a chat.
    Invocations => invocations::DIALECT,
    /// Ollama's chat.
    Ollama => ollama::CHAT,
    /// Ollama's completion of a prompt.
    OllamaGenerate => ollama::GENERATE,
    /// Cohere's chat.
    Cohere => cohere::DIALECT,
    /// OpenAI's embeddings.
    OpenaiEmbeddings => wordless::OPENAI_EMBEDDINGS,
    /// OpenAI's pictures.
    OpenaiImages => wordless::OPENAI_IMAGES,
    /// Google's embeddings, and what is predicted of instances (embeddings, pictures, films).
    GeminiPredict => wordless::GEMINI_PREDICT,
    /// Ollama's embeddings.
    OllamaEmbed => wordless::OLLAMA_EMBED,
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
