//! The command line.

use std::path::PathBuf;

use crate::shared::fleet::FleetArgs;
use crate::shared::records::Records;

/// Arguments of `hemostat evidence`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat evidence --since 24h --access-log access.json --key ops.key --out evidence.jsonl -p http://10.0.0.1:9902
  hemostat evidence --since 24h --history history.json --access-log 'logs/*.gz' --key ops.key --out evidence.jsonl
  hemostat evidence --verify evidence.jsonl --trust ops=BASE64

A line for each activation, and for each call that a rule acted on: time, decision id, rules, policy, model, status, and the
digest of its line in the access log. No label, no text, no credential. docs/scope.md says how to check one without this tool.

Exit codes: 0 it was written, or it is whole and signed; 1 it was changed, or is not signed by a key that is trusted;
2 something could not be read.")]
pub(crate) struct Args {
    /// Check this record instead of writing one
    #[arg(long, value_name = "FILE", requires = "trust", conflicts_with_all = ["key", "out"])]
    pub(super) verify: Option<PathBuf>,
    /// A key that is trusted to sign: `NAME=BASE64`
    #[arg(long, value_name = "NAME=KEY")]
    pub(super) trust: Vec<String>,
    #[command(flatten)]
    pub(super) records: Records,
    /// The secret key that signs: a file, or `env:NAME`
    #[arg(long, short, value_name = "KEY", required_unless_present = "verify")]
    pub(super) key: Option<String>,
    /// Where the record is written
    #[arg(long, value_name = "FILE", required_unless_present = "verify")]
    pub(super) out: Option<PathBuf>,
    /// Write one JSON document to standard output instead of words
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) fleet: FleetArgs,
}
