//! `hemostat`, the operator's command, as a library: `command` has one file per verb, `shared` the code that verbs
//! share.

mod command;
mod shared;

use std::any::TypeId;
use std::ffi::OsString;
use std::io::Write;

use clap::builder::NonEmptyStringValueParser;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use command::{
    activate, approve, case, check, diff, drill, evidence, history, keygen, postmortem, push,
    release, replay, rollback, scope, status, sync, test,
};
use shared::error::{Error, Result};
use shared::exit;

pub use shared::exit::Exit;

/// Policies for LLM traffic: tried, signed, brought to the proxies, and taken back.
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
    /// Run the cases of policies: does each do what it is meant to do?
    Test(test::Args),
    /// Make a case for `test` from an exchange that went wrong, without personal data
    Case(case::Args),
    /// Run recorded traffic through a policy, and say what it would have done
    Replay(replay::Args),
    /// Make a key that signs releases
    Keygen(keygen::Args),
    /// Build and sign a release from a policy and overlays
    Release(release::Args),
    /// Bring a release to proxies, or to a directory that they poll
    Push(push::Args),
    /// Put a prepared policy in force, with the on-call key
    Activate(activate::Args),
    /// Put the policy before the last change back
    Rollback(rollback::Args),
    /// Give every proxy what the highest serial serves
    Sync(sync::Args),
    /// Show what every proxy serves
    Status(status::Args),
    /// Show what came into force, newest first
    History(history::Args),
    /// Say what changes between two policies, by rule
    Diff(diff::Args),
    /// Walk the way of an incident: an overlay in shadow for a while, and back
    Drill(drill::Args),
    /// Begin the report of an incident: what came into force, and what rules did
    Postmortem(postmortem::Args),
    /// Write, or check, a signed record of activations and decisions
    Evidence(evidence::Args),
    /// How far does it reach? Which feature, prompt version, tenant and rule, since when: from access logs
    Scope(scope::Args),
    /// Write a completion script for a shell
    #[command(after_help = "\
Examples:
  hemostat completions bash > /etc/bash_completion.d/hemostat
  hemostat completions zsh > ~/.zfunc/_hemostat")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// The command line. No value may be empty: one that is comes from a variable of a script that is not set.
fn command() -> clap::Command {
    Cli::command().mut_subcommands(|verb| {
        verb.mut_args(|arg| match arg.get_value_parser().type_id() == TypeId::of::<String>() {
            true => arg.value_parser(NonEmptyStringValueParser::new()),
            false => arg,
        })
    })
}

fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    Cli::from_arg_matches(&command().try_get_matches_from(args)?)
}

/// Parses a command line without running it.
///
/// # Errors
/// It is not valid; the message is the usage error.
pub fn judge(args: impl IntoIterator<Item = OsString>) -> Result<(), String> {
    match parse(args) {
        Err(usage) if usage.use_stderr() => Err(usage.to_string()),
        _ => Ok(()),
    }
}

/// Runs the command. `args` begins with the program's name. Results go to `out`, errors and progress to `err`.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    let cli = match parse(args) {
        Ok(cli) => cli,
        Err(usage) => {
            let wrong = usage.use_stderr();
            // There is nowhere to report that the usage could not be written.
            let _ = if wrong { write!(err, "{usage}") } else { write!(out, "{usage}") };
            return if wrong { Exit::Failed } else { Exit::Fine };
        }
    };
    let done = match cli.verb {
        Verb::Approve(args) => approve::run(&args, out, err),
        Verb::Check(args) => check::run(&args, out, err),
        Verb::Test(args) => test::run(&args, out, err),
        Verb::Case(args) => case::run(&args, out, err),
        Verb::Replay(args) => replay::run(&args, out, err),
        Verb::Keygen(args) => keygen::run(&args, out, err),
        Verb::Release(args) => release::run(&args, out, err),
        Verb::Push(args) => push::run(&args, out, err),
        Verb::Activate(args) => activate::run(&args, out, err),
        Verb::Rollback(args) => rollback::run(&args, out, err),
        Verb::Sync(args) => sync::run(&args, out, err),
        Verb::Status(args) => status::run(&args, out, err),
        Verb::History(args) => history::run(&args, out, err),
        Verb::Diff(args) => diff::run(&args, out, err),
        Verb::Drill(args) => drill::run(&args, out, err),
        Verb::Postmortem(args) => postmortem::run(&args, out, err),
        Verb::Evidence(args) => evidence::run(&args, out, err),
        Verb::Scope(args) => scope::run(&args, out, err),
        Verb::Completions { shell } => completions(shell, out),
    };
    done.unwrap_or_else(|error| {
        if !matches!(error, Error::ReaderGone) {
            let _ = writeln!(err, "hemostat: {error}");
        }
        error.exit()
    })
}

fn completions(shell: clap_complete::Shell, out: &mut dyn Write) -> Result<Exit> {
    // The generator panics on a broken pipe, so it writes to memory first.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "hemostat", &mut script);
    out.write_all(&script)?;
    Ok(Exit::Fine)
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::*;

    /// Every option of every verb that takes a value, with these words in its place: the error, if there is one.
    fn each(value: &str, mut see: impl FnMut(&str, Option<clap::Error>)) {
        for verb in command().get_subcommands() {
            for option in verb.get_arguments().filter(|arg| arg.get_action().takes_values()) {
                let Some(long) = option.get_long() else { continue };
                let given = format!("--{long}={value}");
                let words = ["hemostat", verb.get_name(), &given].map(OsString::from);
                let wrong = parse(words).err();
                see(&format!("{} {given}", verb.get_name()), wrong);
            }
        }
    }

    #[test]
    fn a_value_that_is_empty_is_refused_everywhere() {
        let mut options = 0;
        each("", |given, wrong| {
            let kind = wrong.map(|wrong| wrong.kind());
            let fine = [ErrorKind::InvalidValue, ErrorKind::ValueValidation];
            assert!(kind.is_some_and(|kind| fine.contains(&kind)), "{given}: {kind:?}");
            options += 1;
        });
        assert!(options > 80, "{options}");
    }

    #[test]
    fn a_value_of_another_kind_is_named_with_what_would_be_accepted() {
        let mut refused = 0;
        for value in ["5h m", "x", "-1", "1e3", "99999999999999999999"] {
            each(value, |given, wrong| {
                let Some(wrong) = wrong.filter(|one| one.kind() == ErrorKind::ValueValidation)
                else {
                    return;
                };
                let said = wrong.to_string();
                assert!(
                    said.contains(value) && said.contains("such as")
                        || said.contains("whole number from"),
                    "{given}: {said}"
                );
                assert!(!said.contains("digit") && !said.contains("too large"), "{given}: {said}");
                refused += 1;
            });
        }
        assert!(refused > 30, "{refused}");
    }
}
