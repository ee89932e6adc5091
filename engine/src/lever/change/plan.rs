//! What a lever writes into one request: collected rule by rule, then applied at once.

use super::body::{self, Spot, alike};
use crate::context::facts::{self, RequestFacts};
use crate::context::labels::{self, Body};
use crate::counters::Unchecked;
use crate::dialect::{self, DialectId, Recognised};
use crate::policy::program::change::{Change, ChangedField, UPSTREAM};
use crate::policy::program::label::{LabelId, LabelOrigin, LabelReader, LabelTable};
use crate::wire::edit;
use crate::wire::json::{Doc, Kind};

/// A request as a lever sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestToChange<'a> {
    pub facts: &'a RequestFacts,
    pub labels: &'a LabelTable,
    pub recognised: &'a Recognised,
    /// Its values, or why they cannot be read.
    pub body: Result<(&'a Doc, &'a [u8]), Unchecked>,
    /// Headers can still be changed.
    pub held: bool,
    /// The path can still be changed too.
    pub path_held: bool,
}

impl RequestToChange<'_> {
    /// True where there is no field to change: stored answers are fetched without a body, and MCP and A2A requests name
    /// neither model nor settings.
    fn has_no_place(&self) -> bool {
        self.recognised.kind.is_stored()
            || matches!(self.recognised.dialect, DialectId::Mcp | DialectId::A2a)
    }
}

/// The planned writes. The first rule that writes to a place wins, even if the place already has the wanted value.
#[derive(Debug, Clone, Default)]
pub(super) struct ChangePlan {
    /// Headers to set, `:path` among them.
    pub headers: Vec<(String, String)>,
    taken_headers: Vec<String>,
    taken: Vec<Vec<String>>,
    writes: Vec<(Spot, String)>,
}

impl ChangePlan {
    /// Adds what a rule sets; true if that changes anything.
    ///
    /// # Errors
    /// Why a field cannot be read or written. The plan must not be used then.
    pub(super) fn set(
        &mut self,
        change: &Change,
        on: RequestToChange<'_>,
    ) -> Result<bool, Unchecked> {
        let before = (self.headers.len(), self.writes.len());
        for (field, value) in &change.set {
            match field {
                ChangedField::Model => self.model(value, on)?,
                ChangedField::Label(id) => self.label(*id, value, on)?,
                ChangedField::Body(at) => self.body(at, |_| value.clone(), on)?,
                ChangedField::Header(name) => self.header(name, value, on)?,
            }
        }
        Ok(before != (self.headers.len(), self.writes.len()))
    }

    /// The body with the writes applied; `None` if it stays as it is.
    pub(super) fn rewritten(&self, doc: &Doc, bytes: &[u8]) -> Option<Vec<u8>> {
        let written = !self.writes.is_empty();
        written.then(|| edit::apply_to(bytes, &body::edits(doc, bytes, &self.writes)))
    }

