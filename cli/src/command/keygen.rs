//! `hemostat keygen`: a key that signs releases, and the line that makes proxies trust it.

use std::io::Write;
use std::path::PathBuf;

use crate::shared::error::Result;
use crate::shared::exit::Exit;
use crate::shared::key::{self, Key};

/// Arguments of `hemostat keygen`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat keygen ops-2026                        writes ops-2026.key, prints what goes into `trust`
  hemostat keygen oncall --may rollback,approve   a key that may only roll back, and approve tool calls")]
pub(crate) struct Args {
    /// The key's name, by which proxies and people know it: letters, digits, `.`, `_`, `-`
    name: String,
    /// The folder for NAME.key
    #[arg(long, default_value = ".", value_name = "DIR")]
    out: PathBuf,
    /// What the key may do: release, rollback, approve
    #[arg(long, value_delimiter = ',', value_parser = ["release", "rollback", "approve"])]
    may: Vec<String>,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let length = (1..=hemostat_engine::limits::ID_CHARS).contains(&args.name.len());
    if !length || !args.name.bytes().all(plain) {
        let name = crate::shared::terminal::safe(&args.name);
        writeln!(
            err,
            "hemostat: `{name}` is no name; it takes letters, digits, `.`, `_`, `-`, 1 to 64"
        )?;
        return Ok(Exit::Failed);
    }
    let (key, text) = Key::generate(&args.name)?;
    let path = args.out.join(format!("{}.key", args.name));
    key::write_private(&path, &text)?;
    let public = key.secret.public().to_base64();
    let name = &args.name;
    writeln!(
        err,
        "the secret key is in {}; the configuration of the proxies takes:",
        path.display()
    )?;
    let list = args.may.iter().map(|may| format!("\"{may}\"")).collect::<Vec<_>>().join(", ");
    match args.may.as_slice() {
        [] => writeln!(out, "trust: {{keys: {{{name}: \"{public}\"}}}}")?,
        may => writeln!(
            out,
            "trust: {{keys: {{{name}: {{key: \"{public}\", may: [{}]}}}}}}",
            may.join(", ")
        )?,
    }
    match args.may.as_slice() {
        [] => writeln!(err, "or, under `keys` in JSON: \"{name}\": \"{public}\"")?,
        _ => writeln!(
            err,
            "or, under `keys` in JSON: \"{name}\": {{\"key\": \"{public}\", \"may\": [{list}]}}"
        )?,
    }
    Ok(Exit::Fine)
}
