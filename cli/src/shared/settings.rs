//! `hemostat.yaml` in the working folder: what every command would otherwise repeat. Options and environment variables
//! take precedence.

use std::path::Path;

use hemostat_engine::policy::source::{self, SourceNode, SourceValue};

use crate::shared::error::{Error, Result, plain};
use crate::shared::files;
use crate::shared::policy_file;
use crate::shared::terminal::safe;

/// The name of the file.
pub(crate) const FILE: &str = "hemostat.yaml";

/// The fields that it may have.
const FIELDS: [&str; 7] = ["scope", "proxies", "token", "key", "policy", "overlays", "history"];

/// The contents of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The scope of releases.
    pub(crate) scope: Option<String>,
    /// Control listeners.
    pub(crate) proxies: Vec<String>,
    /// The token of control listeners: itself, or `env:NAME`.
    pub(crate) token: Option<String>,
    /// The secret keys that sign.
    pub(crate) keys: Vec<String>,
    /// The policy.
    pub(crate) policy: Option<String>,
    /// The overlays that every release prepares for on-call keys: files, or `FOLDER/*.yaml`.
    pub(crate) overlays: Vec<String>,
    /// The file to which releases and activations are appended.
    pub(crate) history: Option<String>,
}

impl Settings {
    /// Loads the file; empty settings if there is none.
    pub(crate) fn load() -> Result<Self> {
        match Path::new(FILE).try_exists() {
            Ok(false) => Ok(Self::default()),
            _ => Self::read(&files::read(FILE)?),
        }
    }

    fn read(text: &str) -> Result<Self> {
        let tree = source::parse(text, FILE)
            .map_err(|found| Error::failed(policy_file::lines(&found, FILE)))?;
        let mut all = Self::default();
        for entry in tree.entries() {
            let wrong = |why: &str| {
                let (line, column) = (entry.key_at.line, entry.key_at.column);
                Error::failed(format!("{FILE}:{line}:{column}: `{}` {why}", safe(&entry.key)))
            };
            let one =
                || entry.value.text().map(str::to_owned).ok_or_else(|| wrong("takes one text"));
            let several =
                || list(&entry.value).ok_or_else(|| wrong("takes a text, or a list of texts"));
            match entry.key.as_str() {
                "scope" => all.scope = Some(one()?),
                "proxies" => all.proxies = several()?,
                "token" => all.token = Some(one()?),
                "key" => all.keys = several()?,
                "policy" => all.policy = Some(one()?),
                "overlays" => all.overlays = several()?,
                "history" => all.history = Some(one()?),
                _ => {
                    return Err(wrong(&format!(
                        "is not a field of it; it takes {}",
                        FIELDS.join(", ")
                    )));
                }
            }
        }
        Ok(all)
    }

    /// The token itself, looked up if it is `env:NAME`.
    ///
    /// # Errors
    /// There is no such variable: without its token a proxy would only say that one is missing.
    pub(crate) fn token(&self) -> Result<Option<String>> {
        let Some(token) = self.token.as_deref().filter(|token| !token.is_empty()) else {
            return Ok(None);
        };
        let Some(name) = token.strip_prefix("env:") else { return Ok(Some(token.to_owned())) };
        let found = std::env::var(name).ok().filter(|token| !token.is_empty());
        let name = safe(name);
        found.map(Some).ok_or_else(|| {
            Error::failed(format!("{FILE}: token: the environment variable `{name}` is not set"))
        })
    }

    /// The files of `overlays`.
    pub(crate) fn overlays(&self) -> Result<Vec<String>> {
        let mut all = Vec::new();
        for pattern in &self.overlays {
            all.extend(expand(pattern)?);
        }
        Ok(without_cases(&all))
    }
}

fn list(node: &SourceNode) -> Option<Vec<String>> {
    match &node.value {
        SourceValue::Seq(items) => {
            items.iter().map(|item| item.text().map(str::to_owned)).collect()
        }
        _ => node.text().map(|text| vec![text.to_owned()]),
    }
}

/// Expands `FOLDER/*.yaml` as a shell would; anything else is a file.
fn expand(pattern: &str) -> Result<Vec<String>> {
    let path = Path::new(pattern);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Some((before, after)) = name.split_once('*') else { return Ok(vec![pattern.to_owned()]) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(folder).map_err(|error| {
        let folder = safe(&folder.display().to_string());
        let why = match error.kind() {
            std::io::ErrorKind::NotFound => format!("there is no folder `{folder}`"),
            _ => format!("the folder `{folder}`: {}", plain(&error)),
        };
        Error::failed(format!("{FILE}: overlays: {why}"))
    })?;
    let mut found = Vec::new();
    for entry in entries {
        let own = entry
            .map_err(|error| Error::file(folder, &error))?
            .file_name()
            .to_string_lossy()
            .into_owned();
        let fits = own.len() >= before.len() + after.len()
            && own.starts_with(before)
            && own.ends_with(after);
        if fits && !own.starts_with('.') {
            found.push(folder.join(own).to_string_lossy().into_owned());
        }
    }
    found.sort();
    match found.is_empty() {
        true => Err(Error::failed(format!("{FILE}: overlays: no file is `{}`", safe(pattern)))),
        false => Ok(found),
    }
}

/// Leaves out the files of cases beside overlays, which `overlays/*.yaml` matches too.
pub(crate) fn without_cases(files: &[String]) -> Vec<String> {
    files.iter().filter(|file| !file.ends_with(".cases.yaml")).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_command_repeats_is_read_once() {
        let all =
            Settings::read("scope: prod\nproxies: [a:1, b:1]\nkey: ops.key\ntoken: t\n").unwrap();
        assert_eq!((all.scope.as_deref(), all.proxies.len()), (Some("prod"), 2));
        assert_eq!((&*all.keys, all.token.as_deref()), (&["ops.key".to_owned()][..], Some("t")));
        let error = Settings::read("scope: prod\nproxy: a\n").unwrap_err().to_string();
        assert!(
            error.starts_with("hemostat.yaml:2:1: `proxy` is not a field of it; it takes scope, "),
            "{error}"
        );
        assert!(Settings::read("scope: [a]").is_err());
        assert_eq!(all.token().unwrap().as_deref(), Some("t"));
        let unset = Settings::read("token: env:HEMOSTAT_NOT_SET\noverlays: gone/*.yaml\n").unwrap();
        let error = unset.token().unwrap_err().to_string();
        assert!(
            error.ends_with("the environment variable `HEMOSTAT_NOT_SET` is not set"),
            "{error}"
        );
        let error = unset.overlays().unwrap_err().to_string();
        assert_eq!(error, "hemostat.yaml: overlays: there is no folder `gone`");
    }

    #[test]
    fn a_star_is_files_and_cases_are_no_overlays() {
        let folder = std::env::temp_dir().join(format!("hemostat-star-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for name in ["b.yaml", "a.yaml", "a.cases.yaml", "c.json"] {
            std::fs::write(folder.join(name), "").unwrap();
        }
        let overlays = vec![format!("{}/*.yaml", folder.display())];
        let found = Settings { overlays, ..Settings::default() }.overlays().unwrap();
        let names: Vec<_> = found.iter().map(|path| path.rsplit('/').next().unwrap()).collect();
        assert_eq!(names, ["a.yaml", "b.yaml"]);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
