//! Balances of limits in a few words.

use serde_json::Value;

use crate::shared::fleet::Status;
use crate::shared::terminal::safe;

/// The fullest account of a limit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Budget {
    limit: String,
    /// The used share of the cap.
    share: f64,
    /// The values of its labels, if the proxy may show them.
    account: String,
}

impl Status {
    /// The fullest account of each limit, fullest first.
    pub(crate) fn budgets(&self) -> Vec<Budget> {
        let all = self.0.get("balances").and_then(Value::as_object);
        let mut all: Vec<Budget> = all
            .into_iter()
            .flatten()
            .filter_map(|(limit, balances)| {
                let first = balances.get("fullest")?.as_array()?.first()?;
                let labels = first.get("labels").and_then(Value::as_object);
                let values = labels.into_iter().flatten().filter_map(|(_, value)| value.as_str());
                Some(Budget {
                    limit: limit.clone(),
                    share: first.get("share")?.as_f64()?,
                    account: values.collect::<Vec<_>>().join(" "),
                })
            })
            .collect();
        fullest_first(&mut all);
        all
    }
}

/// Sorts budgets, fullest first.
pub(crate) fn fullest_first(budgets: &mut [Budget]) {
    budgets.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.limit.cmp(&b.limit)));
}

/// `daily-spend=93% (acme) rpm=12%`
pub(crate) fn words(budgets: &[Budget], most: usize) -> String {
    let words: Vec<String> = budgets
        .iter()
        .take(most)
        .map(|budget| {
            let account = match budget.account.as_str() {
                "" => String::new(),
                account => format!(" ({})", safe(account)),
            };
            format!("{}={:.0}%{account}", safe(&budget.limit), budget.share * 100.0)
        })
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_fullest_comes_first_and_is_named_where_it_may_be() {
        let status = Status(json!({"balances": {
            "rpm": {"fullest": [{"share": 0.2, "labels": {}}, {"share": 0.1, "labels": {}}]},
            "spend": {"fullest": [{"share": 0.934, "labels": {"tenant": "a\u{1b}cme"}}]},
            "idle": {"fullest": []}}}));
        assert_eq!(words(&status.budgets(), 3), "spend=93% (a\\u{1b}cme) rpm=20%");
        assert_eq!(words(&status.budgets(), 1), "spend=93% (a\\u{1b}cme)");
    }
}
