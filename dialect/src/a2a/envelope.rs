//! The envelope of an exchange's messages.

use super::super::call::AnswerEnvelope;
use super::super::write::Json;

/// The forms in which the protocol's versions write objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// JSON-RPC before 1.0: an object names its kind.
    Tagged,
    /// HTTP before 1.0: like [`Form::Wrapped`], but parts are called `content`, and the last event says that it is.
    OldHttp,
    /// 1.0: an object is the value of a member named after its kind.
    Wrapped,
}

impl AnswerEnvelope {
    pub(super) fn form(&self) -> Form {
        match (self.old, self.id.is_some()) {
            (true, true) => Form::Tagged,
            (true, false) => Form::OldHttp,
            (false, _) => Form::Wrapped,
        }
    }

    /// An object in the answer's envelope; `name` is its kind's name in [`Form::Wrapped`].
    pub(super) fn wrap(&self, name: &str, object: &str) -> String {
        let mut out = Json::default();
        if let Some(id) = &self.id {
            out.raw(r#"{"jsonrpc":"2.0","id":"#).raw(id).raw(r#","result":"#);
        }
        match self.form() {
            Form::Tagged => out.raw(object),
            _ => out.raw("{").text(name).raw(":").raw(object).raw("}"),
        };
        out.raw(if self.id.is_some() { "}" } else { "" }).take()
    }
}
