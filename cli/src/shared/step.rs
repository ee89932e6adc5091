//! A step away from the policy in force: its conditions, and its announcement.

use std::io::Write;

use serde_json::{Value, json};

use crate::shared::deliver::How;
use crate::shared::error::{Error, Result};
use crate::shared::exit::Exit;
use crate::shared::fleet::Status;
use crate::shared::number;
use crate::shared::terminal::{or_dash, safe};

/// The conditions that `rollback` and `activate` share.
#[derive(Debug, clap::Args)]
pub(crate) struct Guard {
    /// Only if this serial is in force: two people who act at once take one step, not two
    #[arg(long, value_parser = number::served, value_name = "SERIAL")]
    expect: Option<u64>,
    /// Say what would be done, and send nothing
    #[arg(long)]
    dry_run: bool,
}

/// A step to be taken.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    /// Its name in messages.
    pub(crate) verb: &'a str,
    /// The status before the step.
    pub(crate) from: &'a Status,
    /// The serial of the new release.
    pub(crate) serial: u64,
    /// The policy that takes over.
    pub(crate) version: &'a str,
    pub(crate) digest: &'a str,
    /// When it ends, in words.
    pub(crate) ends: Option<String>,
}

impl Guard {
    /// Refuses the step if another serial than the expected one is in force.
    pub(crate) fn holds(&self, from: &Status) -> Result<()> {
        match self.expect {
            Some(serial) if serial != from.serial() => Err(Error::no(format!(
                "serial {} is in force (version {}, by {}), not {serial}: somebody was here before; nothing was sent",
                from.serial(),
                safe(or_dash(from.text("version"))),
                safe(or_dash(from.text("issuer")))
            ))),
            _ => Ok(()),
        }
    }

    /// Announces the step; `Some` for a dry run, which ends there.
    pub(crate) fn tell(
        &self,
        step: &Step<'_>,
        how: &How,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<Option<Exit>> {
        let (version, digest) = (safe(or_dash(step.version)), safe(step.digest));
        let from = safe(or_dash(step.from.text("version")));
        if self.dry_run && how.json {
            let dry = json!({"dry_run": true, "verb": step.verb, "serial": step.serial,
                "version": step.version, "digest": step.digest, "ends": step.ends,
                "from": {"serial": step.from.serial(), "version": step.from.0.get("version").unwrap_or(&Value::Null)}});
            writeln!(out, "{dry:#}")?;
            return Ok(Some(Exit::Fine));
        }
        let words = format!(
            "{}: version {version} ({digest}) takes over from version {from} (serial {}), as serial {}",
            step.verb,
            step.from.serial(),
            step.serial
        );
        let to: &mut dyn Write = if self.dry_run { out } else { err };
        writeln!(to, "{words}")?;
        if let Some(ends) = &step.ends {
            writeln!(to, "{ends}")?;
        }
        if self.dry_run {
            writeln!(to, "nothing was sent (--dry-run)")?;
            return Ok(Some(Exit::Fine));
        }
        Ok(None)
    }
}
