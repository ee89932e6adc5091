//! Asserts how cost grows with size, by a ratio within one run: a slow machine is slow at both sizes, and a busy one is
//! not busy all the time.

use std::time::{Duration, Instant};

/// The maximum cost of eight times the size: eight times as much, plus the effect of new memory and full caches.
/// Quadratic growth would cost sixty-four times as much.
const MOST: u32 = 24;

/// The maximum number of runs. They are repeated until the fastest of each size are within the bound.
const ROUNDS: usize = 60;

/// Runs `run` on a value and on one of eight times its size.
///
/// # Panics
/// The second costs more than [`MOST`] times as much in every round.
pub fn assert_linear<T>(what: &str, one: &T, eight: &T, mut run: impl FnMut(&T)) {
    let mut least = [Duration::MAX; 2];
    for round in 0..ROUNDS {
        for (least, input) in least.iter_mut().zip([one, eight]) {
            let begun = Instant::now();
            run(input);
            *least = (*least).min(begun.elapsed());
        }
        if round > 0 && least[1] <= least[0] * MOST {
            return;
        }
    }
    panic!("{what}: eight times the size takes {least:?}");
}
