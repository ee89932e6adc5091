//! How much of a charge was used, given how the answer ended and what it reports.

use crate::dialect::spend::Usage;
use crate::policy::program::limit::LimitUnit;

/// How the answer ended, as far as it matters for usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum AnswerOutcome {
    /// No answer: the caller hung up, or upstream broke off or timed out. The model may have generated.
    #[default]
    Unanswered,
    /// Upstream refused the request or failed: providers do not bill that.
    Failed,
    /// The model answered, and the answer is read.
    Answered,
    /// The model answered, and the answer cannot be read.
    Unreadable,
}

/// What a limit of this unit counts of a usage. `charge`: what was reserved, all of which counts where the usage is
/// unknown or of another kind. `goes_on`: the call has another round, and of a call's rounds the last one counts.
pub(super) fn used_of(
    unit: LimitUnit,
    charge: u64,
    usage: Option<&Usage>,
    money: Option<u64>,
    goes_on: bool,
) -> u64 {
    let all = |usage: &Usage| usage.input().unwrap_or(0).saturating_add(usage.output.unwrap_or(0));
    let used = match unit {
        _ if unit.counts_calls() && goes_on => Some(charge.saturating_sub(1)),
        LimitUnit::Tokens => usage.map(all),
        LimitUnit::Usd => money,
        LimitUnit::Requests | LimitUnit::Concurrent | LimitUnit::Calls => None,
    };
    used.unwrap_or(charge)
}
