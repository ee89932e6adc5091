//! From the bytes of a plugin configuration to what runs.
//!
//! The only file that calls the `policy` room's parser and compiler.

use std::rc::Rc;

use hemostat_engine::bundle::{ActivePolicy, Terms, nothing_runs};
use hemostat_engine::ledger::Book;
use hemostat_engine::policy::config::remote::{ControlListener, PolledSource};
use hemostat_engine::policy::config::{Config, Host};
use hemostat_engine::policy::{Diagnostic, Program};

use crate::accounts;
use crate::bodies::Bodies;
use crate::follower::Follower;
use crate::gauges::Gauges;
use crate::host;
use crate::reporter::Reporter;
use crate::telemetry;
use crate::watch::Watch;

/// What a plugin runs: built completely before any stream sees it, and never changed after (invariant 3).
#[derive(Debug)]
pub struct Active {
    /// The compiled policy.
    pub program: Rc<Program>,
    /// The accounts of its limits.
    pub book: Rc<Book>,
    /// `host: envoy`: calls may be made on which other hosts trap.
    pub envoy: bool,
    /// Whether the host delivers bodies: the configuration's, whatever policy runs.
    pub bodies: Rc<Bodies>,
    /// Whose policies end streams that began under this one.
    pub name: Rc<str>,
}

/// A configuration that was accepted, and its warnings.
#[derive(Debug)]
pub struct Loaded {
    /// What runs from now on.
    pub active: Active,
    /// Where there are keys that may sign releases, or a listener for operators.
    pub follower: Option<Rc<Follower>>,
    /// What runs where no policy does.
    pub nothing: Rc<Program>,
    /// Where releases are polled for.
    pub source: Option<PolledSource>,
    /// The listener is one for operators.
    pub control: Option<Rc<ControlListener>>,
    /// Status pages of providers to ask.
    pub watch: Watch,
    /// Says what this thread acts by.
    pub reporter: Reporter,
    /// Warnings, a line each.
    pub warnings: Vec<String>,
}

/// Builds what a configuration asks for.
///
/// # Errors
/// Why it cannot be used, a line each.
pub fn load(configuration: &[u8]) -> Result<Loaded, Vec<String>> {
    let lines = |found: &[Diagnostic]| found.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (config, warnings) = Config::parse(configuration).map_err(|found| lines(&found))?;
    let mut warnings = lines(&warnings);
    let envoy = config.host == Host::Envoy;
    let (source, control) = (config.source.clone(), config.control.clone().map(Rc::new));
    let line = |error: &dyn std::fmt::Display| vec![error.to_string()];
    let nothing = Rc::new(nothing_runs(&config).map_err(|error| line(&error))?);
    let watch = Watch::new(&config.scope, &config.providers);
    let bodies = Rc::default();
    let plugin = own(envoy, "plugin_name");
    let name = format!("{plugin}/{}/{}", own(envoy, "plugin_root_id"), config.scope).into();
    let reporter = Reporter::new(&config.scope, configuration, control.is_some(), &plugin);
    let follows = config.follows() || control.is_some();
    if !follows {
        let program = Program::compile(&config).map_err(|error| line(&error))?;
        telemetry::define(&program);
        let gauges = Gauges::of(&config.scope);
        gauges.release(0, None);
        gauges.severity(config.policy.severity);
        gauges.version(program.version.as_deref());
        let active =
            Active { program: Rc::new(program), book: accounts::book(), envoy, bodies, name };
        let follower = None;
        return Ok(Loaded {
            active,
            follower,
            nothing,
            source,
            control,
            watch,
            reporter,
            warnings,
        });
    }
    let terms = Terms::new(config).map_err(|refusal| line(&refusal))?;
    let (follower, more) = Follower::start(terms).map_err(|refusal| line(&refusal))?;
    warnings.extend(more);
    let running = follower.read().unwrap_or_else(|refusal| {
        // Another configuration of the process took a release that this one cannot use; a later one may do.
        warnings.push(format!("what is in force cannot be used here: {refusal}"));
        follower.own().unwrap_or_default()
    });
    let program = running.map_or_else(|| Rc::clone(&nothing), |running| running.program);
    let active = Active { program, book: accounts::book(), envoy, bodies, name };
    let follower = Some(Rc::new(follower));
    Ok(Loaded { active, follower, nothing, source, control, watch, reporter, warnings })
}

/// A name that the host has for this plugin. Envoy alone is asked: nginx ends its process where a plugin that is being
/// configured asks for one.
fn own(envoy: bool, name: &str) -> String {
    let said = envoy.then(|| host::property(&[name]).ok().flatten()).flatten();
    String::from_utf8_lossy(&said.unwrap_or_default()).into_owned()
}

impl Active {
    /// The same with what is in force now.
    pub fn with(&self, running: Option<ActivePolicy>, nothing: &Rc<Program>) -> Self {
        let program = running.map_or_else(|| Rc::clone(nothing), |running| running.program);
        let (book, bodies) = (accounts::book(), Rc::clone(&self.bodies));
        Self { program, book, envoy: self.envoy, bodies, name: Rc::clone(&self.name) }
    }
}
