//! Requests: every text the model would be shown, whose it is, and the fields that decide.

use crate::support::{fixtures, id_at, strings, talking, with_texts};
use hemostat_engine::dialect::{
    DialectId, InputParts, Item, RequestView, Role, Unreadable, ValueShape, dialect, recognise,
};
use hemostat_engine::wire::json::Doc;
use serde_json::Value;

/// Where a request of the dialect goes: as its row in `testdata/dialects.json` says, or that of a variant of it.
fn path(id: DialectId) -> &'static str {
    let rows = testkit::dialects::all().iter().map(|row| row.path(false));
    // Those that bring no text to anybody have no row.
    let wordless =
        ["/api/embed", "/v1/embeddings", "/v1/images/generations", "/v1beta/models/m:embedContent"];
    rows.chain(wordless).find(|path| id_at(path) == Some(id)).unwrap()
}

fn view(id: DialectId, body: &str) -> Result<(RequestView, Vec<(Item, String)>), Unreadable> {
    view_at(id, path(id), body)
}

fn view_at(
    id: DialectId,
    path: &str,
    body: &str,
) -> Result<(RequestView, Vec<(Item, String)>), Unreadable> {
    let recognised = recognise("POST", path).unwrap();
    assert_eq!(recognised.dialect, id);
    let mut doc = Doc::default();
    doc.parse(body.as_bytes()).unwrap();
    let view = dialect(id).read_request(&recognised, &doc, body.as_bytes())?;
    let texts = with_texts(&doc, body, view.texts.clone());
    Ok((view, texts))
}

/// What a text belongs to, in letters: system, user, history, tool results, last.
fn letters(item: &Item) -> String {
    let Item::Text {
        role:
            Role::Input(InputParts { system, user, history, tool_results, last, tool_definitions: _ }),
        signed,
        ..
    } = item
    else {
        panic!("{item:?}");
    };
    let flags = [
        (system, 's'),
        (user, 'u'),
        (history, 'h'),
        (tool_results, 't'),
        (last, 'l'),
        (signed, '!'),
    ];
    flags.iter().filter(|(on, _)| **on).map(|(_, letter)| *letter).collect()
}

fn told(id: DialectId, body: &str) -> Vec<(String, String)> {
    let (_, texts) = view(id, body).unwrap();
    texts.iter().map(|(item, text)| (letters(item), text.clone())).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn chat_turns() {
    let body = r#"{"model":"m","messages":[
        {"role":"system","content":"S"},
        {"role":"user","content":"U1","name":"bob"},
        {"role":"assistant","content":null,"refusal":"R","reasoning_content":"RC",
         "tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},
                       {"id":"c2","type":"custom","custom":{"name":"g","input":"I"}}]},
        {"role":"tool","tool_call_id":"c1","name":"f","content":"T"},
        {"role":"user","content":[{"type":"text","text":"U2"},
         {"type":"image_url","image_url":{"url":"https://x.test/a.png"}},
         {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},
         {"type":"image_url","image_url":{"url":"data:text/plain,plain"}},
         {"type":"file","file":{"file_id":"file-1"}},
         {"type":"file","file":{"filename":"N.pdf","file_data":"data:application/pdf;base64,AAAA"}},
         {"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}},
         {"type":"novel_block","deep":[{"er":"X"}]}]}],
        "prediction":{"type":"content","content":"P"},
        "tools":[{"type":"function","function":{"name":"f","description":"not a text"}}],
        "user":"no","metadata":{"k":"no"}}"#;
    let expected = pairs(&[
        ("s", "S"),
        ("uh", "U1"),
        ("uh", "bob"),
        ("h", "R"),
        ("h", "RC"),
        ("h", "{\"a\":1}"),
        ("h", "I"),
        ("tl", "T"),
        ("ul", "U2"),
        ("ul", "data:text/plain,plain"),
        ("ul", "N.pdf"),
        ("ul", "X"),
        ("ul", "P"),
    ]);
    assert_eq!(told(DialectId::OpenaiChat, body), expected);
    let (view, _) = view(DialectId::OpenaiChat, body).unwrap();
    // A picture and a file elsewhere, and a file that is no text.
    assert_eq!(view.remote, 3);
    let json =
        view.texts.iter().filter(|i| matches!(i, Item::Text { shape: ValueShape::Json, .. }));
    assert_eq!(json.count(), 1);
}

