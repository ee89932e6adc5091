//! `hemostat evidence`: a record of activations and decisions that a third party can check: each line carries the digest of the
//! line before it, and a signed last line the digest of all.

mod verify;
mod write;

use std::io::Write;
use std::path::PathBuf;

use crate::command::scope::ago;
use crate::shared::error::Result;
use crate::shared::exit::Exit;
use crate::shared::fleet::FleetArgs;

/// What the last line's envelope holds.
const PAYLOAD_TYPE: &str = "application/vnd.hemostat.evidence+json";

/// What the first line names as the one before it.
const NOTHING: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// Arguments of `hemostat evidence`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat evidence --since 24h --access-log access.json --key ops.key --out evidence.jsonl -p http://10.0.0.1:9902
  hemostat evidence --since 24h --history history.json --access-log 'logs/*.gz' --key ops.key --out evidence.jsonl
  hemostat evidence --verify evidence.jsonl --trust ops=<base64 public key>

A line for each activation, and for each call that a rule acted on: time, decision id, rules, policy, model, status, and the
digest of its line in the access log. No label, no text, no credential. docs/scope.md says how to check one without this tool.

Exit codes: 0 it was written, or it is whole and signed; 1 it was changed, or is not signed by a key that is trusted;
2 something could not be read.")]
pub(crate) struct Args {
    /// Check this record instead of writing one
    #[arg(long, value_name = "FILE", requires = "trust", conflicts_with_all = ["key", "out"])]
    verify: Option<PathBuf>,
    /// A key that is trusted to sign: `NAME=BASE64`
    #[arg(long, value_name = "NAME=KEY")]
    trust: Vec<String>,
    /// From when on: a time, or `30m`, `6h`, `2d` before now
    #[arg(long, value_parser = ago, value_name = "TIME")]
    since: Option<u64>,
    /// Until when
    #[arg(long, value_parser = ago, value_name = "TIME")]
    until: Option<u64>,
    /// What `hemostat history --json` said, instead of asking proxies
    #[arg(long, value_name = "FILE")]
    history: Option<String>,
    /// Access logs: files, folders, globs, plain or gz
    #[arg(long, value_name = "LOG")]
    access_log: Vec<String>,
    /// The secret key that signs: a file, or `env:NAME`
    #[arg(long, short, value_name = "KEY", required_unless_present = "verify")]
    key: Option<String>,
    /// Where the record is written
    #[arg(long, value_name = "FILE", required_unless_present = "verify")]
    out: Option<PathBuf>,
    /// Write one JSON document to standard output instead of words
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    fleet: FleetArgs,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    match &args.verify {
        Some(path) => verify::run(path, args, out, err),
        None => write::run(args, out, err),
    }
}
