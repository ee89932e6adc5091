//! Files that others read while they are being written.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use crate::shared::error::{Error, Result};

/// Reads a file as text; `-` is standard input.
pub(crate) fn read(file: &str) -> Result<String> {
    let most = hemostat_engine::limits::ENVELOPE_BYTES as u64 + 1;
    let mut text = String::new();
    let done = match file {
        "-" => io::stdin().lock().take(most).read_to_string(&mut text),
        path => fs::File::open(path).and_then(|file| file.take(most).read_to_string(&mut text)),
    };
    done.map_err(|error| Error::file(file, &error))?;
    Ok(text)
}

/// Makes a file at least a second newer than the one that it replaces. Static servers derive the `ETag` from time and
/// size, and two releases of the same second may have the same size: a proxy would never fetch the second one.
fn differ(fresh: &fs::File, old: &Path) {
    let modified = |file: fs::Metadata| file.modified().ok();
    let old = fs::metadata(old).ok().and_then(modified);
    let new = fresh.metadata().ok().and_then(modified);
    let second = |at: std::time::SystemTime| {
        at.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
    };
    if let (Some(old), Some(new)) = (old, new)
        && second(new) <= second(old)
    {
        // Best effort: some file systems do not accept a time, and the content is right without it.
        let _ = fresh.set_modified(old + std::time::Duration::from_secs(1));
    }
}

/// Replaces a file atomically: readers see the old content or the new one, even after a crash.
pub(crate) fn replace(path: &Path, text: &str) -> Result<()> {
    let named = |error: io::Error| Error::file(path, &error);
    let name = path.file_name().ok_or_else(|| named(io::ErrorKind::InvalidInput.into()))?;
    // A dot file beside it: a static server does not offer it, and the rename stays on one file system.
    let fresh = path.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
    let write = || -> io::Result<()> {
        let mut file = fs::File::create(&fresh)?;
        file.write_all(text.as_bytes())?;
        differ(&file, path);
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        // The rename is durable once the folder is synced.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&fresh);
        named(error)
    })
}
