//! Whole exchanges for benches: recorded streams by dialect, the policy that guards them, and a native driver.

use std::rc::Rc;

use hemostat_engine::exchange::{
    Effect, Exchange, RequestFacts, RequestVerdict, ResponseVerdict, StreamVerdict,
};
use hemostat_engine::policy::Program;
use hemostat_engine::policy::config::Config;
pub use testkit::Recording;
use testkit::recordings;

/// The dialects in which somebody talks, by the names of their rows in `testdata/dialects.json`.
pub fn dialects() -> impl Iterator<Item = &'static str> {
    testkit::dialects::talking().map(testkit::dialects::Dialect::name)
}

/// A policy such as operators write: all packs, and three patterns of their own.
pub const GUARD: &str = r#"{"hold_headers": true, "policy": {"hemostat": 1, "guardrails": [
    {"id": "packs", "scan": ["output"], "do": "redact",
     "find": ["pack:secrets", "pack:pii", "pack:prompt-injection"]},
    {"id": "own", "scan": ["output"], "do": "redact",
     "find": ["(?i)project\\s+nightingale", "ACME-[0-9]{6}", "(?i)internal use only"]}]}}"#;

/// The policy that does nothing.
pub const EMPTY: &str = r#"{"hold_headers": true, "policy": {"hemostat": 1}}"#;

/// One pattern that never hits: what a guard costs apart from its patterns.
pub const ONE_PATTERN: &str = r#"{"hold_headers": true, "policy": {"hemostat": 1, "guardrails": [
    {"id": "one", "scan": ["output"], "do": "redact", "find": ["zzqq[0-9]{9}"]}]}}"#;

/// A word of [`GUARD`]'s, planted once in a stream so that a bench can see that rules hit.
pub const PLANT: &str = "ACME-123456";

/// The recorded streams of a dialect that were answered with 200, in order.
#[must_use]
pub fn recorded(dialect: &str) -> Vec<Recording> {
    let fits = |own: &Recording| {
        own.dialect == dialect && own.is_stream() && own.status == 200 && own.method == "POST"
    };
    recordings().into_iter().filter(fits).collect()
}

/// Compiles a plugin configuration.
///
/// # Errors
/// What is wrong with it.
pub fn program(configuration: &str) -> Result<Rc<Program>, String> {
    let (config, _) = Config::parse(configuration.as_bytes())
        .map_err(|found| found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    Ok(Rc::new(Program::compile(&config).map_err(|error| error.to_string())?))
}

/// What came of one exchange.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ran {
    /// Bytes that left.
    pub out: usize,
    /// Rules that hit.
    pub hits: usize,
}

/// Runs one exchange natively, its answer in these chunks. (The testkit's driver keeps all that it sees, which would be
/// measured too.)
#[must_use]
pub fn run(program: &Rc<Program>, stream: &Recording, chunks: &[&[u8]]) -> Ran {
    const NOW: u64 = 1_764_000_000_000_000_000;
    let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    let mut exchange = Exchange::new(Rc::clone(program));
    let facts = RequestFacts {
        headers: [
            pair(":method", "POST"),
            pair(":path", &stream.path),
            pair(":authority", "a"),
            pair("content-type", "application/json"),
        ]
        .into_iter()
        .collect(),
        properties: vec![None; program.properties().len()],
        request_id: None,
        now_ns: NOW,
        nonce: 7,
    };
    match exchange.request_headers(facts, false) {
        RequestVerdict::NeedBody { .. } => drop(exchange.request_body(Some(&stream.request))),
        RequestVerdict::Peek { .. } => exchange.request_chunk(&stream.request, true),
        // Whose request it is at such a path, its body says.
        RequestVerdict::Sniff { .. } => drop(exchange.request_sniff(&stream.request, true)),
        _ => {}
    }
    let headers = vec![pair(":status", "200"), pair("content-type", &stream.content_type)];
    let streams = matches!(
        exchange.response_headers(&headers.into(), false, false, NOW),
        ResponseVerdict::Stream { .. }
    );
    let mut ran = Ran::default();
    let mut left = |verdict: StreamVerdict, chunk: &[u8]| {
        ran.out += verdict.leaving(chunk).len();
    };
    if streams {
        for chunk in chunks {
            left(exchange.response_chunk(chunk, false, NOW), chunk);
        }
        left(exchange.response_chunk(b"", true, NOW), b"");
    } else {
        ran.out = chunks.iter().map(|chunk| chunk.len()).sum();
    }
    exchange.finish(b"");
    let is_hit = |effect: &Effect| matches!(effect, Effect::Count(name) if name.starts_with("hemostat_rule_hits_total"));
    ran.hits = exchange.effects().iter().filter(|effect| is_hit(effect)).count();
    ran
}

/// The last text of an event that a recording's bytes hold, with [`PLANT`] put before it. The bytes of a binary message
/// cannot be changed so.
#[must_use]
pub fn plant(stream: &Recording) -> Option<Recording> {
    let text = std::str::from_utf8(&stream.response).ok()?;
    let pointer = testkit::dialects::dialect(&stream.dialect).text_pointer()?;
    let (_, member) = pointer.rsplit_once('/')?;
    let marks = [":", ": "].map(|gap| format!("\"{member}\"{gap}\""));
    // From the back: streams begin with events whose text is empty, and which some dialects do not count as text.
    let at = marks.iter().filter_map(|mark| Some(text.rfind(mark)? + mark.len())).max()?;
    let (before, after) = text.split_at_checked(at)?;
    Some(Recording { response: format!("{before}{PLANT} {after}").into_bytes(), ..stream.clone() })
}
