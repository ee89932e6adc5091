//! The exit codes of all verbs.

/// How a command ended. To a script, the answer "no" and a tool that failed are different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// 0: the answer is yes; warnings are allowed.
    Fine = 0,
    /// 1: the answer is no: a policy is not acceptable, a proxy refused a release or does not serve it in time.
    No = 1,
    /// 2: the tool could not do its work: wrong usage, a file that cannot be read or written, a proxy not reached.
    Failed = 2,
}

/// The exit codes for `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0  fine; warnings are allowed
  1  the answer is no: a policy is not acceptable, a proxy refused a release, policies differ
  2  the tool could not do its work: usage, a file that cannot be read, a proxy not reached";

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
