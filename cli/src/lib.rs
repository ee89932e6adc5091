//! `hemostat`, the operator's command, as a library: one file a verb.

mod approve;
mod check;
mod exit;
mod terminal;

use std::ffi::OsString;
use std::io::Write;

use clap::{Parser, Subcommand};

pub use exit::Exit;

/// Guards LLM traffic in the proxy: checks what you are about to tell it.
#[derive(Debug, Parser)]
#[command(name = "hemostat", version, after_help = exit::HELP)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Allow one tool call: sign a grant for it
    Approve(approve::Args),
    /// Judge policies and plugin configurations, and say what they do
    Check(check::Args),
}

/// Runs the command: `args` with the program's name first. Results go to `out`, trouble to `err`.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(usage) => {
            let wrong = usage.use_stderr();
            // There is nobody to tell that usage could not be told.
            let _ = if wrong { write!(err, "{usage}") } else { write!(out, "{usage}") };
            return if wrong { Exit::Failed } else { Exit::Fine };
        }
    };
    let done = match cli.verb {
        Verb::Approve(args) => approve::run(&args, out, err),
        Verb::Check(args) => check::run(&args, out, err),
    };
    done.unwrap_or_else(|error| {
        // A reader that went away (`| head`) is no trouble of ours.
        let pipe = error.kind() == std::io::ErrorKind::BrokenPipe;
        if !pipe {
            let _ = writeln!(err, "hemostat: {error}");
        }
        if pipe { Exit::Fine } else { Exit::Failed }
    })
}
