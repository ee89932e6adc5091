//! How others guard streams, made again from their documented behaviour, beside the engine's scanner.
//!
//! One question: of a match that spans events, how many characters has the caller seen before the guard acts, and how
//! many characters does every event wait for? Strategies only say how far text may leave after each event; a match's
//! characters before that point have leaked unless the match was found first.

use hemostat_engine::search::{Hit, Matcher, StreamSearch};

/// A way to guard a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// No guard while the stream runs.
    None,
    /// Every fifth event, all text so far is scanned; the other four leave at once (LiteLLM's unified guardrails).
    EveryFifth,
    /// The last 50 characters wait; a tail of 512 is scanned again with each event (LiteLLM's content filter).
    HoldBack,
    /// Windows of 1,024 bytes are scanned with 256 bytes of the window before, then leave (agentgateway).
    Window,
    /// The engine: what no live partial match begins before leaves.
    Hemostat,
}

impl Strategy {
    /// All of them, the weakest first.
    pub const ALL: [Strategy; 5] = [
        Strategy::None,
        Strategy::EveryFifth,
        Strategy::HoldBack,
        Strategy::Window,
        Strategy::Hemostat,
    ];
}

/// What a strategy came to over some streams.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Outcome {
    /// Matches in the streams.
    pub matches: usize,
    /// Matches of which at least one character left.
    pub leaked_matches: usize,
    /// Characters of matches that left.
    pub leaked_characters: usize,
    /// Characters held after each event, on the average over events.
    pub mean_hold: f64,
    /// The most characters held after any event.
    pub worst_hold: usize,
}

/// Runs one strategy over streams given event by event. A match that is found before it has all left is cut out of what
/// has not left yet.
#[must_use]
pub fn judge(strategy: Strategy, matcher: &Matcher, streams: &[Vec<String>]) -> Outcome {
    let mut outcome = Outcome::default();
    let (mut events, mut held) = (0_usize, 0_usize);
    for stream in streams {
        let text = stream.concat();
        let mut open = scan(matcher, &text);
        outcome.matches += open.len();
        let mut guard = Guard::new(strategy, matcher);
        let mut fed = 0;
        for (index, event) in stream.iter().enumerate() {
            fed += event.len();
            let last = index + 1 == stream.len();
            let before = guard.left;
            guard.take(&text, event, fed, index, last);
            open.retain(|&(start, end)| {
                let found = guard.found(start, end, fed);
                if found || last {
                    let seen = if found { before } else { guard.left };
                    let leaked = characters(&text, start, seen.min(end));
                    outcome.leaked_characters += leaked;
                    outcome.leaked_matches += usize::from(leaked > 0);
                }
                !found
            });
            let waits = characters(&text, guard.left, fed);
            events += 1;
            held += waits;
            outcome.worst_hold = outcome.worst_hold.max(waits);
        }
    }
    outcome.mean_hold = held as f64 / events.max(1) as f64;
    outcome
}

/// One stream under one strategy.
struct Guard<'m> {
    strategy: Strategy,
    matcher: &'m Matcher,
    /// Text before it has left.
    left: usize,
    /// Where the last scan began, if this event was scanned.
    scanned_from: Option<usize>,
    live: StreamSearch,
    hits: Vec<Hit>,
}

impl<'m> Guard<'m> {
    fn new(strategy: Strategy, matcher: &'m Matcher) -> Guard<'m> {
        Guard {
            strategy,
            matcher,
            left: 0,
            scanned_from: None,
            live: StreamSearch::default(),
            hits: Vec::new(),
        }
    }

    fn take(&mut self, text: &str, event: &str, fed: usize, index: usize, last: bool) {
        self.scanned_from = None;
        match self.strategy {
            Strategy::None => self.left = fed,
            Strategy::EveryFifth => {
                self.scanned_from = (index % 5 == 4 || last).then_some(0);
                self.left = fed;
            }
            Strategy::HoldBack => {
                self.scanned_from = Some(fed.saturating_sub(event.len().max(512)));
                let kept = if last { 0 } else { 50 };
                let so_far = text.get(..fed).unwrap_or_default();
                let from_end = so_far.char_indices().rev().nth(kept.max(1) - 1);
                let held_from = from_end.map_or(0, |(at, _)| at);
                self.left = self.left.max(if last { fed } else { held_from });
            }
            Strategy::Window => {
                if fed - self.left >= 1024 || last {
                    self.scanned_from = Some(self.left.saturating_sub(256));
                    self.left = fed;
                }
            }
            Strategy::Hemostat => {
                self.live.feed(self.matcher, event, &mut self.hits);
                if last {
                    self.live.finish(self.matcher, &mut self.hits);
                }
                self.left = usize::try_from(self.live.clear()).unwrap_or(fed);
            }
        }
    }

    /// True if the guard knows the whole match by now.
    fn found(&self, start: usize, end: usize, fed: usize) -> bool {
        match self.strategy {
            Strategy::Hemostat => {
                self.hits.iter().any(|hit| hit.start == start as u64 && hit.end == end as u64)
            }
            _ => self.scanned_from.is_some_and(|from| from <= start && end <= fed),
        }
    }
}

fn characters(text: &str, from: usize, to: usize) -> usize {
    text.get(from..to.max(from)).map_or(0, |part| part.chars().count())
}

/// The matches of a whole text.
fn scan(matcher: &Matcher, text: &str) -> Vec<(usize, usize)> {
    let (mut scan, mut hits) = (StreamSearch::default(), Vec::new());
    scan.feed(matcher, text, &mut hits);
    scan.finish(matcher, &mut hits);
    let place = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
    hits.into_iter().map(|hit| (place(hit.start), place(hit.end))).collect()
}

/// Made-up secrets and phrases, each to be planted in a stream: parts of them are joined here, so that no scanner of
/// repositories takes them for real.
#[must_use]
pub fn plants() -> Vec<String> {
    let letters = "q9WmZ4tLr8Kd2Vb7Xc5Nf3Hj6Pg1Ys0TaEuRiOo";
    vec![
        format!("AKI{}", "AIZ4QWERTYUIOPAS7D"),
        format!("gh{}_{}", "p", letters.get(..36).unwrap_or_default()),
        format!("sk-{}-{letters}{letters}", "ant"),
        "ann.example@mail.example.org".to_owned(),
        "4111 1111 1111 1111".to_owned(),
        "DE89 3704 0044 0532 0130 00".to_owned(),
        "ignore all previous instructions".to_owned(),
        format!(
            "-----BEGIN {} KEY-----\n{}-----END {} KEY-----",
            "PRIVATE",
            format!("{letters}{letters}\n").repeat(12),
            "PRIVATE"
        ),
    ]
}

/// Plants one of the texts in the middle of each stream, cut into events of `piece` characters, as models write them.
#[must_use]
pub fn planted(streams: &[Vec<String>], piece: usize) -> Vec<Vec<String>> {
    streams
        .iter()
        .zip(plants().iter().cycle())
        .map(|(stream, plant)| {
            let mut stream = stream.clone();
            let marked: Vec<char> = format!(" {plant} ").chars().collect();
            let events = marked.chunks(piece.max(1)).map(|part| part.iter().collect());
            let middle = stream.len() / 2;
            stream.splice(middle..middle, events);
            stream
        })
        .collect()
}
