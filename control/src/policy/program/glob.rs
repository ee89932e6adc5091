//! Globs: `*` matches any run, `?` one character, everything else itself; case-sensitive (POLICY "when").

use std::borrow::Cow;

use super::model_name::spellings;
use crate::policy::document::Globs;

/// True if the glob matches the whole text. Takes at most glob × text steps; both are short.
#[must_use]
pub fn matches(glob: &str, text: &str) -> bool {
    let (mut glob, mut text) = (glob.chars(), text.chars());
    // The text after the last `*`, and the position where it was tried: after a mismatch the `*` takes one more
    // character.
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        match glob.clone().next() {
            Some('*') => {
                glob.next();
                retry = Some((glob.clone(), text.clone()));
                continue;
            }
            Some(want) if text.clone().next().is_some_and(|is| want == '?' || want == is) => {
                glob.next();
                text.next();
                continue;
            }
            None if text.as_str().is_empty() => return true,
            _ => {}
        }
        let Some((after_star, mut longer)) = retry else { return false };
        if longer.next().is_none() {
            return false;
        }
        glob = after_star.clone();
        text = longer.clone();
        retry = Some((after_star, longer));
    }
}

impl Globs {
    /// True if none of the negated globs matches and, if there are plain ones, one of them does. A missing label is
    /// the empty text.
    #[must_use]
    pub fn hold(&self, text: &str) -> bool {
        !self.negated.iter().any(|glob| matches(glob, text))
            && (self.plain.is_empty() || self.plain.iter().any(|glob| matches(glob, text)))
    }

    /// The same for the name of a model, of which every spelling counts. A glob may spell the name as Google's API
    /// does.
    #[must_use]
    pub fn hold_model(&self, name: &str) -> bool {
        let all = spellings(name);
        let any = |globs: &[String]| globs.iter().any(|glob| matches_model(glob, &all));
        !any(&self.negated) && (self.plain.is_empty() || any(&self.plain))
    }
}

fn matches_model(glob: &str, all: &[Cow<'_, str>]) -> bool {
    let bare = glob.strip_prefix("models/");
    all.iter().any(|own| matches(glob, own) || bare.is_some_and(|bare| matches(bare, own)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_texts() {
        for (glob, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything", true),
            ("gpt-*", "gpt-5", true),
            ("gpt-*", "gpt-", true),
            ("gpt-*", "xgpt-5", false),
            ("*-mini", "gpt-4.1-mini", true),
            ("*-mini", "gpt-4.1-mini-2", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("?", "é", true),
            ("?", "", false),
            ("gpt-?", "gpt-5", true),
            ("GPT", "gpt", false),
            ("**a**", "bab", true),
        ] {
            assert_eq!(matches(glob, text), expected, "{glob} on {text}");
        }
    }

    #[test]
    fn a_hostile_glob_ends_soon() {
        assert!(!matches(&"*a".repeat(60), &format!("{}b", "a".repeat(250))));
    }

    #[test]
    fn lists_hold_as_the_policy_says() {
        let globs = |plain: &[&str], negated: &[&str]| Globs {
            plain: plain.iter().map(|&g| g.to_owned()).collect(),
            negated: negated.iter().map(|&g| g.to_owned()).collect(),
        };
        assert!(globs(&["a"], &[]).hold("a"));
        assert!(!globs(&["a"], &[]).hold(""), "a missing label is the empty text to plain globs");
        assert!(globs(&[], &["a"]).hold(""), "… and to negated ones: everybody but `a`");
        assert!(!globs(&[], &["a"]).hold("a"));
        assert!(!globs(&["a*"], &["ab"]).hold("ab"));
        assert!(globs(&["x", "a*"], &["ab"]).hold("ac"));
    }
}
