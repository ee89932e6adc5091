//! How cost grows with size, told within one run: a machine that is slow is so at both sizes, and one that is busy is
//! not all the time.

use std::time::{Duration, Instant};

/// Eight times the size costs no more than this many times as much: eight, and what memory that is new and caches that
/// are full add. What grows with the square costs sixty-four times.
const MOST: u32 = 24;

/// Runs are repeated until the smallest of each size say so, at most this often.
const ROUNDS: usize = 60;

/// Runs `run` on a thing and on one of eight times the size.
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
