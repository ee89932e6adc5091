//! Why something was not checked.

/// Why something was not checked (the label `reason` of `hemostat_unchecked_total`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unchecked {
    /// A body came compressed.
    Encoding,
    /// A body or an event has a shape that cannot be read.
    Dialect,
    /// An event or body is larger than can be held.
    TooBig,
    /// The VM has no memory to keep what it would have to keep.
    Memory,
    /// The answer came before the request's body was whole.
    Overtaken,
    /// The host would not give or take bytes.
    Host,
    /// Partial matches held too much text, and the policy said to let it go.
    HoldLimit,
    /// A label that a rule needs cannot be read.
    Label,
    /// The answer is fetched elsewhere.
    Background,
    /// The request points to texts that are not in it.
    Remote,
    /// Headers repeat the body and say something else.
    Mismatch,
    /// It turned out to be a call when a part of it had left.
    Late,
    /// It looks like a call of a model in a shape that is not read here.
    Lane,
    /// It is said on a websocket.
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
