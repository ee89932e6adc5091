//! One account: state + charge + now → state.
//!
//! A token bucket keeps its level multiplied by `every_ns` (amount × nanoseconds), so that filling it is a
//! multiplication without rounding, and nothing drifts. How much of a charge can be given back is bounded by how full
//! the bucket has been since ([`Peaks`]). A calendar account keeps what is used in its window. An account of requests
//! in flight keeps how many leases were renewed in each slice of the last two minutes.

use super::calendar::{self, CalendarSpan};
use super::peaks::Peaks;
use crate::limits::{LEASE_SLICE_NS, LEASE_SLICES, LEDGER_CLOCK_STEP_NS};

const SECOND_NS: u64 = 1_000_000_000;

/// What an account allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cap {
    /// A token bucket: `amount` flows in evenly over `every_ns`, and it holds at most `burst`.
    Bucket {
        /// Units per `every_ns`.
        amount: u64,
        /// Nanoseconds; at least 1.
        every_ns: u64,
        /// The capacity, in units.
        burst: u64,
    },
    /// A number of units in each calendar window.
    Calendar {
        /// Units.
        amount: u64,
        /// The window.
        span: CalendarSpan,
    },
    /// A number of requests at the same time.
    InFlight {
        /// Requests.
        most: u64,
    },
}

impl Cap {
    /// The most that one charge can be.
    #[must_use]
    pub fn most(&self) -> u64 {
        match *self {
            Self::Bucket { burst, .. } => burst,
            Self::Calendar { amount, .. } => amount,
            Self::InFlight { most } => most,
        }
    }

    /// The most that may be used in one window according to the policy: the larger of its two numbers.
    #[must_use]
    pub fn in_a_window(&self) -> u64 {
        match *self {
            Self::Bucket { amount, .. } => self.most().max(amount),
            _ => self.most(),
        }
    }
}

/// The state of an account. A new account is at its start: nothing used, nothing in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// A token bucket.
    Bucket {
        /// The time up to which it has been filled (Unix nanoseconds).
        time_ns: u64,
        /// Its level, multiplied by `every_ns`; below zero it is debt.
        level: i128,
        /// How high it has been since earlier charges: bounds what a charge can get back.
        peaks: Peaks,
    },
    /// A calendar account.
    Calendar {
        /// The latest time seen (Unix nanoseconds).
        time_ns: u64,
        /// The beginning of the window (Unix seconds).
        window: u64,
        /// What is used and reserved in it, in units.
        used: u64,
    },
    /// Requests in flight.
    InFlight {
        /// The latest slice of time seen.
        slice: u32,
        /// Leases by the slice in which they were last renewed, the latest first.
        leases: [u32; LEASE_SLICES],
    },
}

/// When a refused charge could be admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wait {
    /// After this many nanoseconds, if nothing else is charged.
    Ns(u64),
    /// When a request in flight has ended.
    Place,
    /// Never: it exceeds the whole cap.
    Never,
}

/// A charge that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverLimit {
    /// How long to wait.
    pub wait: Wait,
}

/// The proof of a charge, needed to settle it against the account it was taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// From a token bucket, at this [`Peaks`] number.
    Bucket(u64),
    /// From this calendar window (Unix seconds).
    Calendar(u64),
    /// A place in flight, renewed in this slice.
    InFlight(u32),
}

impl Receipt {
    /// True for a place in flight that was renewed in the present slice of time.
    #[must_use]
    pub fn is_fresh(&self, now_ns: u64) -> bool {
        *self == Self::InFlight(slice_of(now_ns))
    }
}

/// The balance of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The whole cap.
    pub cap: u64,
    /// What is left of it.
    pub left: u64,
    /// Nanoseconds until it is full again if nothing is charged.
    pub reset_ns: u64,
}

