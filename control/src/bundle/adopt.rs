//! From an acceptable policy to the program that runs.

use std::rc::Rc;

use super::digest::Digest;
use super::refusal::{RefusalCode, ReleaseRefusal};
use super::release::{ReleasePolicy, one_line};
use super::state::{KeptPolicy, ReleaseStanding, Releases};
use super::verify::Verified;
use crate::policy::Program;
use crate::policy::config::{Config, ConfigOnError};
use crate::policy::document::{Document, Mode, RuleSeverity};
use crate::policy::source::{self, SourceNode, parse_json};

/// What a configuration says about releases: whom it trusts, for which scope, and what they may do here.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The configuration.
    pub config: Config,
    baseline: Option<KeptPolicy>,
}

/// A policy in force.
#[derive(Debug, Clone)]
pub struct ActivePolicy {
    /// The program that runs.
    pub program: Rc<Program>,
    /// The release's serial; `None` for the inline policy.
    pub serial: Option<u64>,
    /// The policy's own version.
    pub version: Option<String>,
    /// Its digest.
    pub digest: Digest,
    /// Whether it acts or only counts.
    pub mode: Mode,
    /// The severity of the incident that it is for.
    pub severity: Option<RuleSeverity>,
    /// The policy's own reason.
    pub reason: Option<String>,
    /// Warnings from its check, one per line.
    pub warnings: Vec<String>,
}

/// The digest by which releases name a policy: SHA-256 of its RFC 8785 form.
///
/// # Errors
/// It contains a number that has no RFC 8785 form.
pub fn digest_of(policy: &SourceNode) -> Result<Digest, ReleaseRefusal> {
    canonical(policy).map(|text| Digest::of(text.as_bytes()))
}

fn canonical(policy: &SourceNode) -> Result<String, ReleaseRefusal> {
    source::canonical(policy)
        .map_err(|error| ReleaseRefusal::new(RefusalCode::BadPolicy, error.to_string()))
}

impl KeptPolicy {
    /// A policy with its digest.
    pub(super) fn new(policy: &SourceNode) -> Result<Self, ReleaseRefusal> {
        let text = canonical(policy)?;
        let version = policy.get("version").and_then(SourceNode::text).map(str::to_owned);
        let digest = Digest::of(text.as_bytes());
        Ok(Self { digest, version, policy: text.into(), end: None, under: None, drill: false })
    }

    /// Its tree, if the text matches the digest.
    fn tree(&self) -> Result<SourceNode, ReleaseRefusal> {
        if Digest::of(self.policy.as_bytes()) != self.digest {
            let message = format!("what is held as {} is something else", self.digest);
            return Err(ReleaseRefusal::new(RefusalCode::NotHeld, message));
        }
        parse_json(self.policy.as_bytes()).map_err(|found| bad_policy(&found))
    }
}

fn bad_policy(found: &[crate::policy::Diagnostic]) -> ReleaseRefusal {
    let errors = found.iter().filter(|finding| finding.is_error());
    let lines: Vec<String> = errors.map(one_line).collect();
    ReleaseRefusal::new(RefusalCode::BadPolicy, lines.join("; "))
}

impl Terms {
    /// The terms of this configuration.
    ///
    /// # Errors
    /// Its inline policy has no digest.
    pub fn new(config: Config) -> Result<Self, ReleaseRefusal> {
        let baseline = config.inline.as_ref().map(KeptPolicy::new).transpose()?;
        Ok(Self { config, baseline })
    }

    /// The inline policy.
    pub(super) fn baseline(&self) -> Option<&KeptPolicy> {
        self.baseline.as_ref()
    }

    /// The inline policy as a running one.
    fn running_baseline(&self) -> Result<Option<ActivePolicy>, ReleaseRefusal> {
        let Some(held) = &self.baseline else { return Ok(None) };
        // It was checked together with its configuration.
        let program = Program::compile(&self.config).map_err(|error| does_not_compile(&error))?;
        Ok(Some(held.running(program, &self.config.policy)))
    }

    /// Checks and compiles a policy from a release.
    pub(super) fn adopt(
        &self,
        held: &KeptPolicy,
        serial: u64,
        drill: bool,
    ) -> Result<ActivePolicy, ReleaseRefusal> {
        let tree = held.tree()?;
        let (config, warnings) =
            self.config.with_policy(&tree).map_err(|found| bad_policy(&found))?;
        // The inline policy belongs to the configuration, and may always be returned to.
        if self.baseline.as_ref().is_none_or(|own| own.digest != held.digest) {
            self.allowed(&config.policy)?;
        }
        let mut program = Program::compile(&config).map_err(|error| does_not_compile(&error))?;
        program.serial = Some(serial);
        if drill {
            program.version = Some(drill_version(program.version.as_deref()));
        }
        let mut running = held.running(program, &config.policy);
        running.warnings = warnings.iter().map(one_line).collect();
        Ok(running)
    }

