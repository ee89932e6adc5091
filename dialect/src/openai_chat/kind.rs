//! Kinds of running text; `a` is the choice.

/// `content`.
pub(super) const CONTENT: u8 = 0;
/// `refusal`.
pub(super) const REFUSAL: u8 = 1;
/// `reasoning_content` (DeepSeek, Qwen, vLLM).
pub(super) const REASONING_CONTENT: u8 = 2;
/// `reasoning` (OpenRouter, Groq).
pub(super) const REASONING: u8 = 3;
/// `reasoning_details[]` (OpenRouter); `b` is the detail's index.
pub(super) const REASONING_DETAILS: u8 = 4;
/// Thinking inside a content array (Mistral).
pub(super) const THINKING: u8 = 5;
/// `audio.transcript`.
pub(super) const TRANSCRIPT: u8 = 6;
/// Arguments of a tool call; `b` is the call's index.
pub(super) const ARGUMENTS: u8 = 7;
/// Tokens of `logprobs`; `b`: 0 for the content's, 1 for the refusal's.
pub(super) const LOGPROBS: u8 = 8;
/// The name of a tool, which may arrive in pieces; `b` is the call's index.
pub(super) const NAME: u8 = 9;
