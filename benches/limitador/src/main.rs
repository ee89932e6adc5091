//! Question: of threads that reserve and settle on one account at once, how much is admitted beyond the cap, and what
//! does a pair cost? Hemostat's ledger over a map behind a lock with compare-and-set, which is what a proxy's shared data
//! is, beside `limitador` (in memory). Expected: the ledger admits the cap and no more.
//!
//! Every turn reserves 10 and settles with 7, until the account refuses. Threads give way after every reservation, as
//! proxies do: a request takes longer than its bookkeeping.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use hemostat_engine::ledger::{
    AccountKey, Book, CalendarSpan, Cap, LimitKey, ReservationOutcome, Settled, Store, StoreError, StoredValue,
    WriteOutcome,
};
use limitador::RateLimiter;
use limitador::limit::{Context, Limit, Namespace};

const RESERVED: u64 = 10;
const USED: u64 = 7;
const CAP: u64 = 70_000;
const ROUNDS: usize = 10;

/// What threads did on one account.
#[derive(Debug, Default, Clone, Copy)]
struct Run {
    /// The highest sum of what was used and reserved that a thread saw admitted, by its own books.
    most: u64,
    /// What was used in the end.
    used: u64,
    pairs: u64,
    took: Duration,
}

/// What all threads hold together, kept beside what is tested.
#[derive(Debug, Default)]
struct Truth(Mutex<(u64, u64)>);

impl Truth {
    fn add(&self, by: i64) {
        let mut now = self.0.lock().unwrap();
        now.0 = now.0.saturating_add_signed(by);
        now.1 = now.1.max(now.0);
    }
}

/// Storage as a proxy has it.
#[derive(Debug, Clone, Default)]
struct Shared(Arc<Mutex<(BTreeMap<u32, (Vec<u8>, u32)>, u32)>>);

impl Store for Shared {
    fn get(&self, key: u32) -> Result<Option<StoredValue>, ()> {
        let inner = self.0.lock().unwrap();
        Ok(inner.0.get(&key).map(|(bytes, cas)| StoredValue { bytes: bytes.clone(), cas: *cas }))
    }

    fn set(&self, key: u32, bytes: &[u8], cas: Option<u32>) -> WriteOutcome {
        let mut inner = self.0.lock().unwrap();
        if inner.0.get(&key).map(|(_, cas)| *cas) != cas {
            return WriteOutcome::Mismatch;
        }
        inner.1 += 1;
        let written = inner.1;
        inner.0.insert(key, (bytes.to_vec(), written));
        WriteOutcome::Done
    }

    fn now_ns(&self) -> u64 {
        1_764_000_000_000_000_000
    }
}

/// Runs `turn` on so many threads until each has been refused; `turn` says whether it was admitted.
fn threads<T>(
    count: usize,
    make: impl Fn() -> T + Sync,
    turn: impl Fn(&T, &Truth) -> bool + Sync,
) -> Run {
    let (truth, gate) = (Truth::default(), Barrier::new(count + 1));
    let (took, pairs) = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..count)
            .map(|_| {
                scope.spawn(|| {
                    let own = make();
                    gate.wait();
                    let mut pairs = 0_u64;
                    while turn(&own, &truth) {
                        pairs += 1;
                    }
                    pairs
                })
            })
            .collect();
        gate.wait();
        let began = Instant::now();
        let pairs = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
        (began.elapsed(), pairs)
    });
    let (used, most) = *truth.0.lock().unwrap();
    Run { most, used, pairs, took }
}

fn hemostat(count: usize) -> Run {
    let shared = Shared::default();
    let cap = Cap::Calendar { amount: CAP, span: CalendarSpan::Day };
    let key = AccountKey::new(&LimitKey::new(b"limit"), &["tenant"], 32);
    let book = || Book::new(Rc::new(shared.clone()));
    threads(count, book, |book, truth| {
        let hold = loop {
            match book.reserve(&key, &cap, RESERVED, &[]) {
                Ok(ReservationOutcome::Admitted { hold, .. }) => break hold,
                Ok(ReservationOutcome::Refused { .. }) => return false,
                Err(StoreError::Contended) => {}
                Err(other) => panic!("{other:?}"),
            }
        };
        truth.add(RESERVED as i64);
        std::thread::yield_now();
        truth.add(USED as i64 - RESERVED as i64);
        let mut settled = book.settle(hold.clone(), USED);
        while settled == Settled::Unsettled(StoreError::Contended) {
            settled = book.settle(hold.clone(), USED);
        }
        true
    })
}

fn limitador(count: usize) -> Run {
    let namespace = Namespace::from("llm");
    let limit = Limit::new("llm", CAP, 86_400, Vec::new(), vec!["tenant".try_into().unwrap()]);
    let limiter = RateLimiter::new(1000);
    limiter.add_limit(limit);
    let context = || Context::from(HashMap::from([("tenant".to_owned(), "acme".to_owned())]));
    threads(count, context, |context, truth| {
        let reserved = limiter.reserve(&namespace, context, RESERVED, None).unwrap();
        if reserved.limited {
            return false;
        }
        truth.add(RESERVED as i64);
        std::thread::yield_now();
        truth.add(USED as i64 - RESERVED as i64);
        limiter
            .commit_reservation(&namespace, context, reserved.reservation_id.as_ref(), USED)
            .unwrap();
        true
    })
}

fn main() {
    println!("cap {CAP}; the worst of {ROUNDS} rounds, the median pair");
    println!("| way | threads | most admitted | above the cap | used in the end | µs a pair |");
    println!("|---|---|---|---|---|---|");
    let ways: [(&str, fn(usize) -> Run); 2] = [("hemostat", hemostat), ("limitador", limitador)];
    for (name, way) in ways {
        for count in [1, 8] {
            let runs: Vec<Run> = (0..ROUNDS).map(|_| way(count)).collect();
            let most = runs.iter().map(|run| run.most).max().unwrap_or(0);
            let used = runs.iter().map(|run| run.used).max().unwrap_or(0);
            let mut costs: Vec<f64> =
                runs.iter().map(|run| run.took.as_secs_f64() * 1e6 / run.pairs as f64).collect();
            costs.sort_by(f64::total_cmp);
            let above = most.saturating_sub(CAP) as f64 * 100.0 / CAP as f64;
            println!(
                "| {name} | {count} | {most} | {above:.2} % | {used} | {:.2} |",
                costs[ROUNDS / 2]
            );
            assert!(name != "hemostat" || most <= CAP, "the ledger admits no more than the cap");
        }
    }
}
