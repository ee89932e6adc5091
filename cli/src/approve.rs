//! `hemostat approve`: a person's leave for one tool call, signed.

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use hemostat_engine::dsse::base64;
use hemostat_engine::grant::{Grant, LONGEST_LIFE_S, What, approval_id};
use hemostat_engine::policy::config::remote::default_scope;
use hemostat_engine::policy::program::tools::Args as CallArgs;
use hemostat_engine::policy::source::{self, Node};
use hemostat_engine::policy::time;

use crate::exit::Exit;
use crate::files;
use crate::key::Key;
use crate::terminal::safe;

/// Arguments of `hemostat approve`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat approve ap_7Q2M… --key oncall.key --tool refund --args '{\"amount\": 150}'
  hemostat approve --any-args-of refund --key oncall.key --tenant acme --for 5m
  hemostat approve ap_7Q2M… --key env:HEMOSTAT_KEY --blind

The grant goes to standard output; the caller sends it in the header x-hemostat-approval. It is good for one call.")]
pub(crate) struct Args {
    /// The call's approval id, as the answer says it
    #[arg(required_unless_present_any = ["tool", "any_args_of"], conflicts_with = "any_args_of")]
    id: Option<String>,
    /// The key that signs: a file that its owner alone can read, or env:NAME
    #[arg(long, value_name = "FILE")]
    key: String,
    /// How long the grant lives: 30s, 15m; an hour at most
    #[arg(long = "for", value_name = "TIME", default_value = "15m", value_parser = span)]
    life: u64,
    /// Only for this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// Any call of this tool, whatever its arguments
    #[arg(long, value_name = "TOOL", conflicts_with_all = ["tool", "args", "blind"])]
    any_args_of: Option<String>,
    /// The tool that the call is for
    #[arg(long, requires = "args")]
    tool: Option<String>,
    /// The call's arguments, in JSON
    #[arg(long, value_name = "JSON", requires = "tool")]
    args: Option<String>,
    /// An argument that the rule's `id_args` names, as a JSON pointer; may be given several times
    #[arg(long, value_name = "POINTER", requires = "args")]
    id_arg: Vec<String>,
    /// Sign although nobody here has seen what the id stands for
    #[arg(long)]
    blind: bool,
    /// The scope of the proxies' configuration
    #[arg(long, conflicts_with = "config")]
    scope: Option<String>,
    /// The proxies' configuration, whose scope is taken
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
}

/// `30s`, `15m`, `1h` in seconds.
fn span(text: &str) -> Result<u64, String> {
    let wanted = || "30s, 15m or 1h is expected, an hour at most".to_owned();
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        _ => return Err(wanted()),
    };
    let count: u64 = text.trim_end_matches(['s', 'm', 'h']).parse().map_err(|_| wanted())?;
    let seconds = count.checked_mul(unit).filter(|s| (1..=LONGEST_LIFE_S).contains(s));
    seconds.ok_or_else(wanted)
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let what = match what(args) {
        Ok(what) => what,
        Err(no) => {
            writeln!(err, "hemostat: {no}")?;
            return Ok(Exit::No);
        }
    };
    let scope = match (&args.scope, &args.config) {
        (Some(scope), _) => Some(scope.clone()),
        (None, Some(file)) => Some(scope_of(file)?),
        (None, None) => None,
    };
    let key = Key::load(&args.key)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(io::Error::other)?.as_secs();
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce)
        .map_err(|error| io::Error::other(format!("the system gives no randomness: {error}")))?;
    let grant = Grant {
        scope,
        what,
        tenant: args.tenant.clone(),
        issued_at: now,
        expires: now + args.life,
        nonce: base64::encode(&nonce),
    };
    show(&grant, args, &key.name, err)?;
    writeln!(out, "{}", grant.sign(&key.secret, &key.name))?;
    Ok(Exit::Fine)
}

/// What is allowed. `Err`: why nobody should sign it.
fn what(args: &Args) -> Result<What, String> {
    if let Some(tool) = &args.any_args_of {
        return Ok(What::AnyArgsOf(tool.clone()));
    }
    let given = args.id.as_deref().map(normal).transpose()?;
    let (Some(tool), Some(json)) = (&args.tool, &args.args) else {
        let id = given.unwrap_or_default();
        return if args.blind {
            Ok(What::Call(id))
        } else {
            Err(format!(
                "nobody here has seen what `{id}` stands for: give `--tool` and `--args`, or `--blind`"
            ))
        };
    };
    let pointers: Result<Vec<_>, _> = args.id_arg.iter().map(|text| pointer(text)).collect();
    let canonical = CallArgs::json(json.as_bytes())
        .canonical(&pointers?)
        .map_err(|error| format!("these arguments have no id: {error}"))?;
    let id = approval_id(tool, &canonical);
    match given {
        Some(given) if given != id => Err(format!(
            "this call is `{id}`, not `{given}`: it is another tool, or other arguments"
        )),
        _ => Ok(What::Call(id)),
    }
}

/// The id in its one spelling.
fn normal(id: &str) -> Result<String, String> {
    let digits = id.strip_prefix("ap_").map(str::to_ascii_uppercase).unwrap_or_default();
    let base32 = |c: char| c.is_ascii_uppercase() || ('2'..='7').contains(&c);
    if digits.len() == 32 && digits.chars().all(base32) {
        Ok(format!("ap_{digits}"))
    } else {
        Err(format!("`{}` is no approval id: `ap_` and 32 letters and digits", safe(id)))
    }
}

fn pointer(text: &str) -> Result<Vec<String>, String> {
    let rest = text
        .strip_prefix('/')
        .ok_or_else(|| format!("`{}`: a pointer begins with `/`", safe(text)))?;
    Ok(rest.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect())
}

