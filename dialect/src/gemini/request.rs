//! Requests: `systemInstruction`, `contents`, and the fields that decisions depend on. The server accepts every field
//! in snake_case too.

use super::super::request::{self, RequestBody, Speaker};
use super::super::texts::TextWalk;
use super::super::turns::{self, Turn, speaker};
use super::super::{Call, Recognised, RequestView, Unreadable};
use super::spelling::only;
use crate::wire::json::{Doc, Kind, Value};
use crate::word::{self, Word};

/// Reads a request body.
///
/// # Errors
/// A field that a decision depends on has the wrong type or occurs twice, in either spelling.
pub(super) fn read(
    recognised: &Recognised,
    doc: &Doc,
    body: &[u8],
) -> Result<RequestView, Unreadable> {
    let of = RequestBody { recognised, doc, body, first: Speaker::System };
    request::read(&of, call, &mut |texts, field| {
        match () {
            () if field.key_is("systemInstruction") || field.key_is("system_instruction") => {
                content(texts, &field, Turn { speaker: Speaker::System, last: true });
            }
            () if field.key_is("contents") => contents(texts, &field),
            () if (field.key_is("cachedContent") || field.key_is("cached_content"))
                && field.kind() == Kind::String =>
            {
                texts.remote = texts.remote.saturating_add(1);
            }
            () => {}
        }
        Ok(())
    })
}

fn call(recognised: &Recognised, root: &Value<'_>) -> Result<Call, Unreadable> {
    let mut call = Call::without_body(recognised.clone());
    let place = "/generationConfig";
    let Some(config) = only(root, "generationConfig", place)? else {
        return Ok(call);
    };
    if config.kind() != Kind::Object {
        return Err(Unreadable { field: place });
    }
    let place = "/generationConfig/candidateCount";
    if let Some(count) = only(&config, "candidateCount", place)? {
        let name =
            if count.key_is("candidateCount") { "candidateCount" } else { "candidate_count" };
        call.choices = request::choices(&config, name, place)?;
    }
    let place = "/generationConfig/responseMimeType";
    if let Some(kind) = only(&config, "responseMimeType", place)? {
        let kind = kind.as_str().ok_or(Unreadable { field: place })?;
        call.structured |= !kind.is_empty() && !kind.eq_ignore_ascii_case("text/plain");
    }
    let place = "/generationConfig/responseSchema";
    let schema = only(&config, "responseSchema", place)?;
    let place = "/generationConfig/responseJsonSchema";
    let json_schema = only(&config, "responseJsonSchema", place)?;
    call.structured |= schema.is_some() || json_schema.is_some();
    Ok(call)
}

/// `contents` is a list of turns; the server also accepts a single one.
fn contents<'a>(texts: &mut TextWalk<'a, '_>, contents: &Value<'a>) {
    if contents.kind() != Kind::Array {
        return content(texts, contents, Turn { speaker: speaker(contents), last: true });
    }
    turns::read(texts, contents, content);
}

fn content<'a>(texts: &mut TextWalk<'a, '_>, turn: &Value<'a>, own: Turn) {
    turns::parts(texts, turn, word::parts, own, |part| {
        let results = [word::functionResponse, word::function_response, word::toolResponse];
        part.children().any(|child| results.contains(&Word::key(&child)))
    });
}
