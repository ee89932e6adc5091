//! Prints what every strategy leaks and holds, over recorded streams with planted secrets.

use hemostat_benches::corpus::recorded_streams;
use hemostat_benches::peers::{Strategy, judge, planted};
use hemostat_engine::search::{Matcher, Pattern, PatternError};
use std::error::Error;

fn matcher() -> Result<Matcher, PatternError> {
    let mut patterns = Vec::new();
    for pack in ["pack:secrets", "pack:pii", "pack:prompt-injection"] {
        patterns.extend(Pattern::parse(pack, false)?);
    }
    Matcher::new(patterns.iter().map(|pattern| (0, pattern)))
}

fn main() -> Result<(), Box<dyn Error>> {
    let streams = recorded_streams();
    let matcher = matcher().map_err(|error| error.message)?;
    println!(
        "{:<12} {:>7} {:>8} {:>8} {:>11} {:>11} {:>10} {:>11}",
        "strategy",
        "piece",
        "matches",
        "leaked",
        "characters",
        "mean hold",
        "worst hold",
        "plain hold"
    );
    for piece in [3, 12] {
        let streams_with = planted(&streams, piece);
        for strategy in Strategy::ALL {
            let outcome = judge(strategy, &matcher, &streams_with);
            let plain = judge(strategy, &matcher, &streams);
            println!(
                "{:<12} {piece:>7} {:>8} {:>8} {:>11} {:>11.2} {:>10} {:>11.2}",
                format!("{strategy:?}"),
                outcome.matches,
                outcome.leaked_matches,
                outcome.leaked_characters,
                outcome.mean_hold,
                outcome.worst_hold,
                plain.mean_hold,
            );
        }
    }
    Ok(())
}
