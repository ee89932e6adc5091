use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::super::calendar::CalendarSpan;
use super::super::key::LimitKey;
use super::super::memory::MemoryStore;
use super::super::store::StoredValue;
use super::*;
use crate::limits::{LEDGER_SLOTS, LEDGER_WAYS};

const S: u64 = 1_000_000_000;
const T0: u64 = 1_764_000_000 * S;

fn per_minute(amount: u64) -> Cap {
    Cap::Bucket { amount, every_ns: 60 * S, burst: amount }
}

fn key(limit: &str, value: &str) -> AccountKey {
    AccountKey::new(&LimitKey::new(limit.as_bytes()), &[value], LEDGER_WAYS)
}

fn taken(outcome: Result<ReservationOutcome, StoreError>) -> Option<Hold> {
    match outcome {
        Ok(ReservationOutcome::Admitted { hold, .. }) => Some(hold),
        _ => None,
    }
}

fn book() -> (Rc<MemoryStore>, Book) {
    let store = Rc::new(MemoryStore::new(T0));
    (Rc::clone(&store), Book::new(store))
}

/// A store that real threads share.
#[derive(Debug, Clone, Default)]
struct Shared(Arc<Mutex<(Values, u32)>>);

type Values = BTreeMap<u32, (Vec<u8>, u32)>;

impl Store for Shared {
    fn get(&self, key: u32) -> Result<Option<StoredValue>, ()> {
        let value = self.0.lock().unwrap().0.get(&key).cloned();
        // Others may run between a read and its write.
        std::thread::yield_now();
        Ok(value.map(|(bytes, cas)| StoredValue { bytes, cas }))
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
        T0
    }
}

#[test]
fn workers_that_race_admit_exactly_the_cap() {
    let shared = Shared::default();
    let admitted: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|_| {
                let shared = shared.clone();
                scope.spawn(move || {
                    let book = Book::new(Rc::new(shared));
                    let cap = Cap::Calendar { amount: 1000, span: CalendarSpan::Day };
                    let mut admitted = 0;
                    for _ in 0..400 {
                        // A charge that cannot be written in time is not admitted: it is retried.
                        loop {
                            match book.reserve(&key("l", "a"), &cap, 1, &[]) {
                                Ok(ReservationOutcome::Admitted { .. }) => admitted += 1,
                                Ok(ReservationOutcome::Refused { .. }) => {}
                                Err(trouble) => {
                                    assert_eq!(trouble, StoreError::Contended);
                                    continue;
                                }
                            }
                            break;
                        }
                    }
                    admitted
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert_eq!(admitted, 1000);
}

#[test]
fn places_of_racing_workers_do_not_leak() {
    let shared = Shared::default();
    let cap = Cap::InFlight { most: 3 };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let shared = shared.clone();
            scope.spawn(move || {
                let book = Book::new(Rc::new(shared));
                for _ in 0..500 {
                    if let Some(hold) = taken(book.reserve(&key("l", "a"), &cap, 1, &[])) {
                        while book.settle(hold.clone(), 0) != Settled::Done {}
                    }
                }
            });
        }
    });
    let book = Book::new(Rc::new(shared));
    let all: Vec<_> =
        std::iter::from_fn(|| taken(book.reserve(&key("l", "a"), &cap, 1, &[]))).collect();
    assert_eq!(all.len(), 3);
}

