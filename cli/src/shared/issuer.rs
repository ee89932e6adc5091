//! The name of whoever makes a release, as histories show it.

use std::process::{Command, Stdio};

/// The given name, else `$HEMOSTAT_ISSUER`, `$USER`, the user name that the system reports, or, if it has none, user id
/// and host.
pub(crate) fn issuer(given: Option<&str>) -> String {
    let from_env = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    given
        .map(str::to_owned)
        .or_else(|| from_env("HEMOSTAT_ISSUER"))
        .or_else(|| from_env("USER"))
        .unwrap_or_else(of_the_system)
}

/// Cron, containers and `env -i` set no `$USER`. `id` also knows users that are in no local file.
fn of_the_system() -> String {
    if let Some(name) = said_by("id", &["-un"]) {
        return name;
    }
    let user =
        said_by("id", &["-u"]).map_or("somebody".to_owned(), |number| format!("uid {number}"));
    let host = said_by("hostname", &[]).or_else(|| said_by("uname", &["-n"]));
    format!("{user} at {}", host.as_deref().unwrap_or("a host without a name"))
}

/// The first line of a command's output, if it succeeds.
fn said_by(command: &str, words: &[&str]) -> Option<String> {
    let mut command = Command::new(command);
    let done = command.args(words).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let said = String::from_utf8(done.stdout).ok()?;
    let line = said.lines().next()?.trim();
    (done.status.success() && !line.is_empty()).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn the_system_knows_who_it_is() {
        assert_eq!(Some(of_the_system()), said_by("id", &["-un"]));
        assert_eq!(issuer(Some("ann")), "ann");
        assert_eq!(said_by("false", &[]), None);
        assert_eq!(said_by("no-such-command", &[]), None);
    }
}
