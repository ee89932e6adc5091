//! `hemostat approve`: signs a person's approval of one tool call.

mod pending;

use std::io::Write;

use hemostat_engine::base::time;
use hemostat_engine::dsse::base64;
use hemostat_engine::grant::{Grant, GrantTarget, LONGEST_LIFE_S, approval_id};
use hemostat_engine::policy::program::tools::Args as CallArgs;
use hemostat_engine::policy::source;
use serde_json::json;

use crate::shared::error::{Error, Result};
use crate::shared::exit::Exit;
use crate::shared::files;
use crate::shared::fleet::FleetArgs;
use crate::shared::key::Key;
use crate::shared::policy_file;
use crate::shared::terminal::safe;
use crate::shared::when;
use pending::WaitingCall;

/// Arguments of `hemostat approve`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat approve --list                       the calls that wait, of $HEMOSTAT_PROXIES
  hemostat approve ap_7Q2M… --key oncall.key    one of them: the proxies say what it is
  hemostat approve ap_7Q2M… --key oncall.key --tool refund --args '{\"amount\": 150}'
  hemostat approve --any-args-of refund --key oncall.key --tenant acme --for 5m
  hemostat approve ap_7Q2M… --key env:HEMOSTAT_KEY --blind

The grant goes to standard output; the caller sends it in the header x-hemostat-approval. It is good for one call.

There is nothing to dismiss: a call without a grant has not left and never does, its caller was told so, and it goes off
the list an hour after it was last tried. `do: deny` in `tools` says so for a tool once and for all.")]
pub(crate) struct Args {
    /// The call's approval id, as the answer says it
    #[arg(required_unless_present_any = ["tool", "any_args_of", "list"], conflicts_with = "any_args_of")]
    id: Option<String>,
    /// The key that signs: a file that its owner alone can read, or env:NAME
    #[arg(long, value_name = "FILE", required_unless_present = "list")]
    key: Option<String>,
    /// Show the calls that wait for leave, and sign nothing
    #[arg(long, conflicts_with_all = ["id", "key", "tool", "any_args_of", "blind"])]
    list: bool,
    /// Print the result as JSON: the calls that wait, or the grant with what it is for
    #[arg(long)]
    json: bool,
    /// How long the grant lives: 30s, 15m; an hour at most
    #[arg(long = "for", value_name = "TIME", default_value = "15m", value_parser = life)]
    life: u64,
    /// Only for this tenant [default: the one that the proxies show for the call]
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
    /// Sign although neither you nor a proxy says what the id stands for
    #[arg(long)]
    blind: bool,
    /// The scope of the proxies' configuration
    #[arg(long, conflicts_with = "config")]
    scope: Option<String>,
    /// The proxies' configuration, whose scope is taken
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
    #[command(flatten)]
    fleet: FleetArgs,
}

/// The call to be approved, as far as it is known.
struct Asked {
    what: GrantTarget,
    /// What the proxies report about the call.
    seen: Option<WaitingCall>,
}

/// The lifetime of a grant, in seconds.
fn life(text: &str) -> Result<u64> {
    let seconds = when::length(text).filter(|s| (1..=LONGEST_LIFE_S).contains(s));
    let wrong = "is not a length of time such as `30s`, `15m` or `1h`, an hour at most";
    seconds.ok_or_else(|| Error::failed(format!("`{}` {wrong}", safe(text))))
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    if args.list {
        return pending::list(&args.fleet.some()?, args.json, out, err);
    }
    let asked = asked(args)?;
    let seen = asked.seen.as_ref();
    let scope = match (&args.scope, &args.config) {
        (Some(scope), _) => Some(scope.clone()),
        (None, Some(file)) => Some(scope_of(file)?),
        (None, None) => seen.map(|seen| seen.scope.clone()).filter(|scope| !scope.is_empty()),
    };
    let key = Key::load(args.key.as_deref().unwrap_or_default())?;
    let now = when::now();
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce)
        .map_err(|error| Error::failed(format!("the system gives no randomness: {error}")))?;
    let tenant = args.tenant.clone().or_else(|| seen.and_then(|seen| seen.tenant.clone()));
    let grant = Grant {
        scope,
        what: asked.what,
        tenant,
        issued_at: now,
        expires: now + args.life,
        nonce: base64::encode(&nonce),
    };
    show(&grant, args, seen, &key.name, err)?;
    let signed = grant.sign(&key.secret, &key.name);
    if args.json {
        let (call, tool) = match &grant.what {
            GrantTarget::Call(id) => (Some(id), args.tool.as_ref().or(seen.map(|seen| &seen.tool))),
            GrantTarget::AnyArgsOf(tool) => (None, Some(tool)),
        };
        let made = json!({"grant": signed, "header": "x-hemostat-approval", "call": call, "tool": tool,
            "tenant": grant.tenant, "scope": grant.scope, "expires": time::format(grant.expires)});
        writeln!(out, "{made:#}")?;
    } else {
        writeln!(out, "{signed}")?;
    }
    Ok(Exit::Fine)
}

