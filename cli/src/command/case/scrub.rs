//! Removes personal data from a case: secrets, mail addresses and the like are replaced by others of the same shape,
//! tenants and users by `tenant-1` and `user-1`, and credentials are dropped.

use std::collections::BTreeMap;

use hemostat_engine::search::{Matcher, Pattern, StreamSearch};
use serde_json::Value;

use crate::shared::error::{Error, Result};

/// The packs whose matches are replaced.
const PACKS: [&str; 2] = ["pack:secrets", "pack:pii"];

/// How many replacements are tried until one matches the pattern too (checksums).
const TRIES: u64 = 300;

/// Headers that a case keeps besides those that a policy reads: they say how a body is to be read.
const KEPT: [&str; 4] = ["content-type", "accept", "anthropic-version", "mcp-protocol-version"];

/// Headers that are credentials: if a policy reads one, the case has an invented value.
const CREDENTIALS: [&str; 7] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
    "set-cookie",
];

/// Replaces personal data, and counts what it replaced.
pub(super) struct Scrubber {
    patterns: Vec<Pattern>,
    matcher: Matcher,
    /// Values of labels, with their replacements; longest first.
    names: Vec<(String, String)>,
    pub(super) counts: BTreeMap<String, u64>,
}

impl Scrubber {
    pub(super) fn new() -> Result<Self> {
        let mut patterns = Vec::new();
        for pack in PACKS {
            patterns
                .extend(Pattern::parse(pack, false).map_err(|error| Error::failed(error.message))?);
        }
        let numbered = patterns.iter().zip(0..).map(|(pattern, at)| (at, pattern));
        let matcher = Matcher::new(numbered).map_err(|error| Error::failed(error.message))?;
        Ok(Self { patterns, matcher, names: Vec::new(), counts: BTreeMap::new() })
    }

    /// Registers a value that identifies somebody.
    pub(super) fn name(&mut self, label: &str, value: &str) {
        // A value of one or two characters would be replaced within other words.
        if value.chars().count() < 3 || self.names.iter().any(|(own, _)| own == value) {
            return;
        }
        let number = self.names.iter().filter(|(_, is)| is.starts_with(label)).count() + 1;
        self.names.push((value.to_owned(), format!("{label}-{number}")));
        self.names.sort_by_key(|(own, _)| std::cmp::Reverse(own.len()));
    }

    /// Replaces the personal data in a text.
    pub(super) fn text(&mut self, text: &str) -> String {
        let mut out = self.shapes(text);
        for (own, instead) in &self.names {
            let found = out.matches(own.as_str()).count();
            if found > 0 {
                out = out.replace(own.as_str(), instead);
                let label = instead.rsplit_once('-').map_or("", |(label, _)| label);
                *self.counts.entry(label.to_owned()).or_default() += found as u64;
            }
        }
        out
    }

    /// Replaces matches of the packs by texts of the same length and shape.
    pub(super) fn shapes(&mut self, text: &str) -> String {
        let mut hits = Vec::new();
        let mut search = StreamSearch::default();
        search.feed(&self.matcher, text, &mut hits);
        search.finish(&self.matcher, &mut hits);
        let (mut out, mut at) = (String::new(), 0);
        for hit in hits {
            let (start, end) = (hit.start as usize, hit.end as usize);
            let (Some(before), Some(own)) = (text.get(at..start), text.get(start..end)) else {
                continue;
            };
            let pattern = self.patterns.get(hit.tag as usize);
            let name =
                pattern.map_or_else(|| "other".to_owned(), |pattern| pattern.name().to_owned());
            out.push_str(before);
            out.push_str(&self.other(own, hit.tag));
            *self.counts.entry(name).or_default() += 1;
            at = end;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        out
    }

    /// Another text of the same shape that still matches the pattern; crosses if none does.
    fn other(&self, own: &str, tag: u32) -> String {
        if own.contains('@') {
            // The ending of a mail address is a country; what stands before it identifies somebody.
            let ending = own.rfind('.').unwrap_or(own.len());
            let cross =
                |(at, c): (usize, char)| if c.is_alphanumeric() && at < ending { 'x' } else { c };
            return own.char_indices().map(cross).collect();
        }
        // The prefix of a key says what it is: as little of it is kept as the pattern needs.
        for kept in 0..=12 {
            for seed in 0..TRIES {
                let candidate = shaped(own, kept, seed);
                if self.takes(&candidate, tag) {
                    return candidate;
                }
                if kept < 4 && seed > 20 {
                    break;
                }
            }
        }
        own.chars().map(|c| if c.is_alphanumeric() { 'x' } else { c }).collect()
    }

    fn takes(&self, text: &str, tag: u32) -> bool {
        let (mut hits, mut search) = (Vec::new(), StreamSearch::default());
        search.feed(&self.matcher, text, &mut hits);
        search.finish(&self.matcher, &mut hits);
        hits.iter().any(|hit| hit.tag == tag && hit.start == 0 && hit.end as usize == text.len())
    }

    /// Replaces personal data in every text of a document; keys stay.
    pub(super) fn value(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(map) => map.values_mut().for_each(|item| self.value(item)),
            _ => {}
        }
    }

