//! Runs again whenever somebody saves a file.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::shared::error::{Error, Result};
use crate::shared::exit::Exit;

/// How often files are checked.
const EVERY: Duration = Duration::from_millis(300);

/// How many levels of folders are searched, and the maximum number of files.
const DEPTH: usize = 8;
const FILES: usize = 10_000;

/// Runs at once, and whenever a policy or a file of cases beside these paths changes. Ends when its output is closed,
/// or with an error that no change to a file can mend.
pub(super) fn run(paths: &[String], mut once: impl FnMut() -> Result<Exit>) -> Result<Exit> {
    loop {
        let before = stamps(paths);
        match once() {
            // A half-written file is no reason to stop.
            Ok(_) | Err(Error::No(_) | Error::Failed(_)) => {}
            Err(gone @ Error::ReaderGone) => return Err(gone),
        }
        while stamps(paths) == before {
            std::thread::sleep(EVERY);
        }
    }
}

fn stamps(paths: &[String]) -> Vec<(PathBuf, Option<SystemTime>)> {
    let mut found = Vec::new();
    for path in paths {
        let path = Path::new(path);
        // Cases are beside their policy, or in a folder there.
        let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        below(folder, DEPTH, &mut found);
    }
    found.sort();
    found
}

fn below(folder: &Path, depth: usize, found: &mut Vec<(PathBuf, Option<SystemTime>)>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let yaml =
            path.extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json");
        if path.is_dir() && depth > 0 && !path.is_symlink() {
            below(&path, depth - 1, found);
        } else if yaml && found.len() < FILES {
            let at = entry.metadata().ok().and_then(|file| file.modified().ok());
            found.push((path, at));
        }
    }
}
