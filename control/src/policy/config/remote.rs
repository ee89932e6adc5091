//! The part of a configuration that says how policies may come from elsewhere: `trust`, `scope`, `source`, `control`,
//! `allow`.

use super::super::decode;
use super::super::diagnostic::Diagnostic;
use super::super::document::Window;
use super::super::path::Path;
use super::super::source::{self, SourceNode, whole};
use super::super::trust::Trust;
use crate::bundle::Digest;
use crate::limits;

/// `source`: a static HTTP server that is polled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolledSource {
    /// The proxy's cluster.
    pub cluster: String,
    /// The `host` of the request.
    pub authority: String,
    /// The `path` of the request.
    pub path: String,
    /// Milliseconds between two polls.
    pub every_ms: u64,
}

/// One of `providers`: a status page in the Statuspage format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderPage {
    /// The provider's name.
    pub name: String,
    /// The proxy's cluster.
    pub cluster: String,
    /// The `host` of the request.
    pub authority: String,
    /// The `path` of the request.
    pub path: String,
    /// Milliseconds between two polls.
    pub every_ms: u64,
}

/// `control`: the listener is one for operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlListener {
    /// The prefix of its paths, without a trailing slash.
    pub prefix: String,
    /// It accepts releases.
    pub releases: bool,
    /// The digest of the token that a `POST` must carry.
    pub token: Option<Digest>,
    /// Labels whose values status shows.
    pub show_labels: Vec<String>,
}

/// `allow`: what a release may make this proxy do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RemoteAllowance {
    /// Capture prompts and answers.
    pub capture: bool,
    /// Call these clusters.
    pub clusters: Vec<String>,
    /// Send traffic to these upstreams.
    pub upstreams: Vec<String>,
}

/// The default prefix of a control listener's paths.
const PREFIX: &str = "/.hemostat";

/// The default path of a status page's summary.
const SUMMARY: &str = "/api/v2/summary.json";

/// How often a status page is polled by default, in milliseconds.
const PROVIDER_EVERY_MS: u64 = 60_000;

/// How often a source is polled by default, in milliseconds.
const EVERY_MS: u64 = 500;

impl PolledSource {
    pub(super) fn decode(node: &SourceNode) -> Option<Self> {
        let text = |name| node.get(name).and_then(SourceNode::text).map(str::to_owned);
        Some(Self {
            cluster: text("cluster")?,
            authority: text("authority")?,
            path: text("path")?,
            every_ms: node
                .get("every_ms")
                .and_then(SourceNode::number)
                .and_then(whole)
                .unwrap_or(EVERY_MS),
        })
    }
}

/// The pages to watch.
pub(super) fn providers(tree: &SourceNode) -> Vec<ProviderPage> {
    let entries = tree.get("providers").map(SourceNode::entries).unwrap_or_default();
    let pages = entries.iter().filter_map(|entry| {
        let text = |name| entry.value.get(name).and_then(SourceNode::text).map(str::to_owned);
        let every = text("every").and_then(|every| decode::window(&every));
        Some(ProviderPage {
            name: entry.key.clone(),
            cluster: text("cluster")?,
            authority: text("authority")?,
            path: text("path").unwrap_or_else(|| SUMMARY.to_owned()),
            every_ms: match every {
                Some(Window::Seconds(seconds)) => seconds.saturating_mul(1000),
                _ => PROVIDER_EVERY_MS,
            },
        })
    });
    pages.take(limits::PROVIDERS).collect()
}

impl ControlListener {
    pub(super) fn decode(node: &SourceNode) -> Self {
        let prefix = node.get("prefix").and_then(SourceNode::text).unwrap_or(PREFIX);
        let token = node.get("token").and_then(SourceNode::text);
        let labels = node.get("show_labels").map(SourceNode::items).unwrap_or_default();
        Self {
            prefix: prefix.trim_end_matches('/').to_owned(),
            releases: node.get("releases").and_then(SourceNode::bool).unwrap_or(false),
            token: token.and_then(Digest::parse),
            show_labels: labels.iter().filter_map(SourceNode::text).map(str::to_owned).collect(),
        }
    }
}

impl RemoteAllowance {
    pub(super) fn decode(node: &SourceNode) -> Self {
        let texts = |name| {
            let items = node.get(name).map(SourceNode::items).unwrap_or_default();
            items.iter().filter_map(SourceNode::text).map(str::to_owned).collect()
        };
        Self {
            capture: node.get("capture").and_then(SourceNode::bool).unwrap_or(false),
            clusters: texts("clusters"),
            upstreams: texts("upstreams"),
        }
    }
}

/// Which signatures are accepted, and the scope: the configured one, else a digest of `trust`, so that configurations
/// with the same keys follow the same releases.
pub(super) fn trust(tree: &SourceNode, found: &mut Vec<Diagnostic>) -> (Trust, String) {
    let mut scope = tree.get("scope").and_then(SourceNode::text).unwrap_or_default().to_owned();
    let Some(node) = tree.get("trust") else { return (Trust::default(), scope) };
    let path = Path::ROOT.key("trust");
    let (trust, wrong) = Trust::read(node, &path);
    found.extend(wrong);
    if scope.is_empty() {
        scope = default_scope(node).unwrap_or_default();
    }
    (trust, scope)
}

/// The scope of configurations that name none.
#[must_use]
pub fn default_scope(trust: &SourceNode) -> Option<String> {
    let text = source::canonical(trust).ok()?;
    Some(Digest::of(text.as_bytes()).to_string())
}
