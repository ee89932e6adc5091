//! The signed payload: a policy, or the digest of one, with its serial and the scope it is for.

use super::digest::Digest;
use super::refusal::{RefusalCode, ReleaseRefusal};
use crate::base::time;
use crate::limits;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::language::RELEASE;
use crate::policy::path::Path;
use crate::policy::shape_of;
use crate::policy::source::{SourceNode, SourceValue, parse_json, whole};

/// A release, as its payload states it. Whether it was authorised is decided by [`super::Verified`].
#[derive(Debug, Clone)]
pub struct Release {
    /// The scope, which names the proxies that it is for.
    pub scope: String,
    /// Its serial.
    pub serial: u64,
    /// When it was made (Unix seconds).
    pub issued_at: u64,
    /// Who made it, free text.
    pub issuer: String,
    /// Its policy.
    pub brings: ReleasePolicy,
    /// Reviewed policies that an on-call key may activate.
    pub prepared: Vec<Digest>,
    /// Why it was made.
    pub reason: Option<String>,
    /// The serial that it reverts, for the record.
    pub rolls_back: Option<u64>,
    /// It is a drill.
    pub drill: bool,
    /// When it expires (Unix seconds).
    pub expires: Option<u64>,
    /// What happens when it expires.
    pub on_expiry: OnExpiry,
}

/// The policy of a release.
#[derive(Debug, Clone)]
pub enum ReleasePolicy {
    /// The whole policy, as a tree.
    Whole(SourceNode),
    /// The digest of one that the process holds.
    Digest(Digest),
}

/// `on_expiry`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnExpiry {
    /// It stays in force, with a warning.
    #[default]
    Keep,
    /// The configuration's inline policy takes over.
    Baseline,
    /// The previous policy takes over.
    Previous,
}

impl OnExpiry {
    /// The policy language's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Baseline => "baseline",
            Self::Previous => "previous",
        }
    }
}

impl Release {
    /// Reads a payload.
    ///
    /// # Errors
    /// Why it is not a release: syntax, duplicate keys, unknown fields, values out of range.
    pub fn parse(payload: &[u8]) -> Result<Self, ReleaseRefusal> {
        let tree = parse_json(payload).map_err(|found| not_a_release(&found))?;
        let found = shape_of(&tree, &RELEASE);
        if !found.is_empty() {
            return Err(not_a_release(&found));
        }
        let serial = |name| tree.get(name).and_then(SourceNode::number).and_then(whole);
        let prepared = tree.get("prepared").map(SourceNode::items).unwrap_or_default();
        if prepared.len() > limits::PREPARED {
            return Err(refuse(format!(
                "`prepared` names {} policies; at most {} are accepted",
                prepared.len(),
                limits::PREPARED
            )));
        }
        let brings = match (tree.get("policy"), text(&tree, "policy_digest")?) {
            (_, Some(digest)) => ReleasePolicy::Digest(read_digest("policy_digest", &digest)?),
            (Some(policy), None) => ReleasePolicy::Whole(policy.clone()),
            (None, None) => return Err(refuse("it brings no policy")),
        };
        Ok(Self {
            scope: text(&tree, "scope")?.unwrap_or_default(),
            serial: serial("serial").ok_or_else(|| refuse("`serial` is not a whole number"))?,
            issued_at: when(&tree, "issued_at")?.ok_or_else(|| refuse("`issued_at` is missing"))?,
            issuer: text(&tree, "issuer")?.unwrap_or_default(),
            brings,
            prepared: prepared
                .iter()
                .filter_map(SourceNode::text)
                .map(|digest| read_digest("prepared", digest))
                .collect::<Result<_, _>>()?,
            reason: text(&tree, "reason")?,
            rolls_back: serial("rolls_back"),
            drill: tree.get("drill").and_then(SourceNode::bool).unwrap_or(false),
            expires: when(&tree, "expires")?,
            on_expiry: match tree.get("on_expiry").and_then(SourceNode::text) {
                Some("baseline") => OnExpiry::Baseline,
                Some("previous") => OnExpiry::Previous,
                _ => OnExpiry::Keep,
            },
        })
    }
}

fn refuse(message: impl Into<String>) -> ReleaseRefusal {
    ReleaseRefusal::new(RefusalCode::NotARelease, message)
}

/// Reports the first finding; the command shows the rest to those who write a release by hand.
fn not_a_release(found: &[Diagnostic]) -> ReleaseRefusal {
    refuse(found.first().map_or_else(String::new, one_line))
}

/// A finding on one line.
pub(super) fn one_line(finding: &Diagnostic) -> String {
    finding.to_string().replace("\n  help: ", "; ")
}

fn text(tree: &SourceNode, name: &str) -> Result<Option<String>, ReleaseRefusal> {
    let Some(text) = tree.get(name).and_then(SourceNode::text) else { return Ok(None) };
    if text.len() > limits::RELEASE_TEXT_BYTES {
        let most = limits::RELEASE_TEXT_BYTES;
        return Err(refuse(format!(
            "`{name}` has {} bytes; at most {most} are accepted",
            text.len()
        )));
    }
    Ok(Some(text.to_owned()))
}

/// A time: RFC 3339, or Unix seconds.
fn when(tree: &SourceNode, name: &str) -> Result<Option<u64>, ReleaseRefusal> {
    let Some(node) = tree.get(name) else { return Ok(None) };
    let at = tree.locate(&Path::ROOT.key(name));
    let wrong = |why: String| refuse(format!("{}:{}: `{name}`: {why}", at.line, at.column));
    match &node.value {
        SourceValue::String { text, .. } => time::parse(text).map(Some).map_err(wrong),
        SourceValue::Number(raw) => match whole(raw).filter(|seconds| *seconds < limits::SERIALS) {
            Some(seconds) => Ok(Some(seconds)),
            None => Err(wrong(format!("`{raw}` is not a time in seconds since 1970"))),
        },
        _ => Err(wrong("a time such as `2026-11-25T06:00:00Z` is expected".to_owned())),
    }
}

fn read_digest(name: &str, text: &str) -> Result<Digest, ReleaseRefusal> {
    Digest::parse(text)
        .ok_or_else(|| refuse(format!("`{name}` takes `sha256:` and 64 hex digits in lower case")))
}
