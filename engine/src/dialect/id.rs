//! The list of dialects, one row each. A new one needs a folder, its `mod` line and a row here: everything else asks its
//! [`Dialect`](super::Dialect).

/// Hands the rows on to a macro: what it is called, and where its constant stands.
macro_rules! each_dialect {
    ($rows:ident) => {
        $rows! {
            /// OpenAI Chat Completions and the servers compatible with it.
            OpenaiChat => super::openai_chat::DIALECT,
            /// OpenAI Responses.
            OpenaiResponses => super::openai_responses::DIALECT,
            /// Anthropic Messages.
            Anthropic => super::anthropic::DIALECT,
            /// Google Gemini.
            Gemini => super::gemini::DIALECT,
            /// Google's Gemini Interactions with a model.
            GeminiInteractions => super::gemini_interactions::DIALECT,
            /// Model Context Protocol.
            Mcp => super::mcp::DIALECT,
            /// Agent2Agent: agents that ask each other.
            A2a => super::a2a::DIALECT,
            /// AWS Bedrock Converse.
            Bedrock => super::bedrock::DIALECT,
            /// AWS Bedrock InvokeModel: a model's own request and answer.
            BedrockInvoke => super::bedrock::INVOKE,
            /// OpenAI's legacy completions: a prompt goes on.
            OpenaiCompletions => super::openai_completions::DIALECT,
            /// Endpoints of Databricks and SageMaker that carry a chat.
            Invocations => super::invocations::DIALECT,
            /// Ollama's chat.
            Ollama => super::ollama::CHAT,
            /// Ollama's completion of a prompt.
            OllamaGenerate => super::ollama::GENERATE,
            /// Cohere's chat.
            Cohere => super::cohere::DIALECT,
            /// OpenAI's embeddings.
            OpenaiEmbeddings => super::wordless::OPENAI_EMBEDDINGS,
            /// OpenAI's pictures.
            OpenaiImages => super::wordless::OPENAI_IMAGES,
            /// Google's embeddings, and what is predicted of instances (embeddings, pictures, films).
            GeminiPredict => super::wordless::GEMINI_PREDICT,
            /// Ollama's embeddings.
            OllamaEmbed => super::wordless::OLLAMA_EMBED,
        }
    };
}

macro_rules! ids {
    ($($(#[$doc:meta])* $id:ident => $dialect:path,)*) => {
        /// The dialects. What they are called is [`Dialect::name`](super::Dialect::name)'s word.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum DialectId {
            $($(#[$doc])* $id,)*
        }

        impl DialectId {
            /// All of them, in the order in which request lines are shown to them.
            pub const ALL: &'static [Self] = &[$(Self::$id,)*];
        }
    };
}

each_dialect!(ids);
pub(super) use each_dialect;
