//! What has been sent of a stream of events, its rest, and whole answers of the proxy's own.

use super::super::fields::{is_among, string};
use super::super::number::name_number;
use super::super::say::Say;
use super::super::texts::short;
use super::super::write::Json;
use super::super::{AnswerEnvelope, Call, Ending, EndingHow};
use super::envelope::Form;
use super::kind;
use crate::wire::json::Value;
use crate::wire::own::OwnEvents;

/// What the caller has been sent of a stream.
#[derive(Debug, Default)]
pub(super) struct Sent {
    task: Option<String>,
    context: Option<String>,
    /// The id of the artifact that was read last.
    made: Option<String>,
    /// The number of the artifact that was sent last.
    left: Option<u32>,
    done: bool,
}

impl Sent {
    /// An event was read.
    pub(super) fn reads(&mut self, root: &Value<'_>) {
        self.made = artifact(root).or(self.made.take());
    }

    /// An event was sent.
    pub(super) fn frame(&mut self, root: &Value<'_>) {
        let (of, object) = objects(root);
        self.left = artifact(root).map(|id| name_number(id.as_bytes())).or(self.left);
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

    /// The rest of the stream: texts that still leave, the ending's text, the end.
    pub(super) fn ending(&mut self, call: &Call, ending: &Ending) -> OwnEvents {
        let mut out = OwnEvents::default();
        if std::mem::replace(&mut self.done, true) {
            return out;
        }
        let say = Say::ending(&ending.how, call, true);
        let of = |kind| ending.before.iter().filter(move |(key, _)| key.kind == kind);
        for (key, text) in of(kind::ARTIFACT).filter(|(_, text)| !text.is_empty()) {
            // A piece of an artifact remains one: in a message it would follow another text.
            if let Some(id) = self.made.as_ref().filter(|id| name_number(id.as_bytes()) == key.a) {
                out.push("", &self.piece(call, id, self.left == Some(key.a), text));
            }
        }
        let before = of(kind::MESSAGE).map(|(_, text)| text.as_str());
        let texts: Vec<&str> = before.chain(say.text).filter(|text| !text.is_empty()).collect();
        let said = said(call, &say, &ending.decision, &texts, self);
        out.push("", &said);
        out
    }

    /// A piece of the artifact `id`; `append`: the artifact has begun.
    fn piece(&self, call: &Call, id: &str, append: bool, text: &str) -> String {
        let none = AnswerEnvelope::default();
        let envelope = call.recognised.envelope.as_deref().unwrap_or(&none);
        let tagged = envelope.form() == Form::Tagged;
        let mut out = Json::default();
        out.raw(if tagged { r#"{"kind":"artifact-update","# } else { "{" });
        for (name, value) in [("taskId", &self.task), ("contextId", &self.context)] {
            if let Some(value) = value {
                out.text(name).raw(":").text(value).raw(",");
            }
        }
        out.raw(r#""artifact":{"artifactId":"#).text(id);
        out.raw(if envelope.form() == Form::OldHttp {
            r#","content":[{"#
        } else {
            r#","parts":[{"#
        });
        out.raw(if tagged { r#""kind":"text","# } else { "" });
        out.raw(r#""text":"#).text(text).raw("}]}");
        out.raw(if append { r#","append":true}"# } else { "}" });
        envelope.wrap("artifactUpdate", out.as_str())
    }
}

/// The object in an envelope, and within it the object with the update.
fn objects<'a>(root: &Value<'a>) -> (Value<'a>, Value<'a>) {
    let of = root.get("result").unwrap_or(*root);
    let named = ["task", "statusUpdate", "status_update", "artifactUpdate", "artifact_update"];
    (of, named.iter().find_map(|name| of.get(name)).unwrap_or(of))
}

/// The id of the artifact that an event contains a piece of.
fn artifact(root: &Value<'_>) -> Option<String> {
    let artifact = objects(root).1.get("artifact")?;
    short(artifact.get("artifactId").or_else(|| artifact.get("artifact_id")))
}

/// A whole answer.
pub(super) fn whole(call: &Call, how: &EndingHow, decision: &str) -> String {
    let say = Say::ending(how, call, false);
    let texts: Vec<&str> = say.text.into_iter().collect();
    said(call, &say, decision, &texts, &Sent::default())
}

/// The last thing said: the end of a task that has begun, else a message if an ordinary one can say it, or a rejected
/// task.
fn said(call: &Call, say: &Say<'_>, decision: &str, texts: &[&str], sent: &Sent) -> String {
    let none = AnswerEnvelope::default();
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

/// States in which a task is over.
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

/// True for a state in which a task is over.
pub(super) fn ends(state: &[u8]) -> bool {
    // 1.0 writes `TASK_STATE_INPUT_REQUIRED`, earlier versions `input-required`.
    let state = state.to_ascii_lowercase();
    let state = state.strip_prefix(b"task_state_").unwrap_or(&state);
    is_among(&ENDS, state)
}
