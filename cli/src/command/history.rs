//! `hemostat history`: what came into force, newest first, as the proxies remember it.

use std::io::Write;

use serde_json::Value;

use crate::shared::error::Result;
use crate::shared::exit::Exit;
use crate::shared::fleet::FleetArgs;
use crate::shared::table::Table;
use crate::shared::terminal::{or_dash, safe};

/// Digits of a digest that a table shows.
const DIGITS: usize = "sha256:".len() + 12;

/// Arguments of `hemostat history`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat history -p http://10.0.0.1:9902

Of several proxies the one with the highest serial is shown. A proxy remembers its last 32 activations, and nothing from
before its start.")]
pub(crate) struct Args {
    /// Write one JSON document to standard output instead of words
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    fleet: FleetArgs,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    let fleet = args.fleet.some()?;
    let Some(status) = fleet.newest(err)? else { return Ok(Exit::Failed) };
    let entries = status.list("history");
    if args.json {
        writeln!(out, "{:#}", Value::from(entries.to_vec()))?;
        return Ok(Exit::Fine);
    }
    let mut table =
        Table::new(["SERIAL", "VERSION", "DIGEST", "AT", "BY", "KEYS", "WAY", "REASON"]);
    for entry in entries {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        let number = |name: &str| entry.get(name).and_then(Value::as_u64);
        let keys: Vec<&str> = entry
            .get("key_ids")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut reason = text("reason").to_owned();
        if let Some(serial) = number("rolls_back") {
            reason =
                format!("rolls back {serial}{}{reason}", if reason.is_empty() { "" } else { ": " });
        }
        table.row([
            number("serial").map_or_else(|| "-".to_owned(), |serial| serial.to_string()),
            safe(or_dash(text("version"))),
            safe(&text("digest").chars().take(DIGITS).collect::<String>()),
            safe(text("at")),
            safe(or_dash(text("issuer"))),
            safe(or_dash(&keys.join(","))),
            safe(text("source")),
            safe(or_dash(&reason)),
        ]);
    }
    table.write(out)?;
    Ok(Exit::Fine)
}
