//! Checks how the fields about releases relate to each other.

use super::Config;
use super::remote::ControlListener;
use crate::bundle::{self, Terms};
use crate::limits;
use crate::policy::decode;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::document::Window;
use crate::policy::path::Path;
use crate::policy::source::{Position, SourceNode};

/// Checks how these fields relate to each other.
pub(super) fn check(config: &Config, tree: &SourceNode) -> Vec<Diagnostic> {
    let mut judge = Judge { tree, found: Vec::new() };
    let brings = ["release", "source"].iter().find(|name| tree.get(name).is_some());
    let posts = config.control.as_ref().is_some_and(|control| control.releases);
    let brings = brings.copied().or(posts.then_some("control"));
    if let Some(brings) = brings.filter(|_| config.trust.keys.is_empty()) {
        let message =
            format!("`{brings}` takes releases, and there are no keys that may sign them");
        judge.error("missing-field", brings, message, "write `trust: {keys: {NAME: KEY}}`");
    }
    if tree.get("policy").is_none() && brings.is_none() && config.trust.keys.is_empty() {
        let message = "there is no `policy`, and nothing else can bring one".to_owned();
        judge.error("missing-field", "", message, "the empty policy is `policy: {}`");
    }
    if tree.get("scope").and_then(SourceNode::text) == Some("") {
        let message = "an empty scope is none".to_owned();
        judge.error("empty", "scope", message, "name it, or remove it");
    }
    if let Some(control) = &config.control {
        judge.control(config, control);
    }
    if config.release.is_some() && !config.trust.keys.is_empty() {
        judge.release(config);
    }
    judge.providers();
    if config.follows() {
        judge.upstreams(config);
    }
    if let Some(source) = &config.source {
        if !source.path.starts_with('/') {
            let message = format!("`{}` is not a path", source.path);
            judge.error("bad-path", "source", message, "it begins with `/`");
        }
        if config.release.is_none() && config.trust.min_serial.is_none() {
            let message =
                "after a restart, any old release that the source serves is taken".to_owned();
            let help = "set `trust.min_serial`, or give a `release` to start with";
            judge.warn("replay-floor", "source", message, help);
        }
    }
    judge.found
}

struct Judge<'a> {
    tree: &'a SourceNode,
    found: Vec<Diagnostic>,
}

impl Judge<'_> {
    fn control(&mut self, config: &Config, control: &ControlListener) {
        if !control.prefix.starts_with('/') || control.prefix.contains(['?', '#']) {
            let message = "the prefix is a path of at least one segment".to_owned();
            self.error("bad-path", "control", message, "write `prefix: /.hemostat`");
        }
        let token = self.tree.get("control").and_then(|control| control.get("token"));
        if token.is_some() && control.token.is_none() {
            // Not shown: somebody may have pasted the token itself.
            let message = "`token` is `sha256:` and 64 hex digits of the token's digest".to_owned();
            self.error(
                "bad-digest",
                "control",
                message,
                "`printf %s TOKEN | sha256sum` prints the digits",
            );
        }
        if control.releases && config.hold_headers != Some(true) {
            let message =
                "to take a release the listener must read a body before its headers leave"
                    .to_owned();
            let help = "set Envoy's `allow_on_headers_stop_iteration: true` and write \
                        `hold_headers: true`";
            self.error("hold-headers", "control", message, help);
        }
        if control.releases && control.token.is_none() {
            let message = "anybody who reaches the listener may offer releases; only signed ones \
                           are taken"
                .to_owned();
            self.warn("no-token", "control", message, "write `token: \"sha256:…\"`");
        }
    }

    fn providers(&mut self) {
        let entries = self.tree.get("providers").map(SourceNode::entries).unwrap_or_default();
        if entries.len() > limits::PROVIDERS {
            let message =
                format!("{} providers; at most {} are watched", entries.len(), limits::PROVIDERS);
            self.error("too-many", "providers", message, "name those that this proxy calls");
        }
        for entry in entries {
            let name = &entry.key;
            let path = entry.value.get("path").and_then(SourceNode::text);
            if let Some(path) = path.filter(|path| !path.starts_with('/')) {
                let message = format!("`{path}` of `{name}` is not a path");
                self.error("bad-path", "providers", message, "it begins with `/`");
            }
            let every =
                entry.value.get("every").and_then(SourceNode::text).and_then(decode::window);
            let least = limits::PROVIDER_LEAST_S;
            if every.is_some_and(|every| !matches!(every, Window::Seconds(s) if s >= least)) {
                let message =
                    format!("`every` of `{name}` is not between {least} seconds and a day");
                self.error("out-of-range", "providers", message, "write `every: 1m`");
            }
        }
    }

    /// The inline policy may name any upstream for itself, but does not permit a release to do so.
    fn upstreams(&mut self, config: &Config) {
        let mut named = config.policy.switch.iter().filter_map(|lever| lever.upstream.as_ref());
        let Some(name) = named.find(|name| !config.allow.upstreams.contains(name)) else { return };
        let message = format!(
            "`switch` sends traffic to `{name}`, and a release that says the same would be refused"
        );
        let help = format!("write `allow: {{upstreams: [{name}]}}`");
        self.warn("not-allowed", "policy", message, &help);
    }

    /// Checks whether the release to start with can be used. Times are ignored here.
    fn release(&mut self, config: &Config) {
        let started = Terms::new(config.clone())
            .and_then(|terms| bundle::start(&terms, &bundle::Releases::default(), 0).map(|_| ()));
        if let Err(refusal) = started {
            let help = "`hemostat release` makes one";
            self.error("bad-release", "release", refusal.to_string(), help);
        }
    }

    fn error(&mut self, code: &'static str, key: &str, message: String, help: &str) {
        let found = Diagnostic::error(code, key.to_owned(), self.at(key), message);
        self.found.push(found.help(help));
    }

    fn warn(&mut self, code: &'static str, key: &str, message: String, help: &str) {
        let found = Diagnostic::warning(code, key.to_owned(), self.at(key), message);
        self.found.push(found.help(help));
    }

    fn at(&self, key: &str) -> Position {
        if key.is_empty() { self.tree.at } else { self.tree.locate(&Path::ROOT.key(key)) }
    }
}
