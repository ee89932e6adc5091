//! The command line.

use std::path::PathBuf;

use crate::shared::fleet::FleetArgs;
use crate::shared::records::Records;

/// Arguments of `hemostat postmortem`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat postmortem --title INC-4711 --since 6h --access-log access.json -p http://10.0.0.1:9902 > inc-4711.md
  hemostat postmortem --title INC-4711 --history tonight.json --access-log 'logs/*.json.gz' --events events.jsonl \\
      --provider-status summary.json --html inc-4711.html --alert inc-4711.rules.yaml
      from what was saved: `hemostat history --json`, the access log, the POSTs of `notify` and of Alertmanager, a provider's
      status page

A process remembers 32 activations and nothing from before its start: save `hemostat history --json` tonight. Drills are
marked as such. What only people know is left to fill in, in italics.")]
pub(crate) struct Args {
    /// The heading
    #[arg(long, default_value = "Incident")]
    pub(super) title: String,
    #[command(flatten)]
    pub(super) records: Records,
    /// Only calls with this label, or: calls of which this came, as in `hemostat scope`
    #[arg(long = "where", value_name = "LABEL=GLOB")]
    pub(super) conditions: Vec<String>,
    /// Events that `notify` posted, a JSON object a line, and alerts as Alertmanager's webhook or Prometheus'
    /// `/api/v1/alerts` has them
    #[arg(long, value_name = "FILE")]
    pub(super) events: Vec<String>,
    /// A provider's status document in Statuspage's format (`summary.json`, `incidents.json`)
    #[arg(long, value_name = "FILE")]
    pub(super) provider_status: Vec<String>,
    /// The case that keeps it from coming back: named in the report
    #[arg(long, value_name = "FILE")]
    pub(super) case: Option<String>,
    /// Write a Prometheus rule that would have come first to this file
    #[arg(long, value_name = "FILE")]
    pub(super) alert: Option<PathBuf>,
    /// Write the report as a page, with plots, to this file too
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
    /// Write what the report is made from as one JSON document to standard output, instead of the report
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) fleet: FleetArgs,
}
