//! Which of the two JSON-RPC protocols a request uses, MCP or A2A: decided by its headers if they tell, else by the
//! body.

use crate::context::Context;
use crate::context::facts;
use crate::context::mcp::{Mcp, RpcRequest};
use crate::context::verdict::HeaderEdit;
use crate::counters::Unchecked;
use crate::dialect::mcp::sign::{self, Sign};
use crate::dialect::mcp::sniff::Sniffed;
use crate::dialect::mcp::{self, MessageKind};
use crate::dialect::{DialectId, Recognised, RequestView, a2a};
use crate::lever::choose;
use crate::lever::guardrails::Guardrails;
use crate::lever::need::Needs;
use crate::lever::signed::Signed;
use crate::policy::Program;
use crate::wire::json::Doc;

/// Recognises a request whose path belongs to no dialect as MCP, if its headers say so.
pub(crate) fn by_headers(cx: &mut Context, method: &str, target: &str) -> Option<Recognised> {
    let headers = &cx.facts.headers;
    if let Some(recognised) = a2a::stored(method, target, headers) {
        return Some(recognised);
    }
    if let Some(recognised) = sign::without_body(method, target, headers) {
        cx.mcp = Some(Box::default());
        return Some(recognised);
    }
    if !method.eq_ignore_ascii_case("POST") {
        return None;
    }
    let sign = sign::of_post(target, headers);
    cx.mcp = Some(Box::new(Mcp { sign: Some(sign), ..Mcp::default() }));
    matches!(sign, Sign::Own | Sign::Accepts).then(|| sign::recognised(false))
}

/// Decides by the body which protocol a request uses. False if it is other traffic.
pub(crate) fn settle_protocol(
    cx: &mut Context,
    guardrails: &mut Guardrails,
    recognised: &mut Recognised,
    read: &mut Result<RequestView, Unchecked>,
    doc: &mut Doc,
    body: Option<&[u8]>,
) -> bool {
    if recognised.kind.is_stored() {
        return true;
    }
    // Nearly no model call has such members.
    let rpc = body.filter(|body| !doc.is_empty() && mcp::may_be_rpc(doc, body));
    let agent = rpc.filter(|body| a2a::names_a_method(doc, body));
    // What may also be a model call is read as one, and nothing that an agent would be asked is skipped.
    let mixed = match agent {
        Some(body) if is_no_models(recognised) || a2a::is_alone(doc, body) => {
            settle_a2a(cx, guardrails, recognised, read, doc, body);
            return true;
        }
        None if recognised.envelope.is_some() && !doc.is_empty() => {
            // The method belongs to another protocol after all.
            cx.mcp = None;
            return false;
        }
        agent => agent.is_some(),
    };
    if recognised.dialect == DialectId::Mcp {
        if !stays_mcp(cx, doc, body) {
            cx.mcp = None;
            return false;
        }
    } else {
        // Servers of the first revision accept calls at `…/messages`, those mounted under a prefix accept them at any
        // path, and a model's server ignores members that it does not know. If the body contains nothing but JSON-RPC,
        // no model is called; else both readings count.
        let body = rpc;
        let beside = match body {
            Some(body) if mcp::is_nothing_else(doc, body) => recognised.dialect,
            Some(body) if mcp::names_a_method(doc, body) => DialectId::Mcp,
            _ => {
                if let (true, Ok(view), Some(body)) = (mixed, read, body) {
                    a2a::texts_beside(doc, body, &mut view.texts);
                }
                if recognised.envelope.is_some() {
                    cx.count_dialect();
                }
                return true;
            }
        };
        let (sign, own) = (Some(Sign::MayBeJson), recognised.clone());
        cx.mcp = Some(Box::new(Mcp { sign, beside: Some(beside), ..Mcp::default() }));
        if beside != DialectId::Mcp {
            *recognised = sign::recognised(false);
            recognised.model = own.model;
        }
        guardrails.chosen.as_input = beside == DialectId::Mcp;
        *read = cx.read(recognised, body, doc);
    }
    cx.recognise_as(recognised.clone());
    cx.label_beside();
    if recognised.dialect == DialectId::Mcp {
        cx.count_dialect();
    }
    ask_mcp(cx, read, doc, body.unwrap_or_default());
    if let (true, Ok(view), Some(body)) = (mixed, read, body) {
        a2a::texts_beside(doc, body, &mut view.texts);
    }
    true
}

/// True if no model's server uses this path.
fn is_no_models(recognised: &Recognised) -> bool {
    matches!(recognised.dialect, DialectId::A2a | DialectId::Mcp)
}

