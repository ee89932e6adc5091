//! What a caller reads whose request the limits do not let through.

use super::{By, Exchange, Refusal, Refused, reply};
use crate::context::verdict::RequestVerdict;
use crate::ledger::{Trouble, Wait};
use crate::policy::program::Program;
use crate::policy::program::label::LabelId;
use crate::policy::program::limit::NoPrice;

impl Exchange {
    /// 429 in the caller's dialect.
    pub(super) fn reject(
        &mut self,
        program: &Program,
        first: Refused,
        longest: Refused,
    ) -> RequestVerdict {
        let limit_of = |refused: &Refused| program.limits.rules.get(refused.rule);
        let (Some(limit), Some(told)) = (limit_of(&first), limit_of(&longest)) else {
            return self.pass(Vec::new(), None);
        };
        // What is above a whole cap is refused for that, whatever else is used up.
        let refuses = if longest.wait == Wait::Never { told } else { limit };
        self.cx.record.action(&refuses.rule.id, "reject", false);
        let trusted = told.is_trusted(&self.cx.labels);
        let id = &told.rule.id;
        let cap = told.unit.show(told.cap.most());
        let whose = if told.global.is_some() { "over the fleet" } else { "per proxy" };
        let when = reply::wait_words(longest.wait);
        let message = match (longest.wait, longest.by) {
            (_, By::Silence) => {
                format!("the rate-limit service of limit `{id}` does not answer; try again {when}")
            }
            // Both numbers stand in the contract: the caller must know that waiting is of no use.
            (Wait::Never, _) => format!(
                "this request may take {}, and limit `{id}` allows {cap} ({whose})",
                told.unit.show(longest.charge)
            ),
            _ if trusted => format!("limit `{id}` of {cap} is used up ({whose}); try again {when}"),
            _ => format!("limit `{id}` is used up ({whose}); try again {when}"),
        };
        let mut answer = self.cx.error(429, "rate_limit_exceeded", &message);
        reply::wait_headers(&mut answer, longest.wait);
        if let Some(recognised) = &self.cx.recognised {
            reply::aws_wait_header(&mut answer, recognised.dialect, longest.wait);
        }
        if limit.is_trusted(&self.cx.labels)
            && let Some(recognised) = &self.cx.recognised
        {
            let (dialect, now) = (recognised.dialect, self.cx.facts.now_ns);
            answer.headers.extend(reply::balance_headers(
                dialect,
                limit.unit,
                &first.standing,
                now,
            ));
        }
        self.answered(answer)
    }

    /// 403: a money limit cannot count what has no price.
    pub(super) fn no_price(
        &mut self,
        program: &Program,
        rule: usize,
        what: &NoPrice,
    ) -> RequestVerdict {
        let Some(limit) = program.limits.rules.get(rule) else {
            return self.pass(Vec::new(), None);
        };
        self.cx.record.action(&limit.rule.id, "block", false);
        self.cx.record.count("hemostat_unpriced_total;action=block".to_owned());
        let what = self.name_of(what);
        let message = format!("limit `{}` counts money, and {what} has no price", limit.rule.id);
        self.refuse(&Refusal { message, code: "unpriced" })
    }

    /// What has no price, in words. Both names are the caller's: long ones are cut.
    fn name_of(&self, what: &NoPrice) -> String {
        const SHOWN: usize = 100;
        let (kind, name) = match what {
            NoPrice::Model => {
                ("model", self.cx.labels.get(LabelId::MODEL).text().unwrap_or_default())
            }
            NoPrice::Extra(name) => ("", name.as_str()),
        };
        let name: String = name.chars().take(SHOWN).filter(|c| !c.is_control()).collect();
        if kind.is_empty() { format!("`{name}`") } else { format!("{kind} `{name}`") }
    }

    /// The accounts could not be had: nothing is let through uncounted.
    pub(super) fn trouble(
        &mut self,
        program: &Program,
        rule: usize,
        trouble: Trouble,
    ) -> RequestVerdict {
        self.count_trouble(trouble);
        if let Some(limit) = program.limits.rules.get(rule) {
            self.cx.record.action(&limit.rule.id, "reject", false);
        }
        let message = "the proxy's accounts cannot be had now";
        let mut answer = match trouble {
            Trouble::Contended => self.cx.error(429, "rate_limit_exceeded", message),
            Trouble::Failed | Trouble::Full => self.cx.error(503, "ledger", message),
        };
        reply::wait_headers(&mut answer, Wait::Place);
        self.answered(answer)
    }
}
