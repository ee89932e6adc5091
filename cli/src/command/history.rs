//! `hemostat history`: shows what came into force, newest first, as the proxies remember it.

use std::io::Write;

use hemostat_engine::base::time;
use serde_json::Value;

use crate::shared::error::Result;
use crate::shared::exit::Exit;
use crate::shared::fleet::FleetArgs;
use crate::shared::journal;
use crate::shared::settings::Settings;
use crate::shared::table::Table;
use crate::shared::terminal::{or_dash, safe};

/// The length at which a table cuts digests.
const DIGITS: usize = "sha256:".len() + 12;

/// Arguments of `hemostat history`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat history -p http://10.0.0.1:9902

  hemostat history --log releases.jsonl         and what `--log` of push, activate and rollback wrote down there

Of several proxies the one with the highest serial is shown. A proxy remembers its last 32 activations, and nothing from
before its start: `--log`, or `history` of hemostat.yaml, adds what was written down. Drills say so.")]
pub(crate) struct Args {
    /// Write one JSON document to standard output instead of words
    #[arg(long)]
    json: bool,
    /// What was written down, too [default: `history` of hemostat.yaml]
    #[arg(long, value_name = "FILE")]
    log: Option<String>,
    #[command(flatten)]
    fleet: FleetArgs,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    let log = args.log.clone().or(Settings::load()?.history);
    let fleet = if log.is_some() { args.fleet.fleet()? } else { args.fleet.some()? };
    let newest = if fleet.proxies.is_empty() { None } else { fleet.newest(err)? };
    let mut exit = Exit::Fine;
    let mut entries = newest.map(|status| status.list("history").to_vec()).unwrap_or_default();
    if entries.is_empty() && !fleet.proxies.is_empty() {
        exit = if fleet.view().silent() > 0 { Exit::Failed } else { Exit::Fine };
        if log.is_none() && exit != Exit::Fine {
            return Ok(exit);
        }
    }
    if let Some(file) = log.filter(|file| args.log.is_some() || std::path::Path::new(file).exists())
    {
        add(&mut entries, journal::read(&file)?);
    }
    if args.json {
        writeln!(out, "{:#}", Value::from(entries))?;
        return Ok(exit);
    }
    let mut table =
        Table::new(["SERIAL", "VERSION", "DIGEST", "AT", "BY", "KEYS", "WAY", "REASON"]);
    for entry in &entries {
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
        let truth = |name: &str| entry.get(name).and_then(Value::as_bool).unwrap_or_default();
        let mark = match (truth("drill"), truth("after_drill")) {
            (true, _) => "DRILL ",
            (_, true) => "(after a drill) ",
            _ => "",
        };
        table.row([
            number("serial").map_or_else(|| "-".to_owned(), |serial| serial.to_string()),
            safe(or_dash(text("version"))),
            safe(&text("digest").chars().take(DIGITS).collect::<String>()),
            safe(text("at")),
            safe(or_dash(text("issuer"))),
            safe(or_dash(&keys.join(","))),
            safe(text("source")),
            or_dash(&format!("{mark}{}", safe(&reason))).to_owned(),
        ]);
    }
    table.write(out)?;
    Ok(exit)
}

/// Adds entries of the history file that the proxies do not remember, and sorts newest first. An entry with the same
/// serial and digest as a proxy's is left out: the proxy's says more.
fn add(entries: &mut Vec<Value>, written: Vec<Value>) {
    let same = |a: &Value, b: &Value| {
        a.get("serial") == b.get("serial") && a.get("digest") == b.get("digest")
    };
    for entry in written {
        if !entries.iter().any(|known| same(known, &entry)) {
            entries.push(entry);
        }
    }
    let at = |entry: &Value| {
        entry
            .get("at")
            .and_then(Value::as_str)
            .and_then(|at| time::parse(at).ok())
            .unwrap_or_default()
    };
    entries.sort_by_key(|entry| std::cmp::Reverse(at(entry)));
}
