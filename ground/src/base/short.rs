//! Equality of a few bytes, which is most of what names are asked for.

/// The most bytes that [`same_short`] compares.
pub(crate) const SHORT: usize = 16;

/// True for equal bytes, if there are at most [`SHORT`] of them: the first and the last ones are compared as words, which
/// overlap or meet.
#[inline]
pub(crate) fn same_short(a: &[u8], b: &[u8]) -> bool {
    let word = |bytes: Option<&[u8; 8]>| bytes.map(|bytes| u64::from_le_bytes(*bytes));
    let half = |bytes: Option<&[u8; 4]>| bytes.map(|bytes| u32::from_le_bytes(*bytes));
    if a.len() != b.len() {
        return false;
    }
    if a.len() >= 8 {
        return word(a.first_chunk()) == word(b.first_chunk())
            && word(a.last_chunk()) == word(b.last_chunk());
    }
    if a.len() >= 4 {
        return half(a.first_chunk()) == half(b.first_chunk())
            && half(a.last_chunk()) == half(b.last_chunk());
    }
    // Of three bytes or fewer, these are all.
    a.first() == b.first() && a.last() == b.last() && a.get(1) == b.get(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_are_the_same_if_all_are(
            a in proptest::collection::vec(any::<u8>(), 0..=SHORT),
            other in any::<u8>(),
            at in any::<proptest::sample::Index>(),
            longer in any::<bool>(),
        ) {
            let mut b = a.clone();
            prop_assert!(same_short(&a, &b));
            if let Some(byte) = b.get_mut(at.index(SHORT)) {
                *byte = other;
            }
            if longer && b.len() < SHORT {
                b.push(other);
            }
            prop_assert_eq!(same_short(&a, &b), a == b);
        }
    }
}
