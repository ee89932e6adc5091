//! What one message can cost: a worker does nothing else while it looks at one, so it must not be much for a byte.

use host_tests::{Chunking, UpstreamAnswer};
use serde_json::{Value, json};

use crate::rig::{Proxy, chat};

const KIB: usize = 1024;

fn acting(finds: Value, action: Value) -> Value {
    json!({"on_hold_limit": "release", "fallbacks": {"f": {"text": "no"}},
        "guardrails": [{"id": "hits", "scan": ["input", "output", "tool_args"], "find": finds, "do": action}]})
}

fn redacting() -> Value {
    acting(json!(["zq", "begin[^!]+!", "[0-9]"]), json!({"redact": "[X]"}))
}

fn watched(action: &str) -> Value {
    let mut policy = acting(json!(["zq"]), json!(action));
    policy["guardrails"].as_array_mut().unwrap().push(
        json!({"id": "watch", "mode": "shadow", "scan": ["input", "output"], "find": ["zq"], "do": "block"}),
    );
    policy
}

/// A message and under what it is looked at.
struct Case {
    name: &'static str,
    policy: Value,
    /// The content of a request's message, as JSON; or an answer.
    message: Message,
    /// Units of fuel that a byte may take.
    most: u64,
}

enum Message {
    /// The content of a message, as JSON.
    Asked(&'static str, &'static str),
    /// The content of a whole answer, as JSON.
    Whole(&'static str, &'static str),
    /// What follows on a piece of text that waits in a stream.
    Waits(&'static str),
}

fn cases() -> Vec<Case> {
    use Message::{Asked, Waits, Whole};
    let case = |name, policy, message, most| Case { name, policy, message, most };
    let block = || acting(json!(["zq"]), json!("block"));
    vec![
        case("texts with a hit, redacted", redacting(), Asked("\"zq\"", ","), 2400),
        case("texts with a hit, blocked", block(), Asked("\"zq\"", ","), 500),
        case("texts with a hit, blocked and watched", watched("block"), Asked("\"zq\"", ","), 1700),
        case(
            "texts with a hit, watched",
            json!({"guardrails": [
            {"id": "w", "mode": "shadow", "scan": ["input"], "find": ["zq"], "do": "block"}]}),
            Asked("\"zq\"", ","),
            1700,
        ),
        case("texts without a hit", redacting(), Asked("\"ab\"", ","), 1100),
        case("empty texts", redacting(), Asked("\"\"", ","), 400),
        case("one text of hits, redacted", redacting(), Asked("zq", ""), 3400),
        case("one text of digits, redacted", redacting(), Asked("1", ""), 6200),
        case("one text of escaped hits, redacted", redacting(), Asked("\\u0031", ""), 1400),
        case("one text of hits, blocked", block(), Asked("zq", ""), 20),
        case("one answer of hits, redacted", redacting(), Whole("zq", ""), 3900),
        case("one answer of digits, redacted", redacting(), Whole("1", ""), 7200),
        case("one answer of hits, blocked", block(), Whole("zq", ""), 20),
        case("blank lines while text waits", redacting(), Waits("\n"), 250),
        case("blank lines with returns while text waits", redacting(), Waits("\r\n"), 250),
        case("comments while text waits", redacting(), Waits(":\n\n"), 1900),
        case("lines of comments while text waits", redacting(), Waits(":\n"), 70),
        case("empty data while text waits", redacting(), Waits("data\n\n"), 1000),
        case("empty documents while text waits", redacting(), Waits("data:{}\n\n"), 800),
        case("names while text waits", redacting(), Waits("id\n\n"), 1400),
    ]
}

/// A message with so many bytes of this.
fn fuel(case: &Case, proxy: &Proxy, bytes: usize) -> (u64, usize) {
    let of = |piece: &str, between: &str| {
        let pieces = vec![piece; bytes / (piece.len() + between.len())].join(between);
        if between.is_empty() { format!("\"{pieces}\"") } else { format!("[{pieces}]") }
    };
    let (request, answer, size) = match &case.message {
        Message::Asked(piece, between) => {
            let mut request = chat().request(false, "");
            let content = of(piece, between);
            let body =
                format!(r#"{{"model":"m","messages":[{{"role":"user","content":{content}}}]}}"#);
            request.headers.replace("content-length", body.len().to_string());
            request.body = body.into_bytes();
            (request, chat().whole("fine"), content.len())
        }
        Message::Whole(piece, between) => {
            let mut answer = chat().whole("");
            let content = of(piece, between);
            let body = format!(
                r#"{{"choices":[{{"index":0,"message":{{"role":"assistant","content":{content}}}}}]}}"#
            );
            answer.chunks = vec![body.into_bytes()];
            answer.headers.replace("content-length", answer.chunks[0].len().to_string());
            (chat().request(false, "hi"), answer, content.len())
        }
        Message::Waits(piece) => {
            let delta = json!({"choices": [{"index": 0, "delta": {"content": "begin"}}]});
            let filler = piece.repeat(bytes / piece.len());
            let body = format!("data: {delta}\n\n{filler}data: [DONE]\n\n");
            (chat().request(true, "hi"), UpstreamAnswer::events([body]), filler.len())
        }
    };
    let outcome = proxy.run(request, answer, &Chunking::AsGiven);
    assert_eq!(outcome.trapped, None, "{}", case.name);
    (outcome.fuel, size)
}

/// Printed for docs/performance.md, and bounded.
#[test]
fn a_byte_of_one_message_costs_a_bounded_amount() {
    let mut over = Vec::new();
    for case in cases() {
        let proxy = Proxy::new(case.policy.clone());
        fuel(&case, &proxy, KIB);
        let ((few, small), (many, large)) =
            (fuel(&case, &proxy, 64 * KIB), fuel(&case, &proxy, 512 * KIB));
        let each = many.saturating_sub(few) / (large - small) as u64;
        println!("{}: {each} units a byte", case.name);
        if each > case.most {
            over.push((case.name, each, case.most));
        }
    }
    assert!(over.is_empty(), "{over:?}");
}
