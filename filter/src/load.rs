//! From the bytes of a plugin configuration to what runs.
//!
//! The one place that knows how the policy room is called. Until its parser and compiler are there, every
//! configuration is taken and the program is the empty one.

use std::rc::Rc;

use hemostat_engine::policy::Program;

/// What a plugin runs: built completely before any stream sees it, and never changed after (invariant 3).
#[derive(Debug)]
pub struct Active {
    /// The compiled policy.
    pub program: Rc<Program>,
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
pub fn load(_configuration: &[u8]) -> Result<Loaded, Vec<String>> {
    let active = Active { program: Rc::new(todo_program()), envoy: true };
    Ok(Loaded { active, warnings: Vec::new() })
}