#[derive(Debug, Clone)]
enum Op {
    Reserve {
        tenant: u8,
        charge: u64,
    },
    Settle {
        nth: usize,
        percent: u64,
    },
    Pass(u64),
    Back(u64),
    Lose(u32),
    /// Another amount under the same id, as a new policy may have.
    Push(u64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0_u8..3, 1_u64..40).prop_map(|(tenant, charge)| Op::Reserve { tenant, charge }),
        3 => (any::<usize>(), 0_u64..=100).prop_map(|(nth, percent)| Op::Settle { nth, percent }),
        2 => (0..20 * S).prop_map(Op::Pass),
        1 => (0..90 * S).prop_map(Op::Back),
        1 => (0_u32..LEDGER_RETRIES + 2).prop_map(Op::Lose),
        1 => (20_u64..100).prop_map(Op::Push),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Lost writes, a clock that jumps, refunds and policy pushes: what was admitted never exceeds what flowed in, and
    /// a settlement changes the account it was taken from by exactly the difference.
    #[test]
    fn never_above_the_cap(ops in prop::collection::vec(op(), 1..80)) {
        let (store, book) = book();
        let (mut now, mut forward, mut amount, mut most) = (T0, 0_u64, 60_u64, 60_u64);
        let mut open: Vec<(u8, Hold)> = Vec::new();
        let mut used: [u64; 3] = [0; 3];
        for op in ops {
            let cap = per_minute(amount);
            match op {
                Op::Reserve { tenant, charge } => {
                    if let Some(hold) = taken(book.reserve(&key("l", &tenant.to_string()), &cap, charge, &[])) {
                        used[usize::from(tenant)] += charge;
                        open.push((tenant, hold));
                    }
                }
                Op::Settle { nth, percent } if !open.is_empty() => {
                    let (tenant, hold) = open.remove(nth % open.len());
                    let (charge, real) = (hold.charge(), hold.charge() * percent / 100);
                    // An unsettled charge stands in full.
                    if book.settle(hold, real) == Settled::Done {
                        used[usize::from(tenant)] -= charge - real;
                    }
                }
                Op::Settle { .. } => {}
                Op::Pass(ns) => { now += ns; forward += ns; }
                Op::Back(ns) => now -= ns,
                Op::Lose(writes) => store.lose(writes),
                Op::Push(next) => { amount = next; most = most.max(next); }
            }
            store.set_now_ns(now);
            for tenant in used {
                // A push to a larger amount allows at most that burst, once per push; the largest bounds the flow.
                let flow = u128::from(most) * u128::from(forward) / u128::from(60 * S);
                prop_assert!(u128::from(tenant) <= u128::from(most) + flow + 1);
            }
        }
    }
}

#[test]
fn lost_writes_are_bounded_and_named() {
    let (store, book) = book();
    store.lose(LEDGER_RETRIES - 1);
    assert!(taken(book.reserve(&key("l", "a"), &per_minute(1), 1, &[])).is_some());
    store.lose(LEDGER_RETRIES);
    assert_eq!(book.reserve(&key("l", "b"), &per_minute(1), 1, &[]), Err(StoreError::Contended));
    store.lose(0);
    store.fail(true);
    assert_eq!(book.reserve(&key("l", "b"), &per_minute(1), 1, &[]), Err(StoreError::Failed));
}

#[test]
fn a_settlement_that_cannot_be_written_leaves_the_charge() {
    let (store, book) = book();
    let hold = taken(book.reserve(&key("l", "a"), &per_minute(10), 10, &[])).unwrap();
    store.lose(LEDGER_RETRIES);
    assert_eq!(book.settle(hold, 0), Settled::Unsettled(StoreError::Contended));
    store.lose(0);
    assert!(taken(book.reserve(&key("l", "a"), &per_minute(10), 1, &[])).is_none());
}

#[test]
fn keys_that_differ_anywhere_have_accounts_of_their_own() {
    let (_, book) = book();
    let cap = per_minute(1);
    let keys = [
        AccountKey::new(&LimitKey::new(b"l"), &["a", "bc"], 32),
        AccountKey::new(&LimitKey::new(b"l"), &["ab", "c"], 32),
        AccountKey::new(&LimitKey::new(b"l"), &["abc"], 32),
        AccountKey::new(&LimitKey::new(b"l"), &["abc", ""], 32),
        AccountKey::new(&LimitKey::new(b"l"), &[], 32),
        AccountKey::new(&LimitKey::new(b"m"), &["abc"], 32),
    ];
    for key in keys {
        assert!(taken(book.reserve(&key, &cap, 1, &[])).is_some());
        assert!(taken(book.reserve(&key, &cap, 1, &[])).is_none());
    }
}

/// The bytes that a proxy would keep, including its map's.
fn bytes(store: &MemoryStore) -> usize {
    const A_KEY_AND_ITS_NODE: usize = 128;
    let (keys, bytes) = store.size();
    bytes + keys * A_KEY_AND_ITS_NODE
}

