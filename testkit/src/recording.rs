//! One recorded exchange.

use crate::cut::{after, events, split};

/// One recorded exchange.
#[derive(Debug, Clone)]
pub struct Recording {
    pub name: String,
    pub dialect: String,
    pub method: String,
    pub path: String,
    pub status: u16,
    pub content_type: String,
    pub request: Vec<u8>,
    pub response: Vec<u8>,
}

impl Recording {
    /// An exchange that a test makes: a JSON request and its answer.
    pub fn made(path: &str, request: impl ToString, response: impl ToString) -> Self {
        Self {
            name: path.to_owned(),
            dialect: "openai-chat".to_owned(),
            method: "POST".to_owned(),
            path: path.to_owned(),
            status: 200,
            content_type: "application/json".to_owned(),
            request: request.to_string().into_bytes(),
            response: response.to_string().into_bytes(),
        }
    }

    pub fn is_stream(&self) -> bool {
        self.content_type.starts_with("text/event-stream")
            || self.content_type == "application/x-ndjson"
            || self.is_array()
            || self.is_messages()
    }

    /// Whether its answer is binary messages.
    pub fn is_messages(&self) -> bool {
        self.content_type == "application/vnd.amazon.eventstream"
    }

    /// Whether its answer is a Gemini stream in the form of a JSON array.
    pub fn is_array(&self) -> bool {
        self.path.contains(":streamGenerateContent") && !self.path.contains("alt=sse")
    }

    /// The frames of a streamed answer, each with its terminator; an array is one frame.
    pub fn frames(&self) -> Vec<&[u8]> {
        match self.content_type.as_str() {
            "application/x-ndjson" => split(&self.response, |rest| after(rest, b"\n")),
            "application/vnd.amazon.eventstream" => split(&self.response, |rest| {
                rest.first_chunk().map(|length| u32::from_be_bytes(*length) as usize)
            }),
            _ => events(&self.response),
        }
    }
}