#[test]
fn responses_turns() {
    let body = r#"{"model":"m","instructions":"S","input":[
        {"role":"user","content":"U1"},
        {"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"R"}],"encrypted_content":"gAAA"},
        {"type":"function_call","call_id":"c","name":"f","arguments":"{\"q\":2}"},
        {"type":"function_call_output","call_id":"c","output":"T"},
        {"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"T2"}]},
        {"type":"item_reference","id":"msg_9"},
        {"type":"message","role":"developer","content":[{"type":"input_text","text":"D"}]},
        {"role":"user","content":[{"type":"input_image","image_url":"https://x.test/a.png","detail":"auto"},
          {"type":"input_file","file_id":"f1"},{"type":"input_file","file_url":"https://x.test"},
          {"type":"input_text","text":"U2"}]}],
        "prompt":{"id":"pmpt_1","variables":{"v":"V","w":{"type":"input_text","text":"W"}}},
        "previous_response_id":"resp_1","conversation":null,"background":true,
        "text":{"format":{"type":"json_schema","schema":{"description":"no"}}}}"#;
    let (view, _) = view(DialectId::OpenaiResponses, body).unwrap();
    let expected = pairs(&[
        ("s", "S"),
        ("uh", "U1"),
        ("h!", "R"),
        ("h", "{\"q\":2}"),
        ("tl", "T"),
        ("tl", "T2"),
        ("s", "D"),
        ("ul", "auto"),
        ("ul", "U2"),
        ("ul", "V"),
        ("ul", "W"),
    ]);
    assert_eq!(told(DialectId::OpenaiResponses, body), expected);
    // prompt, previous response, item reference, picture, two files
    assert_eq!(view.remote, 6);
    assert!(view.call.structured && view.call.background && !view.call.stream);
    assert_eq!(told(DialectId::OpenaiResponses, r#"{"input":"U"}"#), pairs(&[("ul", "U")]));
}

#[test]
fn anthropic_turns() {
    let body = r#"{"model":"m","max_tokens":1,"system":[{"type":"text","text":"S","cache_control":{"type":"ephemeral"}}],
        "messages":[{"role":"user","content":"U1"},
        {"role":"assistant","content":[
          {"type":"thinking","thinking":"TH","signature":"sig"},{"type":"redacted_thinking","data":"AAAA"},
          {"type":"text","text":"A","citations":[{"type":"char_location","cited_text":"CT","document_title":"DT"}]},
          {"type":"tool_use","id":"t1","name":"f","input":{"city":"Rome","n":7}}]},
        {"role":"user","content":[
          {"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"T"}]},
          {"type":"document","title":"TI","context":"CO","source":{"type":"text","media_type":"text/plain","data":"DOC"}},
          {"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AAAA"}},
          {"type":"image","source":{"type":"url","url":"https://x.test"}},
          {"type":"search_result","source":"SRC","title":"ST","content":[{"type":"text","text":"SC"}]},
          {"type":"container_upload","file_id":"f"},
          {"type":"text","text":"U2"}]}],
        "output_config":{"format":{"type":"json_schema","schema":{}}},"tools":[{"name":"f","description":"no"}]}"#;
    let expected = pairs(&[
        ("s", "S"),
        ("uh", "U1"),
        ("h!", "TH"),
        ("h", "A"),
        ("h", "CT"),
        ("h", "DT"),
        ("h", "city"),
        ("h", "Rome"),
        ("h", "n"),
        ("h", "7"),
        ("tl", "T"),
        ("ul", "TI"),
        ("ul", "CO"),
        ("ul", "DOC"),
        ("ul", "SRC"),
        ("ul", "ST"),
        ("ul", "SC"),
        ("ul", "U2"),
    ]);
    assert_eq!(told(DialectId::Anthropic, body), expected);
    let (view, _) = view(DialectId::Anthropic, body).unwrap();
    assert_eq!(view.remote, 3);
    assert!(view.call.structured);
}

#[test]
fn gemini_turns_in_both_spellings() {
    let body = r#"{"systemInstruction":{"parts":[{"text":"S"}]},"contents":[
        {"role":"user","parts":[{"text":"U1"}]},
        {"role":"model","parts":[{"text":"TH","thought":true,"thoughtSignature":"sig"},
          {"functionCall":{"name":"f","args":{"k":"V"}}}]},
        {"role":"user","parts":[{"functionResponse":{"name":"f","response":{"status":"T"}}},
          {"inlineData":{"mimeType":"image/png","data":"AAAA"}},
          {"fileData":{"mimeType":"x","fileUri":"https://x.test"}},{"text":"U2"}]}],
        "cachedContent":"cachedContents/1",
        "generationConfig":{"candidateCount":2,"responseMimeType":"application/json"}}"#;
    let expected = pairs(&[
        ("s", "S"),
        ("uh", "U1"),
        ("h!", "TH"),
        ("h", "k"),
        ("h", "V"),
        ("tl", "status"),
        ("tl", "T"),
        ("ul", "U2"),
    ]);
    assert_eq!(told(DialectId::Gemini, body), expected);
    let snake = body
        .replace("systemInstruction", "system_instruction")
        .replace("thoughtSignature", "thought_signature")
        .replace("functionCall", "function_call")
        .replace("functionResponse", "function_response")
        .replace("inlineData", "inline_data")
        .replace("mimeType", "mime_type")
        .replace("fileData", "file_data")
        .replace("fileUri", "file_uri")
        .replace("cachedContent\"", "cached_content\"")
        .replace("generationConfig", "generation_config")
        .replace("candidateCount", "candidate_count")
        .replace("responseMimeType", "response_mime_type");
    assert_eq!(told(DialectId::Gemini, &snake), expected);
    for body in [body, &snake] {
        let (view, _) = view(DialectId::Gemini, body).unwrap();
        assert_eq!((view.call.choices, view.call.structured, view.remote), (2, true, 2));
        assert_eq!(view.call.model, "m");
    }
    let single = r#"{"contents":{"parts":{"text":"U"}}}"#;
    assert_eq!(told(DialectId::Gemini, single), pairs(&[("ul", "U")]));
}

