//! The body of a request, message by message: tools, then guardrails, then limits.

use crate::context::facts::seconds;
use crate::context::verdict::{HeaderEdit, RequestVerdict};
use crate::dialect::mcp::{self, Message, MessageKind, write};
use crate::dialect::{Item, RequestView};
use crate::exchange::Exchange;
use crate::lever::guardrails::Outcome;
use crate::wire::edit::Edit;
use crate::wire::json::{Doc, NodeId};

impl Exchange {
    /// Decides over a body that could be read. `body`: it, where levers before have changed it.
    pub(in crate::exchange) fn decide_mcp(
        &mut self,
        mut edits: Vec<HeaderEdit>,
        body: Option<Vec<u8>>,
        view: &RequestView,
        doc: &Doc,
        bytes: &[u8],
    ) -> RequestVerdict {
        let messages = mcp::messages(doc, bytes).unwrap_or_default();
        let mut approvals = self.tools.approvals(&self.cx);
        approvals.now = seconds(self.cx.facts.now_ns);
        let mut stopped: Vec<(&Message, String)> = Vec::new();
        for message in &messages {
            if let Some(call) = &message.call
                && let Some(text) =
                    self.tools.stops_call(&mut self.cx, call, doc, bytes, &mut approvals)
            {
                stopped.push((message, text));
            }
        }
        if let Some(mcp) = &mut self.cx.mcp {
            mcp.granted = approvals.used;
        }
        let gone: Vec<NodeId> = stopped.iter().map(|(message, _)| message.node).collect();
        self.note_stopped(&messages, &stopped);
        let told = self.told_by_server(&stopped, doc, bytes);
        if gone.len() == messages.len() && told.is_empty() {
            let reply = self.cx.stopped_reply();
            return self.answered(reply);
        }
        let mut view = view.clone();
        if !gone.is_empty() {
            view.edits = match told.is_empty() {
                true => mcp::without_messages(doc, bytes, &gone),
                false => told,
            };
            let within = |node: NodeId| {
                let at = gone.partition_point(|message| *message <= node).checked_sub(1);
                let message = at.and_then(|at| doc.value(bytes, *gone.get(at)?));
                message.is_some_and(|message| node < message.after())
            };
            view.texts.retain(|item| !matches!(item, Item::Text { node, .. } if within(*node)));
        }
        match self.guardrails.scan_input(&mut self.cx, &view, doc, bytes) {
            Outcome::Pass => self.charge(edits, body, None),
            Outcome::Rewritten(new) => {
                // They repeat arguments as these were.
                for (name, _) in self.cx.facts.headers.iter() {
                    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
                    if name.starts_with("mcp-param-") {
                        edits.push(HeaderEdit::Remove(name));
                    }
                }
                self.charge(edits, Some(new), None)
            }
            Outcome::Canned(fallback) => {
                let reply = self.cx.canned(&fallback);
                self.answered(reply)
            }
            Outcome::Refused(refusal) => self.refuse(&refusal),
        }
    }

    /// On the first revision's transport nobody reads what answers a POST: the caller waits on its stream. A call that is
    /// stopped goes to the server as a call of a tool that it cannot have, whose name says why: the server says on the
    /// stream that there is no such tool.
    fn told_by_server(
        &mut self,
        stopped: &[(&Message, String)],
        doc: &Doc,
        bytes: &[u8],
    ) -> Vec<Edit> {
        let Some(mcp) = self.cx.mcp.as_mut().filter(|mcp| mcp.old_transport && !mcp.batch) else {
            return Vec::new();
        };
        let requests = stopped.iter().filter(|(message, _)| message.kind == MessageKind::Request);
        let edits: Vec<Edit> = requests
            .filter_map(|(message, text)| {
                let at = doc.value(bytes, message.node)?.span();
                Some(Edit { at, with: write::call(&message.id, text).into_bytes() })
            })
            .collect();
        if !edits.is_empty() {
            mcp.ours.clear();
        }
        edits
    }

    /// The calls of tools in a request that is also a model's: if one does not go on, nothing does.
    pub(in crate::exchange) fn decide_beside(
        &mut self,
        doc: &Doc,
        bytes: &[u8],
    ) -> Option<RequestVerdict> {
        let messages = mcp::messages(doc, bytes).unwrap_or_default();
        let mut approvals = self.tools.approvals(&self.cx);
        approvals.now = seconds(self.cx.facts.now_ns);
        let mut stopped: Vec<(&Message, String)> = Vec::new();
        for message in &messages {
            if let Some(call) = &message.call
                && let Some(text) =
                    self.tools.stops_call(&mut self.cx, call, doc, bytes, &mut approvals)
            {
                stopped.push((message, text));
            }
        }
        if let Some(mcp) = &mut self.cx.mcp {
            mcp.granted = approvals.used;
        }
        let stops = !stopped.is_empty();
        self.note_stopped(&messages, &stopped);
        let reply = stops.then(|| self.cx.stopped_reply())?;
        Some(self.answered(reply))
    }

    /// Remembers what is answered here, and counts what goes on.
    fn note_stopped(&mut self, messages: &[Message], stopped: &[(&Message, String)]) {
        let Some(mcp) = &mut self.cx.mcp else { return };
        let is_stopped = |message: &Message| {
            stopped.binary_search_by_key(&message.node, |(other, _)| other.node).is_ok()
        };
        let goes_on = messages.iter().filter(|message| !is_stopped(message));
        let goes_on = goes_on.filter(|message| message.kind != MessageKind::Response);
        (mcp.calls, mcp.requests) = (0, 0);
        for message in goes_on {
            mcp.calls += u64::from(message.call.is_some());
            mcp.requests += u64::from(message.kind == MessageKind::Request);
        }
        let modern = mcp.modern;
        mcp.ours = stopped
            .iter()
            .filter(|(message, _)| message.kind == MessageKind::Request)
            .map(|(message, text)| match &message.call {
                // What answers it now is a task, and a result of a tool is none.
                Some(call) if call.task => {
                    write::error_message(&message.id, write::code("denied"), text, "denied")
                }
                _ => write::tool_error(&message.id, text, modern),
            })
            .collect();
    }
}
