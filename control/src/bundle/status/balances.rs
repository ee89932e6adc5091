//! How full the accounts of limits are.

use crate::ledger::{Balance, Book};
use crate::policy::Program;
use crate::policy::document::Mode;
use crate::policy::program::limit::Limit;
use crate::written::{Object, text};

/// Every limit with the fullest of its accounts, as fractions of the cap. `shows`: the labels whose values may be
/// shown; otherwise an account is identified by the beginning of its digest.
pub(super) fn balances(book: &Book, program: &Program, shows: impl Fn(&str) -> bool) -> String {
    let limits = &program.limits.rules;
    let shadow = |limit: &Limit| limit.rule.mode == Mode::Shadow;
    let wanted: Vec<_> = limits.iter().map(|l| (l.number(shadow(l)), l.cap)).collect();
    let mut out = Object::default();
    for (limit, balances) in limits.iter().zip(book.balances(&wanted)) {
        let per: Vec<&str> = limit.per.iter().filter_map(|id| program.labels.name(*id)).collect();
        let mut one = Object::default();
        one.text("unit", limit.unit.word());
        one.text("cap", &limit.unit.show(limit.cap.most()));
        one.list("per", &per, |label| text(label));
        let counts = match (limit.global.is_some(), shadow(limit)) {
            (true, _) => "global",
            (false, true) => "shadow, per proxy",
            (false, false) => "per proxy",
        };
        one.text("counts", counts);
        one.number("accounts", balances.accounts as u64);
        one.list("fullest", &balances.fullest, |balance| account(balance, &per, &shows));
        out.raw(&limit.rule.id, &one.end());
    }
    out.end()
}

fn account(balance: &Balance, per: &[&str], shows: &impl Fn(&str) -> bool) -> String {
    let mut labels = Object::default();
    for (label, value) in per.iter().zip(balance.values.as_deref().unwrap_or_default()) {
        if shows(label) {
            labels.text(label, value);
        }
    }
    let mut out = Object::default();
    out.raw("labels", &labels.end());
    let id: String = balance.id.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    out.text("account", if balance.shared { "shared" } else { &id });
    let (whole, parts) = (balance.used_millionths / 1_000_000, balance.used_millionths % 1_000_000);
    out.raw("share", &format!("{whole}.{parts:06}"));
    out.end()
}