    /// Checks that the configuration permits what a release's policy would make this proxy do.
    fn allowed(&self, policy: &Document) -> Result<(), ReleaseRefusal> {
        let allow = &self.config.allow;
        if !policy.capture.is_empty() && !allow.capture {
            let message = "it asks for `capture`, and the configuration does not say \
                           `allow: {capture: true}`";
            return Err(ReleaseRefusal::new(RefusalCode::NotAllowed, message));
        }
        let named = policy.switch.iter().enumerate();
        let mut named = named.filter_map(|(at, lever)| Some((at, lever.upstream.as_deref()?)));
        if let Some((at, upstream)) =
            named.find(|(_, name)| !allow.upstreams.iter().any(|ok| ok == name))
        {
            let message = format!(
                "`switch[{at}].to.upstream` is `{upstream}`, and the configuration's `allow` does not \
                 list it: where the proxy's routes know `x-hemostat-upstream: {upstream}`, write \
                 `allow: {{upstreams: [{upstream}]}}`"
            );
            return Err(ReleaseRefusal::new(RefusalCode::NotAllowed, message));
        }
        let global = policy.limits.iter().filter_map(|limit| limit.global.as_ref());
        let clusters = policy.notify.iter().map(|notify| notify.cluster.as_str());
        let clusters = clusters.chain(global.map(|global| global.cluster.as_str()));
        let captured = policy.capture.rules.iter().map(|rule| rule.to.cluster.as_str());
        let mut clusters = clusters.chain(captured);
        match clusters.find(|cluster| !allow.clusters.iter().any(|ok| ok == cluster)) {
            None => Ok(()),
            Some(cluster) => {
                let message = format!(
                    "it calls cluster `{cluster}`, and the configuration's `allow: {{clusters: …}}` \
                     does not list it"
                );
                Err(ReleaseRefusal::new(RefusalCode::NotAllowed, message))
            }
        }
    }
}

/// The version that is shown for a drill everywhere, so that it cannot be mistaken for the policy it rehearses.
pub(super) fn drill_version(version: Option<&str>) -> String {
    version.map_or_else(|| "drill".to_owned(), |version| format!("drill.{version}"))
}

fn does_not_compile(error: &crate::policy::program::CompileError) -> ReleaseRefusal {
    ReleaseRefusal::new(RefusalCode::BadPolicy, error.to_string())
}

impl KeptPolicy {
    fn running(&self, program: Program, policy: &Document) -> ActivePolicy {
        ActivePolicy {
            serial: program.serial,
            version: program.version.clone(),
            program: Rc::new(program),
            digest: self.digest,
            mode: policy.mode,
            severity: policy.severity,
            reason: policy.reason.clone(),
            warnings: Vec::new(),
        }
    }
}

impl Releases {
    /// The policy in force under these terms, built from the signed bytes themselves: a worker relies on what was
    /// signed, not on what another worker reports. `None` if there is no policy at all.
    ///
    /// # Errors
    /// The release in force does not verify or compile under these terms; another configuration of the process accepted
    /// it.
    pub fn running(&self, terms: &Terms) -> Result<Option<ActivePolicy>, ReleaseRefusal> {
        let Some(active) = &self.active else { return terms.running_baseline() };
        let trust = &terms.config.trust;
        let verified = Verified::verify(&active.envelope, trust, &terms.config.scope)?;
        let release = verified.release();
        let held = match (active.standing, &release.brings) {
            (ReleaseStanding::Baseline, _) => return terms.running_baseline(),
            (ReleaseStanding::Previous, _) => self.held.first().cloned(),
            (_, ReleasePolicy::Whole(policy)) => Some(KeptPolicy::new(policy)?),
            (_, ReleasePolicy::Digest(digest)) => self.holding(digest).cloned(),
        };
        let held = held.ok_or_else(|| {
            ReleaseRefusal::new(RefusalCode::NotHeld, "the policy in force is not held any more")
        })?;
        let drill = release.drill
            && matches!(active.standing, ReleaseStanding::Release | ReleaseStanding::Overdue);
        terms.adopt(&held, release.serial, drill).map(Some)
    }
}

/// The program that runs while there is no policy: everything recognised is refused, or passes, as `on_error` says.
///
/// # Errors
/// Never in practice: the empty policy compiles.
pub fn nothing_runs(config: &Config) -> Result<Program, ReleaseRefusal> {
    let empty = Config { policy: Rc::default(), ..config.clone() };
    let mut program = Program::compile(&empty).map_err(|error| does_not_compile(&error))?;
    program.unusable = config.on_error == ConfigOnError::Closed;
    Ok(program)
}
