//! The body of a request, message by message: tools, then guardrails, then limits.

use crate::context::Context;
use crate::context::facts::seconds;
use crate::context::verdict::HeaderEdit;
use crate::dialect::mcp::{self, MessageKind, RpcMessage, write};
use crate::dialect::{Item, Reply};
use crate::lever::guardrails::{Guardrails, InputOutcome};
use crate::lever::limits::Read;
use crate::lever::tools::ToolsLever;
use crate::wire::edit::Edit;
use crate::wire::json::{Doc, NodeId};

/// What happens to a request.
pub(crate) enum McpDecision {
    /// It is forwarded with these changes, if the limits admit it.
    GoesOn {
        /// Changes to its headers.
        edits: Vec<HeaderEdit>,
        /// Its body, if it was changed.
        body: Option<Vec<u8>>,
    },
    /// The caller gets this reply instead.
    Reply(Reply),
}

/// Decides about a body that could be read. `body`: its bytes, if earlier levers have changed it.
pub(crate) fn decide(
    cx: &mut Context,
    tools: &ToolsLever,
    guardrails: &Guardrails,
    mut edits: Vec<HeaderEdit>,
    body: Option<Vec<u8>>,
    (view, doc, bytes): Read<'_>,
) -> McpDecision {
    let messages = mcp::messages(doc, bytes).unwrap_or_default();
    let mut approvals = tools.approvals(cx);
    approvals.now = seconds(cx.facts.now_ns);
    let mut stopped: Vec<(&RpcMessage, String)> = Vec::new();
    for message in &messages {
        if let Some(call) = &message.call
            && let Some(text) = tools.stops_call(cx, call, doc, bytes, &mut approvals)
        {
            stopped.push((message, text));
        }
    }
    if let Some(mcp) = &mut cx.mcp {
        mcp.granted = approvals.used;
    }
    let gone: Vec<NodeId> = stopped.iter().map(|(message, _)| message.node).collect();
    note_stopped(cx, &messages, &stopped);
    let told = told_by_server(cx, &stopped, doc, bytes);
    if gone.len() == messages.len() && told.is_empty() {
        return McpDecision::Reply(cx.stopped_reply());
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
    match guardrails.scan_input(cx, &view, doc, bytes) {
        InputOutcome::Pass => McpDecision::GoesOn { edits, body },
        InputOutcome::Rewritten(new) => {
            // Such headers repeat the original arguments.
            for (name, _) in cx.facts.headers.iter() {
                let name = String::from_utf8_lossy(name).to_ascii_lowercase();
                if name.starts_with("mcp-param-") {
                    edits.push(HeaderEdit::Remove(name));
                }
            }
            McpDecision::GoesOn { edits, body: Some(new) }
        }
        InputOutcome::Canned(fallback) => McpDecision::Reply(cx.canned(&fallback)),
        InputOutcome::Refused(refusal) => McpDecision::Reply(cx.refused(&refusal)),
    }
}

/// On the first revision's transport the client does not read the response to a POST: it waits on its stream. A call
/// that is stopped is forwarded as a call of a tool that does not exist, whose name says why; the server then reports
/// on the stream that there is no such tool.
fn told_by_server(
    cx: &mut Context,
    stopped: &[(&RpcMessage, String)],
    doc: &Doc,
    bytes: &[u8],
) -> Vec<Edit> {
    let Some(mcp) = cx.mcp.as_mut().filter(|mcp| mcp.old_transport && !mcp.batch) else {
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

/// Judges the tool calls in a request that is also a model call: if one is stopped, the whole request is.
pub(crate) fn beside(
    cx: &mut Context,
    tools: &ToolsLever,
    doc: &Doc,
    bytes: &[u8],
) -> Option<Reply> {
    let messages = mcp::messages(doc, bytes).unwrap_or_default();
    let mut approvals = tools.approvals(cx);
    approvals.now = seconds(cx.facts.now_ns);
    let mut stopped: Vec<(&RpcMessage, String)> = Vec::new();
    for message in &messages {
        if let Some(call) = &message.call
            && let Some(text) = tools.stops_call(cx, call, doc, bytes, &mut approvals)
        {
            stopped.push((message, text));
        }
    }
    if let Some(mcp) = &mut cx.mcp {
        mcp.granted = approvals.used;
    }
    let stops = !stopped.is_empty();
    note_stopped(cx, &messages, &stopped);
    stops.then(|| cx.stopped_reply())
}

/// Records which requests are answered here, and counts those that are forwarded.
fn note_stopped(cx: &mut Context, messages: &[RpcMessage], stopped: &[(&RpcMessage, String)]) {
    let Some(mcp) = &mut cx.mcp else { return };
    let is_stopped = |message: &RpcMessage| {
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
            // Its answer is a task now, not the result of a tool.
            Some(call) if call.task => {
                write::error_message(&message.id, write::code("denied"), text, "denied")
            }
            _ => write::tool_error(&message.id, text, modern),
        })
        .collect();
}
