//! The plugin's own configuration: what a proxy is told about the filter (POLICY "The blob", second half).

mod generic;
pub mod remote;

use std::rc::Rc;

use super::diagnostic::{Diagnostic, add, in_order};
use super::document::{Document, LabelSource, Mode, ToolAction, ToolRuleDocument};
use super::path::Path;
use super::source::{SourceNode, parse_handed_over, to_json};
use super::trust::Trust;
use super::{check, decode, language, shape};

/// A configuration that can be used.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The inline policy, the baseline.
    pub policy: Rc<Document>,
    /// What Envoy's `allow_on_headers_stop_iteration` is set to, where the configuration says it. Of another host: whether
    /// it shows a request's body before it sends anything of the request.
    pub hold_headers: Option<bool>,
    /// Ids of rules that may be off.
    pub accept_off: Vec<String>,
    /// What loads the plugin.
    pub host: Host,
    /// What traffic gets while there is no usable policy.
    pub on_error: ConfigOnError,
    /// Configurations with one vm_id and scope follow one release and share accounts.
    pub scope: String,
    /// The inline policy as written; `None`: there is none.
    pub inline: Option<SourceNode>,
    /// Whose signatures count.
    pub trust: Trust,
    /// An envelope to start with.
    pub release: Option<String>,
    /// Where to poll for releases.
    pub source: Option<remote::PolledSource>,
    /// What the listener is, where it is one for operators.
    pub control: Option<remote::Control>,
    /// Status pages of providers to show.
    pub providers: Vec<remote::ProviderPage>,
    /// What a release may make this proxy do.
    pub allow: remote::RemoteAllowance,
}

/// `host`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Host {
    /// Envoy, and what is built on it.
    #[default]
    Envoy,
    /// No call that other hosts trap on.
    Generic,
}

/// `on_error`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConfigOnError {
    /// 503, `retry-after: 1`.
    #[default]
    Closed,
    /// It passes.
    Open,
}

impl Config {
    /// Reads a configuration as the proxy hands it over: JSON text, or a binary `google.protobuf.Struct`. The second
    /// part are warnings.
    ///
    /// # Errors
    /// All that is wrong, warnings included; the first error may be the only one shown in a proxy's log.
    pub fn parse(handed_over: &[u8]) -> Result<(Config, Vec<Diagnostic>), Vec<Diagnostic>> {
        let (config, found) = Self::judge(&parse_handed_over(handed_over)?, None);
        if found.iter().any(Diagnostic::is_error) { Err(found) } else { Ok((config, found)) }
    }

    /// Judges a tree as a configuration, its inline policy included. The configuration may be used if no finding is
    /// an error. `now`: as for [`super::judge`].
    #[must_use]
    pub fn judge(tree: &SourceNode, now: Option<u64>) -> (Config, Vec<Diagnostic>) {
        let mut found = Vec::new();
        if tree.get("policy").is_none() && tree.get("hemostat").is_some() {
            let message = "this is a policy, and a plugin configuration is expected";
            let at = tree.locate(&Path::ROOT.key("hemostat"));
            let wrong = Diagnostic::error("missing-field", String::new(), at, message);
            found.push(wrong.help("put it under `policy:`"));
            return (Config::default(), found);
        }
        found.extend(shape::check(tree, &language::CONFIG, &Path::ROOT));
        let config = decode(tree, &mut found);
        let root = Path::ROOT.key("policy");
        if tree.get("policy").is_some() {
            add(&mut found, check::check(&config.policy, tree, &root, now));
            found.extend(held_headers(&config, tree));
            found.extend(nobody_approves(&config, tree));
            found.extend(generic::lacks(&config, tree));
        }
        add(&mut found, remote::check(&config, tree));
        (config, in_order(found, tree))
    }

    /// The same configuration with a policy that a release brought. The second part are warnings.
    ///
    /// # Errors
    /// All that is wrong with the policy here.
    pub fn with_policy(
        &self,
        policy: &SourceNode,
    ) -> Result<(Config, Vec<Diagnostic>), Vec<Diagnostic>> {
        let (document, mut found) = super::judge(policy, None);
        let config = Config { policy: Rc::new(document), ..self.clone() };
        found.extend(held_headers(&config, policy));
        found.extend(generic::lacks(&config, policy));
        if found.iter().any(Diagnostic::is_error) { Err(found) } else { Ok((config, found)) }
    }

    /// True if its policy may come from elsewhere.
    #[must_use]
    pub fn takes_releases(&self) -> bool {
        let posts = self.control.as_ref().is_some_and(|control| control.releases);
        self.release.is_some() || self.source.is_some() || posts
    }

    /// True if it follows the releases of its scope, or could: there are keys whose signatures count.
    #[must_use]
    pub fn follows(&self) -> bool {
        !self.trust.keys.is_empty()
    }
}

fn decode(tree: &SourceNode, found: &mut Vec<Diagnostic>) -> Config {
    let word = |name: &str| tree.get(name).and_then(SourceNode::text);
    let root = Path::ROOT.key("policy");
    let (trust, scope) = remote::trust(tree, found);
    Config {
        policy: tree
            .get("policy")
            .map(|tree| decode::policy(tree, &root))
            .unwrap_or_default()
            .into(),
        hold_headers: tree.get("hold_headers").and_then(SourceNode::bool),
        accept_off: decode::texts(tree, "accept_off"),
        host: if word("host") == Some("generic") { Host::Generic } else { Host::Envoy },
        on_error: if word("on_error") == Some("open") {
            ConfigOnError::Open
        } else {
            ConfigOnError::Closed
        },
        scope,
        inline: tree.get("policy").cloned(),
        trust,
        release: tree.get("release").map(to_json),
        source: tree.get("source").and_then(remote::PolledSource::decode),
        control: tree.get("control").map(remote::Control::decode),
        providers: remote::providers(tree),
        allow: tree.get("allow").map(remote::RemoteAllowance::decode).unwrap_or_default(),
    }
}

