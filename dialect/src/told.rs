//! Where an answer says of itself what the record of a call shows: members by name, at whatever depth they stand.

/// The members of one kind of answer. Names of one kind begin with the same letter, and those of two kinds with different
/// ones: the letter behind a quote says what may stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Its own id.
    pub id: Names,
    /// Every event says the id; if not, it stands at the beginning alone, and what has this name behind is another's.
    pub id_in_all: bool,
    /// The model that answered.
    pub model: Names,
    /// Why it ended.
    pub finish: Names,
    /// What it used: an object, or a count.
    pub usage: Names,
    /// The other count, where they are no object.
    pub other_usage: Names,
    /// The request's tokens are counted at the beginning of a stream, and the answer's at its end.
    pub begins: bool,
}

/// The names of one member; none: answers of this kind do not say it.
pub type Names = &'static [&'static [u8]];

impl Told {
    /// Nothing.
    pub(super) const NOTHING: Self = Self {
        id: &[],
        id_in_all: false,
        model: &[],
        finish: &[],
        usage: &[],
        other_usage: &[],
        begins: false,
    };

    /// OpenAI's chat, and what is like it.
    pub(super) const OPENAI: Self = Self {
        id: &[b"id"],
        model: &[b"model"],
        finish: &[b"finish_reason"],
        usage: &[b"usage"],
        ..Self::NOTHING
    };

    /// Anthropic's messages.
    pub(super) const ANTHROPIC: Self =
        Self { finish: &[b"stop_reason"], begins: true, ..Self::OPENAI };

    /// Gemini's two spellings.
    pub(super) const GEMINI: Self = Self {
        id: &[b"responseId"],
        id_in_all: true,
        model: &[b"modelVersion", b"model_version"],
        finish: &[b"finishReason", b"finish_reason"],
        usage: &[b"usageMetadata", b"usage_metadata"],
        ..Self::NOTHING
    };
}
