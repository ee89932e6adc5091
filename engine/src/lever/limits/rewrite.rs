//! What limits change in a request: another model, a maximum, and a request for usage.

use super::charges::Charges;
use super::estimated_use::Read;
use crate::context::Context;
use crate::context::facts;
use crate::context::verdict::HeaderEdit;
use crate::dialect;
use crate::policy::document::Mode;
use crate::policy::program::Program;
use crate::policy::program::limit::Limit;
use crate::wire::edit::{self, Edit};
use crate::wire::json::{Doc, Kind, Value};

/// True if the model can be changed to this one: it is a different one, and the place that names it can be written.
pub(super) fn can_set_model(cx: &Context, model: &str) -> bool {
    let Some(call) = cx.call.as_ref().filter(|_| !cx.is_mcp()) else { return false };
    if call.model == model {
        return false;
    }
    // The path leaves with the headers, so they must still be held.
    match &call.recognised.model {
        None => true,
        Some(_) => cx.program.host_holds && path_with(cx, model).is_some(),
    }
}

/// The request's path with another model in it.
fn path_with(cx: &Context, model: &str) -> Option<String> {
    let header = |name| facts::text(&cx.facts.headers, name);
    let recognised = cx.recognised.as_ref()?;
    dialect::with_model(&header(":method")?, &header(":path")?, recognised, model)
}

impl Charges {
    /// Makes the changes that the limits need. `body`: as earlier levers left it; `None` if unchanged.
    pub(super) fn rewritten(
        &mut self,
        cx: &mut Context,
        program: &Program,
        model: Option<&str>,
        edits: &mut Vec<HeaderEdit>,
        body: Option<Vec<u8>>,
        read: Option<Read<'_>>,
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
                    let path = path_with(cx, model);
                    edits.extend(path.map(|path| HeaderEdit::Set(":path".to_owned(), path)));
                }
                None => changes.extend(set_model(&root, model)),
            }
            if let Some(call) = &mut cx.call {
                call.model = model.to_owned();
            }
        }
        let dialect = dialect::dialect(view.call.recognised.dialect);
        if self.meters_and_acts(cx) {
            let named = self.spending.max_output;
            if program.limits.cap_output && named.is_none() {
                changes.extend(dialect.cap(&root, program.limits.default_max_output));
            }
            if view.call.stream && !view.call.include_usage {
                let ask = dialect.ask_usage(&root);
                self.hide_usage = ask.is_some();
                changes.extend(ask);
            }
        }
        if changes.is_empty() { body } else { Some(edit::apply_to(bytes, &changes)) }
    }

    /// True if an enforced limit counts what the model uses.
    fn meters_and_acts(&self, cx: &Context) -> bool {
        let now = facts::seconds(cx.facts.now_ns);
        let acts = |limit: &Limit| limit.meters() && limit.rule.mode_at(now) == Mode::Enforce;
        let taken = self.taken.iter().map(|taken| taken.limit.as_ref());
        taken.chain(self.fleet.limits()).any(acts)
    }
}

/// Writes another model into a body, or adds the member where the body names none.
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