impl Standing {
    /// The used fraction of the cap, in millionths.
    #[must_use]
    pub fn used_millionths(&self) -> u64 {
        let used = u128::from(self.cap.saturating_sub(self.left)) * 1_000_000;
        let share = used.checked_div(u128::from(self.cap)).unwrap_or(1_000_000);
        u64::try_from(share).unwrap_or(u64::MAX)
    }
}

fn full(burst: u64, every_ns: u64) -> i128 {
    times(burst, every_ns)
}

fn times(units: u64, every_ns: u64) -> i128 {
    i128::try_from(u128::from(units) * u128::from(every_ns)).unwrap_or(i128::MAX)
}

/// Whole units in a level, rounded up; zero for debt.
fn units_up(level: i128, every_ns: u64) -> u64 {
    let level = u128::try_from(level).unwrap_or(0);
    u64::try_from(level.div_ceil(u128::from(every_ns.max(1)))).unwrap_or(u64::MAX)
}

/// Nanoseconds until this much has flowed in, rounded up.
fn fill_ns(missing: i128, amount: u64) -> u64 {
    let missing = u128::try_from(missing).unwrap_or(0);
    match amount {
        0 if missing == 0 => 0,
        0 => u64::MAX,
        _ => u64::try_from(missing.div_ceil(u128::from(amount))).unwrap_or(u64::MAX),
    }
}

/// The slice of time that contains this moment.
fn slice_of(now_ns: u64) -> u32 {
    u32::try_from(now_ns / LEASE_SLICE_NS).unwrap_or(u32::MAX)
}

/// The new time of an account. A small step back is ignored (workers read the clock before it is their turn). After a
/// large one (the clock was set) the account continues from there with its level, and the step adds nothing.
fn advance(time_ns: u64, now_ns: u64) -> u64 {
    if time_ns.saturating_sub(now_ns) > LEDGER_CLOCK_STEP_NS { now_ns } else { time_ns.max(now_ns) }
}

impl Account {
    /// An account at its start.
    #[must_use]
    pub fn new(cap: &Cap, now_ns: u64) -> Self {
        match *cap {
            Cap::Bucket { every_ns, burst, .. } => {
                let mut peaks = Peaks::default();
                peaks.push(now_ns, burst);
                Self::Bucket { time_ns: now_ns, level: full(burst, every_ns), peaks }
            }
            Cap::Calendar { span, .. } => Self::Calendar {
                time_ns: now_ns,
                window: calendar::window(span, now_ns / SECOND_NS).0,
                used: 0,
            },
            Cap::InFlight { .. } => {
                Self::InFlight { slice: slice_of(now_ns), leases: [0; LEASE_SLICES] }
            }
        }
    }

    /// True if it is an account for this kind of cap.
    #[must_use]
    pub fn fits(&self, cap: &Cap) -> bool {
        matches!(
            (self, cap),
            (Self::Bucket { .. }, Cap::Bucket { .. })
                | (Self::Calendar { .. }, Cap::Calendar { .. })
                | (Self::InFlight { .. }, Cap::InFlight { .. })
        )
    }

    /// Lets time pass.
    pub fn advance(&mut self, cap: &Cap, now_ns: u64) {
        match (self, cap) {
            (Self::Bucket { time_ns, level, .. }, Cap::Bucket { amount, every_ns, burst }) => {
                let now_ns = advance(*time_ns, now_ns);
                let flow = times(*amount, now_ns.saturating_sub(*time_ns));
                *level = level.saturating_add(flow).min(full(*burst, *every_ns));
                *time_ns = now_ns;
            }
            (Self::Calendar { time_ns, window, used }, Cap::Calendar { span, .. }) => {
                *time_ns = advance(*time_ns, now_ns);
                let (current, next) = calendar::window(*span, *time_ns / SECOND_NS);
                if current > *window {
                    *used = 0;
                }
                // A clock that is set back passes the window's beginning again: that is not a second beginning. A clock
                // that was further ahead must not block the account until then.
                if current > *window || next < *window {
                    *window = current;
                }
            }
            (Self::InFlight { slice, leases }, Cap::InFlight { .. }) => {
                // A clock that was set back stops here: holders release their leases, and none lapses too early.
                let passed = slice_of(now_ns).saturating_sub(*slice);
                let kept = usize::try_from(passed).unwrap_or(LEASE_SLICES).min(LEASE_SLICES);
                leases.rotate_right(kept);
                leases.iter_mut().take(kept).for_each(|count| *count = 0);
                *slice = slice.saturating_add(passed);
            }
            _ => {}
        }
    }

