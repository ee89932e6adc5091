//! Globs that were written in another language: a regular expression, a list in one text, a text with a stray blank.
//! Each is a valid glob, but matches nothing: a kill switch that looks right and stops no one.

use super::super::path::Path;
use super::checker::Checker;

/// The most texts that a list in one glob is expanded to.
const SPELLED_OUT: usize = 8;

/// Warns of a glob that was probably meant differently. True if it did.
pub(super) fn check(judge: &mut Checker<'_>, label: &str, glob: &str, path: &Path<'_>) -> bool {
    let Some((why, meant)) = other_language(label, glob) else { return false };
    let message = format_args!("`{glob}` holds for what is written just so: {why}");
    let help = match meant.as_slice() {
        [] => {
            "write each value, as a list; `*` stands for any text, `?` for one character".to_owned()
        }
        [one] => format!("write `{one}`"),
        several => format!("write `[{}]`", several.join(", ")),
    };
    judge.warn("never-holds", path, message, &help);
    true
}

/// What it looks like, and what it would be as globs; no globs if that cannot be told.
fn other_language(label: &str, glob: &str) -> Option<(&'static str, Vec<String>)> {
    if glob.trim() != glob {
        return Some(("a blank at its end is a part of it", spelled_out(glob.trim())?));
    }
    let slashes = glob.len() > 2 && glob.starts_with('/') && glob.ends_with('/');
    let marks = [".*", ".+", "|", "[", "(", "^", "$", "\\"];
    let inner = glob.trim_matches('/');
    if slashes && marks.iter().any(|mark| inner.contains(mark)) {
        return Some((
            "it is a glob, no regular expression",
            spelled_out(inner).unwrap_or_default(),
        ));
    }
    if glob.starts_with('^') || glob.ends_with('$') {
        return Some((
            "a glob always holds for the whole text",
            spelled_out(glob).unwrap_or_default(),
        ));
    }
    if glob.contains('|') {
        return Some(("`|` does not mean \"or\" in a glob", spelled_out(glob).unwrap_or_default()));
    }
    if glob.contains(',') {
        return Some((
            "a comma does not make a list of a text",
            spelled_out(glob).unwrap_or_default(),
        ));
    }
    let class = glob.split_once('[').is_some_and(|(_, rest)| rest.contains(']'));
    if class && label != "host" {
        return Some((
            "`[…]` does not mean a set of characters in a glob",
            spelled_out(glob).unwrap_or_default(),
        ));
    }
    // `gpt-4.*` is plausible as a glob, `gpt.*` is not.
    let any = glob.match_indices(".*").any(|(at, _)| {
        glob.get(..at).and_then(|before| before.chars().last()).is_none_or(char::is_alphabetic)
    });
    (any && !matches!(label, "host" | "path"))
        .then(|| ("`.*` is a dot, and then anything", spelled_out(glob).unwrap_or_default()))
}

/// The globs that such a text stands for; `None` if it contains more than lists and sets.
fn spelled_out(text: &str) -> Option<Vec<String>> {
    let text = text
        .trim()
        .trim_start_matches('^')
        .trim_end_matches('$')
        .replace(".*", "*")
        .replace(".+", "?*");
    let text = match text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(inner) if !inner.contains(['(', ')']) => inner.to_owned(),
        _ => text,
    };
    let mut all = Vec::new();
    for part in text.split(['|', ',']).map(str::trim).filter(|part| !part.is_empty()) {
        all.extend(each_of_set(part)?);
    }
    let plain = all.iter().all(|one| !one.contains(['(', ')', '[', ']', '^', '$', '\\', '+', '{']));
    (plain && !all.is_empty() && all.len() <= SPELLED_OUT).then_some(all)
}

/// `gpt-[45]` → `gpt-4`, `gpt-5`
fn each_of_set(text: &str) -> Option<Vec<String>> {
    let Some((before, rest)) = text.split_once('[') else { return Some(vec![text.to_owned()]) };
    let (set, after) = rest.split_once(']')?;
    // A range or a negation is more than a list.
    if set.is_empty() || set.contains(['-', '^', '\\', '[']) || after.contains('[') {
        return None;
    }
    Some(set.chars().map(|one| format!("{before}{one}{after}")).collect())
}

#[cfg(test)]
mod tests {
    use super::other_language;

    fn meant(label: &str, glob: &str) -> Option<Vec<String>> {
        other_language(label, glob).map(|(_, meant)| meant)
    }

    #[test]
    fn what_was_meant_is_spelled_out() {
        for (glob, list) in [
            ("checkout|search", &["checkout", "search"][..]),
            ("checkout, search", &["checkout", "search"]),
            ("(checkout|search)", &["checkout", "search"]),
            ("^checkout$", &["checkout"]),
            ("gpt-[45]", &["gpt-4", "gpt-5"]),
            ("/gpt.*/", &["gpt*"]),
            ("gpt.*", &["gpt*"]),
            (" checkout", &["checkout"]),
            ("checkout ", &["checkout"]),
            ("gpt-[0-9]", &[]),
            ("/a(b|c)d/", &[]),
        ] {
            assert_eq!(
                meant("feature", glob).as_deref(),
                Some(list)
                    .map(|list| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())
                    .as_deref(),
                "{glob}"
            );
        }
    }

    #[test]
    fn globs_are_left_alone() {
        for (label, glob) in [
            ("feature", "checkout"),
            ("model", "gpt-4*"),
            ("model", "gpt-4.*"),
            ("host", "api.*"),
            ("path", "/v1/"),
            ("path", "/v1/*"),
            ("host", "[::1]"),
            ("model", "a?b"),
            ("feature", ""),
        ] {
            assert_eq!(meant(label, glob), None, "{glob}");
        }
    }
}
