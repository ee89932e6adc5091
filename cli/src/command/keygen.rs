//! `hemostat keygen`: a key that signs releases, and the line that makes proxies trust it.

use std::io::Write;
use std::path::PathBuf;

use serde_json::json;

use crate::shared::error::Result;
use crate::shared::exit::Exit;
use crate::shared::key::{self, Key};
use crate::shared::terminal::safe;

/// Arguments of `hemostat keygen`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat keygen ops-2026                        writes ops-2026.key, prints what goes into `trust`
  hemostat keygen oncall --may rollback,approve   a key that may only roll back, and approve tool calls
  hemostat keygen --public ops.key oncall.key     the lines for `trust` of keys that are there, in one
  hemostat keygen --public oncall.key --may rollback,approve")]
pub(crate) struct Args {
    /// The key's name, by which proxies and people know it: letters, digits, `.`, `_`, `-`
    #[arg(required_unless_present = "public")]
    name: Option<String>,
    /// Make no key: print the line for `trust` of these secret keys
    #[arg(long, value_name = "KEY", num_args = 1.., conflicts_with_all = ["name", "out"])]
    public: Vec<String>,
    /// The folder for NAME.key
    #[arg(long, default_value = ".", value_name = "DIR")]
    out: PathBuf,
    /// What the key may do: release, rollback, approve
    #[arg(long, value_delimiter = ',', value_parser = ["release", "rollback", "approve"])]
    may: Vec<String>,
    /// Print the lines for `trust` as one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    if !args.public.is_empty() {
        let keys = args.public.iter().map(|from| Key::load(from)).collect::<Result<Vec<_>>>()?;
        return trust(&keys, args, out, err);
    }
    let name = args.name.as_deref().unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let length = (1..=hemostat_engine::limits::ID_CHARS).contains(&name.len());
    if !length || !name.bytes().all(plain) {
        let name = safe(name);
        writeln!(
            err,
            "hemostat: `{name}` is not a name for a key: 1 to 64 letters, digits, `.`, `_` or `-` are expected"
        )?;
        return Ok(Exit::Failed);
    }
    let (key, text) = Key::generate(name)?;
    let path = args.out.join(format!("{name}.key"));
    key::write_private(&path, &text)?;
    writeln!(
        err,
        "the secret key is in {}; the configuration of the proxies takes:",
        safe(&path.display().to_string())
    )?;
    trust(&[key], args, out, err)
}

/// Prints the lines that make proxies trust these keys, in YAML and in JSON.
fn trust(keys: &[Key], args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    if args.json {
        let trusted = keys.iter().map(|key| {
            let public = key.secret.public().to_base64();
            let how = match args.may.is_empty() {
                true => json!(public),
                false => json!({"key": public, "may": args.may}),
            };
            (key.name.clone(), how)
        });
        let trusted: serde_json::Map<_, _> = trusted.collect();
        writeln!(out, "{:#}", json!({"trust": {"keys": trusted}}))?;
        return Ok(Exit::Fine);
    }
    let (words, texts) = (args.may.join(", "), args.may.join("\", \""));
    let (mut yaml, mut json) = (Vec::new(), Vec::new());
    for key in keys {
        let (name, public) = (&key.name, key.secret.public().to_base64());
        if args.may.is_empty() {
            yaml.push(format!("{name}: \"{public}\""));
            json.push(format!("\"{name}\": \"{public}\""));
        } else {
            yaml.push(format!("{name}: {{key: \"{public}\", may: [{words}]}}"));
            json.push(format!("\"{name}\": {{\"key\": \"{public}\", \"may\": [\"{texts}\"]}}"));
        }
    }
    writeln!(out, "trust: {{keys: {{{}}}}}", yaml.join(", "))?;
    writeln!(err, "or, under `keys` in JSON: {}", json.join(", "))?;
    Ok(Exit::Fine)
}