    /// Takes `charge` units, or tells when they will be available. For requests in flight a charge is one place.
    ///
    /// # Errors
    /// It would bring the account above its cap.
    pub fn reserve(&mut self, cap: &Cap, charge: u64, now_ns: u64) -> Result<Receipt, OverLimit> {
        self.advance(cap, now_ns);
        let wait = self.wait(cap, charge);
        if let Some(wait) = wait {
            return Err(OverLimit { wait });
        }
        match (self, cap) {
            (Self::Bucket { time_ns, level, peaks }, Cap::Bucket { every_ns, .. }) => {
                let number = peaks.push(*time_ns, units_up(*level, *every_ns));
                *level = level.saturating_sub(times(charge, *every_ns));
                Ok(Receipt::Bucket(number))
            }
            (Self::Calendar { window, used, .. }, _) => {
                *used = used.saturating_add(charge);
                Ok(Receipt::Calendar(*window))
            }
            (Self::InFlight { slice, leases }, _) => {
                if let Some(latest) = leases.first_mut() {
                    *latest = latest.saturating_add(1);
                }
                Ok(Receipt::InFlight(*slice))
            }
            (Self::Bucket { .. }, _) => Err(OverLimit { wait: Wait::Never }),
        }
    }

    /// When `charge` will be available; `None` for now. Time must have been [advanced](Self::advance).
    #[must_use]
    pub fn wait(&self, cap: &Cap, charge: u64) -> Option<Wait> {
        match (self, cap) {
            (Self::Bucket { level, .. }, Cap::Bucket { amount, every_ns, burst }) => {
                let needed = times(charge, *every_ns);
                if charge > *burst {
                    return Some(Wait::Never);
                }
                let missing = needed.saturating_sub(*level);
                (missing > 0).then(|| Wait::Ns(fill_ns(missing, *amount)))
            }
            (Self::Calendar { time_ns, window, used }, Cap::Calendar { amount, span }) => {
                if charge > *amount {
                    return Some(Wait::Never);
                }
                let next = calendar::window(*span, *window).1;
                let wait = next.saturating_mul(SECOND_NS).saturating_sub(*time_ns);
                (used.saturating_add(charge) > *amount).then_some(Wait::Ns(wait))
            }
            (Self::InFlight { leases, .. }, Cap::InFlight { most }) => match most {
                0 => Some(Wait::Never),
                _ => (in_flight(leases) >= *most).then_some(Wait::Place),
            },
            _ => Some(Wait::Never),
        }
    }

    /// Replaces a charge by what was used: returns the rest, or takes more (debt, which later charges wait for). The
    /// rest of a window that is over is not returned.
    pub fn settle(&mut self, cap: &Cap, receipt: Receipt, charge: u64, used: u64, now_ns: u64) {
        self.advance(cap, now_ns);
        match (self, receipt, cap) {
            (
                Self::Bucket { time_ns, level, peaks },
                Receipt::Bucket(number),
                Cap::Bucket { every_ns, burst, .. },
            ) => {
                peaks.push(*time_ns, units_up(*level, *every_ns));
                let unused = charge.saturating_sub(used);
                let back = unused.min(burst.saturating_sub(peaks.since(number)));
                peaks.raise(number, back);
                let owed = times(used.saturating_sub(charge), *every_ns);
                *level = level.saturating_add(times(back, *every_ns)).saturating_sub(owed);
            }
            (Self::Calendar { window, used: all, .. }, Receipt::Calendar(of), _)
                if *window == of =>
            {
                *all = all.saturating_sub(charge).saturating_add(used);
            }
            (Self::InFlight { slice, leases }, Receipt::InFlight(of), _) => {
                if let Some(count) = lease(*slice, leases, of) {
                    *count = count.saturating_sub(1);
                }
            }
            _ => {}
        }
    }

