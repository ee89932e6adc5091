//! What leaves an exchange beside bytes, and where its events say that they come from.

use std::rc::Rc;

use super::Exchange;
use crate::context::verdict::Effect;
use crate::event::{Fields, Kind, Origin, Said};
use crate::limits::EVENT_LABELS;
use crate::policy::program::label::LabelId;
use crate::policy::program::limit::Limit;
use crate::written::Object;

impl Exchange {
    /// Takes what is to be counted, logged, stored and told since the last call.
    pub fn effects(&mut self) -> Vec<Effect> {
        let mut effects = self.record.take();
        let mut origin: Option<Rc<Origin>> = None;
        for effect in &mut effects {
            if let Effect::Event(event) = effect {
                let origin = origin.get_or_insert_with(|| Rc::new(self.origin()));
                event.origin = Rc::clone(origin);
            }
        }
        effects
    }

    /// Policy and request, as far as they are known. Names are those of the access log.
    fn origin(&self) -> Origin {
        let program = &self.program;
        let mut fields: Fields = Vec::new();
        let text = |text: &str| Said::Text(text.to_owned());
        fields.push(("hemostat.decision", text(self.record.decision())));
        fields.extend(program.version.as_deref().map(|v| ("hemostat.policy_version", text(v))));
        fields.extend(program.serial.map(|n| ("hemostat.policy_serial", Said::Number(n))));
        if let Some(recognised) = &self.recognised {
            fields.push(("hemostat.dialect", text(recognised.dialect.name())));
        }
        if let Some(model) = self.labels.get(LabelId::MODEL).text().filter(|m| !m.is_empty()) {
            fields.push(("gen_ai.request.model", text(model)));
        }
        fields.push(("labels", Said::Json(self.labels_in_json(|id| !LabelId::is_built_in(id)))));
        Origin { notify: program.notify.clone(), scope: program.tools.scope.clone(), fields }
    }

    /// Something about a limit. It is another event for each account, as far as labels may be shown; but not where the
    /// memory of accounts itself is in trouble, since then there are too many.
    pub(super) fn limit_event(&mut self, kind: Kind, limit: &Limit, what: (&'static str, Said)) {
        if self.program.notify.is_none() {
            return;
        }
        let mut fields = vec![
            ("hemostat.rule", limit.rule.id.as_ref().into()),
            ("hemostat.limit.unit", limit.unit.word().into()),
            what,
        ];
        if kind != Kind::LimitMemory {
            let account = self.labels_in_json(|id| limit.per.contains(&id));
            fields.push(("account", Said::Json(account)));
        }
        self.record.raise(kind, || fields);
    }

    /// Labels that have a value. One that a credential may stand in is not among them, not even as a digest.
    fn labels_in_json(&self, which: impl Fn(LabelId) -> bool) -> String {
        let table = &self.program.labels;
        let mut out = Object::default();
        let shown = table.named().filter(|(id, _)| which(*id) && !table.is_digest(*id));
        for (id, name) in shown.take(EVENT_LABELS) {
            if let Some(value) = self.labels.get(id).text().filter(|value| !value.is_empty()) {
                out.text(name, value);
            }
        }
        out.end()
    }
}
