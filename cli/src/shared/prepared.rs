//! The prepared policies in the working folder: `hemostat release --out current.json` writes them to
//! `current.prepared/`. Proxies know them by digest only; here each has a file name, which `hemostat activate` takes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use hemostat_engine::policy::source;

use crate::shared::files;
use crate::shared::policy_file;

/// The maximum number of files to look at: each is read and digested.
const FILES: usize = 128;

/// The digests of all prepared policies below the working folder, with their files.
pub(crate) fn files() -> BTreeMap<String, String> {
    below(Path::new("."))
}

fn below(folder: &Path) -> BTreeMap<String, String> {
    let is = |path: &PathBuf, ending: &str| path.extension().is_some_and(|own| own == ending);
    let folders = entries(folder).into_iter().filter(|path| is(path, "prepared"));
    let files = folders.flat_map(|path| entries(&path)).filter(|path| is(path, "json"));
    let named = files.take(FILES).filter_map(|path| {
        let text = files::whole(&path).ok()?;
        let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
        let policy = source::parse(&text, &name).ok()?;
        Some((policy_file::digest(&policy).ok()?, name))
    });
    named.collect()
}

/// The entries of a folder, ordered by name; none if it cannot be read, since names are only a convenience.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut all: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    all.sort();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_has_the_name_of_its_file() {
        let folder = std::env::temp_dir().join(format!("hemostat-prepared-{}", std::process::id()));
        let inner = folder.join("current.prepared");
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join("sev1.json"), r#"{"version":"day_sev1","hemostat":1}"#).unwrap();
        fs::write(inner.join("broken.json"), "{").unwrap();
        fs::write(folder.join("day.json"), r#"{"version":"day","hemostat":1}"#).unwrap();
        let policy = source::parse("{hemostat: 1, version: day_sev1}", "sev1.yaml").unwrap();
        let digest = policy_file::digest(&policy).unwrap();
        let wanted = BTreeMap::from([(digest, "current.prepared/sev1.json".to_owned())]);
        assert_eq!(below(&folder), wanted);
        assert!(below(&folder.join("nowhere")).is_empty());
        fs::remove_dir_all(&folder).unwrap();
    }
}
