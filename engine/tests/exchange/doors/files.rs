//! Text that travels as a file: in base64, in a data URL, by the name that each format has for it.

use super::{WORD, answered, ask, guard};
use crate::support::{Cut, program, run};
use serde_json::{Value, json};

fn base64(text: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let word = three.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte))
            << (8 * (3 - three.len()));
        let digit = |at: usize| char::from(DIGITS[(word >> (18 - 6 * at)) as usize & 63]);
        (0..4).map(|at| if at <= three.len() { digit(at) } else { '=' }).collect::<String>()
    };
    text.chunks(3).map(group).collect()
}

/// Requests with a file in them, by where its content stands.
fn files(content: &str, kind: &str) -> Vec<(&'static str, Value)> {
    let address = format!("data:{kind};base64,{content}");
    let chat =
        |part: Value| ("openai-chat", json!({"messages": [{"role": "user", "content": [part]}]}));
    let responses =
        |part: Value| ("openai-responses", json!({"input": [{"role": "user", "content": [part]}]}));
    let anthropic =
        |part: Value| ("anthropic", json!({"messages": [{"role": "user", "content": [part]}]}));
    let gemini = |part: Value| ("gemini", json!({"contents": [{"role": "user", "parts": [part]}]}));
    vec![
        chat(json!({"type": "file", "file": {"filename": "a.txt", "file_data": address}})),
        chat(json!({"type": "file", "file": {"filename": "a.txt", "file_data": content}})),
        chat(json!({"type": "image_url", "image_url": {"url": address}})),
        responses(json!({"type": "input_file", "filename": "a.txt", "file_data": address})),
        responses(json!({"type": "input_file", "file_url": address})),
        responses(json!({"type": "input_image", "image_url": address})),
        anthropic(
            json!({"type": "document", "source": {"type": "base64", "media_type": kind, "data": content}}),
        ),
        gemini(json!({"inlineData": {"mimeType": kind, "data": content}})),
        gemini(json!({"inline_data": {"mime_type": kind, "data": content}})),
        gemini(json!({"fileData": {"mimeType": kind, "fileUri": address}})),
        (
            "bedrock",
            json!({"messages": [{"role": "user", "content": [
            {"document": {"format": "txt", "name": "n", "source": {"bytes": content}}}]}]}),
        ),
        (
            "openai-responses",
            json!({"prompt": {"id": "p", "variables": {"v":
            {"type": "input_file", "file_data": content}}}}),
        ),
    ]
}

#[test]
fn a_text_that_travels_as_a_file_is_looked_at() {
    let content = base64(format!("go to {WORD} now").as_bytes());
    for kind in ["text/plain", "text/plain;charset=utf-8", "application/pdf", "image/png", ""] {
        for (dialect, request) in files(&content, kind) {
            let request = request.to_string();
            assert_eq!(ask(dialect, &request).status, 403, "{kind}: {request}");
            // `\/` and blanks are base64 too.
            let redacts = guard(json!(["input"]), json!({"redact": "[X]"}));
            let recording = answered(dialect, &request, "application/json", b"{}");
            let seen = run(&program(redacts), &recording, &Cut::Whole);
            assert_eq!(seen.status, 403, "a file is never written anew: {request}");
        }
    }
    let plain = r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:text/plain,z%61nzibar"}}]}]}"#;
    assert_eq!(ask("openai-chat", plain).status, 403);
}

#[test]
fn a_file_that_is_no_text_is_counted() {
    let remote = "hemostat_unchecked_total;reason=remote;action=pass";
    for (dialect, request) in
        files(&base64(b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n\0zanzibar"), "application/pdf")
    {
        let seen = ask(dialect, &request.to_string());
        assert!(
            seen.upstream.is_some() && seen.counted(remote) == 1,
            "{request} {:?}",
            seen.counts()
        );
    }
    let picture = json!({"contents": [{"role": "user", "parts": [
        {"inlineData": {"mimeType": "image/png", "data": base64(b"\x89PNG\r\n\x1a\n\0\0")}}]}]});
    assert_eq!(ask("gemini", &picture.to_string()).counted(remote), 0, "a picture has no text");
}
