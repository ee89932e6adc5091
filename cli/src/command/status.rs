//! `hemostat status`: shows what every proxy serves, whether it is acted by, and what its rules do.

pub(crate) mod budgets;
mod line;
mod text;
mod wrong;

use std::io::{IsTerminal, Write};
use std::time::Duration;

use serde_json::{Value, json};

use crate::shared::error::Result;
use crate::shared::exit::Exit;
use crate::shared::fleet::{FleetArgs, InForce, Proxy, Status, View};
use crate::shared::number;
use crate::shared::when;

/// Moves the cursor to the top left and clears the screen.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// Arguments of `hemostat status`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat status -p http://10.0.0.1:9902 -p http://10.0.0.2:9902
  hemostat status --watch       again every two seconds: does the lever act?
  hemostat status --line        one line for the incident channel
  hemostat status --json

Rules that the policy before did not have come first; counts are of all proxies, since what is in force came.

Exit codes: 0 all serve the same and act by it; 1 they differ, or some of it is not acted by; 2 one was not reached.")]
pub(crate) struct Args {
    /// One line for the incident channel
    #[arg(long, conflicts_with = "json")]
    line: bool,
    /// Write one JSON document to standard output instead of words
    #[arg(long)]
    json: bool,
    /// Again every SECONDS, until it is stopped
    #[arg(long, value_parser = when::seconds, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2")]
    watch: Option<u64>,
    /// How often, with --watch [default: until it is stopped]
    #[arg(long, value_parser = number::count, value_name = "TIMES", requires = "watch", hide = true)]
    looks: Option<usize>,
    #[command(flatten)]
    fleet: FleetArgs,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, _err: &mut dyn Write) -> Result<Exit> {
    let mut looks = 0;
    loop {
        // Resolved each time: a name may stand for other proxies by now.
        let fleet = args.fleet.some()?;
        let view = fleet.view();
        if args.watch.is_some() && std::io::stdout().is_terminal() {
            write!(out, "{CLEAR}")?;
        }
        show(args, &view, out)?;
        looks += 1;
        let Some(seconds) = args.watch.filter(|_| args.looks.is_none_or(|most| looks < most))
        else {
            return Ok(exit(&view));
        };
        out.flush()?;
        std::thread::sleep(Duration::from_secs(seconds.max(1)));
    }
}

fn show(args: &Args, view: &View<'_>, out: &mut dyn Write) -> Result<()> {
    if args.json {
        let all: Vec<Value> = view.rows.iter().map(in_json).collect();
        let wrong = wrong::wrong(view, when::now());
        let all = json!({"ok": exit(view) == Exit::Fine, "differ": view.differ(), "wrong": wrong, "proxies": all});
        writeln!(out, "{all:#}")?;
    } else if args.line {
        writeln!(out, "{}", line::line(view))?;
    } else {
        text::write(view, out)?;
    }
    Ok(())
}

/// 2 if a proxy was not reached, 1 if they differ or the policy in force is not acted by everywhere.
fn exit(view: &View<'_>) -> Exit {
    let acts = |status: &Status| !matches!(status.in_force(), InForce::Not(_));
    match view.silent() {
        0 if view.differ().is_none() && view.reached().all(|(_, status)| acts(status)) => {
            Exit::Fine
        }
        0 => Exit::No,
        _ => Exit::Failed,
    }
}

fn in_json((proxy, status): &(&Proxy, Result<Status>)) -> Value {
    match status {
        Ok(status) => json!({"proxy": proxy.name, "status": status.0}),
        Err(why) => json!({"proxy": proxy.name, "error": why.to_string()}),
    }
}
