//! Compiles policies for tests.

use std::rc::Rc;

use hemostat_engine::policy::Program;
use hemostat_engine::policy::config::Config;
use serde_json::{Value, json};

/// Compiles an inline policy (without its `hemostat: 1`) under `hold_headers: true`.
pub fn program(policy: Value) -> Rc<Program> {
    program_under(json!({}), policy)
}

/// Like [`program`], with these fields of the plugin configuration.
pub fn program_under(config: Value, policy: Value) -> Rc<Program> {
    let (mut config, mut policy) = (config, policy);
    policy["hemostat"] = json!(1);
    config["policy"] = policy;
    config["hold_headers"] = json!(true);
    let config = config.to_string();
    let (config, _) = Config::parse(config.as_bytes()).unwrap_or_else(|found| {
        panic!("{}", found.iter().map(|d| d.to_string()).collect::<String>())
    });
    Rc::new(Program::compile(&config).unwrap())
}
