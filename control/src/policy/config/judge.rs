//! A tree → a configuration, and everything that is wrong with it.

use std::rc::Rc;

use super::{Config, ConfigOnError, Host, generic, held_headers, releases, remote};
use crate::policy::diagnostic::{Diagnostic, add, in_order};
use crate::policy::document::{Mode, ToolAction, ToolRuleDocument};
use crate::policy::path::Path;
use crate::policy::source::{SourceNode, parse_handed_over, to_json};
use crate::policy::{check, decode, language, shape};

impl Config {
    /// Reads a configuration as the proxy passes it: JSON text, or a binary `google.protobuf.Struct`. The second part
    /// are warnings.
    ///
    /// # Errors
    /// Everything that is wrong, including warnings; the first error may be the only one shown in a proxy's log.
    pub fn parse(handed_over: &[u8]) -> Result<(Config, Vec<Diagnostic>), Vec<Diagnostic>> {
        let (config, found) = Self::judge(&parse_handed_over(handed_over)?, None);
        if found.iter().any(Diagnostic::is_error) { Err(found) } else { Ok((config, found)) }
    }

    /// Checks a tree as a configuration, including its inline policy. The configuration may be used if no finding is an
    /// error. `now`: as for [`crate::policy::judge`].
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
            found.extend(held_headers::check(&config, tree));
            found.extend(nobody_approves(&config, tree));
            found.extend(generic::lacks(&config, tree));
        }
        add(&mut found, releases::check(&config, tree));
        (config, in_order(found, tree))
    }

    /// The same configuration with a policy from a release. The second part are warnings.
    ///
    /// # Errors
    /// Everything that is wrong with the policy here.
    pub fn with_policy(
        &self,
        policy: &SourceNode,
    ) -> Result<(Config, Vec<Diagnostic>), Vec<Diagnostic>> {
        let (document, mut found) = super::super::judge(policy, None);
        let config = Config { policy: Rc::new(document), ..self.clone() };
        found.extend(held_headers::check(&config, policy));
        found.extend(generic::lacks(&config, policy));
        if found.iter().any(Diagnostic::is_error) { Err(found) } else { Ok((config, found)) }
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
        control: tree.get("control").map(remote::ControlListener::decode),
        providers: remote::providers(tree),
        allow: tree.get("allow").map(remote::RemoteAllowance::decode).unwrap_or_default(),
    }
}

/// Warns of calls that wait for an approval which nobody can give.
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
