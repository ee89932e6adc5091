//! What names begin with.

/// What names begin with: as many as there are members in an answer that are looked for. The rest are zeros, which follow no
/// quote in JSON.
pub type Letters = [u8; 5];

/// True for a quote that is followed by one of the letters.
pub(super) fn is_name(pair: &[u8], letters: Letters) -> bool {
    matches!(pair, [b'"', letter] if letters.contains(letter))
}
