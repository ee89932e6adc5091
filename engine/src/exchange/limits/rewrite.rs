//! What limits change in a request: another model, a maximum, and the wish for usage.

use crate::context::facts;
use crate::context::verdict::HeaderEdit;
use crate::dialect::{self, RequestView};
use crate::exchange::Exchange;
use crate::exchange::change::line;
use crate::policy::document::Mode;
use crate::policy::program::Program;
use crate::wire::edit::{self, Edit};
use crate::wire::json::{Doc, Kind, Value};

impl Exchange {
    /// True if the model can be changed to this one: it is another, and stands where it can be written.
    pub(super) fn can_set_model(&self, model: &str) -> bool {
        let Some(call) = self.cx.call.as_ref().filter(|_| !self.cx.is_mcp()) else { return false };
        if call.model == model {
            return false;
        }
        // A path leaves with the headers: they must still be here.
        match &call.recognised.model {
            None => true,
            Some(_) => self.cx.program.hold_headers && self.path_with(model).is_some(),
        }
    }

    /// The request's path with another model in it.
    fn path_with(&self, model: &str) -> Option<String> {
        let header = |name| facts::text(&self.cx.facts.headers, name);
        let recognised = self.cx.recognised.as_ref()?;
        line::with_model(&header(":method")?, &header(":path")?, recognised, model)
    }

    /// Makes the changes that the limits need; `body` as levers before have left it, `None`: unchanged.
    pub(super) fn rewritten(
        &mut self,
        program: &Program,
        model: Option<&str>,
        edits: &mut Vec<HeaderEdit>,
        body: Option<Vec<u8>>,
        read: Option<(&RequestView, &Doc, &[u8])>,
    ) -> Option<Vec<u8>> {
        let Some((view, doc, bytes)) = read else { return body };
        let mut reparsed = Doc::default();
        let (doc, bytes) = match &body {
            Some(new) if reparsed.parse(new).is_ok() => (&reparsed, new.as_slice()),
            _ => (doc, bytes),
        };
        let root = doc.root(bytes);
        let mut changes: Vec<Edit> = Vec::new();
        if let Some(model) = model {
            match &view.call.recognised.model {
                Some(_) => {
                    let path = self.path_with(model);
                    edits.extend(path.map(|path| HeaderEdit::Set(":path".to_owned(), path)));
                }
                None => changes.extend(set_model(&root, model)),
            }
            if let Some(call) = &mut self.cx.call {
                call.model = model.to_owned();
            }
        }
        let dialect = dialect::dialect(view.call.recognised.dialect);
        if self.meters_and_acts(program) {
            let named = self.charges.asked.as_ref().and_then(|asked| asked.spending.max_output);
            if program.limits.cap_output && named.is_none() {
                changes.extend(dialect.cap(&root, program.limits.default_max_output));
            }
            if view.call.stream && !view.call.include_usage {
                let ask = dialect.ask_usage(&root);
                self.charges.hide_usage = ask.is_some();
                changes.extend(ask);
            }
        }
        if changes.is_empty() { body } else { Some(edit::apply_to(bytes, &changes)) }
    }

    /// True if an enforced limit counts what the model uses.
    fn meters_and_acts(&self, program: &Program) -> bool {
        let now = facts::seconds(self.cx.facts.now_ns);
        let acts = |rule: usize| {
            let limit = program.limits.rules.get(rule);
            limit.is_some_and(|l| l.meters() && l.rule.mode_at(now) == Mode::Enforce)
        };
        let taken = self.charges.taken.iter().map(|taken| taken.rule);
        taken.chain(self.charges.fleet.rules()).any(acts)
    }
}

/// Writes another model into a body, or the model into one that names none.
fn set_model(root: &Value<'_>, model: &str) -> Option<Edit> {
    let text = dialect::quoted(model);
    match root.get("model") {
        Some(value) if value.kind() == Kind::String => {
            Some(Edit { at: value.span(), with: text.into_bytes() })
        }
        Some(_) => None,
        None => dialect::spend::insert(root, &format!("\"model\":{text}")),
    }
}