/// A body that asks an agent, whatever else the request looked like: rules for both apply.
fn settle_a2a(
    cx: &mut Context,
    guardrails: &mut Guardrails,
    recognised: &mut Recognised,
    read: &mut Result<RequestView, Unchecked>,
    doc: &mut Doc,
    body: &[u8],
) {
    let beside = match is_no_models(recognised) {
        true => a2a::names_one_of_mcp(doc, body).then_some(DialectId::Mcp),
        false => Some(recognised.dialect),
    };
    let sign = Some(Sign::MayBeJson);
    cx.mcp = beside.map(|_| Box::new(Mcp { sign, beside, ..Mcp::default() }));
    guardrails.chosen.as_input = beside == Some(DialectId::Mcp);
    *recognised = Recognised { model: recognised.model.take(), ..a2a::recognised() };
    *read = cx.read(recognised, Some(body), doc);
    if let Ok(view) = read {
        *recognised = view.call.recognised.clone();
    }
    cx.recognise_as(recognised.clone());
    cx.label_beside();
    cx.count_dialect();
    if beside == Some(DialectId::Mcp) {
        ask_mcp(cx, read, doc, body);
    }
}

/// Asks upstream for an unencoded answer if the body has shown that rules for MCP apply too.
pub(crate) fn identity_beside(cx: &Context, signed: Option<&Signed>) -> Option<HeaderEdit> {
    let by_body = cx.recognised.as_ref().is_some_and(|own| own.envelope.is_some());
    if !by_body {
        cx.mcp.as_ref().and_then(|mcp| mcp.beside)?;
    }
    let covers = |signed: &Signed| signed.covers("accept-encoding");
    let signed = signed.is_some_and(covers);
    (!signed && choose::needs(cx).answer).then(identity)
}

/// True unless the body of a request whose headers say MCP shows otherwise.
fn stays_mcp(cx: &Context, doc: &Doc, body: Option<&[u8]>) -> bool {
    let Some(mcp) = &cx.mcp else { return true };
    match body {
        _ if facts::is_encoded(&cx.facts.headers) => true,
        None => true,
        Some(body) if body.trim_ascii().is_empty() => false,
        Some(body) if !doc.is_empty() => {
            mcp::is_json_rpc(doc, body) || mcp::names_a_method(doc, body)
        }
        // Not JSON here, but a lenient server may accept it.
        Some(body) => {
            let sniffed = mcp::sniff::Sniffer::default().feed(body);
            mcp.sign == Some(Sign::Own) || sniffed == Sniffed::Call(DialectId::Mcp)
        }
    }
}

/// Records which requests expect answers.
fn ask_mcp(cx: &mut Context, read: &mut Result<RequestView, Unchecked>, doc: &Doc, body: &[u8]) {
    let Some(mut mcp) = cx.mcp.take() else { return };
    mcp.modern = mcp::is_modern(&cx.facts.headers, doc, body);
    let target = facts::text(&cx.facts.headers, ":path").unwrap_or_default();
    mcp.old_transport = sign::is_old_transport(&target, &cx.facts.headers);
    mcp.batch = body.trim_ascii_start().first() == Some(&b'[');
    let messages = match read {
        Ok(_) => mcp::messages(doc, body).unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    let requests = messages.iter().filter(|message| message.kind == MessageKind::Request);
    mcp.asked = requests
        .map(|message| RpcRequest {
            id: message.id.clone(),
            call: message.call.as_ref().is_some_and(|call| !call.task),
        })
        .collect();
    mcp.requests = mcp.asked.len() as u64;
    if mcp.modern && mcp::is_mismatch(&cx.facts.headers, doc, body, &messages) {
        mcp.mismatch = true;
        *read = Err(Unchecked::Mismatch);
    }
    cx.mcp = Some(mcp);
}

/// What the rules would need if this were MCP.
pub(crate) fn needs_as_mcp(cx: &mut Context) -> Needs {
    if !has_rules_for_mcp(&cx.program) {
        return Needs::NOTHING;
    }
    needs_as(cx, sign::recognised(false))
}

/// What the rules would need if this were A2A.
pub(crate) fn needs_as_a2a(cx: &mut Context) -> Needs {
    needs_as(cx, a2a::recognised())
}

fn needs_as(cx: &mut Context, other: Recognised) -> Needs {
    let labels = cx.labels.clone();
    let recognised = cx.recognised.take();
    cx.recognise_as(other);
    let needs = choose::needs_with_changes(cx);
    cx.labels = labels;
    cx.recognised = recognised;
    needs
}

/// True if the policy has rules that a call must not bypass. Other rules apply only if the headers say MCP.
pub(crate) fn has_rules_for_mcp(program: &Program) -> bool {
    !program.tools.rules.is_empty()
        || !program.limits.rules.is_empty()
        || program.guards.rules.iter().any(|guard| guard.on_request() || guard.on_tool_args())
        || program.failsafe.iter().any(|rule| rule.upstream.is_none())
}

/// Asks upstream for an unencoded answer.
pub(crate) fn identity() -> HeaderEdit {
    HeaderEdit::Set("accept-encoding".to_owned(), "identity".to_owned())
}
