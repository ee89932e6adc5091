//! What a caller is told whose request exceeds a cap.

use crate::base::time;
use crate::dialect::{self, DialectId, Reply};
use crate::ledger::{Standing, Wait};
use crate::policy::program::limit::LimitUnit;

const SECOND_NS: u64 = 1_000_000_000;

/// Waits longer than this many seconds are too long for an SDK's automatic retries.
const LONG_WAIT: u64 = 60;

/// Puts `retry-after` and `x-should-retry` on a 429.
pub(super) fn wait_headers(reply: &mut Reply, wait: Wait) {
    reply.headers.retain(|(name, _)| !matches!(*name, "x-should-retry" | "retry-after"));
    let seconds = match wait {
        Wait::Never => {
            reply.headers.push(("x-should-retry", "false".to_owned()));
            return;
        }
        Wait::Place => 1,
        Wait::Ns(ns) => ns.div_ceil(SECOND_NS).max(1),
    };
    reply.headers.push(("retry-after", seconds.to_string()));
    if seconds > LONG_WAIT {
        reply.headers.push(("x-should-retry", "false".to_owned()));
    }
}

/// The wait in milliseconds, which AWS SDKs read in place of `retry-after`. It is not set for long waits, since they
/// retry whatever it says.
pub(super) fn aws_wait_header(reply: &mut Reply, dialect: DialectId, wait: Wait) {
    if dialect::dialect(dialect).kin() != DialectId::Bedrock {
        return;
    }
    let ms = match wait {
        Wait::Ns(ns) if ns <= LONG_WAIT * SECOND_NS => ns.div_ceil(1_000_000),
        Wait::Place => 1000,
        Wait::Ns(_) | Wait::Never => return,
    };
    reply.headers.push(("x-amz-retry-after", ms.to_string()));
}

/// The balance under the provider's own header names, where it has such headers.
pub(super) fn balance_headers(
    dialect: DialectId,
    unit: LimitUnit,
    standing: &Standing,
    now_ns: u64,
) -> Vec<(&'static str, String)> {
    let dialect = dialect::dialect(dialect).kin();
    let seconds = standing.reset_ns.div_ceil(SECOND_NS);
    let names = match (dialect, unit) {
        (DialectId::OpenaiChat | DialectId::OpenaiResponses, LimitUnit::Requests) => [
            "x-ratelimit-limit-requests",
            "x-ratelimit-remaining-requests",
            "x-ratelimit-reset-requests",
        ],
        (DialectId::OpenaiChat | DialectId::OpenaiResponses, LimitUnit::Tokens) => {
            ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"]
        }
        (DialectId::Anthropic, LimitUnit::Requests) => [
            "anthropic-ratelimit-requests-limit",
            "anthropic-ratelimit-requests-remaining",
            "anthropic-ratelimit-requests-reset",
        ],
        (DialectId::Anthropic, LimitUnit::Tokens) => [
            "anthropic-ratelimit-tokens-limit",
            "anthropic-ratelimit-tokens-remaining",
            "anthropic-ratelimit-tokens-reset",
        ],
        // Gemini has no such headers, and no provider has them for money or places in flight.
        _ => return Vec::new(),
    };
    let [limit, left, reset] = names;
    let resets = match dialect {
        DialectId::Anthropic => time::format((now_ns / SECOND_NS).saturating_add(seconds)),
        _ => duration(seconds),
    };
    vec![(limit, standing.cap.to_string()), (left, standing.left.to_string()), (reset, resets)]
}

/// `1h2m3s`, as OpenAI writes it.
fn duration(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, m, s) => format!("{h}h{m}m{s}s"),
    }
}

/// The wait, for people.
pub(super) fn wait_words(wait: Wait) -> String {
    match wait {
        Wait::Never => "never".to_owned(),
        Wait::Place => "when a request in flight has ended".to_owned(),
        Wait::Ns(ns) => format!("in {}", duration(ns.div_ceil(SECOND_NS).max(1))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(wait: Wait) -> Vec<(&'static str, String)> {
        let mut reply = Reply { status: 429, headers: Vec::new(), body: Vec::new() };
        wait_headers(&mut reply, wait);
        reply.headers
    }

    #[test]
    fn aws_is_told_of_short_waits_in_its_own_header() {
        let told = |dialect, wait| {
            let mut reply = Reply { status: 429, headers: Vec::new(), body: Vec::new() };
            aws_wait_header(&mut reply, dialect, wait);
            reply.headers
        };
        let ms = |ms: &str| vec![("x-amz-retry-after", ms.to_owned())];
        assert_eq!(told(DialectId::Bedrock, Wait::Ns(1_500_000_001)), ms("1501"));
        assert_eq!(told(DialectId::BedrockInvoke, Wait::Place), ms("1000"));
        assert_eq!(told(DialectId::Bedrock, Wait::Ns(61 * SECOND_NS)), []);
        assert_eq!(told(DialectId::Bedrock, Wait::Never), []);
        assert_eq!(told(DialectId::Anthropic, Wait::Place), []);
    }

    #[test]
    fn long_waits_tell_sdks_not_to_hammer() {
        let of = |name: &'static str, value: &str| (name, value.to_owned());
        assert_eq!(headers(Wait::Ns(1)), [of("retry-after", "1")]);
        assert_eq!(headers(Wait::Ns(60 * SECOND_NS)), [of("retry-after", "60")]);
        let long = [of("retry-after", "61"), of("x-should-retry", "false")];
        assert_eq!(headers(Wait::Ns(60 * SECOND_NS + 1)), long);
        assert_eq!(headers(Wait::Place), [of("retry-after", "1")]);
        assert_eq!(headers(Wait::Never), [of("x-should-retry", "false")]);
    }

    #[test]
    fn durations_are_written_as_openai_does() {
        assert_eq!([1, 61, 3661].map(duration), ["1s", "1m1s", "1h1m1s"]);
    }
}