/// The call to be approved, unless it should not be signed.
fn asked(args: &Args) -> Result<Asked> {
    if let Some(tool) = &args.any_args_of {
        return Ok(Asked { what: GrantTarget::AnyArgsOf(tool.clone()), seen: None });
    }
    let given = args.id.as_deref().map(normal).transpose()?;
    if let (Some(tool), Some(json)) = (&args.tool, &args.args) {
        let id = call(args, given, tool, json)?;
        return Ok(Asked { what: GrantTarget::Call(id), seen: None });
    }
    let id = given.unwrap_or_default();
    let fleet = args.fleet.fleet()?;
    let seen = match fleet.proxies.is_empty() {
        true => Err(Error::no(format!(
            "nobody here has seen what `{id}` stands for: give `--tool` and `--args`, or `--proxy`, or `--blind`"
        ))),
        false => pending::find(&fleet, &id, args.tenant.as_deref()),
    };
    match seen {
        Ok(seen) => Ok(Asked { what: GrantTarget::Call(id), seen: Some(seen) }),
        Err(_) if args.blind => Ok(Asked { what: GrantTarget::Call(id), seen: None }),
        Err(no) => Err(no),
    }
}

/// The id of the call with these arguments.
fn call(args: &Args, given: Option<String>, tool: &str, json: &str) -> Result<String> {
    let pointers: Result<Vec<_>, _> = args.id_arg.iter().map(|text| pointer(text)).collect();
    let canonical = CallArgs::json(json.as_bytes())
        .canonical(&pointers?)
        .map_err(|error| Error::no(format!("these arguments have no id: {error}")))?;
    let id = approval_id(tool, &canonical);
    match given {
        Some(given) if given != id => Err(Error::no(format!(
            "this call is `{id}`, not `{given}`: it is another tool, or other arguments"
        ))),
        _ => Ok(id),
    }
}

/// The id in its canonical spelling.
fn normal(id: &str) -> Result<String> {
    let digits = id.strip_prefix("ap_").map(str::to_ascii_uppercase).unwrap_or_default();
    let base32 = |c: char| c.is_ascii_uppercase() || ('2'..='7').contains(&c);
    if digits.len() == 32 && digits.chars().all(base32) {
        Ok(format!("ap_{digits}"))
    } else {
        let why = format!(
            "`{}` is not an approval id, which is `ap_` and 32 letters and digits",
            safe(id)
        );
        Err(Error::no(why))
    }
}

fn pointer(text: &str) -> Result<Vec<String>> {
    let rest = text
        .strip_prefix('/')
        .ok_or_else(|| Error::no(format!("`{}`: a pointer begins with `/`", safe(text))))?;
    Ok(rest.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect())
}

fn scope_of(file: &str) -> Result<String> {
    let text = files::read(file)?;
    let tree =
        source::parse(&text, file).map_err(|found| Error::no(policy_file::lines(&found, file)))?;
    policy_file::scope_of(&tree).ok_or_else(|| {
        let wrong = "this configuration has neither `scope` nor `trust`, which tell the scope";
        Error::failed(format!("{}: {wrong}", safe(file)))
    })
}

/// Shows what is signed to the person who signs.
fn show(
    grant: &Grant,
    args: &Args,
    seen: Option<&WaitingCall>,
    key: &str,
    err: &mut dyn Write,
) -> Result<()> {
    match &grant.what {
        GrantTarget::AnyArgsOf(tool) => {
            writeln!(err, "call      any call of `{}`, whatever its arguments", safe(tool))?;
        }
        GrantTarget::Call(id) => {
            let named = args.tool.as_deref().or(seen.map(|seen| seen.tool.as_str()));
            let tool =
                named.map_or("unknown (--blind)".to_owned(), |tool| format!("`{}`", safe(tool)));
            writeln!(err, "call      {id}\ntool      {tool}")?;
            match (&args.args, seen) {
                (Some(json), _) => writeln!(err, "arguments {}", safe(json))?,
                (None, Some(seen)) => {
                    let unknown = "not kept: the policy does not say `capture`";
                    let arguments = seen.arguments.as_deref().map_or(unknown.to_owned(), safe);
                    writeln!(err, "arguments {arguments}\nasked     {}", safe(&seen.asked()))?;
                }
                (None, None) => {}
            }
        }
    }
    writeln!(err, "tenant    {}", grant.tenant.as_deref().map_or("any".to_owned(), safe))?;
    let scope = grant.scope.as_deref().map_or("proxies that name none".to_owned(), safe);
    writeln!(err, "scope     {scope}")?;
    writeln!(err, "until     {}\nkey       {}", time::format(grant.expires), safe(key))?;
    Ok(())
}

#[cfg(test)]
mod tests;