    /// The headers that a case needs: those that a policy reads, and those that say how a body is read.
    pub(super) fn headers(
        &mut self,
        headers: &[(String, String)],
        policies: &str,
    ) -> Vec<(String, String)> {
        let mut kept = Vec::new();
        for (name, value) in headers {
            let read = policies.contains(name.as_str());
            if CREDENTIALS.contains(&name.as_str()) {
                *self.counts.entry("credential".to_owned()).or_default() += 1;
                if read {
                    kept.push((name.clone(), "Bearer example".to_owned()));
                }
            } else if read || KEPT.contains(&name.as_str()) {
                kept.push((name.clone(), self.text(value)));
            }
        }
        kept
    }
}

/// Replaces letters and digits, except for the first `kept`.
fn shaped(own: &str, kept: usize, seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d;
    let mut throw = |sides: u8| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u8::try_from((state >> 33) % u64::from(sides)).unwrap_or_default()
    };
    let mut seen = 0;
    own.chars()
        .map(|c| {
            seen += usize::from(c.is_alphanumeric());
            match c {
                c if c.is_alphanumeric() && seen <= kept => c,
                '0'..='9' => char::from(b'0' + throw(10)),
                'a'..='z' => char::from(b'a' + throw(26)),
                'A'..='Z' => char::from(b'A' + throw(26)),
                c if c.is_alphanumeric() => 'x',
                c => c,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_personal_becomes_something_of_its_shape() {
        let mut scrubber = Scrubber::new().unwrap();
        scrubber.name("tenant", "acme-corp");
        let key = format!("AKIA{}", "Z7QXAMPLE4DEMO23");
        let text =
            format!("{key} of jane.doe@acme-corp.example, card 4111 1111 1111 1111, acme-corp");
        let out = scrubber.text(&text);
        for own in [key.as_str(), "jane", "acme-corp", "4111 1111 1111 1111"] {
            assert!(!out.contains(own), "{own} in {out}");
        }
        assert!(out.starts_with("AKIA") && out.ends_with("tenant-1"), "{out}");
        // What was found before is still found afterwards, so that a case for a rule with these packs has something to
        // find.
        let mut again = Scrubber::new().unwrap();
        again.text(&out);
        let without = |counts: &BTreeMap<String, u64>| -> BTreeMap<String, u64> {
            counts
                .iter()
                .filter(|(name, _)| *name != "tenant")
                .map(|(n, c)| (n.clone(), *c))
                .collect()
        };
        assert_eq!(without(&scrubber.counts), without(&again.counts), "{out}");
        let headers = [
            ("authorization", "Bearer sk-1"),
            ("x-feature", "checkout"),
            ("x-request-id", "1"),
            ("cookie", "a"),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let kept = scrubber.headers(&headers, "labels: {feature: [{header: x-feature}]}");
        assert_eq!(kept, [("x-feature".to_owned(), "checkout".to_owned())]);
    }
}
