//! What a caller reads whose request the limits refuse.

use super::refusal::{Refusals, RefusedBy};
use super::{reply, tell};
use crate::context::{Context, Refusal};
use crate::dialect::Reply;
use crate::ledger::{StoreError, Wait};
use crate::policy::program::label::LabelId;
use crate::policy::program::limit::{Limit, NoPrice};

/// 429 in the caller's dialect.
pub(super) fn reject(cx: &mut Context, refusals: &Refusals) -> Reply {
    let Refusals { first, longest } = refusals;
    let (limit, told) = (&first.limit, &longest.limit);
    // A request that exceeds a whole cap is refused for that, whatever else is used up.
    let refuses = if longest.wait == Wait::Never { told } else { limit };
    cx.record.action(&refuses.rule.id, "reject", false);
    let trusted = told.is_trusted(&cx.labels);
    let id = &told.rule.id;
    let cap = told.unit.show(told.cap.most());
    let whose = if told.global.is_some() { "over the fleet" } else { "per proxy" };
    let when = reply::wait_words(longest.wait);
    let message = match (longest.wait, longest.by) {
        (_, RefusedBy::Silence) => {
            format!("the rate-limit service of limit `{id}` does not answer; try again {when}")
        }
        // Both numbers are part of the contract: the caller must learn that waiting does not help.
        (Wait::Never, _) => format!(
            "this request may take {}, and limit `{id}` allows {cap} ({whose})",
            told.unit.show(longest.charge)
        ),
        _ if trusted => format!("limit `{id}` of {cap} is used up ({whose}); try again {when}"),
        _ => format!("limit `{id}` is used up ({whose}); try again {when}"),
    };
    let mut answer = cx.error(429, "rate_limit_exceeded", &message);
    reply::wait_headers(&mut answer, longest.wait);
    if let Some(recognised) = &cx.recognised {
        reply::aws_wait_header(&mut answer, recognised.dialect, longest.wait);
    }
    if limit.is_trusted(&cx.labels)
        && let Some(recognised) = &cx.recognised
    {
        let (dialect, now) = (recognised.dialect, cx.facts.now_ns);
        answer.headers.extend(reply::balance_headers(dialect, limit.unit, &first.standing, now));
    }
    answer
}

/// 403: a money limit cannot count what has no price.
pub(super) fn no_price(cx: &mut Context, limit: &Limit, what: &NoPrice) -> Reply {
    cx.record.action(&limit.rule.id, "block", false);
    cx.record.count("hemostat_unpriced_total;action=block");
    let what = name_of(cx, what);
    let message = format!("limit `{}` counts money, and {what} has no price", limit.rule.id);
    cx.refused(&Refusal { message, code: "unpriced" })
}

/// What has no price, in words. Both names come from the caller, so long ones are cut.
fn name_of(cx: &Context, what: &NoPrice) -> String {
    const SHOWN: usize = 100;
    let (kind, name) = match what {
        NoPrice::Model => ("model", cx.labels.get(LabelId::MODEL).text().unwrap_or_default()),
        NoPrice::Extra(name) => ("", name.as_str()),
    };
    let name: String = name.chars().take(SHOWN).filter(|c| !c.is_control()).collect();
    if kind.is_empty() { format!("`{name}`") } else { format!("{kind} `{name}`") }
}

/// The accounts are not available: no request is admitted uncounted.
pub(super) fn trouble(cx: &mut Context, limit: &Limit, trouble: StoreError) -> Reply {
    tell::trouble(cx, trouble);
    cx.record.action(&limit.rule.id, "reject", false);
    let message = "the proxy's accounts cannot be had now";
    let mut answer = match trouble {
        StoreError::Contended => cx.error(429, "rate_limit_exceeded", message),
        StoreError::Failed | StoreError::Full => cx.error(503, "ledger", message),
    };
    reply::wait_headers(&mut answer, Wait::Place);
    answer
}
