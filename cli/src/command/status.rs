//! `hemostat status`: what every proxy serves.

pub(crate) mod budgets;

use std::io::Write;

use serde_json::{Value, json};

use crate::shared::error::Result;
use crate::shared::exit::Exit;
use crate::shared::fleet::{FleetArgs, Proxy, Status};
use crate::shared::table::Table;
use crate::shared::terminal::{Paint, or_dash, safe};

/// Rules that a table row names.
const TOP: usize = 3;

/// Arguments of `hemostat status`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat status -p http://10.0.0.1:9902 -p http://10.0.0.2:9902
  hemostat status --line        one line for the incident channel
  hemostat status --json")]
pub(crate) struct Args {
    /// One line for the incident channel
    #[arg(long, conflicts_with = "json")]
    line: bool,
    /// Write one JSON document to standard output instead of words
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    fleet: FleetArgs,
}

type Row<'a> = (&'a Proxy, Result<Status, String>);

pub(crate) fn run(args: &Args, out: &mut dyn Write, _err: &mut dyn Write) -> Result<Exit> {
    let fleet = args.fleet.some()?;
    let rows = fleet.each(|proxy| fleet.status(proxy));
    let exit =
        if rows.iter().all(|(_, status)| status.is_ok()) { Exit::Fine } else { Exit::Failed };
    if args.json {
        let all: Vec<Value> = rows.iter().map(in_json).collect();
        writeln!(out, "{:#}", json!({"ok": exit == Exit::Fine, "proxies": all}))?;
    } else if args.line {
        writeln!(out, "{}", line(&rows))?;
    } else {
        table(&rows, out)?;
    }
    Ok(exit)
}

fn in_json((proxy, status): &Row<'_>) -> Value {
    match status {
        Ok(status) => json!({"proxy": proxy.name, "status": status.0}),
        Err(why) => json!({"proxy": proxy.name, "error": why}),
    }
}

fn table(rows: &[Row<'_>], out: &mut dyn Write) -> Result<()> {
    let paint = Paint::for_stdout();
    let mut table = Table::new([
        "PROXY",
        "VERSION",
        "SERIAL",
        "SINCE",
        "FROM",
        "TOP RULES",
        "BUDGETS",
        "WAITING",
        "LAST ERROR",
    ]);
    for (proxy, status) in rows {
        match status {
            Ok(status) => {
                let rules: Vec<String> = status
                    .top_rules()
                    .into_iter()
                    .take(TOP)
                    .map(|(rule, count)| format!("{}={count}", safe(rule)))
                    .collect();
                table.row([
                    safe(&proxy.name),
                    safe(or_dash(status.text("version"))),
                    status.serial().to_string(),
                    safe(or_dash(status.text("since"))),
                    safe(or_dash(status.text("standing"))),
                    or_dash(&rules.join(" ")).to_owned(),
                    or_dash(&budgets::words(&status.budgets(), TOP)).to_owned(),
                    status.list("pending_approvals").len().to_string(),
                    safe(or_dash(&status.last_error().unwrap_or_default())),
                ]);
            }
            Err(why) => {
                let dash = || "-".to_owned();
                table.row([
                    safe(&proxy.name),
                    dash(),
                    dash(),
                    dash(),
                    dash(),
                    dash(),
                    dash(),
                    dash(),
                    paint.error(&safe(why)),
                ]);
            }
        }
    }
    table.write(out)
}

/// `policy 2026-11-24.2 (serial 8) on 3 of 4 proxies since 2026-11-24T07:00:00Z; 1 not reached; 2 calls wait for leave;
/// fullest: daily-spend=93% (acme)`
fn line(rows: &[Row<'_>]) -> String {
    let mut groups: Vec<(String, u64, &str, usize)> = Vec::new();
    for status in rows.iter().filter_map(|(_, status)| status.as_ref().ok()) {
        let (version, serial) = (or_dash(status.text("version")).to_owned(), status.serial());
        match groups.iter_mut().find(|group| group.0 == version && group.1 == serial) {
            Some(group) => group.3 += 1,
            None => groups.push((version, serial, status.text("since"), 1)),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.1));
    let all = rows.len();
    let mut parts: Vec<String> = groups
        .into_iter()
        .map(|(version, serial, since, count)| {
            let since =
                if since.is_empty() { String::new() } else { format!(" since {}", safe(since)) };
            format!(
                "policy {} (serial {serial}) on {count} of {all} proxies{since}",
                safe(&version)
            )
        })
        .collect();
    let silent = rows.iter().filter(|(_, status)| status.is_err()).count();
    if silent > 0 {
        parts.push(format!("{silent} not reached"));
    }
    let reached = || rows.iter().filter_map(|(_, status)| status.as_ref().ok());
    let waiting: usize = reached().map(|status| status.list("pending_approvals").len()).sum();
    match waiting {
        0 => {}
        1 => parts.push("1 call waits for leave".to_owned()),
        _ => parts.push(format!("{waiting} calls wait for leave")),
    }
    let mut budgets: Vec<budgets::Budget> = reached().flat_map(Status::budgets).collect();
    budgets::fullest_first(&mut budgets);
    if !budgets.is_empty() {
        parts.push(format!("fullest: {}", budgets::words(&budgets, 1)));
    }
    parts.join("; ")
}
