//! `hemostat scope`: the scope of a configuration: what a release for its proxies must name.

use std::io::Write;

use hemostat_engine::policy::config::remote::default_scope;
use hemostat_engine::policy::source;
use hemostat_engine::policy::source::Node;

use crate::shared::error::Result;
use crate::shared::exit::Exit;
use crate::shared::files;
use crate::shared::terminal::safe;

/// Arguments of `hemostat scope`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat scope plugin.json        what `hemostat release --scope` takes for proxies with this configuration")]
pub(crate) struct Args {
    /// A plugin configuration in YAML or JSON; `-` reads standard input
    configuration: String,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    let text = files::read(&args.configuration)?;
    let tree = source::parse(&text, &args.configuration).ok();
    let named =
        tree.as_ref().and_then(|tree| tree.get("scope")).and_then(Node::text).map(str::to_owned);
    let scope = named.or_else(|| tree.as_ref()?.get("trust").and_then(default_scope));
    match scope {
        Some(scope) => {
            writeln!(out, "{}", safe(&scope))?;
            Ok(Exit::Fine)
        }
        None => {
            let file = safe(&args.configuration);
            writeln!(err, "hemostat: {file}: neither `scope` nor `trust`: it takes no releases")?;
            Ok(Exit::No)
        }
    }
}
