//! The only way to read a small file, and to write one that others read meanwhile: every error names the file.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use crate::shared::error::{Error, Result};
use crate::shared::terminal::safe;

/// The first word of a secret key's text.
pub(crate) const SECRET_KEY: &str = "hemostat-secret-key";

/// The name of standard input.
const STDIN: &str = "-";

/// Reads a policy, a release or the like as text; `-` is standard input. What is too long for any of them is cut, and still
/// too long for whoever parses it.
///
/// # Errors
/// It cannot be read, is not UTF-8, or is a secret key, which must not be shown as a line with a mistake.
pub(crate) fn read(file: &str) -> Result<String> {
    // A character has four bytes at most.
    let most = hemostat_engine::limits::ENVELOPE_BYTES as u64 + 4;
    let text = text(file, start(file, most)?, most)?;
    if text.trim_start().starts_with(SECRET_KEY) {
        let help = "it belongs to `--key` alone, and nothing of it is shown";
        return Err(Error::failed(format!("{}: this is a secret key: {help}", name(file))));
    }
    Ok(text)
}

/// The text of a secret key.
///
/// # Errors
/// It cannot be read, or is not UTF-8.
pub(crate) fn secret(file: &str) -> Result<String> {
    const MOST: u64 = 4096;
    text(file, start(file, MOST)?, MOST)
}

/// All of a file, however long it is.
///
/// # Errors
/// It cannot be read.
pub(crate) fn bytes(file: impl AsRef<Path>) -> Result<Vec<u8>> {
    fs::read(&file).map_err(|error| Error::file(&file, &error))
}

/// All of a file as text.
///
/// # Errors
/// It cannot be read, or is not UTF-8.
pub(crate) fn whole(file: impl AsRef<Path>) -> Result<String> {
    text(&file.as_ref().to_string_lossy(), bytes(&file)?, u64::MAX)
}

/// The first bytes of a file.
fn start(file: &str, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let done = match file {
        STDIN => io::stdin().lock().take(most).read_to_end(&mut bytes),
        path => fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)),
    };
    done.map_err(|error| Error::file(name(file), &error))?;
    Ok(bytes)
}

/// The bytes as text; a character that was cut at `most` bytes is left out.
fn text(file: &str, mut bytes: Vec<u8>, most: u64) -> Result<String> {
    if bytes.len() as u64 == most
        && let Err(cut) = std::str::from_utf8(&bytes)
        && cut.error_len().is_none()
    {
        bytes.truncate(cut.valid_up_to());
    }
    String::from_utf8(bytes).map_err(|bad| {
        let at = bad.utf8_error().valid_up_to();
        Error::failed(format!("{}: not UTF-8 text (at byte {at})", name(file)))
    })
}

fn name(file: &str) -> String {
    match file {
        STDIN => "standard input".to_owned(),
        path => safe(path),
    }
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
    let name = path.file_name().ok_or_else(|| {
        let shown = safe(&path.display().to_string());
        Error::failed(format!("`{shown}` names no file to write"))
    })?;
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
        Error::written(path, &error)
    })
}
