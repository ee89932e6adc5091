//! What has been sent of a stream of events, its well-formed rest, and whole answers of the proxy's own.

use super::super::fields::{is_among, string};
use super::super::say::Say;
use super::super::texts::short;
use super::super::write::Json;
use super::super::{Call, Ending, EndingHow, Envelope};
use super::envelope::Form;
use crate::wire::json::Value;
use crate::wire::own::OwnEvents;

/// What a caller has got of a stream.
#[derive(Debug, Default)]
pub(super) struct Sent {
    task: Option<String>,
    context: Option<String>,
    done: bool,
}

impl Sent {
    /// An event has left.
    pub(super) fn frame(&mut self, root: &Value<'_>) {
        let of = root.get("result").unwrap_or(*root);
        let named = ["task", "statusUpdate", "status_update", "artifactUpdate", "artifact_update"];
        let object = named.iter().find_map(|name| of.get(name)).unwrap_or(of);
        let is_task = of.get("task").is_some() || of.get("kind").is_some_and(|k| k.is_str("task"));
        let named = |names: [&str; 2]| short(names.iter().find_map(|name| object.get(name)));
        let task = named(["taskId", "task_id"]);
        let task = task.or_else(|| short(object.get("id").filter(|_| is_task)));
        self.task = task.or(self.task.take());
        self.context = named(["contextId", "context_id"]).or(self.context.take());
        let state = object.get("status").and_then(|status| status.get("state"));
        let message = of.get("message").is_some() || object.get("parts").is_some();
        self.done |= message || ends(&string(state)) || root.get("error").is_some();
    }

    /// The rest of the stream: texts that still leave, what is said, the end.
    pub(super) fn ending(&mut self, call: &Call, ending: &Ending) -> OwnEvents {
        let mut out = OwnEvents::default();
        if std::mem::replace(&mut self.done, true) {
            return out;
        }
        let say = Say::ending(&ending.how, call, true);
        let before = ending.before.iter().map(|(_, text)| text.as_str());
        let texts: Vec<&str> = before.chain(say.text).filter(|text| !text.is_empty()).collect();
        let said = said(call, &say, &ending.decision, &texts, self);
        out.push("", &said);
        out
    }
}

/// A whole answer.
pub(super) fn whole(call: &Call, how: &EndingHow, decision: &str) -> String {
    let say = Say::ending(how, call, false);
    let texts: Vec<&str> = say.text.into_iter().collect();
    said(call, &say, decision, &texts, &Sent::default())
}

/// What is said last: of a task that has begun its end, else a message where an ordinary one can say it, or a task that
/// was turned down.
fn said(call: &Call, say: &Say<'_>, decision: &str, texts: &[&str], sent: &Sent) -> String {
    let none = Envelope::default();
    let envelope = call.recognised.envelope.as_deref().unwrap_or(&none);
    let (form, id) = (envelope.form(), format!("hemostat-{decision}"));
    let context = sent.context.as_ref().or(envelope.context.as_ref());
    let state = match (say.blocked || say.refusal, say.spent) {
        (true, _) => "rejected",
        (false, true) => "failed",
        (false, false) => "completed",
    };
    let mut message = Json::default();
    message.raw("{");
    if form == Form::Tagged {
        message.raw(r#""kind":"message","#);
    }
    message.raw(r#""messageId":"#).text(&id);
    message.raw(r#","role":"#).text(if form == Form::Tagged { "agent" } else { "ROLE_AGENT" });
    for (name, value) in [("contextId", context), ("taskId", sent.task.as_ref())] {
        if let Some(value) = value {
            message.raw(",").text(name).raw(":").text(value);
        }
    }
    message.raw(",").text(if form == Form::OldHttp { "content" } else { "parts" }).raw(":[");
    for (at, text) in texts.iter().enumerate() {
        message.raw(if at > 0 { "," } else { "" }).raw("{");
        message.raw(if form == Form::Tagged { r#""kind":"text","# } else { "" });
        message.raw(r#""text":"#).text(text).raw("}");
    }
    let message = message.raw("]}").take();
    if sent.task.is_none() && state == "completed" {
        return envelope.wrap("message", &message);
    }
    let (kind, name) = match sent.task {
        Some(_) => ("status-update", "statusUpdate"),
        None => ("task", "task"),
    };
    let mut out = Json::default();
    out.raw("{");
    if form == Form::Tagged {
        out.raw(r#""kind":"#).text(kind).raw(",");
    }
    out.text(if sent.task.is_some() { "taskId" } else { "id" }).raw(":");
    out.text(sent.task.as_ref().unwrap_or(&id));
    out.raw(r#","contextId":"#).text(context.unwrap_or(&id));
    out.raw(r#","status":{"state":"#);
    match form {
        Form::Tagged => out.text(state),
        _ => out.text(&format!("TASK_STATE_{}", state.to_ascii_uppercase())),
    };
    if !texts.is_empty() {
        out.raw(r#","message":"#).raw(&message);
    }
    out.raw("}");
    if sent.task.is_some() && form != Form::Wrapped {
        out.raw(r#","final":true"#);
    }
    envelope.wrap(name, out.raw("}").as_str())
}

/// States in which a task says no more.
const ENDS: [&str; 8] = [
    "completed",
    "failed",
    "canceled",
    "rejected",
    "input-required",
    "input_required",
    "auth-required",
    "auth_required",
];

/// True for a state in which a task says no more.
pub(super) fn ends(state: &[u8]) -> bool {
    // 1.0 writes `TASK_STATE_INPUT_REQUIRED`, the versions before `input-required`.
    let state = state.to_ascii_lowercase();
    let state = state.strip_prefix(b"task_state_").unwrap_or(&state);
    is_among(&ENDS, state)
}
