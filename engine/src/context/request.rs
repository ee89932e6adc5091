//! What a request says: which call it is recognised as, what its body asks for, and the labels in the body.

use std::rc::Rc;

use super::Context;
use super::facts;
use super::labels::{self, Body};
use crate::counters::Unchecked;
use crate::dialect::{self, Call, CallKind, Recognised, RequestView};
use crate::policy::program::label::{Label, LabelId};
use crate::wire::json::Doc;

/// How much of a request's body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it.
    Whole,
    /// All but what is said and what tools there are, where that lies where it usually does ([`dialect::SAID`]).
    Outline,
}

impl Context {
    /// The request is not a call of a dialect.
    pub(crate) fn is_other(&mut self) {
        self.recognised = None;
        self.record.count("hemostat_requests_total;dialect=other");
    }

    /// The request is recognised as this call.
    pub(crate) fn recognise_as(&mut self, recognised: Recognised) {
        let name = recognised.dialect.name();
        self.labels.set(LabelId::DIALECT, Label::value(name, true));
        if let Some(model) = &recognised.model {
            self.labels.set(LabelId::MODEL, Label::value(model, false));
        }
        self.recognised = Some(recognised);
    }

    /// Counts the request under the dialect that it was recognised as.
    pub(crate) fn count_dialect(&mut self) {
        let Some(recognised) = &self.recognised else { return };
        let dialect = dialect::dialect(recognised.dialect);
        self.record.count(dialect.counter());
        self.record.state("hemostat.dialect", dialect.name());
    }

    /// Adds the other protocol to the label `dialect`.
    pub(crate) fn label_beside(&mut self) {
        if let Some(beside) = self.mcp.as_ref().and_then(|mcp| mcp.beside) {
            self.labels.add(LabelId::DIALECT, Label::value(beside.name(), true));
        }
    }

    /// Sets the label `model` to the models that the request names before its body.
    pub(crate) fn label_line(&mut self) {
        let facts = Rc::clone(&self.facts);
        dialect::models_of_line(&facts.headers, |model| {
            self.labels.add(LabelId::MODEL, Label::value(model, false));
        });
    }

    /// Reads all of a request's body.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(crate) fn read(
        &self,
        recognised: &Recognised,
        body: Option<&[u8]>,
        doc: &mut Doc,
    ) -> Result<RequestView, Unchecked> {
        self.read_to(Extent::Whole, recognised, body, doc)
    }

    /// The same, but for what is not to be read: the view has no texts from there.
    pub(crate) fn read_to(
        &self,
        extent: Extent,
        recognised: &Recognised,
        body: Option<&[u8]>,
        doc: &mut Doc,
    ) -> Result<RequestView, Unchecked> {
        let body = body.ok_or(self.no_body.unwrap_or(Unchecked::Host))?;
        if recognised.kind.is_stored() {
            return Ok(RequestView {
                call: Call::without_body(recognised.clone()),
                texts: Vec::new(),
                remote: 0,
                edits: Vec::new(),
            });
        }
        if facts::is_encoded(&self.facts.headers) {
            return Err(Unchecked::Encoding);
        }
        let parsed = match extent {
            Extent::Whole => doc.parse(body),
            Extent::Outline => doc.parse_outline(body, &dialect::SAID),
        };
        parsed.map_err(|_| Unchecked::Dialect)?;
        let mut view = if recognised.kind == CallKind::Batch {
            dialect::read_batch(recognised, doc, body)
        } else {
            let dialect = dialect::dialect(recognised.dialect);
            dialect.read_request(recognised, doc, body).map_err(|_| Unchecked::Dialect)?
        };
        if self.is_also_mcp() {
            let read = dialect::mcp::texts_beside(doc, body, &mut view.texts);
            read.map_err(|_| Unchecked::Dialect)?;
        }
        Ok(view)
    }

    /// Completes the labels with values from the body.
    pub(crate) fn label(
        &mut self,
        read: &Result<RequestView, Unchecked>,
        body: Option<&[u8]>,
        doc: &Doc,
    ) {
        self.complete_labels(read, body, doc);
        if self.labels.any_cut() {
            self.record.count("hemostat_labels_cut_total");
        }
    }

    /// The same, for a caller that counts truncated labels itself.
    pub(crate) fn complete_labels(
        &mut self,
        read: &Result<RequestView, Unchecked>,
        body: Option<&[u8]>,
        doc: &Doc,
    ) {
        let model = match read {
            Ok(view) => Label::value(&view.call.model, false),
            Err(_) => Label::Unreadable,
        };
        let mcp = self.is_mcp();
        self.labels.forget_more(LabelId::MODEL);
        if *self.labels.get(LabelId::MODEL) == Label::Unknown {
            self.labels.set(LabelId::MODEL, model);
        }
        self.label_line();
        let labels = &mut self.labels;
        if matches!(read, Err(why) if *why != Unchecked::Dialect) && doc.is_empty() && !mcp {
            // It may name other models, which are not known.
            labels.add(LabelId::MODEL, Label::Unreadable);
        }
        if let Some(bytes) = body.filter(|_| !doc.is_empty() && !mcp) {
            match dialect::other_models(doc, bytes) {
                Ok(others) => {
                    for other in others {
                        labels.add(LabelId::MODEL, Label::value(&other, false));
                    }
                }
                Err(_) => labels.add(LabelId::MODEL, Label::Unreadable),
            }
        }
        let body = match (read, body) {
            (_, Some(bytes)) if !doc.is_empty() => Body::Json(doc, bytes),
            (Ok(_), _) => Body::Absent,
            _ => Body::Unreadable,
        };
        labels::from_body(labels, &self.program.labels, &self.facts, body);
        if self.asked.is_none() {
            self.asked = Some((Rc::clone(&self.facts), self.labels.clone()));
        }
    }
}