#[test]
fn converse_turns() {
    let body = r#"{"system":[{"text":"S"},{"cachePoint":{"type":"default"}},{"guardContent":{"text":{"text":"G"}}}],
        "messages":[
        {"role":"user","content":[{"text":"U1"},{"image":{"format":"png","source":{"bytes":"AAAA"}}},
          {"document":{"format":"txt","name":"D","source":{"text":"DT"}}},
          {"video":{"format":"mp4","source":{"s3Location":{"uri":"s3://b/k","bucketOwner":"1"}}}}]},
        {"role":"assistant","content":[
          {"reasoningContent":{"reasoningText":{"text":"TH","signature":"sig"}}},
          {"reasoningContent":{"redactedContent":"AAAA"}},
          {"toolUse":{"toolUseId":"t1","name":"f","input":{"k":"V","n":7}}}]},
        {"role":"user","content":[{"toolResult":{"toolUseId":"t1","status":"success","content":[{"text":"T"},{"json":{"r":"J"}}]}},
          {"text":"U2"}]}],
        "toolConfig":{"tools":[{"toolSpec":{"name":"f","description":"never"}}]},
        "promptVariables":{"v":{"text":"PV"}},
        "additionalModelRequestFields":{"thinking":{"type":"enabled"},"extra":"E"},
        "outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{}"}}}}}"#;
    let expected = pairs(&[
        ("s", "S"),
        ("s", "G"),
        ("uh", "U1"),
        ("uh", "png"),
        ("uh", "txt"),
        ("uh", "D"),
        ("uh", "DT"),
        ("uh", "mp4"),
        ("h!", "TH"),
        ("h", "k"),
        ("h", "V"),
        ("h", "n"),
        ("h", "7"),
        ("tl", "T"),
        ("tl", "r"),
        ("tl", "J"),
        ("ul", "U2"),
        ("ul", "PV"),
    ]);
    assert_eq!(told(DialectId::Bedrock, body), expected);
    let (whole, _) = view(DialectId::Bedrock, body).unwrap();
    assert_eq!((whole.call.structured, whole.call.stream, whole.remote), (true, false, 1));
    let stored = "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aprompt%2FABC%3A2/converse-stream";
    let (view, _) = view_at(DialectId::Bedrock, stored, "{}").unwrap();
    assert_eq!((view.call.stream, view.remote), (true, 1));
    assert_eq!(view.call.model, "arn:aws:bedrock:us-east-1:1:prompt/ABC:2");
}

#[test]
fn every_occurrence_of_a_duplicate_key_is_scanned() {
    let body = r#"{"messages":[{"role":"user","content":"one"}],"messages":[{"role":"user","content":"two","content":"three"}],
        "mess\u0061ges":[{"content":"four"}]}"#;
    let texts: Vec<String> =
        told(DialectId::OpenaiChat, body).into_iter().map(|(_, t)| t).collect();
    assert_eq!(texts, ["one", "two", "three", "four"]);
}