/// Calls that wait for leave which nobody can give.
fn nobody_approves(config: &Config, tree: &SourceNode) -> Option<Diagnostic> {
    let approve = |rule: &&ToolRuleDocument| {
        rule.action == ToolAction::Approve
            && rule.rule.mode_under(config.policy.mode) == Mode::Enforce
    };
    let rule = config.policy.tools.iter().find(approve)?;
    if config.trust.can_approve() {
        return None;
    }
    let message =
        format!("calls wait for leave under `{}`, and no key may approve them", rule.rule.id);
    let warning = Diagnostic::warning("nobody-approves", "trust".to_owned(), tree.at, message);
    Some(warning.help("write `trust: {keys: {NAME: {key: KEY, may: [approve]}}}`"))
}

/// Rules that must see a body before headers leave, against what the configuration says of the proxy.
fn held_headers(config: &Config, tree: &SourceNode) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let policy = &config.policy;
    let kills = policy.failsafe.iter().filter(|rule| rule.upstream.is_none());
    let off: Vec<&str> = kills
        .map(|rule| &rule.rule)
        .chain(policy.rules_that_change_headers())
        .filter(|rule| rule.mode_under(policy.mode) == Mode::Enforce)
        .map(|rule| rule.id.as_str())
        .collect();
    match config.hold_headers {
        // A value of another kind has been reported as such.
        None if tree.get("hold_headers").is_some() => {}
        None => found.extend(first_that_needs_a_body(policy).map(|id| unsaid(tree, id))),
        Some(true) => {}
        Some(false) => {
            for id in off.iter().filter(|id| !config.accept_off.iter().any(|ok| ok == *id)) {
                found.push(would_be_off(tree, id));
            }
        }
    }
    let ids = rule_ids(policy);
    for (index, id) in config.accept_off.iter().enumerate() {
        let path = Path::ROOT.key("accept_off");
        let path = path.index(index);
        let at = tree.locate(&path);
        if !ids.contains(&id.as_str()) {
            if config.follows() {
                // It may be a rule of another policy that this configuration follows.
                continue;
            }
            let message = format!("there is no rule `{id}`");
            found.push(Diagnostic::error("unknown-rule", path.to_string(), at, message));
        } else if config.hold_headers != Some(false) || !off.contains(&id.as_str()) {
            let message = format!("`{id}` is not off");
            let warning = Diagnostic::warning("unused", path.to_string(), at, message);
            found.push(warning.help("remove it"));
        }
    }
    found
}

fn unsaid(tree: &SourceNode, id: &str) -> Diagnostic {
    let message = format!(
        "rule `{id}` must see a body before its headers leave, and the configuration does not say \
         `hold_headers`"
    );
    let help = "write `hold_headers: true` if Envoy's filter has `allow_on_headers_stop_iteration: \
                true` or if `host` is `generic`, else `hold_headers: false`; the filter cannot see which";
    Diagnostic::error("hold-headers", "hold_headers".to_owned(), tree.at, message).help(help)
}

fn would_be_off(tree: &SourceNode, id: &str) -> Diagnostic {
    let path = Path::ROOT.key("hold_headers");
    let message =
        format!("rule `{id}` would be off: it must decide before the request's headers leave");
    let help = format!(
        "set Envoy's `allow_on_headers_stop_iteration: true` and write `hold_headers: true`, or \
         write `accept_off: [{id}]`"
    );
    Diagnostic::error("hold-headers", path.to_string(), tree.locate(&path), message).help(help)
}

/// The first enforced rule that must see a body: a guardrail, a limit, a kill rule, one that changes the request, or one
/// whose labels come from the body.
fn first_that_needs_a_body(policy: &Document) -> Option<&str> {
    let enforced =
        |rule: &super::document::RuleDocument| rule.mode_under(policy.mode) == Mode::Enforce;
    let from_body = |label: &str| {
        let sources = policy.labels.get(label).map(Vec::as_slice).unwrap_or_default();
        label == "model"
            || sources.iter().any(|source| matches!(source.whole(), LabelSource::Json { .. }))
    };
    let guardrails = policy.guardrails.iter().map(|lever| (&lever.rule, true));
    let failsafe = policy.failsafe.iter().map(|lever| (&lever.rule, lever.upstream.is_none()));
    let tools = policy.tools.iter().map(|lever| (&lever.rule, true));
    let changes = policy.rules_that_change().map(|rule| (rule, true));
    let limits = policy.limits.iter().map(|lever| (&lever.rule, true));
    failsafe
        .chain(changes)
        .chain(tools)
        .chain(guardrails)
        .chain(limits)
        .filter(|(rule, _)| enforced(rule))
        .find(|(rule, needs)| *needs || rule.when.labels.iter().any(|(label, _)| from_body(label)))
        .map(|(rule, _)| rule.id.as_str())
}

fn rule_ids(policy: &Document) -> Vec<&str> {
    let guardrails = policy.guardrails.iter().map(|lever| lever.rule.id.as_str());
    let tools = policy.tools.iter().map(|lever| lever.rule.id.as_str());
    let changes = policy.rules_that_change().map(|rule| rule.id.as_str());
    let limits = policy.limits.iter().map(|lever| lever.rule.id.as_str());
    let failsafe = policy.failsafe.iter().map(|lever| lever.rule.id.as_str());
    guardrails.chain(tools).chain(limits).chain(failsafe).chain(changes).collect()
}
