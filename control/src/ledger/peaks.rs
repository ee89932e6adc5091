//! How full a token bucket has been: a bound on what a returned charge may add.
//!
//! A full bucket loses what flows in. If a charge of 100 is returned an hour later, the bucket cannot simply be raised
//! by 100: had the charge never been taken, the bucket would have been full in the meantime, and the inflow lost.
//! Raised by more than `burst - highest level since the charge`, it would hand out at once what never fitted in
//! together, and exceed its cap.
//!
//! The highest level since any charge is a descending staircase over time. A few of its steps are kept; when two are
//! merged, the higher level stands for both, so that less is returned, never more.

/// The number of steps that are kept.
pub const STEPS: usize = 4;

/// The staircase: (number, level in units rounded up), oldest and highest first; unused steps at the end are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Peaks {
    steps: [(u64, u64); STEPS],
}

impl Peaks {
    /// The steps, for storage.
    #[must_use]
    pub fn steps(&self) -> &[(u64, u64); STEPS] {
        &self.steps
    }

    /// Restores the steps from storage.
    #[must_use]
    pub fn from_steps(steps: [(u64, u64); STEPS]) -> Self {
        Self { steps }
    }

    fn used(&self) -> impl Iterator<Item = &(u64, u64)> {
        self.steps.iter().take_while(|step| step.0 != 0)
    }

    /// Something happens at this time while the level is this high. Returns its number, which increases: later peaks
    /// have higher numbers.
    pub fn push(&mut self, time_ns: u64, level: u64) -> u64 {
        let last = self.used().last().map_or(0, |step| step.0);
        let number = last.saturating_add(1).max(time_ns);
        let mut steps: Vec<(u64, u64)> = self.used().copied().collect();
        steps.push((number, level));
        self.keep(steps);
        number
    }

    /// The highest level after this number.
    #[must_use]
    pub fn since(&self, number: u64) -> u64 {
        self.used().filter(|step| step.0 > number).map(|step| step.1).max().unwrap_or(0)
    }

    /// This much was returned of what was taken at this number: since then the level would have been higher.
    pub fn raise(&mut self, number: u64, by: u64) {
        let steps = self
            .used()
            .map(|&(at, level)| (at, if at > number { level.saturating_add(by) } else { level }));
        self.keep(steps.collect());
    }

    /// Makes a descending staircase of these steps, and drops the least significant ones.
    fn keep(&mut self, steps: Vec<(u64, u64)>) {
        let mut falling: Vec<(u64, u64)> = Vec::with_capacity(steps.len());
        for step in steps {
            while falling.last().is_some_and(|last| last.1 <= step.1) {
                falling.pop();
            }
            falling.push(step);
        }
        while falling.len() > STEPS {
            let gaps = falling.windows(2).map(|pair| match pair {
                [older, newer] => older.1.saturating_sub(newer.1),
                _ => u64::MAX,
            });
            let Some((at, _)) = gaps.enumerate().min_by_key(|(_, gap)| *gap) else { break };
            let higher = falling.remove(at).1;
            if let Some(newer) = falling.get_mut(at) {
                newer.1 = higher;
            }
        }
        self.steps = [(0, 0); STEPS];
        self.steps.iter_mut().zip(falling).for_each(|(to, from)| *to = from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Never lower than the highest level that occurred, and exact while the steps suffice.
        #[test]
        fn the_highest_level_is_never_forgotten(levels in prop::collection::vec(0_u64..50, 1..30)) {
            let mut peaks = Peaks::default();
            let numbers: Vec<u64> = levels.iter().map(|level| peaks.push(5, *level)).collect();
            for (at, number) in numbers.iter().enumerate() {
                let highest = levels.get(at + 1..).unwrap().iter().copied().max().unwrap_or(0);
                prop_assert!(peaks.since(*number) >= highest);
                if levels.len() <= STEPS {
                    prop_assert_eq!(peaks.since(*number), highest);
                }
            }
        }
    }
}
