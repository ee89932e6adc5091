//! The origin that the events of an exchange carry.

use super::Context;
use crate::event::{EventValue, Fields, Origin};
use crate::limits::EVENT_LABELS;
use crate::policy::program::label::LabelId;
use crate::written::Object;

impl Context {
    /// Policy and request, as far as they are known. Names are those of the access log.
    pub(crate) fn origin(&self) -> Origin {
        let program = &self.program;
        let mut fields: Fields = Vec::new();
        let text = |text: &str| EventValue::Text(text.to_owned());
        fields.push(("hemostat.decision", text(self.record.decision())));
        fields.extend(program.version.as_deref().map(|v| ("hemostat.policy_version", text(v))));
        fields.extend(program.serial.map(|n| ("hemostat.policy_serial", EventValue::Number(n))));
        if let Some(recognised) = &self.recognised {
            fields.push(("hemostat.dialect", text(recognised.dialect.name())));
        }
        if let Some(model) = self.labels.get(LabelId::MODEL).text().filter(|m| !m.is_empty()) {
            fields.push(("gen_ai.request.model", text(model)));
        }
        fields.push((
            "labels",
            EventValue::Json(self.labels_in_json(|id| !LabelId::is_built_in(id))),
        ));
        Origin { notify: program.notify.clone(), scope: program.tools.scope.clone(), fields }
    }

    /// Labels that have a value, as JSON. A label that may hold a credential is left out, even as a digest.
    pub(crate) fn labels_in_json(&self, which: impl Fn(LabelId) -> bool) -> String {
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
