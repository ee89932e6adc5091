//! The rest of a stream. SDK helpers check it: ids stay the same, every item that was added is completed and listed in
//! the last event exactly as it was sent, and texts are repeated in full.

use super::super::say::Say;
use super::super::write::{Json, quoted};
use super::super::{Call, Ending, previous};
use super::names::kind;
use super::own::{
    OURS, ResponseHead, ResponseStatus, content_part, message, response, with_fields,
};
use super::sent::{OutputItem, Sent, SentPart};
use crate::wire::json::Doc;
use crate::wire::own::OwnEvents;

/// Writes events with increasing sequence numbers.
#[derive(Debug)]
pub(super) struct Events {
    pub(super) out: OwnEvents,
    pub(super) sequence: u64,
}

impl Events {
    /// One event; `fields` are the members between its type and its number.
    pub(super) fn event(&mut self, name: &str, fields: &str) {
        let mut json = Json::default();
        json.raw(r#"{"type":"#).text(name).raw(",").raw(fields);
        json.raw(r#","sequence_number":"#).number(self.sequence).raw("}");
        self.sequence = self.sequence.saturating_add(1);
        self.out.push(name, json.as_str());
    }

    /// An event about a part of an item: `item_id`, `output_index`, the part's index, `last`.
    fn of_part(&mut self, name: &str, item: (&str, u32), part: &SentPart, last: &str) {
        let place = if part.kind == kind::SUMMARY { "summary_index" } else { "content_index" };
        let mut json = Json::default();
        json.raw(r#""item_id":"#).text(item.0).raw(r#","output_index":"#).number(item.1.into());
        json.raw(",").text(place).raw(":").number(part.index.into()).raw(",").raw(last);
        self.event(name, json.as_str());
    }

    fn of_response(
        &mut self,
        name: &str,
        head: &ResponseHead<'_>,
        status: ResponseStatus,
        output: &str,
    ) {
        let response = response(head, status, output);
        self.event(name, &format!(r#""response":{response}"#));
    }
}

/// The names of a kind of text: that of its deltas, and that of the events about its part.
fn names(kind: u8) -> (&'static str, &'static str) {
    match kind {
        kind::REFUSAL => ("response.refusal", "response.content_part"),
        kind::SUMMARY => ("response.reasoning_summary_text", "response.reasoning_summary_part"),
        kind::REASONING => ("response.reasoning_text", "response.content_part"),
        _ => ("response.output_text", "response.content_part"),
    }
}

/// The rest of the stream.
pub(super) fn end(sent: &mut Sent, call: &Call, model: Option<&str>, ending: &Ending) -> OwnEvents {
    if sent.over || sent.failed {
        return OwnEvents::default();
    }
    let mut events = Events { out: OwnEvents::default(), sequence: sent.sequence };
    let id = sent.id.clone().unwrap_or_else(|| previous::canned_id(OURS, call, &ending.decision));
    let created = if sent.id.is_some() { sent.created } else { ending.now };
    let model = sent.model.clone().or_else(|| model.map(Into::into));
    let model = model.unwrap_or_else(|| call.model.clone());
    let upstream = sent.head.take();
    let head = ResponseHead { id: &id, created, model: &model, upstream: upstream.as_deref() };
    if !sent.any {
        events.of_response("response.created", &head, ResponseStatus::InProgress, "");
        events.of_response("response.in_progress", &head, ResponseStatus::InProgress, "");
    }
    before(&mut events, sent, ending);
    let texts = |part: &SentPart| part.kind <= kind::REFUSAL && !part.text.is_empty();
    let begun = sent.items.iter().any(|item| {
        item.kind == "message" && (item.done.is_some() || item.parts.iter().any(texts))
    });
    let say = Say::ending(&ending.how, call, begun);
    let status = ResponseStatus::of(&say);
    let open = |item: &OutputItem| item.done.is_none() && item.kind == "message";
    let target = sent.items.iter().filter(|item| open(item)).map(|item| item.index).max();
    for item in &mut sent.items {
        if Some(item.index) != target {
            close(&mut events, item, "incomplete");
        }
    }
    if let Some(text) = say.text {
        let target = target.unwrap_or_else(|| next(sent));
        speak(&mut events, sent, target, &ending.decision, text, say.refusal);
    }
    for item in &mut sent.items {
        close(&mut events, item, status.name());
    }
    let items: Vec<&str> = sent.items.iter().filter_map(|item| item.done.as_deref()).collect();
    let cut = say.blocked || say.spent;
    let name = if cut { "response.incomplete" } else { "response.completed" };
    events.of_response(name, &head, status, &items.join(","));
    sent.over = true;
    events.out
}

/// The index of the next item.
fn next(sent: &Sent) -> u32 {
    sent.items.iter().map(|item| item.index.saturating_add(1)).max().unwrap_or(0)
}

/// Texts of the replaced event that still leave.
fn before(events: &mut Events, sent: &mut Sent, ending: &Ending) {
    for (text, piece) in ending.before.iter().filter(|(_, piece)| !piece.is_empty()) {
        let known = sent.known_mut(text.a);
        let is_open = known.as_ref().is_some_and(|item| {
            let begun = item.parts.iter().find(|p| p.kind == text.kind && p.index == text.b);
            item.done.is_none() && begun.is_none_or(|part| !part.text_done && !part.done)
        });
        match (text.kind, known) {
            (kind::TEXT | kind::REFUSAL, Some(item)) if is_open && item.kind == "message" => {
                delta(events, item, text.kind, text.b, piece);
            }
            // A message that begins in the replaced event begins here.
            (kind::TEXT | kind::REFUSAL, None) => {
                let refusal = text.kind == kind::REFUSAL;
                speak(events, sent, text.a, &ending.decision, piece, refusal);
            }
            (kind::SUMMARY | kind::REASONING, Some(item))
                if is_open && item.kind == "reasoning" =>
            {
                delta(events, item, text.kind, text.b, piece);
            }
            _ => {}
        }
    }
}

/// One delta of a part; starts the part if it is new.
fn delta(events: &mut Events, item: &mut OutputItem, kind: u8, index: u32, text: &str) {
    let (id, at) = (item.id.clone(), item.index);
    let begun = item.parts.iter().any(|p| p.kind == kind && p.index == index);
    let Some(part) = item.part(kind, index) else { return };
    let (name, part_name) = names(kind);
    if !begun {
        let empty = format!(r#""part":{}"#, part_json(part));
        events.of_part(&format!("{part_name}.added"), (&id, at), part, &empty);
    }
    let logprobs = if kind == kind::TEXT { r#","logprobs":[]"# } else { "" };
    let fields = format!(r#""delta":{}{logprobs}"#, quoted(text));
    events.of_part(&format!("{name}.delta"), (&id, at), part, &fields);
    part.text.push_str(text);
}

/// Sends text in a message: in its open part, after a blank line, or in a new one.
fn speak(
    events: &mut Events,
    sent: &mut Sent,
    index: u32,
    decision: &str,
    text: &str,
    refusal: bool,
) {
    if !sent.items.iter().any(|item| item.index == index) {
        let id = format!("msg_hemostat_{decision}");
        let mut head = Json::default();
        message(&mut head, &id, "in_progress", None);
        let fields = format!(r#""output_index":{index},"item":{}"#, head.as_str());
        events.event("response.output_item.added", &fields);
        let Some(item) = sent.item(index, &id, "message") else { return };
        item.head = head.take();
    }
    let Some(item) = sent.item(index, "", "message") else { return };
    let open = item.parts.iter().filter(|p| !p.done && !p.text_done).max_by_key(|p| p.index);
    let open = open.map(|p| (p.kind, p.index, !p.text.is_empty()));
    match open {
        // A refusal that has begun continues as one; a text continues unless a refusal is to be sent.
        Some((kind, part, filled)) if kind == kind::REFUSAL || !refusal => {
            let text = if filled { format!("\n\n{text}") } else { text.to_owned() };
            delta(events, item, kind, part, &text);
        }
        _ => {
            close_parts(events, item);
            let part = item.parts.iter().map(|p| p.index.saturating_add(1)).max().unwrap_or(0);
            delta(events, item, if refusal { kind::REFUSAL } else { kind::TEXT }, part, text);
        }
    }
}

/// A part in its current state.
fn part_json(part: &SentPart) -> String {
    let mut json = Json::default();
    match part.kind {
        kind::SUMMARY => {
            json.raw(r#"{"type":"summary_text","text":"#).text(&part.text).raw("}");
        }
        kind::REASONING => {
            json.raw(r#"{"type":"reasoning_text","text":"#).text(&part.text).raw("}");
        }
        kind => content_part(&mut json, &part.text, &part.annotations, kind == kind::REFUSAL),
    }
    json.take()
}

/// Ends the open parts of an item.
fn close_parts(events: &mut Events, item: &mut OutputItem) {
    for part in &mut item.parts {
        let place = (item.id.as_str(), item.index);
        let (name, part_name) = names(part.kind);
        if !part.text_done {
            let field = if part.kind == kind::REFUSAL { "refusal" } else { "text" };
            let logprobs = if part.kind == kind::TEXT { r#","logprobs":[]"# } else { "" };
            let fields = format!(r#""{field}":{}{logprobs}"#, quoted(&part.text));
            events.of_part(&format!("{name}.done"), place, part, &fields);
        }
        if !part.done {
            let fields = format!(r#""part":{}"#, part_json(part));
            events.of_part(&format!("{part_name}.done"), place, part, &fields);
        }
        (part.text_done, part.done) = (true, true);
    }
}

/// Ends an open item. A call whose arguments are incomplete must not be carried out: it ends with empty arguments and
/// the status `incomplete`.
fn close(events: &mut Events, item: &mut OutputItem, status: &str) {
    if item.done.is_some() {
        return;
    }
    close_parts(events, item);
    let list = |kinds: [u8; 2]| {
        let parts = item.parts.iter().filter(|part| kinds.contains(&part.kind));
        let parts: Vec<String> = parts.map(part_json).collect();
        format!("[{}]", parts.join(","))
    };
    let mut fields: Vec<(&str, String)> = Vec::new();
    match item.kind.as_str() {
        "message" => {
            fields.push(("status", quoted(status)));
            fields.push(("content", list([kind::TEXT, kind::REFUSAL])));
        }
        "reasoning" => {
            fields.push(("summary", list([kind::SUMMARY, kind::SUMMARY])));
            if item.parts.iter().any(|part| part.kind == kind::REASONING) {
                fields.push(("content", list([kind::REASONING, kind::REASONING])));
            }
        }
        "function_call" | "mcp_call" => {
            call_arguments(events, item, "arguments", "{}", &mut fields);
        }
        "custom_tool_call" => call_arguments(events, item, "input", "", &mut fields),
        _ => fields.push(("status", quoted("incomplete"))),
    }
    let done = rewritten(item, &fields);
    let event = format!(r#""output_index":{},"item":{done}"#, item.index);
    events.event("response.output_item.done", &event);
    item.done = Some(done);
}

fn call_arguments(
    events: &mut Events,
    item: &OutputItem,
    field: &'static str,
    empty: &str,
    fields: &mut Vec<(&'static str, String)>,
) {
    let arguments = item.arguments.as_deref().unwrap_or(empty);
    if item.arguments.is_none() {
        let name = match item.kind.as_str() {
            "mcp_call" => "response.mcp_call_arguments.done",
            "custom_tool_call" => "response.custom_tool_call_input.done",
            _ => "response.function_call_arguments.done",
        };
        let mut json = Json::default();
        json.raw(r#""item_id":"#).text(&item.id);
        json.raw(r#","output_index":"#).number(item.index.into());
        json.raw(",").text(field).raw(":").text(arguments);
        events.event(name, json.as_str());
    }
    // Upstream may have ended them in the middle.
    let whole = field != "arguments" || Doc::default().parse(arguments.as_bytes()).is_ok();
    let status = if item.arguments.is_some() && whole { "completed" } else { "incomplete" };
    fields.push(("status", quoted(status)));
    fields.push((field, quoted(arguments)));
}

/// The item as it was added, with these fields in place of its own.
fn rewritten(item: &OutputItem, fields: &[(&str, String)]) -> String {
    with_fields(&item.head, fields).unwrap_or_else(|| {
        let mut stand_in = Json::default();
        stand_in.raw(r#"{"id":"#).text(&item.id).raw(r#","type":"#).text(&item.kind);
        if item.kind == "message" {
            stand_in.raw(r#","role":"assistant""#);
        }
        with_fields(stand_in.raw("}").as_str(), fields).unwrap_or_default()
    })
}
