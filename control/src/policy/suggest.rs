//! "Did you mean": the word of a list that is nearest to one that is not in it.

/// The nearest of `known` to `word`, if it is near enough to be a typing error.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    const LONGEST: usize = 40;
    if word.len() > LONGEST {
        return None;
    }
    let word = word.to_ascii_lowercase().replace('-', "_");
    let allowed = match word.len() {
        0..=2 => 1,
        3..=5 => 2,
        _ => 3,
    };
    let mut begins_so = None;
    let near = known
        .iter()
        .copied()
        .filter(|candidate| candidate.len() <= LONGEST)
        .inspect(|candidate| {
            if word.len() >= 3 && begins_so.is_none() && candidate.starts_with(&word) {
                begins_so = Some(*candidate);
            }
        })
        .map(|candidate| {
            let plain = candidate.to_ascii_lowercase().replace('-', "_");
            (distance(plain.as_bytes(), word.as_bytes()), candidate)
        })
        .filter(|(far, candidate)| *far <= allowed && *far < candidate.len())
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate);
    near.or(begins_so)
}

/// Edits between two words, a swap of neighbours counting as one (optimal string alignment).
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
            let change = cell(&last, j) + usize::from(x != y);
            let mut best = change.min(cell(&last, j + 1) + 1).min(cell(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(cell(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_slips_and_nothing_else() {
        let words = ["guardrails", "failsafe", "fallbacks", "limits", "do"];
        assert_eq!(nearest("guardrail", &words), Some("guardrails"));
        assert_eq!(nearest("gaurdrails", &words), Some("guardrails"));
        assert_eq!(nearest("fail-safe", &words), Some("failsafe"));
        assert_eq!(nearest("Limits", &words), Some("limits"));
        assert_eq!(nearest("od", &words), Some("do"));
        assert_eq!(nearest("nonsense", &words), None);
        assert_eq!(nearest("", &words), None);
    }
}
