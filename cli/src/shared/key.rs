//! Secret keys, from a file that only its owner can read or from an environment variable. They are never shown.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::shared::error::{Error, Result};
use crate::shared::files::{self, SECRET_KEY};
use crate::shared::settings::Settings;
use crate::shared::terminal::safe;
use hemostat_engine::dsse::{SecretKey, base64};

/// A secret key and its name, the `keyid` of what it signs.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) secret: SecretKey,
}

impl Key {
    /// Generates a key; also gives its text.
    pub(crate) fn generate(name: &str) -> Result<(Self, String)> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .map_err(|error| Error::failed(format!("the system gives no randomness: {error}")))?;
        let text = format!("{SECRET_KEY} {name} {}\n", base64::encode(&seed));
        Ok((Self { name: name.to_owned(), secret: SecretKey::from_seed(&seed) }, text))
    }

    /// Loads the key that `from` names: a file, or `env:NAME` for an environment variable.
    pub(crate) fn load(from: &str) -> Result<Self> {
        let place = safe(from);
        let text = match from.strip_prefix("env:") {
            Some(name) => std::env::var(name).map_err(|_| {
                Error::failed(format!("{place}: there is no such environment variable"))
            })?,
            None => files::secret(from)?,
        };
        // The message must not show what is wrong with a secret.
        let key = Self::parse(&text).ok_or_else(|| {
            Error::failed(format!("{place}: this is not a secret key; `hemostat keygen` makes one"))
        })?;
        if !from.starts_with("env:") {
            private(Path::new(from))?;
        }
        Ok(key)
    }

    /// The names by which proxies know them.
    pub(crate) fn names(keys: &[Self]) -> Vec<&str> {
        keys.iter().map(|key| key.name.as_str()).collect()
    }

    /// Loads the named keys, else those of hemostat.yaml.
    pub(crate) fn all(named: &[String]) -> Result<Vec<Self>> {
        let settings = Settings::load()?;
        let named = if named.is_empty() { &settings.keys } else { named };
        if named.is_empty() {
            let message = "no key: give `--key FILE`, or say `key` in hemostat.yaml";
            return Err(Error::failed(message));
        }
        let keys = named.iter().map(|from| Self::load(from)).collect::<Result<Vec<_>>>()?;
        // Proxies count a name once: who gives a key twice believes that two have signed.
        let twice = keys.iter().enumerate().find_map(|(at, key)| {
            keys.iter().take(at).any(|other| other.name == key.name).then_some(&key.name)
        });
        match twice {
            Some(name) => Err(Error::failed(format!(
                "two keys are named `{}`: each `--key` must be the key of another signer",
                safe(name)
            ))),
            None => Ok(keys),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let (mark, name, seed) = (words.next()?, words.next()?, words.next()?);
        let seed: [u8; 32] = base64::decode(seed)?.try_into().ok()?;
        (mark == SECRET_KEY && words.next().is_none())
            .then(|| Self { name: name.to_owned(), secret: SecretKey::from_seed(&seed) })
    }
}

/// Refuses a key that others can read.
#[cfg(unix)]
fn private(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode =
        fs::metadata(path).map_err(|error| Error::file(path, &error))?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let place = safe(&path.display().to_string());
    Err(Error::failed(format!(
        "{place}: others can read this key (mode {mode:03o}); run `chmod 600 {place}`"
    )))
}

#[cfg(not(unix))]
fn private(path: &Path) -> Result<()> {
    fs::metadata(path).map(|_| ()).map_err(|error| Error::file(path, &error))
}

/// Creates a file that only its owner can read. An existing file is never overwritten.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::failed(format!(
            "{0}: there is a key already, and it is not overwritten; `hemostat keygen --public {0}` prints its line for `trust`",
            safe(&path.display().to_string())
        )),
        _ => Error::written(path, &error),
    })?;
    let done = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    done.map_err(|error| Error::written(path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_and_is_never_shown() {
        let (key, text) = Key::generate("ops").unwrap();
        let again = Key::parse(&text).unwrap();
        assert_eq!((again.name.as_str(), again.secret.public()), ("ops", key.secret.public()));
        let seed = text.split_whitespace().nth(2).unwrap();
        assert!(!format!("{again:?}").contains(seed));
        assert!(Key::parse("hemostat-secret-key ops AAAA").is_none());
        assert!(Key::parse(&format!("{text} more")).is_none());
    }

    #[test]
    #[cfg(unix)]
    fn a_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = std::env::temp_dir().join(format!("hemostat-key-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("ops.key");
        let (_, text) = Key::generate("ops").unwrap();
        write_private(&path, &text).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(write_private(&path, &text).is_err(), "a key is never overwritten");
        assert!(Key::load(path.to_str().unwrap()).is_ok());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = Key::load(path.to_str().unwrap()).unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
