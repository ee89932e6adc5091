//! A whole exchange in one call, with the body cut as a test wants it.

use crate::headers::Headers;
use crate::outcome::Outcome;
use crate::worker::{PluginContext, Worker};

/// How a body is cut into pieces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Chunking {
    /// In the pieces that the message came in.
    #[default]
    AsGiven,
    /// In one piece.
    Whole,
    /// In pieces of this many bytes (at least 1).
    Bytes(usize),
    /// At these offsets; those that are not inside the body are ignored.
    At(Vec<usize>),
    /// In pieces of 1 to 64 bytes that this seed decides.
    Random(u64),
}

impl Chunking {
    /// Cuts a body that came in `pieces`. No piece of the result is empty, and together they are the body.
    ///
    /// ```
    /// use host_tests::Chunking;
    ///
    /// let pieces = [b"data: 1\n\n".to_vec()];
    /// assert_eq!(Chunking::At(vec![4, 99]).cut(&pieces), [b"data".to_vec(), b": 1\n\n".to_vec()]);
    /// assert_eq!(Chunking::Random(7).cut(&pieces).concat(), pieces.concat());
    /// ```
    #[must_use]
    pub fn cut(&self, pieces: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let body = pieces.concat();
        let mut cut: Vec<Vec<u8>> = match self {
            Chunking::AsGiven => pieces.to_vec(),
            Chunking::Whole => vec![body],
            Chunking::Bytes(n) => body.chunks((*n).max(1)).map(<[u8]>::to_vec).collect(),
            Chunking::At(offsets) => at(&body, offsets.clone()),
            Chunking::Random(seed) => at(&body, random_offsets(*seed, body.len())),
        };
        cut.retain(|piece| !piece.is_empty());
        cut
    }
}

fn at(body: &[u8], mut offsets: Vec<usize>) -> Vec<Vec<u8>> {
    offsets.sort_unstable();
    let mut pieces = Vec::new();
    let mut rest = body;
    let mut done = 0usize;
    for offset in offsets {
        let Some((piece, tail)) = rest.split_at_checked(offset.saturating_sub(done)) else { break };
        pieces.push(piece.to_vec());
        done = done.saturating_add(piece.len());
        rest = tail;
    }
    pieces.push(rest.to_vec());
    pieces
}

/// Offsets 1 to 64 apart, by the generator SplitMix64 (public domain, Vigna).
fn random_offsets(seed: u64, len: usize) -> Vec<usize> {
    let mut state = seed;
    let mut offsets = Vec::new();
    let mut offset = 0usize;
    while offset < len {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let step = usize::try_from((z ^ (z >> 31)) % 64).unwrap_or(0);
        offset = offset.saturating_add(step).saturating_add(1);
        offsets.push(offset);
    }
    offsets
}

/// What a client sends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The headers.
    pub headers: Headers,
    /// The body; empty for none.
    pub body: Vec<u8>,
    /// How the body comes.
    pub cut: Chunking,
}

impl Request {
    /// A GET without a body.
    #[must_use]
    pub fn get(path: &str) -> Request {
        Request { headers: request_headers("GET", path), ..Request::default() }
    }

    /// A POST of JSON, with its `content-length`.
    #[must_use]
    pub fn post(path: &str, body: impl AsRef<[u8]>) -> Request {
        let body = body.as_ref().to_vec();
        let mut headers = request_headers("POST", path);
        headers.add("content-type", "application/json");
        headers.add("content-length", body.len().to_string());
        Request { headers, body, cut: Chunking::Whole }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.headers.add(name, value);
        self
    }

    /// With the body cut in this way.
    #[must_use]
    pub fn cut(mut self, cut: Chunking) -> Request {
        self.cut = cut;
        self
    }
}

fn request_headers(method: &str, path: &str) -> Headers {
    [(":authority", "api.example.com"), (":path", path), (":method", method), (":scheme", "https")]
        .into_iter()
        .collect()
}

