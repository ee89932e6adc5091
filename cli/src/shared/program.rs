//! Compiles what is tried on traffic: a policy, with overlays or without, a plugin configuration, or a release.

use std::rc::Rc;

use hemostat_engine::bundle::ReleasePolicy;
use hemostat_engine::policy::config::Config;
use hemostat_engine::policy::source::{self, SourceNode, to_json};
use hemostat_engine::policy::{Diagnostic, Program};

use crate::shared::error::{Error, Result};
use crate::shared::files;
use crate::shared::policy_file;
use crate::shared::release_file;
use crate::shared::terminal::safe;
use crate::shared::when::End;
use policy_file::with_overlays;

/// A compiled policy, or why it is not acceptable.
pub(crate) type Compiled = Result<Rc<Program>>;

/// Compiles a file, with these overlays on its policy.
///
/// # Errors
/// The file cannot be read. A policy that is not acceptable is an error of the inner result.
pub(crate) fn from_file(file: &str, overlays: &[String]) -> Result<Compiled> {
    let text = files::read(file)?;
    let tree = match source::parse(&text, file) {
        Ok(tree) => tree,
        Err(found) => return Ok(Err(Error::no(policy_file::lines(&found, file)))),
    };
    if tree.get("payload").is_some() {
        return match release_file::open(&text, file)?.brings {
            ReleasePolicy::Whole(policy) => from_policy(&policy, file, overlays),
            ReleasePolicy::Digest(digest) => Err(Error::failed(format!(
                "{}: it carries only the digest {digest}; give the policy itself",
                safe(file)
            ))),
        };
    }
    if tree.get("hemostat").is_none() && policy_file::is_configuration(&tree) {
        if !overlays.is_empty() {
            let message = "overlays are put on a policy, and this is a plugin configuration";
            return Err(Error::failed(format!("{}: {message}", safe(file))));
        }
        return Ok(compiled(&to_json(&tree), file));
    }
    from_policy(&tree, file, overlays)
}

/// Compiles a parsed policy; `file` is its name in messages.
pub(crate) fn from_policy(
    policy: &SourceNode,
    file: &str,
    overlays: &[String],
) -> Result<Compiled> {
    // Overlays do not end here: what they do is what is tried.
    let policy = match with_overlays(policy, overlays, End(None)) {
        Ok(policy) => policy,
        Err(fault) => return Ok(Err(fault)),
    };
    if let Some(faults) = policy_file::faults_of_all(&policy, file, overlays) {
        return Ok(Err(Error::no(faults)));
    }
    // As in the samples, headers can be held.
    Ok(compiled(&format!(r#"{{"hold_headers":true,"policy":{}}}"#, to_json(&policy)), file))
}

fn compiled(configuration: &str, file: &str) -> Compiled {
    let (config, _) = Config::parse(configuration.as_bytes()).map_err(|found| {
        let errors: Vec<Diagnostic> = found.into_iter().filter(Diagnostic::is_error).collect();
        Error::no(policy_file::lines(&errors, file))
    })?;
    Program::compile(&config)
        .map(Rc::new)
        .map_err(|error| Error::no(format!("{}: {error}", safe(file))))
}
