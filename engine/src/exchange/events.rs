//! What leaves an exchange beside bytes, and where its events say that they come from.

use std::rc::Rc;

use super::Exchange;
use crate::context::verdict::Effect;
use crate::event::{Kind, Origin, Said};
use crate::policy::program::limit::Limit;

impl Exchange {
    /// Takes what is to be counted, logged, stored and told since the last call.
    pub fn effects(&mut self) -> Vec<Effect> {
        let mut effects = self.cx.record.take();
        let mut origin: Option<Rc<Origin>> = None;
        for effect in &mut effects {
            if let Effect::Event(event) = effect {
                let origin = origin.get_or_insert_with(|| Rc::new(self.cx.origin()));
                event.origin = Rc::clone(origin);
            }
        }
        effects
    }

    /// Something about a limit. It is another event for each account, as far as labels may be shown; but not where the
    /// memory of accounts itself is in trouble, since then there are too many.
    pub(super) fn limit_event(&mut self, kind: Kind, limit: &Limit, what: (&'static str, Said)) {
        if self.cx.program.notify.is_none() {
            return;
        }
        let mut fields = vec![
            ("hemostat.rule", limit.rule.id.as_ref().into()),
            ("hemostat.limit.unit", limit.unit.word().into()),
            what,
        ];
        if kind != Kind::LimitMemory {
            let account = self.cx.labels_in_json(|id| limit.per.contains(&id));
            fields.push(("account", Said::Json(account)));
        }
        self.cx.record.raise(kind, || fields);
    }
}