/// How the end of a response comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ending {
    /// As an empty piece of its own: HTTP/1, and many HTTP/2 servers.
    #[default]
    Separate,
    /// With the last piece.
    WithLastPiece,
    /// The connection breaks instead.
    Reset,
}

/// What the upstream answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpstreamAnswer {
    /// The headers.
    pub headers: Headers,
    /// The body in pieces.
    pub chunks: Vec<Vec<u8>>,
    /// Trailers, which come in place of an ending.
    pub trailers: Option<Headers>,
    /// How it ends.
    pub ending: Ending,
}

impl UpstreamAnswer {
    /// A 200 of JSON, with its `content-length`.
    #[must_use]
    pub fn json(body: impl AsRef<[u8]>) -> UpstreamAnswer {
        let body = body.as_ref().to_vec();
        let headers = [
            (":status", "200".to_owned()),
            ("content-type", "application/json".to_owned()),
            ("content-length", body.len().to_string()),
        ];
        UpstreamAnswer {
            headers: headers.into_iter().collect(),
            chunks: vec![body],
            ..UpstreamAnswer::default()
        }
    }

    /// A 200 of an event stream.
    #[must_use]
    pub fn events<B: AsRef<[u8]>>(chunks: impl IntoIterator<Item = B>) -> UpstreamAnswer {
        UpstreamAnswer {
            headers: Headers::from([(":status", "200"), ("content-type", "text/event-stream")]),
            chunks: chunks.into_iter().map(|chunk| chunk.as_ref().to_vec()).collect(),
            ..UpstreamAnswer::default()
        }
    }

    /// With another ending.
    #[must_use]
    pub fn ending(mut self, ending: Ending) -> UpstreamAnswer {
        self.ending = ending;
        self
    }
}

/// Runs one exchange: the request, then, if the upstream got all of it, the answer, cut by `cut`.
///
/// ```
/// use host_tests::{Chunking, Host, Module, Request, UpstreamAnswer, run_exchange};
///
/// let module = Module::load(wat::parse_str(r#"(module
///     (memory (export "memory") 1)
///     (func (export "malloc") (param i32) (result i32) i32.const 1024)
///     (func (export "proxy_abi_version_0_2_1")))"#)?)?;
/// let worker = Host::new(&module).worker()?;
/// let plugin = worker.configure("")?;
/// let answer = UpstreamAnswer::events(["data: hello\n\n"]);
/// let outcome = run_exchange(&worker, &plugin, Request::post("/v1", "{}"), answer, &Chunking::Bytes(3));
/// assert_eq!(outcome.downstream.text(), "data: hello\n\n");
/// assert_eq!(outcome.downstream.increments.len(), 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn run_exchange(
    worker: &Worker,
    plugin: &PluginContext,
    request: Request,
    answer: UpstreamAnswer,
    cut: &Chunking,
) -> Outcome {
    let mut exchange = worker.exchange(plugin);
    let pieces = request.cut.cut(&[request.body]);
    exchange.request_headers(request.headers, pieces.is_empty());
    let last = pieces.len().saturating_sub(1);
    for (at, piece) in pieces.into_iter().enumerate() {
        exchange.request_data(piece, at == last);
    }
    if !exchange.so_far().upstream.ended {
        return exchange.finish();
    }
    let pieces = cut.cut(&answer.chunks);
    let ends_with_body = answer.ending == Ending::WithLastPiece && answer.trailers.is_none();
    exchange.response_headers(answer.headers, ends_with_body && pieces.is_empty());
    let last = pieces.len().saturating_sub(1);
    for (at, piece) in pieces.into_iter().enumerate() {
        exchange.response_data(piece, ends_with_body && at == last);
    }
    match (answer.trailers, answer.ending) {
        (Some(trailers), _) => {
            exchange.response_trailers(trailers);
        }
        (None, Ending::Separate) => {
            exchange.response_data("", true);
        }
        (None, Ending::Reset) => {
            exchange.upstream_reset();
        }
        (None, Ending::WithLastPiece) => {}
    }
    exchange.finish()
}
