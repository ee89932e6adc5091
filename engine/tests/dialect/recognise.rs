//! Which request lines are calls, and every way to write one that an upstream would still understand.

use hemostat_engine::dialect::{CallKind, DialectId, normalise, recognise};
use hemostat_engine::wire::frame::Framing;
use proptest::prelude::*;

use DialectId::{
    Anthropic as A, Bedrock as B, BedrockInvoke as I, Cohere as K, Gemini as G,
    GeminiInteractions as GI, GeminiPredict as GP, Invocations as N, Ollama as O,
    OllamaEmbed as OE, OllamaGenerate as OG, OpenaiChat as C, OpenaiCompletions as L,
    OpenaiEmbeddings as E, OpenaiImages as P, OpenaiResponses as R,
};

/// Method, path, dialect, model in the path, stream told by the path.
type Row = (&'static str, &'static str, DialectId, Option<&'static str>, bool);

#[rustfmt::skip]
const CALLS: &[Row] = &[
    // the providers' own spellings
    ("POST", "/v1/chat/completions", C, None, false),
    ("POST", "/chat/completions", C, None, false),
    ("POST", "/api/v1/chat/completions", C, None, false),
    ("POST", "/openai/v1/chat/completions", C, None, false),
    ("POST", "/v1beta/openai/chat/completions", C, None, false),
    ("POST", "/models/chat/completions?api-version=2024-05-01-preview", C, None, false),
    ("POST", "/openai/deployments/my-gpt/chat/completions?api-version=2024-02-01", C, Some("my-gpt"), false),
    ("POST", "/openai/deployments/My%20Gpt/chat/completions", C, Some("My Gpt"), false),
    ("POST", "/v1/projects/p/locations/l/endpoints/openapi/chat/completions", C, None, false),
    ("POST", "/v1/responses", R, None, false),
    ("POST", "/openai/responses?api-version=preview", R, None, false),
    ("POST", "/openai/v1/responses", R, None, false),
    ("POST", "/v1/messages", A, None, false),
    ("POST", "/v1/messages?beta=true", A, None, false),
    ("POST", "/anthropic/v1/messages", A, None, false),
    ("POST", "/v1/projects/p/locations/us-east5/publishers/anthropic/models/claude-sonnet-4@20250514:rawPredict", A, Some("claude-sonnet-4@20250514"), false),
    ("POST", "/v1/projects/p/locations/us-east5/publishers/anthropic/models/claude-sonnet-4@20250514:streamRawPredict", A, Some("claude-sonnet-4@20250514"), true),
    ("POST", "/v1beta/models/gemini-2.5-flash:generateContent", G, Some("gemini-2.5-flash"), false),
    ("POST", "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", G, Some("gemini-2.5-flash"), true),
    ("POST", "/v1/models/gemini-2.5-flash:streamGenerateContent", G, Some("gemini-2.5-flash"), true),
    ("POST", "/v1beta/tunedModels/mine-1:generateContent", G, Some("mine-1"), false),
    ("POST", "/v1beta1/projects/p/locations/global/publishers/google/models/gemini-3:generateContent", G, Some("gemini-3"), false),
    ("POST", "/v1/projects/p/locations/l/endpoints/123:streamGenerateContent", G, Some("123"), true),
    ("POST", "/v1/publishers/google/models/gemini-2.5-pro:generateContent?key=x", G, Some("gemini-2.5-pro"), false),
    ("POST", "/model/anthropic.claude-3-sonnet-20240229-v1:0/converse", B, Some("anthropic.claude-3-sonnet-20240229-v1:0"), false),
    ("POST", "/model/anthropic.claude-3-sonnet-20240229-v1%3A0/converse-stream", B, Some("anthropic.claude-3-sonnet-20240229-v1:0"), true),
    ("POST", "/bedrock/model/us.amazon.nova-micro-v1%3a0/converse", B, Some("us.amazon.nova-micro-v1:0"), false),
    ("POST", "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.anthropic.x/converse", B, Some("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.x"), false),
    ("POST", "/model/arn:aws:bedrock:us-east-1:1:custom-model/amazon.nova-lite-v1:0:300k/abc/invoke", I, Some("arn:aws:bedrock:us-east-1:1:custom-model/amazon.nova-lite-v1:0:300k/abc"), false),
    ("POST", "/model/anthropic.claude-v2/invoke-with-response-stream", I, Some("anthropic.claude-v2"), true),
    ("POST", "/model/amazon.nova-sonic-v1:0/invoke-with-bidirectional-stream", I, Some("amazon.nova-sonic-v1:0"), true),
    ("POST", "/model/model/Converse/", B, Some("model"), false),
    ("POST", "/x/../model//m/./converse?a=b", B, Some("m"), false),
    ("GET", "/v1/responses/resp_123", R, None, false),
    ("GET", "/v1/responses/resp_123?stream=true&starting_after=4", R, None, true),
    ("GET", "/v1/responses/resp_123?starting_after=4&stream=True", R, None, true),
    ("GET", "/openai/v1/responses/resp_1?api-version=preview", R, None, false),
    ("GET", "/base/responses/resp_1", R, None, false),
    ("GET", "/v1/responses/any-id", R, None, false),
    ("GET", "/v1/chat/completions/chatcmpl-1", C, None, false),
    ("GET", "/v1/chat/deferred-completion/0d2e", C, None, false),
    ("POST", "/v1/responses/compact", R, None, false),
    ("POST", "/v1/completions", L, None, false),
    ("POST", "/completions", L, None, false),
    ("POST", "/openai/deployments/my-gpt/completions?api-version=2024-02-01", L, Some("my-gpt"), false),
    ("POST", "/v1/engines/davinci/completions", L, Some("davinci"), false),
    ("POST", "/serving-endpoints/llama/invocations", N, Some("llama"), false),
    ("POST", "/endpoints/jumpstart-dft/invocations", N, Some("jumpstart-dft"), false),
    ("POST", "/v2/chat", K, None, false),
    ("POST", "/v1beta/interactions", GI, None, false),
    ("POST", "/v1alpha/interactions?alt=sse", GI, None, false),
    ("POST", "/v1beta1/projects/p/locations/global/interactions", GI, None, false),
    ("GET", "/v1beta/interactions/v1_abc", GI, None, false),
    ("GET", "/v1beta/interactions/v1_abc?stream=true&last_event_id=3", GI, None, true),
    ("GET", "/v1beta1/projects/p/locations/l/interactions/v1_abc", GI, None, false),
    ("POST", "/api/chat", O, None, false),
    ("POST", "/ollama/api/generate/", OG, None, false),
    ("POST", "/api/embed", OE, None, false),
    ("POST", "/api/embeddings", OE, None, false),
    ("POST", "/v1/embeddings", E, None, false),
    ("POST", "/v1/chat/completions/../embeddings", E, None, false),
    ("POST", "/openai/deployments/ada/embeddings", E, Some("ada"), false),
    ("POST", "/v1/images/generations", P, None, false),
    ("POST", "/openai/deployments/dalle/images/generations", P, Some("dalle"), false),
    ("POST", "/v1beta/models/gemini-embedding-001:embedContent", GP, Some("gemini-embedding-001"), false),
    ("POST", "/v1beta/models/gemini-embedding-001:batchEmbedContents", GP, Some("gemini-embedding-001"), false),
    ("POST", "/v1/projects/p/locations/l/publishers/google/models/imagen-4:predict", GP, Some("imagen-4"), false),
    ("POST", "/openai/v1/chat/completions", C, None, false), // Bedrock's OpenAI-compatible endpoint
    ("POST", "/openai/v1/responses", R, None, false),
    // other spellings of the same
    ("POST", "/v1/chat/completions/", C, None, false),
    ("POST", "//v1//chat//completions//", C, None, false),
    ("POST", "/v1/./chat/completions/.", C, None, false),
    ("POST", "/v1/x/../chat/completions", C, None, false),
    ("POST", "/v1/chat/completions/x/..", C, None, false),
    ("POST", "/../../v1/chat/completions", C, None, false),
    ("POST", "/v1/chat/%63ompletions", C, None, false),
    ("POST", "/v1/chat%2Fcompletions", C, None, false),
    ("POST", "/v1/chat%2fcompletions", C, None, false),
    ("POST", "/v1%2Fchat%2Fcompletions", C, None, false),
    ("POST", "/v1/chat/%2e%2e/chat/completions", C, None, false),
    ("POST", "/v1/x/%2E./chat/completions", C, None, false),
    ("POST", "/v1/chat/%2563ompletions", C, None, false),
    ("POST", "/v1/chat%252Fcompletions", C, None, false),
    ("POST", "/v1/chat/completions;x=1", C, None, false),
    ("POST", "/v1;a=b/chat;c/completions;jsessionid=1?x", C, None, false),
    ("POST", "/v1/chat/completions%3Bx", C, None, false),
    ("POST", "/v1/chat/completions%3Fx=1", C, None, false),
    ("POST", "/v1/chat/completions#frag", C, None, false),
    ("POST", "/v1/chat/completions%23frag", C, None, false),
    ("POST", "/v1/chat/completions%00", C, None, false),
    ("POST", "/v1/chat/completions%20", C, None, false),
    ("POST", "/v1\\chat\\completions", C, None, false),
    ("POST", "/v1%5Cchat/completions", C, None, false),
    ("POST", "/V1/Chat/Completions", C, None, false),
    ("POST", "/openai/Deployments/d/Chat/completions", C, Some("d"), false),
    ("POST", "https://api.openai.com/v1/chat/completions", C, None, false),
    ("post", "/v1/chat/completions", C, None, false),
    ("POST", "/v1/messages/", A, None, false),
    ("POST", "/v1/%6dessages", A, None, false),
    ("POST", "/v1/messages/count_tokens/..", A, None, false),
    ("POST", "/v1/responses/", R, None, false),
    ("POST", "/v1/respon%73es", R, None, false),
    ("GET", "//v1/responses//resp_1/", R, None, false),
    ("GET", "/v1/responses/resp_1%3Fa", R, None, false),
    ("POST", "/v1beta/models/gemini-2.5-flash%3AgenerateContent", G, Some("gemini-2.5-flash"), false),
    ("POST", "/v1beta/models/gemini-2.5-flash%3agenerateContent", G, Some("gemini-2.5-flash"), false),
    ("POST", "/v1beta/models/gemini-2.5-flash%253AgenerateContent", G, Some("gemini-2.5-flash"), false),
    ("POST", "/v1beta/models%2Fgemini-2.5-flash:streamGenerateContent", G, Some("gemini-2.5-flash"), true),
    ("POST", "/v1beta/models/gemini-2.5-flash:generateContent/", G, Some("gemini-2.5-flash"), false),
    ("POST", "/v1/publishers/anthropic/models/claude%3ArawPredict", A, Some("claude"), false),
];

#[rustfmt::skip]
const OTHER: &[(&str, &str)] = &[
    ("PUT", "/v1/chat/completions"),
    ("DELETE", "/v1/responses/resp_1"),
    ("HEAD", "/v1/responses/resp_1"),
    ("OPTIONS", "/v1/chat/completions"),
    ("GET", "/v1/responses"),
    ("GET", "/shop/interactions/12"),
    ("POST", "/v1beta/interactions/v1_abc/cancel"),
    ("DELETE", "/v1beta/interactions/v1_abc"),
    ("GET", "/v1/messages"),
    ("POST", "/v1/responses/resp_1/cancel"),
    ("POST", "/v1/responses/input_tokens"),
    ("POST", "/v1/messages/count_tokens"),
    ("GET", "/v1/messages/batches/b/results"),
    ("POST", "/v1/threads/t/messages"),
    ("POST", "/v1/chat/completions/chatcmpl-1"),
    ("POST", "/v1beta/models/gemini-2.5-flash:countTokens"),
    ("GET", "/v1beta/models/gemini-2.5-flash:generateContent"),
    ("POST", "/v1/publishers/mistralai/models/m:rawPredict"),
    ("POST", "/model/anthropic.claude-v2/count-tokens"),
    ("POST", "/guardrail/g/version/1/apply"),
    ("POST", "/model/converse"),
    ("POST", "/converse"),
    ("GET", "/model/m/converse"),
    ("POST", "/v1/publishers/anthropic/models/count-tokens:rawPredict"),
    ("GET", "/survey/responses/12"),
    ("GET", "/healthz"),
    ("POST", "/"),
    ("POST", ""),
    ("POST", "/?path=/v1/chat/completions"),
    ("POST", "/v1/chatcompletions"),
    ("GET", "/v1/models"),
    ("POST", "/v1/responses/resp_1/compact"),
    ("GET", "/v1/conversations/conv_1"),
    ("GET", "/shop/conversations/12/items"),
    ("POST", "/v1/conversations/conv_1/items"),
    ("POST", "/v1/projects/p/locations/l/endpoints/123:predict"),
    ("POST", "/endpoints/invocations"),
    ("GET", "/v1/completions"),
    ("GET", "/api/chat"),
    ("POST", "/api/tags"),
    ("POST", "/v1/images/edits"),
    ("POST", "/.hemostat/release"),
    ("POST", "/mcp"),
];

#[test]
fn calls_are_recognised_however_they_are_written() {
    for &(method, path, dialect, model, stream) in CALLS {
        let found = recognise(method, path);
        let found = found.unwrap_or_else(|| panic!("{method} {path} is not recognised"));
        assert_eq!(found.dialect, dialect, "{method} {path}");
        assert_eq!(found.model.as_deref(), model, "{method} {path}");
        assert_eq!(found.stream, stream, "{method} {path}");
        let kind = if method == "GET" { CallKind::StoredAnswer } else { CallKind::Generate };
        assert_eq!(found.kind, kind, "{method} {path}");
    }
}

#[test]
fn lists_of_what_was_generated_before() {
    for (path, dialect) in [
        ("/v1/chat/completions?limit=3", C),
        ("/v1/chat/completions/chatcmpl-1/messages", C),
        ("/v1/conversations/conv_1/items?after=x", R),
    ] {
        let found = recognise("GET", path).unwrap();
        assert_eq!((found.dialect, found.kind), (dialect, CallKind::StoredList), "{path}");
    }
}

/// Each line belongs to one dialect: the order of the registry decides nothing.
#[test]
fn no_line_is_taken_by_two_dialects() {
    for &(method, path, own, _, _) in CALLS {
        for id in DialectId::ALL {
            let taken = dialect_takes(*id, method, path);
            assert_eq!(taken, *id == own, "{method} {path} {id:?}");
        }
    }
}

fn dialect_takes(id: DialectId, method: &str, path: &str) -> bool {
    hemostat_engine::dialect::recognise_as(id, method, path).is_some()
}

#[test]
fn other_traffic_is_left_alone() {
    for (method, path) in OTHER {
        assert_eq!(recognise(method, path), None, "{method} {path}");
    }
}

#[test]
fn gemini_streams_are_arrays_unless_sse_is_asked_for() {
    let framing = |query: &str| {
        let path = format!("/v1beta/models/m:streamGenerateContent{query}");
        recognise("POST", &path).unwrap().json_stream
    };
    assert_eq!(framing(""), Framing::JsonArray);
    assert_eq!(framing("?alt=json"), Framing::JsonArray);
    assert_eq!(framing("?alt=sse"), Framing::Sse);
    assert_eq!(framing("?key=k&alt=sse"), Framing::Sse);
    assert_eq!(framing("?alt=%73se"), Framing::Sse);
    assert_eq!(framing("?%24alt=sse%3Benum-encoding=int"), Framing::Sse);
}

proptest! {
    /// No path panics, and noise around a call does not hide it.
    #[test]
    fn noise_does_not_hide_a_call(noise in "\\PC{0,12}", path in "\\PC{0,40}") {
        let _ = recognise("POST", &path);
        let noisy = format!("/v1/{}/../chat/completions?{noise}", noise.replace(['?', '#', '%', '/', '\\', ';', '\0', '.', ' '], "a"));
        prop_assert!(recognise("POST", &noisy).is_some(), "{}", noisy);
    }
}

/// A request target's normal form, written down as it is specified, one step after the other.
fn normal_form(target: &str) -> String {
    let path = target.split('?').next().unwrap();
    let mut decoded = path.to_owned();
    for _ in 0..3 {
        for (escape, byte) in [("%2F", "/"), ("%3B", ";"), ("%23", "#"), ("%61", "a"), ("%25", "%")]
        {
            decoded = decoded.replace(escape, if byte == "%" { "\u{1}" } else { byte });
        }
        decoded = decoded.replace('\u{1}', "%");
    }
    let decoded = decoded.split(['?', '#', '\0']).next().unwrap();
    let mut segments = Vec::new();
    for segment in decoded.split(['/', '\\']) {
        match segment.split(';').next().unwrap().trim_ascii() {
            "" | "." => {}
            ".." => drop(segments.pop()),
            bare => segments.push(bare),
        }
    }
    format!("/{}", segments.join("/"))
}

proptest! {
    #[test]
    fn a_path_has_its_normal_form(parts in proptest::collection::vec(proptest::sample::select(&[
        "/", "/", "\\", ";", "#", "?", "\0", ".", "..", " ", "a", "\u{fc}", "completions", "v1:x=1",
        "a-long-segment-of-more-than-sixteen-bytes", "%2F", "%3B", "%23", "%61", "%252F",
    ][..]), 0..12)) {
        let target = format!("/{}", parts.concat());
        prop_assert_eq!(normalise(&target), normal_form(&target), "{}", target);
    }
}
