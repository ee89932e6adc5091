//! What is tried on traffic: a policy, with overlays or not, a plugin configuration, or a release.

use std::io;
use std::rc::Rc;

use hemostat_engine::bundle::Brings;
use hemostat_engine::policy::config::Config;
use hemostat_engine::policy::source::{self, Node, to_json};
use hemostat_engine::policy::{Diagnostic, Program};

use crate::command::release::with_overlays;
use crate::shared::blob::{self, End, invalid};
use crate::shared::terminal::safe;

/// Something that runs, or why it does not.
pub(crate) type Made = Result<Rc<Program>, String>;

/// Makes what runs from a file, with these overlays on its policy.
///
/// # Errors
/// The file cannot be read. A policy that is not acceptable is an answer, in the other part.
pub(crate) fn from_file(file: &str, overlays: &[String]) -> io::Result<Made> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", safe(file))))?;
    let tree = match source::parse(&text, file) {
        Ok(tree) => tree,
        Err(found) => return Ok(Err(blob::lines(&found, file))),
    };
    if tree.get("payload").is_some() {
        return match blob::open(&text)?.brings {
            Brings::Whole(policy) => from_policy(&policy, file, overlays),
            Brings::Digest(digest) => Err(invalid(format!(
                "{}: it carries only the digest {digest}; give the policy itself",
                safe(file)
            ))),
        };
    }
    if tree.get("hemostat").is_none() && crate::command::check::is_configuration(&tree) {
        if !overlays.is_empty() {
            let message = "overlays are put on a policy, and this is a plugin configuration";
            return Err(invalid(format!("{}: {message}", safe(file))));
        }
        return Ok(compiled(&to_json(&tree), file));
    }
    from_policy(&tree, file, overlays)
}

/// The same from a tree; `file` is its name in messages.
pub(crate) fn from_policy(policy: &Node, file: &str, overlays: &[String]) -> io::Result<Made> {
    // Here overlays do not stop: what is tried is what they do.
    let policy = match with_overlays(policy, overlays, End(None)) {
        Ok(policy) => policy,
        Err(fault) => return Ok(Err(fault.to_string())),
    };
    if let Some(faults) = blob::faults_of_all(&policy, file, overlays) {
        return Ok(Err(faults));
    }
    // As the samples configure a proxy: headers can be held.
    Ok(compiled(&format!(r#"{{"hold_headers":true,"policy":{}}}"#, to_json(&policy)), file))
}

fn compiled(configuration: &str, file: &str) -> Made {
    let (config, _) = Config::parse(configuration.as_bytes()).map_err(|found| {
        let errors: Vec<Diagnostic> = found.into_iter().filter(Diagnostic::is_error).collect();
        blob::lines(&errors, file)
    })?;
    Program::compile(&config).map(Rc::new).map_err(|error| format!("{}: {error}", safe(file)))
}
