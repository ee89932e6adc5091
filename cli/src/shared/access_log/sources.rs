//! Where access logs are: files, folders, globs, standard input.

use std::cell::Cell;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;

use crate::shared::error::{Error, Result};
use crate::shared::terminal::safe;

/// The first bytes of a gz file (RFC 1952 §2.3.1).
const GZ: [u8; 2] = [0x1f, 0x8b];

const BUFFER: usize = 256 * 1024;

/// Sources, ordered by name.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    all: Vec<Source>,
}

/// One source.
#[derive(Debug)]
pub(crate) enum Source {
    Stdin,
    File(PathBuf),
}

/// Bytes read from a source so far: of a gz file, compressed bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counted(Rc<Cell<u64>>);

impl Counted {
    pub(crate) fn get(&self) -> u64 {
        self.0.get()
    }
}

/// An open source.
pub(crate) struct Opened {
    reader: Box<dyn BufRead>,
    counted: Counted,
}

struct Counting<R> {
    inner: R,
    counted: Counted,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.counted.0.set(self.counted.0.get() + read as u64);
        Ok(read)
    }
}

impl Sources {
    /// True if one of them cannot be read a second time.
    pub(crate) fn are_read_once(&self) -> bool {
        self.all.iter().any(|source| matches!(source, Source::Stdin))
    }

    /// Finds the sources that these arguments name: `-`, files, folders (their `.json`, `.jsonl`, `.ndjson` and `.log`
    /// files, also with `.gz` or a rotation number appended), and globs that the shell did not expand.
    ///
    /// # Errors
    /// An argument matches nothing.
    pub(crate) fn find(words: &[String]) -> Result<Self> {
        let mut all = Vec::new();
        for word in words {
            let path = Path::new(word);
            if word == "-" {
                all.push(Source::Stdin);
            } else if path.is_dir() {
                let mut files: Vec<PathBuf> =
                    list(path)?.into_iter().filter(|at| is_log(at)).collect();
                if files.is_empty() {
                    let ends = ENDS.map(|end| format!("`.{end}`")).join(", ");
                    let message = format!("no file in this folder ends with one of {ends}");
                    return Err(Error::failed(format!("{}: {message}", safe(word))));
                }
                files.sort();
                all.extend(files.into_iter().map(Source::File));
            } else if path.exists() || !word.contains(['*', '?']) {
                all.push(Source::File(path.to_owned()));
            } else {
                let found = expand(word)?;
                if found.is_empty() {
                    return Err(Error::failed(format!("{}: no file has such a name", safe(word))));
                }
                all.extend(found.into_iter().map(Source::File));
            }
        }
        Ok(Self { all })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Source> {
        self.all.iter()
    }

    /// The total size of all files, in bytes; `None` if standard input is among them.
    pub(crate) fn bytes(&self) -> Option<u64> {
        let size = |source: &Source| match source {
            Source::Stdin => None,
            Source::File(path) => Some(fs::metadata(path).map_or(0, |file| file.len())),
        };
        self.all.iter().map(size).sum()
    }
}

fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let named = |error: io::Error| Error::file(folder, &error);
    let entries = fs::read_dir(folder).map_err(named)?;
    entries.map(|entry| Ok(entry.map_err(named)?.path())).collect()
}

/// How the names of logs end, before `.gz` and the number of a rotation.
const ENDS: [&str; 4] = ["json", "jsonl", "ndjson", "log"];

fn is_log(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name =
        name.trim_end_matches(".gz").trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    path.is_file() && ENDS.iter().any(|end| name.ends_with(end))
}

/// The files that a glob matches: `*` and `?` in any component of the path.
fn expand(glob: &str) -> Result<Vec<PathBuf>> {
    let mut found = vec![PathBuf::from(if glob.starts_with('/') { "/" } else { "" })];
    for part in glob.split('/').filter(|part| !part.is_empty()) {
        let mut next = Vec::new();
        for at in found {
            if !part.contains(['*', '?']) {
                next.push(at.join(part));
                continue;
            }
            let folder = if at.as_os_str().is_empty() { Path::new(".") } else { at.as_path() };
            if !folder.is_dir() {
                continue;
            }
            for path in list(folder)? {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                // As in a shell, a leading dot only matches if it is written.
                let hidden = name.starts_with('.') && !part.starts_with('.');
                if !hidden && hemostat_engine::policy::program::glob::matches(part, &name) {
                    next.push(at.join(name));
                }
            }
        }
        found = next;
    }
    found.retain(|path| path.is_file());
    found.sort();
    Ok(found)
}

impl Source {
    /// Its name for people.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Stdin => "standard input".to_owned(),
            Self::File(path) => safe(&path.display().to_string()),
        }
    }

    /// Opens it. Gzip is recognised by its first bytes, whatever the file's name, and unpacked.
    pub(crate) fn open(&self) -> Result<Opened> {
        let named = |error: io::Error| match self {
            Self::Stdin => Error::file("standard input", &error),
            Self::File(path) => Error::file(path, &error),
        };
        let raw: Box<dyn Read> = match self {
            Self::Stdin => Box::new(io::stdin()),
            Self::File(path) => Box::new(fs::File::open(path).map_err(named)?),
        };
        let counted = Counted::default();
        let counting = Counting { inner: raw, counted: counted.clone() };
        let mut plain = BufReader::with_capacity(BUFFER, counting);
        let packed = plain.fill_buf().map_err(named)?.starts_with(&GZ);
        let reader: Box<dyn BufRead> = match packed {
            true => Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(plain))),
            false => Box::new(plain),
        };
        Ok(Opened { reader, counted })
    }
}

impl Opened {
    pub(crate) fn counted(&self) -> Counted {
        self.counted.clone()
    }
}

impl Read for Opened {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.reader.read(into)
    }
}

impl BufRead for Opened {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.reader.consume(amount);
    }
}
