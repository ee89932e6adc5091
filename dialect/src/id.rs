//! The list of dialects, one row each. A new dialect needs a folder, its `mod` line, a row here and its name in the
//! registry: all other code asks its [`Dialect`](super::Dialect).

/// Passes the rows to a macro: variant, and path of the constant.
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
            /// Google's Gemini Interactions API with a model.
            GeminiInteractions => gemini_interactions::DIALECT,
            /// Model Context Protocol.
            Mcp => mcp::DIALECT,
            /// Agent2Agent: agents that call each other.
            A2a => a2a::DIALECT,
            /// AWS Bedrock Converse.
            Bedrock => bedrock::DIALECT,
            /// AWS Bedrock InvokeModel: a model's native request and answer.
            BedrockInvoke => bedrock::INVOKE,
            /// OpenAI's legacy completions of a prompt.
            OpenaiCompletions => openai_completions::DIALECT,
            /// Databricks and SageMaker endpoints that serve a chat.
            Invocations => invocations::DIALECT,
            /// Ollama's chat.
            Ollama => ollama::CHAT,
            /// Ollama's completion of a prompt.
            OllamaGenerate => ollama::GENERATE,
            /// Cohere's chat.
            Cohere => cohere::DIALECT,
            /// OpenAI's embeddings.
            OpenaiEmbeddings => wordless::OPENAI_EMBEDDINGS,
            /// OpenAI's image generation.
            OpenaiImages => wordless::OPENAI_IMAGES,
            /// Google's embeddings, and predictions for instances (embeddings, pictures, films).
            GeminiPredict => wordless::GEMINI_PREDICT,
            /// Ollama's embeddings.
            OllamaEmbed => wordless::OLLAMA_EMBED,
        }
    };
}

macro_rules! ids {
    ($($(#[$doc:meta])* $id:ident => $dialect:path,)*) => {
        /// The dialects. Their names are [`Dialect::name`](super::Dialect::name).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum DialectId {
            $($(#[$doc])* $id,)*
        }

        impl DialectId {
            /// All of them, in the order in which request lines are matched.
            pub const ALL: &'static [Self] = &[$(Self::$id,)*];
        }
    };
}

each_dialect!(ids);
pub(super) use each_dialect;
