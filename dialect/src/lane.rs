//! Model calls in a format that is not read here, recognised by names in their path and members of their body.
//!
//! Nothing in such a call is understood. It is only known to be one, so that it can be counted and refused.

use super::path::RequestTarget;
use super::recognise::versioned;
use crate::limits;
use crate::wire::json::decode;

/// Members, besides `model`, that hold what a model is asked.
const ASKS: [&str; 6] = ["messages", "input", "inputs", "prompt", "contents", "parts"];

/// Path segments whose next segment names a model or an endpoint that serves one.
const MODELS: [&str; 6] =
    ["model", "models", "engines", "deployments", "endpoints", "serving-endpoints"];

/// Last segments, and verbs of last segments, of calls that take a model's input and generate nothing.
const GENERATES_NOTHING: [&str; 7] = [
    "count_tokens",
    "count-tokens",
    "counttokens",
    "input_tokens",
    "moderations",
    "tokenize",
    "detokenize",
];

/// What the request line of a POST tells whose path belongs to no dialect; nothing by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LanePath {
    /// The path names a model.
    model: bool,
}

impl LanePath {
    /// Reads a path; `None` if nothing is generated there, whatever the body says.
    #[must_use]
    pub fn read(target: &str) -> Option<Self> {
        let target = RequestTarget::parse(target);
        let last = target.nth_last(0);
        let verb = last.rsplit_once(':').map_or(last, |(_, verb)| verb);
        if GENERATES_NOTHING.iter().any(|name| verb.eq_ignore_ascii_case(name)) {
            return None;
        }
        let names = |segment: &str| MODELS.iter().any(|name| segment.eq_ignore_ascii_case(name));
        let mut holders = target.segments().rev().skip(1);
        // Cloudflare: `…/ai/run/@cf/maker/model`.
        let model = holders.any(|segment| names(segment) || segment.starts_with('@'));
        Some(Self { model })
    }
}

/// True for a path at which a GET returns the results of a batch, a line or an item for each request, in a file that
/// may contain anything: OpenAI's and Gemini's files, Anthropic's results, Gemini's answers within the batch.
#[must_use]
pub fn is_results(target: &str) -> bool {
    let target = RequestTarget::parse(target);
    let gemini = target.nth_last(2).starts_with("v1beta");
    (target.is(0, "content") && target.is(2, "files") && versioned(&target, 3))
        || (target.is(0, "results") && target.is(2, "batches") && target.is(3, "messages"))
        || (gemini && target.is(1, "batches"))
        || (gemini && target.is(1, "files") && target.nth_last(0).ends_with(":download"))
}

/// True for a path that serves a model over a websocket and in no other way: OpenAI's Realtime, Gemini's Live.
#[must_use]
pub fn is_live(target: &str) -> bool {
    let target = RequestTarget::parse(target);
    target.is(0, "realtime") || target.nth_last(0).ends_with(".BidiGenerateContent")
}

/// What is known so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneEvidence {
    /// Undecided.
    Open,
    /// It looks like a model call.
    Call,
    /// It is not a model call, whatever follows.
    Other,
}

/// Which string comes next among the members of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Key,
    Value,
    Model,
}

/// Reads a body piece by piece, keeping nothing of it but one name. It accepts more than JSON, never less, and keys in
/// any case.
#[derive(Debug)]
pub struct LaneSniffer {
    seen: LaneEvidence,
    /// Open brackets.
    depth: usize,
    due: Due,
    in_string: bool,
    escaped: bool,
    /// The string that is being read, as it is written, if it may matter.
    text: Vec<u8>,
    asks: bool,
    named: bool,
    model: String,
}

impl LaneSniffer {
    /// Begins to read the body of a request with this path.
    #[must_use]
    pub fn new(path: LanePath) -> Self {
        Self {
            seen: LaneEvidence::Open,
            depth: 0,
            due: Due::Key,
            in_string: false,
            escaped: false,
            text: Vec::new(),
            asks: false,
            named: path.model,
            model: String::new(),
        }
    }