fn scope_of(file: &str) -> io::Result<String> {
    let text = files::read(file)?;
    let tree = source::parse(&text, file).ok();
    let named =
        tree.as_ref().and_then(|tree| tree.get("scope")).and_then(Node::text).map(str::to_owned);
    let scope = named.or_else(|| tree.as_ref()?.get("trust").and_then(default_scope));
    scope.ok_or_else(|| {
        let message = format!("{}: neither `scope` nor `trust`", safe(file));
        io::Error::new(io::ErrorKind::InvalidData, message)
    })
}

/// What is signed, for the person who signs.
fn show(grant: &Grant, args: &Args, key: &str, err: &mut dyn Write) -> io::Result<()> {
    match &grant.what {
        What::AnyArgsOf(tool) => {
            writeln!(err, "call      any call of `{}`, whatever its arguments", safe(tool))?;
        }
        What::Call(id) => {
            let tool = args
                .tool
                .as_deref()
                .map_or("unknown (--blind)".to_owned(), |tool| format!("`{}`", safe(tool)));
            writeln!(err, "call      {id}\ntool      {tool}")?;
            if let Some(json) = &args.args {
                writeln!(err, "arguments {}", safe(json))?;
            }
        }
    }
    writeln!(err, "tenant    {}", grant.tenant.as_deref().map_or("any".to_owned(), safe))?;
    let scope = grant.scope.as_deref().map_or("proxies that name none".to_owned(), safe);
    writeln!(err, "scope     {scope}")?;
    writeln!(err, "until     {}\nkey       {}", time::format(grant.expires), safe(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_with(words: &[&str]) -> (Exit, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let words = ["hemostat", "approve"].iter().chain(words).map(|word| (*word).into());
        let exit = crate::run(words, &mut out, &mut err);
        (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    fn key() -> (tempdir::Folder, String, hemostat_engine::policy::trust::TrustedKey) {
        let folder = tempdir::Folder::new();
        let (key, text) = Key::generate("oncall").unwrap();
        let path = folder.path().join("oncall.key");
        crate::key::write_private(&path, &text).unwrap();
        let may = hemostat_engine::policy::trust::May::ALL;
        let trusted = hemostat_engine::policy::trust::TrustedKey {
            id: "oncall".to_owned(),
            key: key.secret.public(),
            may,
        };
        (folder, path.to_str().unwrap().to_owned(), trusted)
    }

    /// A folder that goes with its owner.
    mod tempdir {
        use std::path::{Path, PathBuf};
        use std::sync::atomic::{AtomicU32, Ordering};

        pub(super) struct Folder(PathBuf);

        impl Folder {
            pub(super) fn new() -> Self {
                static NUMBER: AtomicU32 = AtomicU32::new(0);
                let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                let name = format!("hemostat-approve-{}-{number}", std::process::id());
                let path = std::env::temp_dir().join(name);
                std::fs::create_dir_all(&path).unwrap();
                Self(path)
            }

            pub(super) fn path(&self) -> &Path {
                &self.0
            }
        }

        impl Drop for Folder {
            fn drop(&mut self) {
                let _ = std::fs::remove_dir_all(&self.0);
            }
        }
    }

    const ID: &str = "ap_EMOKNUMPXJ2HRZH3UNA4R7ZV4W5VA4RD";

    #[test]
    fn a_grant_is_printed_for_what_was_shown() {
        let (_folder, file, trusted) = key();
        let args = r#"{"amount": 150.0}"#;
        let (exit, out, err) = run_with(&[
            &ID.to_lowercase(),
            "--key",
            &file,
            "--tool",
            "refund",
            "--args",
            args,
            "--tenant",
            "acme",
            "--for",
            "5m",
            "--scope",
            "prod",
        ]);
        assert_eq!(exit, Exit::Fine, "{err}");
        let envelope = base64::decode(out.trim()).unwrap();
        let grant = Grant::verify(&envelope, &[trusted]).unwrap();
        assert_eq!(grant.what, What::Call(ID.to_owned()));
        assert_eq!((grant.tenant.as_deref(), grant.scope.as_deref()), (Some("acme"), Some("prod")));
        assert_eq!(grant.expires - grant.issued_at, 300);
        for shown in ["`refund`", args, "acme", "prod", ID] {
            assert!(err.contains(shown), "{shown} in {err}");
        }
        let secret = std::fs::read_to_string(&file).unwrap();
        let seed = secret.split_whitespace().nth(2).unwrap();
        assert!(!out.contains(seed) && !err.contains(seed));
    }

    #[test]
    fn nothing_is_signed_unseen_or_for_another_call() {
        let (_folder, file, _) = key();
        for words in [
            vec![ID],
            vec![ID, "--tool", "refund", "--args", r#"{"amount":151}"#],
            vec![ID, "--tool", "transfer", "--args", r#"{"amount":150}"#],
            vec!["--tool", "refund", "--args", r#"{"amount":1,"amount":2}"#],
            vec!["ap_short", "--blind"],
        ] {
            let words: Vec<&str> = words.into_iter().chain(["--key", &file]).collect();
            let (exit, out, _) = run_with(&words);
            assert_eq!((exit, out.as_str()), (Exit::No, ""), "{words:?}");
        }
        assert_eq!(run_with(&[ID, "--key", &file, "--blind"]).0, Exit::Fine);
        assert_eq!(run_with(&["--any-args-of", "refund", "--key", &file]).0, Exit::Fine);
        assert_eq!(run_with(&[ID, "--key", &file, "--blind", "--for", "2h"]).0, Exit::Failed);
        assert_eq!(run_with(&["--key", &file]).0, Exit::Failed);
    }
}
