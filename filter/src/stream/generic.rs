//! What hosts other than Envoy need done differently (`host: generic`), as observed on nginx.

use hemostat_engine::base::headers::Headers;
use hemostat_engine::exchange::HeaderEdit;

use super::Stream;
use super::said::{CONTENT_LENGTH, HOST_FAILED};
use super::state::ResponseState;
use crate::clock;
use crate::context::Action;
use crate::host::{self, Buffer, Map};
use crate::telemetry::Trouble;

impl Stream {
    /// Makes these changes, up to the first that the host refuses.
    pub(super) fn edit(&self, map: Map, edits: &[HeaderEdit]) -> Result<(), Trouble> {
        for edit in edits {
            match edit {
                HeaderEdit::Remove(name) => {
                    // nginx still sends a header that was removed, with its last value.
                    if !self.active.envoy && matches!(map, Map::Request) && name != CONTENT_LENGTH {
                        host::set_header(map, name, b"").map_err(Trouble::with("set_header"))?;
                    }
                    host::remove_header(map, name).map_err(Trouble::with("remove_header"))?;
                }
                HeaderEdit::Set(name, value) => {
                    host::set_header(map, name, value.as_bytes())
                        .map_err(Trouble::with("set_header"))?;
                }
            }
        }
        Ok(())
    }

    /// Answers in place of an upstream whose headers have come. A local reply would stand before the upstream's body, and
    /// behind half of its status line: the upstream's own headers are changed, and its body as it comes.
    pub(super) fn answer_instead<'a>(
        &mut self,
        status: u16,
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
        body: &[u8],
    ) -> Result<Action, Trouble> {
        let set = |name: &str, value: &[u8]| {
            host::set_header(Map::Response, name, value).map_err(Trouble::with("set_header"))
        };
        self.response = ResponseState::Instead;
        self.instead = body.to_vec();
        set(":status", status.to_string().as_bytes())?;
        for (name, value) in headers {
            set(name, value)?;
        }
        set(CONTENT_LENGTH, body.len().to_string().as_bytes())?;
        Ok(Action::Continue)
    }

    /// A host call failed on the answer's headers.
    pub(super) fn fail_headers(&mut self, trouble: Trouble) -> Action {
        const UNAVAILABLE: u16 = 503;
        if self.active.envoy {
            return self.fail(trouble);
        }
        trouble.report();
        if !self.exchange.host_failed() {
            return self.let_go();
        }
        let kind = ("content-type", &b"application/json"[..]);
        if let Err(trouble) =
            self.answer_instead(UNAVAILABLE, std::iter::once(kind), HOST_FAILED.body)
        {
            // The status stays the upstream's, and its body is not let through.
            trouble.report();
        }
        Action::Continue
    }

    /// Puts our body in place of the upstream's, at its first bytes or at its end.
    pub(super) fn in_place(&mut self, size: usize, end: bool) -> Result<Action, Trouble> {
        let body = std::mem::take(&mut self.instead);
        self.response = ResponseState::Cut;
        self.put(&body, size, end)?;
        Ok(Action::Continue)
    }

    /// Replaces as many bytes as the host shows by these. nginx takes an end without bytes for no end, and the caller would wait
    /// for ever: there a blank line is left, which no reader of text minds.
    pub(super) fn put(&self, bytes: &[u8], size: usize, end: bool) -> Result<(), Trouble> {
        let bytes = match bytes.is_empty() {
            true if size == 0 => return Ok(()),
            true if end && !self.active.envoy => b"\n",
            _ => bytes,
        };
        host::replace_bytes(Buffer::Response, bytes).map_err(Trouble::with("set_response_body"))
    }

    /// Whether a request whose headers have arrived has no body. Envoy says so; nginx does not, and never shows the end of a
    /// body that is not there.
    pub(super) fn has_no_body(&self, headers: &Headers) -> bool {
        if self.active.envoy {
            return false;
        }
        let writes = [&b"POST"[..], b"PUT", b"PATCH"];
        match headers.value(CONTENT_LENGTH) {
            Some(length) => length == b"0",
            None if headers.value("transfer-encoding").is_some() => false,
            None => !headers.value(":method").is_some_and(|method| writes.contains(&method)),
        }
    }

    /// The host shows an answer that it should have buffered, before its end: it has no room for more, and will send what it
    /// has, whatever is returned now.
    pub(super) fn gave_up(&mut self, size: usize) -> Result<Action, Trouble> {
        let verdict = self.exchange.response_body(None, clock::now_ns());
        self.response = ResponseState::Passing;
        if let Some(body) = verdict.body {
            self.put(&body, size, false)?;
            self.response = ResponseState::Cut;
        }
        Ok(Action::Continue)
    }
}