    /// Renews a place in flight; `None` if it had lapsed, which is final. Charges of other accounts need no renewal.
    pub fn renew(&mut self, cap: &Cap, receipt: Receipt, now_ns: u64) -> Option<Receipt> {
        self.advance(cap, now_ns);
        let (Self::InFlight { slice, leases }, Receipt::InFlight(of)) = (self, receipt) else {
            return Some(receipt);
        };
        let count = lease(*slice, leases, of).filter(|count| **count > 0)?;
        *count -= 1;
        if let Some(latest) = leases.first_mut() {
            *latest = latest.saturating_add(1);
        }
        Some(Receipt::InFlight(*slice))
    }

    /// When it will be at its start if nothing is charged (Unix nanoseconds): from then on, forgetting it changes
    /// nothing.
    #[must_use]
    pub fn rests_at(&self, cap: &Cap) -> u64 {
        match (self, cap) {
            (Self::Bucket { time_ns, level, .. }, Cap::Bucket { amount, every_ns, burst }) => {
                let missing = full(*burst, *every_ns).saturating_sub(*level);
                time_ns.saturating_add(fill_ns(missing, *amount))
            }
            (Self::Calendar { used: 0, .. }, _) => 0,
            (Self::Calendar { window, .. }, Cap::Calendar { span, .. }) => {
                calendar::window(*span, *window).1.saturating_mul(SECOND_NS)
            }
            (Self::InFlight { slice, leases }, _) => {
                match leases.iter().position(|count| *count > 0) {
                    None => 0,
                    Some(age) => {
                        let left = LEASE_SLICES.saturating_sub(age) as u64;
                        u64::from(*slice).saturating_add(left).saturating_mul(LEASE_SLICE_NS)
                    }
                }
            }
            _ => 0,
        }
    }

    /// Its balance. Time must have been [advanced](Self::advance).
    #[must_use]
    pub fn standing(&self, cap: &Cap) -> Standing {
        let most = cap.most();
        let (left, reset_ns) = match (self, cap) {
            (Self::Bucket { level, .. }, Cap::Bucket { amount, every_ns, burst }) => {
                let units = level.max(&0).checked_div(i128::from((*every_ns).max(1))).unwrap_or(0);
                let missing = full(*burst, *every_ns).saturating_sub(*level);
                (u64::try_from(units).unwrap_or(u64::MAX), fill_ns(missing, *amount))
            }
            (Self::Calendar { time_ns, window, used }, Cap::Calendar { amount, span }) => {
                let next = calendar::window(*span, *window).1;
                let reset = next.saturating_mul(SECOND_NS).saturating_sub(*time_ns);
                (amount.saturating_sub(*used), reset)
            }
            (Self::InFlight { leases, .. }, _) => {
                (most.saturating_sub(in_flight(leases)), SECOND_NS)
            }
            _ => (0, 0),
        };
        Standing { cap: most, left, reset_ns }
    }
}

fn in_flight(leases: &[u32; LEASE_SLICES]) -> u64 {
    leases.iter().map(|count| u64::from(*count)).sum()
}

/// The count that includes a lease of this slice, if it has not lapsed.
fn lease(slice: u32, leases: &mut [u32; LEASE_SLICES], of: u32) -> Option<&mut u32> {
    // A receipt later than the latest slice seen exists only if the account was forgotten and started again.
    let age = usize::try_from(slice.checked_sub(of)?).ok()?;
    leases.get_mut(age)
}

#[cfg(test)]
mod tests;