    /// The model that the body names, as far as it has been read.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Reads the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) -> LaneEvidence {
        for &byte in bytes {
            if self.seen != LaneEvidence::Open {
                break;
            }
            match byte {
                // Zeros of wide encodings, and byte order marks.
                0 => {}
                0xEF | 0xBB | 0xBF | 0xFE | 0xFF if !self.in_string => {}
                _ if self.in_string => self.string(byte),
                _ => self.between(byte),
            }
        }
        self.seen
    }

    fn between(&mut self, byte: u8) {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {}
            b'{' | b'[' => {
                // A list of calls is not a call that any server accepts.
                if self.depth == 0 && byte == b'[' {
                    self.seen = LaneEvidence::Other;
                }
                self.depth = self.depth.saturating_add(1);
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    self.member_over();
                    self.seen = if self.seen == LaneEvidence::Call {
                        LaneEvidence::Call
                    } else {
                        LaneEvidence::Other
                    };
                }
            }
            _ if self.depth == 0 => self.seen = LaneEvidence::Other,
            b'"' => {
                self.in_string = true;
                self.text.clear();
            }
            b',' if self.depth == 1 => self.member_over(),
            _ => {}
        }
    }

    fn string(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => {
                self.in_string = false;
                if self.depth == 1 {
                    self.text_over();
                }
                return;
            }
            _ => {}
        }
        if self.depth == 1 && self.text.len() < limits::SNIFFED_NAME_BYTES {
            self.text.push(byte);
        }
    }

    /// A string among the members is complete.
    fn text_over(&mut self) {
        let is = |name: &&str| decode(&self.text).eq_ignore_ascii_case(name);
        self.due = match self.due {
            Due::Key if is(&"model") => {
                self.named = true;
                Due::Model
            }
            Due::Key => {
                self.asks |= ASKS.iter().any(is);
                Due::Value
            }
            Due::Model => {
                self.model = decode(&self.text).to_string();
                Due::Value
            }
            Due::Value => Due::Value,
        };
    }

    /// A member is complete.
    fn member_over(&mut self) {
        self.due = Due::Key;
        if self.asks && self.named {
            self.seen = LaneEvidence::Call;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sniff(path: &str, body: &[u8]) -> (LaneEvidence, String) {
        let mut sniffer = LaneSniffer::new(LanePath::read(path).unwrap());
        let seen = sniffer.feed(body);
        (seen, sniffer.model().to_owned())
    }

    #[test]
    fn calls_however_they_are_written() {
        for (path, body, model) in [
            ("/x", r#"{"model":"m","messages":[]}"#, "m"),
            ("/x", r#" {"inputs" : "a", "stream":true, "MODEL" :"m"}"#, "m"),
            ("/x", r#"{"prompt":{"model":"no"},"mod\u0065l":"m\/n"}"#, "m/n"),
            ("/x", r#"{"model":7,"input":"x"}"#, ""),
            ("/models/gpt2", r#"{"inputs":"a"}"#, ""),
            ("/v1/models/a:predict", r#"{"contents":[]}"#, ""),
            ("/accounts/1/ai/run/@cf/meta/llama", r#"{"prompt":"a"}"#, ""),
        ] {
            assert_eq!(
                sniff(path, body.as_bytes()),
                (LaneEvidence::Call, model.to_owned()),
                "{body}"
            );
            let wide: Vec<u8> = body.encode_utf16().flat_map(u16::to_be_bytes).collect();
            assert_eq!(sniff(path, &wide).0, LaneEvidence::Call, "{body} in UTF-16");
        }
    }

    #[test]
    fn other_traffic() {
        for (path, body) in [
            ("/x", r#"{"model":"m","name":"x"}"#),
            ("/x", r#"{"messages":[{"model":"m"}]}"#),
            ("/x", r#"{"a":"model","b":"messages"}"#),
            ("/x", r#"{"method":"eth_call","params":{"message":"message/send"}}"#),
            ("/x", r#"{"message":{"parts":[]}}"#),
            ("/x", r#"{"data":{"model":"m","messages":[]}}"#),
            ("/models", r#"{"inputs":"a"}"#),
            ("/x", r#"[{"model":"m","messages":[]}]"#),
            ("/x", "--boundary {"),
        ] {
            assert_eq!(sniff(path, body.as_bytes()).0, LaneEvidence::Other, "{body}");
        }
        assert_eq!(sniff("/x", b"").0, LaneEvidence::Open);
        for path in ["/v1/messages/count_tokens", "/v1beta/models/m:countTokens", "/v1/moderations"]
        {
            assert_eq!(LanePath::read(path), None, "{path}");
        }
    }

    #[test]
    fn paths_of_conversations() {
        assert!(is_live("/v1/realtime?model=m"));
        assert!(is_live(
            "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
        ));
        assert!(!is_live("/v1/responses"));
    }

    proptest! {
        #[test]
        fn where_it_is_cut_does_not_matter(body in r#"([{}\[\],:" \\]|"model"|"messages"|a|\\u006d)*"#, at: prop::sample::Index) {
            let at = at.index(body.len() + 1);
            let mut sniffer = LaneSniffer::new(LanePath::read("/x").unwrap());
            sniffer.feed(&body.as_bytes()[..at]);
            prop_assert_eq!(sniffer.feed(&body.as_bytes()[at..]), sniff("/x", body.as_bytes()).0);
        }

        #[test]
        fn every_call_that_parses_is_found(before in "[a-z]{0,8}", ask in 0..ASKS.len(), value in any::<u8>()) {
            let mut object = serde_json::Map::new();
            object.insert(before, serde_json::json!([value, {"x": "}"}]));
            object.insert(ASKS[ask].to_owned(), serde_json::json!([{"a": value}]));
            object.insert("model".to_owned(), serde_json::json!("m"));
            let body = serde_json::Value::Object(object).to_string();
            prop_assert_eq!(sniff("/x", body.as_bytes()).0, LaneEvidence::Call);
        }
    }
}
