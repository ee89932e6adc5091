//! The members of an answer from which the record of a call is made. They are found by name, at any depth.

/// The names of these members in the answers of one dialect. All names of one member begin with the same letter, and no
/// two members share it or its last four bits, so that the first letter of a key decides which of them it may be
/// ([`Letters`](crate::wire::find::Letters)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordMembers {
    /// The answer's own id.
    pub id: MemberNames,
    /// Every event has the answer's id. If not, it is at the beginning only: a later member of this name is the id of
    /// something else, of a tool call for instance.
    pub id_in_all: bool,
    /// The model that answered.
    pub model: MemberNames,
    /// Why it ended.
    pub finish: MemberNames,
    /// Its usage: an object, or a count.
    pub usage: MemberNames,
    /// The second count, if usage is not one object.
    pub other_usage: MemberNames,
    /// The first event of a stream reports the request's tokens, the last one those of the answer.
    pub begins: bool,
}

/// The names of one member; empty if these answers do not have it.
pub type MemberNames = &'static [&'static [u8]];

impl RecordMembers {
    /// No member.
    pub(super) const NOTHING: Self = Self {
        id: &[],
        id_in_all: false,
        model: &[],
        finish: &[],
        usage: &[],
        other_usage: &[],
        begins: false,
    };

    /// OpenAI's chat completions, and answers shaped like them.
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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use crate::DialectId;

    #[test]
    fn the_first_letter_of_a_name_tells_the_member() {
        for &id in DialectId::ALL {
            let own = crate::dialect(id).record_members();
            let members = [own.id, own.model, own.finish, own.usage, own.other_usage];
            let mut of_letter = BTreeMap::new();
            for (member, names) in members.iter().enumerate() {
                for name in *names {
                    let first = *of_letter.entry(name[0]).or_insert(member);
                    assert_eq!(first, member, "{id:?}: {}", String::from_utf8_lossy(name));
                }
                let first = names.first().map(|name| name[0]);
                assert!(names.iter().all(|name| Some(name[0]) == first), "{id:?}");
            }
            let letters = of_letter.keys().copied().collect::<Vec<u8>>();
            let places = letters.iter().map(|letter| letter & 15).collect::<BTreeSet<_>>();
            assert_eq!(
                places.len(),
                letters.len(),
                "{id:?}: two letters share their last four bits"
            );
        }
    }
}