#[test]
fn keys_without_end_do_not_grow_it() {
    let (store, book) = book();
    let cap = per_minute(2);
    let mut overflow = 0;
    for n in 0..200_000_u32 {
        let key = AccountKey::new(&LimitKey::new(b"l"), &[&format!("tenant-{n}")], LEDGER_WAYS);
        match book.reserve(&key, &cap, 1, &[]) {
            Ok(ReservationOutcome::Admitted { overflow: shared, .. }) => {
                overflow += u32::from(shared)
            }
            Ok(ReservationOutcome::Refused { .. }) => {}
            Err(trouble) => panic!("{trouble:?}"),
        }
    }
    assert!(bytes(&store) < 16 * 1024 * 1024, "{} bytes", bytes(&store));
    // Keys beyond the room share one account with the limit's cap.
    assert_eq!(overflow, 2);
    // A minute later they are at their start, and new keys take their slots.
    store.set_now_ns(T0 + 60 * S);
    let late = AccountKey::new(&LimitKey::new(b"l"), &["late"], LEDGER_WAYS);
    assert!(matches!(
        book.reserve(&late, &cap, 1, &[]),
        Ok(ReservationOutcome::Admitted { overflow: false, reused: true, .. })
    ));
    // If there is room, no slot is taken from another.
    assert!(matches!(
        book.reserve(&late, &cap, 1, &[]),
        Ok(ReservationOutcome::Admitted { overflow: false, reused: false, .. })
    ));
}

#[test]
fn an_account_that_owes_is_never_thrown_out() {
    let (_, book) = book();
    let day = Cap::Calendar { amount: 1, span: CalendarSpan::Day };
    let owing = key("l", "first");
    assert!(taken(book.reserve(&owing, &day, 1, &[])).is_some());
    for n in 0..150_000_u32 {
        let _ = book.reserve(&key("l", &format!("flood-{n}")), &day, 1, &[]);
    }
    assert!(taken(book.reserve(&owing, &day, 1, &[])).is_none());
}

#[test]
fn one_value_of_the_first_label_takes_no_more_than_its_share() {
    let (_, book) = book();
    let day = Cap::Calendar { amount: 1, span: CalendarSpan::Day };
    let user = |tenant: &str, n: u32| {
        AccountKey::new(&LimitKey::new(b"l"), &[tenant, &format!("user-{n}")], LEDGER_WAYS)
    };
    let own = (0..20_000)
        .filter(|&n| {
            matches!(
                book.reserve(&user("flood", n), &day, 1, &[]),
                Ok(ReservationOutcome::Admitted { overflow: false, .. })
            )
        })
        .count();
    let all = LEDGER_SLOTS as usize * LEDGER_WAYS;
    assert!(own <= all / 16, "{own} of {all}");
    // No other account is pushed out.
    for n in 0..1000 {
        let own =
            AccountKey::new(&LimitKey::new(b"l"), &[&format!("tenant-{n}"), "user"], LEDGER_WAYS);
        assert!(matches!(
            book.reserve(&own, &day, 1, &[]),
            Ok(ReservationOutcome::Admitted { overflow: false, .. })
        ));
    }
}

#[test]
fn thresholds_are_told_once_until_usage_has_been_low() {
    let (store, book) = book();
    let cap = per_minute(100);
    let told = |charge| match book.reserve(&key("l", "a"), &cap, charge, &[500_000, 800_000]) {
        Ok(ReservationOutcome::Admitted { warned, .. }) => warned,
        other => panic!("{other:?}"),
    };
    assert_eq!(told(49), None);
    assert_eq!(told(1), Some(1));
    assert_eq!(told(10), None);
    assert_eq!(told(20), Some(2));
    assert_eq!(told(1), None);
    store.set_now_ns(T0 + 10 * S);
    assert_eq!(told(5), None, "hovering is silent");
    store.set_now_ns(T0 + 65 * S);
    assert_eq!(told(80), Some(2));
}

#[test]
fn a_lease_that_lapsed_is_told_and_frees_nothing() {
    let (store, book) = book();
    let cap = Cap::InFlight { most: 1 };
    let mut lost = taken(book.reserve(&key("l", "a"), &cap, 1, &[])).unwrap();
    store.set_now_ns(T0 + 160 * S);
    let other = taken(book.reserve(&key("l", "a"), &cap, 1, &[])).unwrap();
    assert!(book.renew(&mut lost));
    assert_eq!(book.settle(lost, 0), Settled::Done);
    assert!(taken(book.reserve(&key("l", "a"), &cap, 1, &[])).is_none());
    assert_eq!(book.settle(other, 0), Settled::Done);
    assert!(taken(book.reserve(&key("l", "a"), &cap, 1, &[])).is_some());
}
