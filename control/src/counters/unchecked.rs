//! Why something was not checked.

/// Why something was not checked (the label `reason` of `hemostat_unchecked_total`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unchecked {
    /// A body is compressed.
    Encoding,
    /// A body or an event has a format that cannot be read.
    Dialect,
    /// An event or body is larger than can be held.
    TooBig,
    /// The VM has no memory for what it would have to keep.
    Memory,
    /// The answer arrived before the whole request body.
    Overtaken,
    /// The host failed to provide or accept bytes.
    Host,
    /// Partial matches held too much text, and the policy said to release it.
    HoldLimit,
    /// A label that a rule needs cannot be read.
    Label,
    /// The answer is fetched elsewhere.
    Background,
    /// The request references texts that are not in it.
    Remote,
    /// Headers contradict the body.
    Mismatch,
    /// It turned out to be a call after part of it had left.
    Late,
    /// It looks like a model call in a format that is not read here.
    Lane,
    /// It is sent over a websocket.
    Websocket,
}

impl Unchecked {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Encoding,
        Self::Dialect,
        Self::TooBig,
        Self::Memory,
        Self::Overtaken,
        Self::Host,
        Self::HoldLimit,
        Self::Label,
        Self::Background,
        Self::Remote,
        Self::Mismatch,
        Self::Late,
        Self::Lane,
        Self::Websocket,
    ];

    /// The word in metrics and logs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Encoding => "encoding",
            Self::Dialect => "dialect",
            Self::TooBig => "too_big",
            Self::Memory => "memory",
            Self::Overtaken => "overtaken",
            Self::Host => "host",
            Self::HoldLimit => "hold_limit",
            Self::Label => "label",
            Self::Background => "background",
            Self::Remote => "remote",
            Self::Mismatch => "mismatch",
            Self::Late => "late",
            Self::Lane => "lane",
            Self::Websocket => "websocket",
        }
    }
}
