//! From the bytes of a plugin configuration to what runs.
//!
//! The one place that knows how the policy room is called.

use std::rc::Rc;

use hemostat_engine::ledger::Book;
use hemostat_engine::policy::config::{Config, Host};
use hemostat_engine::policy::{Diagnostic, Program};

use crate::accounts;

/// What a plugin runs: built completely before any stream sees it, and never changed after (invariant 3).
#[derive(Debug)]
pub struct Active {
    /// The compiled policy.
    pub program: Rc<Program>,
    /// The accounts of its limits.
    pub book: Rc<Book>,
    /// `host: envoy`: calls may be made on which other hosts trap.
    pub envoy: bool,
}

/// A configuration that was taken, and what there is to say about it.
#[derive(Debug)]
pub struct Loaded {
    /// What runs from now on.
    pub active: Active,
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
    let program = Program::compile(&config).map_err(|error| vec![error.to_string()])?;
    let envoy = config.host == Host::Envoy;
    let active = Active { program: Rc::new(program), book: accounts::book(envoy), envoy };
    Ok(Loaded { active, warnings: lines(&warnings) })
}
