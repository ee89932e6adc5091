//! Reads, judges and combines policies and overlays.

use hemostat_engine::bundle::digest_of;
use hemostat_engine::policy::config::remote::default_scope;
use hemostat_engine::policy::source::{self, SourceNode, SourceValue};
use hemostat_engine::policy::{Diagnostic, judge};

use crate::shared::compose;
use crate::shared::error::{Error, Result};
use crate::shared::files;
use crate::shared::terminal::safe;
use crate::shared::when::{End, now};

/// The canonical form of a policy (RFC 8785).
pub(crate) fn canonical(policy: &SourceNode) -> Result<String> {
    source::canonical(policy).map_err(|error| Error::failed(error.to_string()))
}

/// The digest of a policy.
pub(crate) fn digest(policy: &SourceNode) -> Result<String> {
    digest_of(policy)
        .map(|digest| digest.to_string())
        .map_err(|error| Error::failed(error.to_string()))
}

/// Reads a policy in YAML or JSON, without judging it.
///
/// # Errors
/// It cannot be read, or is not a map, which every policy is.
pub(crate) fn read(file: &str) -> Result<SourceNode> {
    parse(&files::read(file)?, file)
}

/// The same, where the text has been read.
pub(crate) fn parse(text: &str, file: &str) -> Result<SourceNode> {
    let tree = source::parse(text, file).map_err(|found| Error::no(lines(&found, file)))?;
    match tree.value {
        SourceValue::Map(_) => Ok(tree),
        _ => Err(Error::no(format!(
            "{}: this is not a policy, which is a map (`hemostat: 1` and its rules)",
            safe(file)
        ))),
    }
}

/// The errors of a policy, one per line; `None` if it is acceptable.
pub(crate) fn faults(policy: &SourceNode, file: &str) -> Option<String> {
    let (_, found) = judge(policy, Some(now()));
    let errors: Vec<Diagnostic> = found.into_iter().filter(Diagnostic::is_error).collect();
    (!errors.is_empty()).then(|| lines(&errors, file))
}

/// Codes of errors about names that an overlay may use without defining them.
const REFERS: [&str; 3] = ["unknown-rule", "unknown-fallback", "unknown-label"];

/// The errors of an overlay by itself. Names that it does not define may be in the policy that it is put on.
pub(crate) fn own_faults(overlay: &SourceNode, file: &str) -> Option<String> {
    let (_, found) = judge(overlay, Some(now()));
    let own = |one: &Diagnostic| one.is_error() && !REFERS.contains(&one.code);
    let errors: Vec<Diagnostic> = found.into_iter().filter(own).collect();
    (!errors.is_empty()).then(|| lines(&errors, file))
}

/// The errors of a policy with overlays. They name places only, since lines could be those of any of the files.
pub(crate) fn faults_of_all(
    policy: &SourceNode,
    file: &str,
    overlays: &[String],
) -> Option<String> {
    if overlays.is_empty() {
        return faults(policy, file);
    }
    let (_, found) = judge(policy, Some(now()));
    let mut errors: Vec<Diagnostic> = found.into_iter().filter(Diagnostic::is_error).collect();
    errors.iter_mut().for_each(|error| (error.line, error.column) = (0, 0));
    (!errors.is_empty()).then(|| lines(&errors, &together(file, overlays)))
}

/// `policy.yaml with off.yaml`
pub(crate) fn together(file: &str, overlays: &[String]) -> String {
    if overlays.is_empty() {
        file.to_owned()
    } else {
        format!("{file} with {}", overlays.join(", "))
    }
}

/// Findings in words, one per line.
pub(crate) fn lines(found: &[Diagnostic], file: &str) -> String {
    let file = safe(file);
    found
        .iter()
        .map(|one| safe(&one.in_file(&file).to_string()).replace("\\n", "\n"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The policy with these overlays, whose rules end at this time.
pub(crate) fn with_overlays(
    policy: &SourceNode,
    overlays: &[String],
    until: End,
) -> Result<SourceNode> {
    overlays.iter().try_fold(policy.clone(), |policy, file| {
        let over = read(file)?;
        // A mistake in an overlay is reported with the overlay's own line numbers.
        if let Some(faults) = own_faults(&over, file) {
            return Err(Error::no(faults));
        }
        let over = until.0.map_or_else(|| over.clone(), |at| compose::until(&over, at));
        compose::overlay(&policy, &over, &safe(file))
    })
}

/// True for a plugin configuration, false for a policy.
pub(crate) fn is_configuration(tree: &SourceNode) -> bool {
    let has = |name: &&str| tree.get(name).is_some();
    ["policy", "trust", "control"].iter().any(has) && !has(&"hemostat")
}

/// The scope of a plugin configuration, which a release for its proxies must name; `None` if it takes no releases.
pub(crate) fn scope_of(configuration: &SourceNode) -> Option<String> {
    let named = configuration.get("scope").and_then(SourceNode::text).map(str::to_owned);
    named.or_else(|| configuration.get("trust").and_then(default_scope))
}