    fn header(
        &mut self,
        name: &str,
        value: &str,
        on: RequestToChange<'_>,
    ) -> Result<(), Unchecked> {
        if self.taken_headers.iter().any(|taken| taken == name) {
            return Ok(());
        }
        self.taken_headers.push(name.to_owned());
        let mut there = facts::values(&on.facts.headers, name);
        let same = there.next() == Some(value.as_bytes()) && there.next().is_none();
        // The caller's own value was removed, so it never counts as present.
        if same && name != UPSTREAM {
            return Ok(());
        }
        let held = if name == ":path" { on.path_held } else { on.held };
        if !held {
            return Err(Unchecked::Host);
        }
        self.headers.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    fn body(
        &mut self,
        at: &[String],
        json: impl Fn(Option<Kind>) -> String,
        on: RequestToChange<'_>,
    ) -> Result<(), Unchecked> {
        if on.has_no_place() {
            return Ok(());
        }
        if self.taken.iter().any(|taken| taken.starts_with(at) || at.starts_with(taken)) {
            return Ok(());
        }
        let (doc, bytes) = on.body?;
        let spot = body::spot(doc.root(bytes), at).map_err(|_| Unchecked::Dialect)?;
        self.taken.push(at.to_vec());
        let there = match &spot {
            Spot::Value(id) => doc.value(bytes, *id),
            _ => None,
        };
        let json = json(there.map(|value| value.kind()));
        if there.is_none_or(|value| value.raw() != json.as_bytes()) {
            self.writes.push((spot, json));
        }
        Ok(())
    }

    fn model(&mut self, model: &str, on: RequestToChange<'_>) -> Result<(), Unchecked> {
        let at = ["model".to_owned()];
        let Some(own) = &on.recognised.model else {
            return self.text(&at, model, on);
        };
        let header = |name| facts::text(&on.facts.headers, name).unwrap_or_default();
        let (method, target) = (header(":method"), header(":path"));
        if own != model && !self.taken_headers.iter().any(|taken| taken == ":path") {
            let target = dialect::with_model(&method, &target, on.recognised, model);
            self.header(":path", &target.ok_or(Unchecked::Dialect)?, on)?;
            // The path decides. A body that named the same deployment (Azure's clients) must keep doing so.
            if let Ok((doc, bytes)) = on.body
                && let Ok(Some(there)) = doc.root(bytes).unique("model")
                && there.is_str(own)
            {
                self.text(&at, model, on)?;
            }
        }
        Ok(())
    }

    /// Writes a text into the body. A value that equals it already, however escaped, stays.
    fn text(
        &mut self,
        at: &[String],
        text: &str,
        on: RequestToChange<'_>,
    ) -> Result<(), Unchecked> {
        if let Ok((doc, bytes)) = on.body
            && let Ok(Spot::Value(id)) = body::spot(doc.root(bytes), at)
            && doc.value(bytes, id).is_some_and(|there| there.is_str(text))
        {
            self.taken.push(at.to_vec());
            return Ok(());
        }
        self.body(at, |there| alike(there, text), on)
    }

    /// Writes a label back to where it was read from. A missing one is put where it would be read from: the first
    /// source that is a header or a member of an existing object, else the first place in the body.
    fn label(
        &mut self,
        id: LabelId,
        value: &str,
        on: RequestToChange<'_>,
    ) -> Result<(), Unchecked> {
        let sources = on.labels.sources(id);
        let body = match on.body {
            _ if on.has_no_place() => Body::Absent,
            Ok((doc, bytes)) => Body::Json(doc, bytes),
            Err(_) => Body::Unreadable,
        };
        let origin = labels::origin(sources, on.facts, body).map_err(|()| match on.body {
            Err(why) => why,
            Ok(_) => Unchecked::Label,
        })?;
        let Some(place) = origin.or_else(|| new_place(sources, on)) else { return Ok(()) };
        if place.part.is_some() {
            return Err(Unchecked::Label);
        }
        match &place.from {
            LabelOrigin::Header(name) => self.header(name, value, on),
            LabelOrigin::Json(at) => self.text(at, value, on),
            // A property is the proxy's statement about a caller, and cannot be written.
            LabelOrigin::Property(_) => Err(Unchecked::Label),
        }
    }
}

fn new_place<'a>(sources: &'a [LabelReader], on: RequestToChange<'_>) -> Option<&'a LabelReader> {
    let fits = |read: &&LabelReader| match &read.from {
        LabelOrigin::Header(_) => true,
        LabelOrigin::Property(_) => false,
        LabelOrigin::Json(at) => {
            on.body.is_ok_and(|(doc, bytes)| match body::spot(doc.root(bytes), at) {
                Ok(Spot::Value(_)) => true,
                Ok(Spot::Member(_, keys)) => keys.len() == 1,
                Ok(Spot::Null(..)) | Err(_) => false,
            })
        }
    };
    let json = |read: &&LabelReader| matches!(read.from, LabelOrigin::Json(_));
    sources.iter().find(fits).or_else(|| sources.iter().find(json))
}
