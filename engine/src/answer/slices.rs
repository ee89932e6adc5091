//! A long text in slices: what one call finds in it stays small, and between two it is checked whether everything still
//! fits.

use crate::limits::SLICE_BYTES;

/// The text in order, cut between characters. An empty text is one empty slice.
pub fn slices(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let all = rest.take()?;
        if all.len() <= SLICE_BYTES {
            return Some(all);
        }
        let (slice, after) = all.split_at_checked(all.floor_char_boundary(SLICE_BYTES))?;
        rest = Some(after);
        Some(slice)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_joined_are_the_text() {
        let long = "aé€𝄞".repeat(SLICE_BYTES / 4);
        let (one, shifted) = ("a".repeat(SLICE_BYTES), format!("a{long}"));
        for text in ["", "a", &long, &one, &shifted] {
            assert_eq!(slices(text).collect::<String>(), text);
            assert!(slices(text).all(|slice| slice.len() <= SLICE_BYTES));
        }
        assert_eq!(slices("").count(), 1);
    }
}
