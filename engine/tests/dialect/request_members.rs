//! The lists of members of a request (`SAID`, `TURNS`, and those whose spelling is checked) know every dialect: each row of
//! `testdata/dialects.json` and each recording says where its texts are.

use crate::support::{fixtures, id_at, talking, with_texts};
use hemostat_engine::dialect::{self, CallKind, DialectId, Item, RequestView, recognise};
use hemostat_engine::wire::json::Doc;
use serde_json::{Value, json};
use testkit::dialects::{self, Dialect};

/// The view of a request, or nothing if it is unreadable.
fn view(path: &str, doc: &Doc, body: &str) -> Option<RequestView> {
    let recognised = recognise("POST", path)?;
    let dialect = dialect::dialect(recognised.dialect);
    dialect.read_request(&recognised, doc, body.as_bytes()).ok()
}

fn parsed(body: &str) -> Doc {
    let mut doc = Doc::default();
    doc.parse(body.as_bytes()).unwrap();
    doc
}

fn is_readable(path: &str, request: &Value) -> bool {
    let body = request.to_string();
    view(path, &parsed(&body), &body).is_some()
}

/// Rows whose members are found by their own names: those of agents and tools are found in any case (`folds_to`).
fn rows() -> impl Iterator<Item = &'static Dialect> {
    let own = |row: &&Dialect| {
        !matches!(id_at(row.path(true)), Some(DialectId::A2a | DialectId::Mcp) | None)
    };
    dialects::all().iter().filter(own)
}

/// The keys on the way to the text of a request, the root's first.
fn way(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(own) => (own == "@").then(Vec::new),
        Value::Array(items) => items.iter().find_map(way),
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            let mut rest = way(member)?;
            rest.insert(0, name.clone());
            Some(rest)
        }),
        _ => None,
    }
}

/// The value with the keys of this name in another case.
fn otherwise(value: &Value, name: &str) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| otherwise(item, name)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(own, member)| match own == name {
                true => (own.to_ascii_uppercase(), member.clone()),
                false => (own.clone(), otherwise(member, name)),
            })
            .collect(),
        other => other.clone(),
    }
}

#[test]
fn a_member_with_texts_has_one_spelling() {
    let mut checked = 0;
    for row in rows() {
        let (path, request) = (row.path(true), row.request(true, "@"));
        assert!(is_readable(path, &request), "{}: {request}", row.name());
        let keys = way(&request).unwrap();
        // A role decides whose a text is.
        for key in keys.iter().map(String::as_str).chain(["role"]) {
            let other = otherwise(&request, key);
            assert!(other == request || !is_readable(path, &other), "{}: {other}", row.name());
            checked += usize::from(other != request);
        }
    }
    assert!(checked > 20, "{checked}");
}

#[test]
fn what_is_said_may_be_skipped_and_the_call_stays_the_same() {
    // Lists of prompts are counted: each gets an answer.
    const COUNTED: &str = "prompt";
    let mut skipped = 0;
    for id in talking().filter(|id| *id != DialectId::A2a) {
        for fixture in fixtures(id) {
            let Some(request) = &fixture.request else { continue };
            let body = std::str::from_utf8(request).unwrap();
            let path = fixture.meta["path"].as_str().unwrap();
            let mut doc = Doc::default();
            if doc.parse(request).is_err() {
                continue;
            }
            let Some(whole) = view(path, &doc, body) else { continue };
            if whole.call.recognised.kind != CallKind::Generate {
                continue;
            }
            for member in doc.root(request).children() {
                let name = member.key();
                let within = |item: &&Item| {
                    matches!(item,
                    Item::Text { node, .. } if *node > member.id() && *node < member.after())
                };
                if whole.texts.iter().filter(within).count() > 0 {
                    let name = String::from_utf8_lossy(name);
                    let listed = dialect::SAID.has(name.as_bytes()) || name == COUNTED;
                    assert!(listed, "{}: {name}", fixture.name);
                    skipped += 1;
                }
            }
            doc.parse_outline(request, &dialect::SAID).unwrap();
            let outline = view(path, &doc, body).unwrap();
            assert_eq!(outline.call, whole.call, "{}", fixture.name);
        }
    }
    assert!(skipped > 100, "{skipped}");
}

/// In a request of another dialect too, where it is not known whether anybody reads them.
#[test]
fn turns_are_read_as_turns_beside_those_of_another_dialect() {
    let mut beside = 0;
    for row in rows() {
        let own = row.request(true, "@");
        let name = way(&own).unwrap().remove(0);
        for other in rows().filter(|other| other.request(true, "").get(&name).is_none()) {
            let mut request = other.request(true, "theirs");
            let turn = json!([{"role": "assistant", "type": "message", "content": "said", "parts": [{"text": "said"}]}]);
            request[&name] = turn;
            let body = request.to_string();
            let doc = parsed(&body);
            let view = view(other.path(true), &doc, &body).unwrap();
            let mut items = view.texts.clone();
            dialect::beside::texts(&view, &doc, body.as_bytes(), &mut items);
            let texts: Vec<String> =
                with_texts(&doc, &body, items).into_iter().map(|(_, text)| text).collect();
            assert!(texts.iter().any(|text| text == "said"), "{body}: {texts:?}");
            let tag =
                |text: &&String| ["assistant", "message", "role", "type"].contains(&text.as_str());
            assert_eq!(texts.iter().find(tag), None, "{body}: {texts:?}");
            beside += 1;
        }
    }
    assert!(beside > 30, "{beside}");
}