#[test]
fn fields_that_decide_are_unreadable_when_doubled_or_of_a_wrong_type() {
    use DialectId::{Anthropic, Gemini, OpenaiChat, OpenaiResponses};
    let cases = [
        (OpenaiChat, r#"{"model":"a","model":"b"}"#, "/model"),
        (OpenaiChat, r#"{"model":"a","mod\u0065l":"b"}"#, "/model"),
        (OpenaiChat, r#"{"model":7}"#, "/model"),
        (OpenaiChat, r#"{"stream":"true"}"#, "/stream"),
        (OpenaiChat, r#"{"stream":true,"stream":false}"#, "/stream"),
        (OpenaiChat, r#"{"n":-1}"#, "/n"),
        (OpenaiChat, r#"{"n":0}"#, "/n"),
        (OpenaiChat, r#"{"n":1.5}"#, "/n"),
        (OpenaiChat, r#"{"n":4000000000}"#, "/n"),
        (OpenaiChat, r#"{"stream_options":{"include_usage":1}}"#, "/stream_options/include_usage"),
        (OpenaiChat, r#"{"response_format":"json"}"#, "/response_format"),
        (OpenaiChat, "[]", ""),
        (OpenaiResponses, r#"{"background":"yes"}"#, "/background"),
        (OpenaiResponses, r#"{"text":{"format":3}}"#, "/text/format"),
        (Anthropic, r#"{"stream":1}"#, "/stream"),
        (Anthropic, r#"{"output_config":[]}"#, "/output_config"),
        (Gemini, r#"{"generationConfig":{},"generation_config":{}}"#, "/generationConfig"),
        (
            Gemini,
            r#"{"generationConfig":{"candidateCount":2,"candidate_count":1}}"#,
            "/generationConfig/candidateCount",
        ),
        (
            Gemini,
            r#"{"generationConfig":{"candidateCount":"2"}}"#,
            "/generationConfig/candidateCount",
        ),
    ];
    for (id, body, field) in cases {
        assert_eq!(view(id, body).err(), Some(Unreadable { field }), "{body}");
    }
    let bedrock = [
        (DialectId::Bedrock, r#"{"outputConfig":[]}"#, "/outputConfig"),
        (DialectId::Bedrock, r#"{"outputConfig":{},"outputConfig":{}}"#, "/outputConfig"),
        (DialectId::Bedrock, "[]", ""),
        // What another maker's model takes.
        (DialectId::BedrockInvoke, r#"{"inputText":"x"}"#, "/anthropic_version"),
        (DialectId::BedrockInvoke, r#"{"anthropic_version":1}"#, "/anthropic_version"),
        (DialectId::BedrockInvoke, "[]", "/anthropic_version"),
    ];
    for (id, body, field) in bedrock {
        assert_eq!(view(id, body).err(), Some(Unreadable { field }), "{body}");
    }
    let readable = r#"{"model":null,"stream":null,"n":null,"temperature":"hot","messages":7}"#;
    assert_eq!(view(OpenaiChat, readable).unwrap().0.call.model, "");
}

#[test]
fn the_model_in_the_path_wins() {
    let azure = "/openai/deployments/dep/chat/completions";
    let (view, _) = view_at(DialectId::OpenaiChat, azure, r#"{"model":"body"}"#).unwrap();
    assert_eq!(view.call.model, "dep");
}

#[test]
fn interactions() {
    let body = r#"{"model":"m","stream":true,"background":true,"system_instruction":"S",
        "previous_interaction_id":"interaction_hemostat_1a_v1_abc","cached_content":"cachedContents/1",
        "response_format":{"type":"object","properties":{}},
        "input":[
         {"type":"user_input","content":[{"type":"text","text":"U1"},
          {"type":"document","mime_type":"application/pdf","uri":"https://x.test/a.pdf"},
          {"type":"image","mime_type":"image/png","data":"iVBORw0KGgo="}]},
         {"type":"thought","signature":"abc","summary":[{"type":"text","text":"T"}]},
         {"type":"function_call","id":"c","name":"f","arguments":{"a":"A"}},
         {"type":"function_result","call_id":"c","name":"f","result":{"r":7,"s":"R"}},
         {"type":"code_execution_result","call_id":"d","result":"CR"},
         {"role":"user","content":"U2"}]}"#;
    let expected = pairs(&[
        ("s", "S"),
        ("uh", "U1"),
        ("h!", "T"),
        ("h", "a"),
        ("h", "A"),
        ("tl", "r"),
        ("tl", "7"),
        ("tl", "s"),
        ("tl", "R"),
        ("tl", "CR"),
        ("ul", "U2"),
    ]);
    let id = DialectId::GeminiInteractions;
    assert_eq!(told(id, body), expected);
    let (view, _) = view(id, body).unwrap();
    let call = &view.call;
    assert!(call.stream && call.background && call.structured && call.model == "m");
    assert_eq!(call.previous.as_deref(), Some("v1_abc"));
    assert_eq!(view.edits[0].with, b"\"v1_abc\"");
    assert_eq!(view.remote, 3, "an earlier answer, a cache, a file");
    for (input, expected) in [
        (r#""U""#, pairs(&[("ul", "U")])),
        (r#"{"type":"text","text":"U"}"#, pairs(&[("ul", "U")])),
        (r#"[{"type":"text","text":"U"}]"#, pairs(&[("ul", "U")])),
        (
            r#"[{"role":"model","content":"M"},{"role":"user","content":[{"type":"text","text":"U"},
             {"type":"function_result","call_id":"c","result":"R"}]}]"#,
            pairs(&[("h", "M"), ("ul", "U"), ("tl", "R")]),
        ),
    ] {
        assert_eq!(told(id, &format!(r#"{{"model":"m","input":{input}}}"#)), expected);
    }
    for (format, structured) in [
        (r#""response_format":{"type":"text","mime_type":"application/json","schema":{}}"#, true),
        (r#""response_format":[{"type":"audio"},{"type":"text"}]"#, false),
        (r#""response_mime_type":"application/json""#, true),
        (r#""response_mime_type":"text/plain""#, false),
    ] {
        let (view, _) =
            view_at(id, path(id), &format!(r#"{{"model":"m","input":"U",{format}}}"#)).unwrap();
        assert_eq!(view.call.structured, structured, "{format}");
    }
    for bad in [
        r#"{"model":"m","model":"n"}"#,
        r#"{"model":"m","stream":"yes"}"#,
        r#"{"model":"m","Input":"x"}"#,
    ] {
        assert!(view_at(id, path(id), bad).is_err(), "{bad}");
    }
}

/// Last keys of paths in messages that hold no text.
#[rustfmt::skip]
const NOT_TEXT: &[&str] = &[
    "type", "role", "id", "name", "call_id", "tool_call_id", "tool_use_id", "status", "media_type", "mimeType", "mime_type",
    "signature", "thoughtSignature", "thought_signature", "encrypted_content", "encrypted_index", "file_id", "ttl",
    "version", "messageId", "contextId", "taskId", "kind", "fileUri", "file_uri", "image_url", "file_url", "toolUseId", "bytes", "uri",
];

#[test]
fn recorded_requests_are_read_whole() {
    for id in talking() {
        let mut texts = 0;
        for fixture in fixtures(id) {
            let Some(request) = &fixture.request else { continue };
            let body = String::from_utf8(request.clone()).unwrap();
            let query = fixture.meta["query"].as_str().unwrap_or_default();
            let path = format!("{}?{query}", fixture.meta["path"].as_str().unwrap());
            let Ok(value) = serde_json::from_str::<Value>(&body) else { continue };
            if recognise("POST", &path).is_none() {
                // Its body says whose it is.
                continue;
            }
            let (view, found) = view_at(fixture.dialect, &path, &body)
                .unwrap_or_else(|u| panic!("{}: {u:?}", fixture.name));
            // Elsewhere the path says whether the answer is streamed.
            let says = testkit::dialects::dialect(id.name()).request(true, "x");
            if says.get("stream").is_some() && fixture.dialect == id {
                assert_eq!(view.call.stream, value["stream"] == true, "{}", fixture.name);
                assert_eq!(
                    view.call.model,
                    value["model"].as_str().map_or(view.call.model.as_str(), |m| m)
                );
            }
            let mut all = Vec::new();
            for part in [
                "messages",
                "message",
                "contents",
                "input",
                "prompt",
                "system",
                "instructions",
                "systemInstruction",
                "params",
            ] {
                strings(&value[part], part, &mut all);
            }
            for (path, text) in all {
                let last = path.rsplit('.').next().unwrap().trim_end_matches("[]");
                let ok = found.iter().any(|(_, own)| *own == text)
                    || NOT_TEXT.contains(&last)
                    || path.contains(".tools[]")
                    || text.is_empty()
                    || text.contains(";base64,")
                    || (matches!(last, "url" | "data" | "format")
                        && text.len() > 2
                        && !text.contains(' '));
                assert!(ok, "{}: nothing found at {path}: {text:.80}", fixture.name);
                texts += 1;
            }
        }
        assert!(texts > 0, "{id:?}: no text of a request");
    }
}
