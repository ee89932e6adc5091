//! The list of dialects, one row each. A new one needs a folder, its `mod` line, a row here and its name in the registry: everything else asks its
//! [`Dialect`](super::Dialect).

/// Hands the rows on to a macro: what it is called, and where its constant stands.
macro_rules! each_dialect {
    ($rows:ident) => {
        $rows! {
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
