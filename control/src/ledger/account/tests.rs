use super::*;
use proptest::prelude::*;

const S: u64 = SECOND_NS;
const T0: u64 = 1_764_000_000 * S;

fn bucket(amount: u64, every_s: u64, burst: u64) -> Cap {
    Cap::Bucket { amount, every_ns: every_s * S, burst }
}

#[derive(Debug, Clone)]
enum Op {
    Pass(u64),
    Back(u64),
    Reserve(u64),
    /// Settle the oldest open charge at this fraction of it, in percent.
    Settle(u64),
}

fn ops(back: u64, most_share: u64) -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        (0..40 * S).prop_map(Op::Pass),
        (0..=back).prop_map(Op::Back),
        (0_u64..80).prop_map(Op::Reserve),
        (0..=most_share).prop_map(Op::Settle),
    ];
    prop::collection::vec(op, 1..60)
}

/// Plays operations; returns every admitted charge as (when, what it was settled at), and how far time moved forward in
/// all.
fn play(cap: &Cap, ops: &[Op]) -> (Vec<(u64, u64)>, u64) {
    let (mut now, mut forward) = (T0, 0_u64);
    let mut account = Account::new(cap, now);
    let mut admitted: Vec<(u64, u64)> = Vec::new();
    let mut open: Vec<(usize, Receipt, u64)> = Vec::new();
    for op in ops {
        match *op {
            Op::Pass(ns) => {
                now += ns;
                forward += ns;
            }
            Op::Back(ns) => now = now.saturating_sub(ns),
            Op::Reserve(charge) => {
                if let Ok(receipt) = account.reserve(cap, charge, now) {
                    open.push((admitted.len(), receipt, charge));
                    admitted.push((now, charge));
                }
            }
            Op::Settle(share) => {
                if open.is_empty() {
                    continue;
                }
                let (at, receipt, charge) = open.remove(0);
                let used = charge * share / 100;
                account.settle(cap, receipt, charge, used, now);
                admitted[at].1 = used;
            }
        }
    }
    (admitted, forward)
}

proptest! {
    /// POLICY: over any time t, never above burst + amount × t / every.
    #[test]
    fn a_bucket_never_gives_more_than_its_cap_over_any_time(ops in ops(0, 100), burst in 1_u64..100) {
        let (amount, every) = (60, 60);
        let (admitted, _) = play(&bucket(amount, every, burst), &ops);
        for from in 0..admitted.len() {
            let mut sum = 0;
            for (when, charge) in &admitted[from..] {
                sum += charge;
                let t = when - admitted[from].0;
                let allowed = u128::from(burst) * u128::from(every * S) + u128::from(amount) * u128::from(t);
                prop_assert!(u128::from(sum) * u128::from(every * S) <= allowed);
            }
        }
    }

    /// Clocks that jitter or are set back add nothing: all that was admitted is covered by what flowed in.
    #[test]
    fn a_clock_that_steps_back_gives_nothing_away(ops in ops(400 * S, 100), burst in 1_u64..100) {
        let (admitted, forward) = play(&bucket(60, 60, burst), &ops);
        let sum: u64 = admitted.iter().map(|(_, charge)| charge).sum();
        prop_assert!(u128::from(sum) * u128::from(S) <= u128::from(burst) * u128::from(S) + u128::from(forward));
    }

    /// Usage above its charge is waited for.
    #[test]
    fn debt_is_paid_before_anything_is_admitted(over in 1_u64..500) {
        let cap = bucket(60, 60, 60);
        let mut account = Account::new(&cap, T0);
        let receipt = account.reserve(&cap, 60, T0).unwrap();
        account.settle(&cap, receipt, 60, 60 + over, T0);
        let Err(OverLimit { wait: Wait::Ns(ns) }) = account.reserve(&cap, 1, T0) else { panic!() };
        prop_assert_eq!(ns, (over + 1) * S);
        prop_assert!(account.reserve(&cap, 1, T0 + ns - 1).is_err());
        prop_assert!(account.reserve(&cap, 1, T0 + ns).is_ok());
    }

    /// `retry-after`: it is admitted exactly then, and not a nanosecond earlier.
    #[test]
    fn the_wait_is_the_truth(
        ops in ops(0, 130), charge in 1_u64..50,
        cap in prop_oneof![
            Just(bucket(7, 13, 50)),
            Just(Cap::Calendar { amount: 50, span: CalendarSpan::Day }),
        ],
    ) {
        let mut now = T0;
        let mut account = Account::new(&cap, now);
        for op in ops {
            match op {
                Op::Pass(ns) => now += ns,
                Op::Reserve(charge) => drop(account.reserve(&cap, charge, now)),
                Op::Settle(share) => account.settle(&cap, Receipt::Bucket(T0), 50, share, now),
                Op::Back(_) => {}
            }
        }
        account.advance(&cap, now);
        match account.wait(&cap, charge) {
            None => prop_assert!(account.reserve(&cap, charge, now).is_ok()),
            Some(Wait::Ns(ns)) => {
                prop_assert!(account.clone().reserve(&cap, charge, now + ns - 1).is_err());
                prop_assert!(account.reserve(&cap, charge, now + ns).is_ok());
            }
            Some(other) => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn a_calendar_window_never_gives_more_than_its_cap(ops in ops(50 * S, 100)) {
        // Every step is about an hour: windows pass.
        let cap = Cap::Calendar { amount: 100, span: CalendarSpan::Day };
        let long: Vec<Op> = ops.into_iter().map(|op| match op {
            Op::Pass(ns) => Op::Pass(ns * 200),
            op => op,
        }).collect();
        let (admitted, forward) = play(&cap, &long);
        let days = forward / (86_400 * S) + 2;
        let sum: u64 = admitted.iter().map(|(_, charge)| charge).sum();
        prop_assert!(sum <= days * 100);
    }

    #[test]
    fn hostile_numbers_are_no_panic(
        amount: u64, every_ns in 1_u64.., burst: u64, charge: u64, used: u64, now: u64, later: u64,
        level: i128, window: u64,
    ) {
        for cap in [
            Cap::Bucket { amount, every_ns, burst },
            Cap::Calendar { amount, span: CalendarSpan::Month },
            Cap::InFlight { most: amount },
        ] {
            for mut account in [
                Account::new(&cap, now),
                Account::Bucket { time_ns: now, level, peaks: Peaks::default() },
                Account::Calendar { time_ns: now, window, used },
                Account::InFlight { slice: charge as u32, leases: [used as u32; LEASE_SLICES] },
            ] {
                let receipt = account.reserve(&cap, charge, later);
                account.settle(&cap, receipt.unwrap_or(Receipt::Calendar(window)), charge, used, now);
                let _ = (account.rests_at(&cap), account.standing(&cap), account.wait(&cap, used));
                let _ = account.renew(&cap, Receipt::InFlight(used as u32), later);
            }
        }
    }
}

#[test]
fn usage_belongs_to_the_window_it_was_reserved_in() {
    let cap = Cap::Calendar { amount: 100, span: CalendarSpan::Day };
    let late = 1_764_028_790 * S; // ten seconds before midnight
    assert_eq!(crate::base::time::format(late / S), "2025-11-24T23:59:50Z");
    let mut account = Account::new(&cap, late);
    let receipt = account.reserve(&cap, 80, late).unwrap();
    let next_day = late + 60 * S;
    account.reserve(&cap, 90, next_day).unwrap();
    // Neither yesterday's refund nor its overrun counts today.
    account.settle(&cap, receipt, 80, 10, next_day);
    assert_eq!(account.standing(&cap).left, 10);
    account.settle(&cap, receipt, 80, 500, next_day);
    assert_eq!(account.standing(&cap).left, 10);
}

#[test]
fn a_clock_set_back_over_midnight_gives_no_second_day() {
    let cap = Cap::Calendar { amount: 100, span: CalendarSpan::Day };
    let mut account = Account::new(&cap, T0);
    account.reserve(&cap, 100, T0).unwrap();
    for back in [S, 120 * S, 90_000 * S] {
        assert!(account.reserve(&cap, 1, T0 - back).is_err());
    }
}

#[test]
fn a_clock_that_comes_over_midnight_twice_gives_one_day() {
    let cap = Cap::Calendar { amount: 100, span: CalendarSpan::Day };
    let midnight = 1_764_028_800 * S;
    let mut account = Account::new(&cap, midnight);
    account.reserve(&cap, 100, midnight).unwrap();
    // Each step alone is small enough to be ignored; together they are a clock that was set.
    for back in [50, 50, 100, 86_000] {
        let before = midnight - back * S;
        let refusal = account.reserve(&cap, 1, before).unwrap_err();
        assert!(account.reserve(&cap, 1, midnight + S).is_err(), "{back}");
        if back > 60 {
            assert_eq!(
                refusal.wait,
                Wait::Ns((86_400 + back) * S),
                "the day that is used is over then"
            );
        }
    }
    assert!(account.reserve(&cap, 100, midnight + 86_400 * S).is_ok());
}

#[test]
fn what_is_taken_before_a_midnight_that_has_struck_is_the_new_days() {
    let cap = Cap::Calendar { amount: 100, span: CalendarSpan::Day };
    let midnight = 1_764_028_800 * S;
    let mut account = Account::new(&cap, T0);
    account.reserve(&cap, 50, midnight - 60 * S).unwrap();
    account.reserve(&cap, 0, midnight + 54 * S).unwrap();
    let set_back = midnight - 7 * S;
    let receipt = account.reserve(&cap, 58, set_back).unwrap();
    assert_eq!(receipt, Receipt::Calendar(midnight / S));
    account.reserve(&cap, 28, midnight).unwrap();
    assert!(account.reserve(&cap, 65, midnight).is_err());
}

#[test]
fn a_clock_that_was_days_ahead_does_not_shut_an_account() {
    for (span, ahead) in
        [(CalendarSpan::Day, 3 * 86_400 * S), (CalendarSpan::Month, 70 * 86_400 * S)]
    {
        let cap = Cap::Calendar { amount: 100, span };
        let mut account = Account::new(&cap, T0 + ahead);
        account.reserve(&cap, 100, T0 + ahead).unwrap();
        let Err(OverLimit { wait: Wait::Ns(wait) }) = account.reserve(&cap, 1, T0) else {
            panic!()
        };
        assert!(wait < ahead);
        assert!(account.reserve(&cap, 1, T0 + wait).is_ok());
    }
}

#[test]
fn above_the_whole_cap_is_never() {
    for cap in [bucket(60, 60, 10), Cap::Calendar { amount: 10, span: CalendarSpan::Month }] {
        let mut account = Account::new(&cap, T0);
        assert_eq!(account.reserve(&cap, 11, T0), Err(OverLimit { wait: Wait::Never }));
        assert!(account.reserve(&cap, 10, T0).is_ok());
    }
}

#[test]
fn places_are_freed_once_and_lapse_after_two_minutes() {
    let cap = Cap::InFlight { most: 2 };
    let mut account = Account::new(&cap, T0);
    let one = account.reserve(&cap, 1, T0).unwrap();
    let two = account.reserve(&cap, 1, T0).unwrap();
    assert_eq!(account.reserve(&cap, 1, T0), Err(OverLimit { wait: Wait::Place }));
    // The first is renewed, the second is not.
    let one = account.renew(&cap, one, T0 + 100 * S).unwrap();
    assert!(account.reserve(&cap, 1, T0 + 119 * S).is_err(), "not before two minutes");
    let three = account.reserve(&cap, 1, T0 + 151 * S).unwrap();
    assert_eq!(account.renew(&cap, two, T0 + 151 * S), None);
    account.settle(&cap, two, 1, 0, T0 + 151 * S);
    assert!(account.reserve(&cap, 1, T0 + 151 * S).is_err(), "a lapsed place frees no other");
    account.settle(&cap, one, 1, 0, T0 + 152 * S);
    account.settle(&cap, three, 1, 0, T0 + 152 * S);
    assert_eq!(account.standing(&cap).left, 2);
    assert_eq!(account.rests_at(&cap), 0);
}

#[test]
fn nothing_drifts_in_a_year_of_small_steps() {
    // 7 a second in steps that no step divides.
    let cap = bucket(7, 1, 7);
    let mut account = Account::new(&cap, T0);
    account.reserve(&cap, 7, T0).unwrap();
    let (mut now, mut taken) = (T0, 0_u64);
    for _ in 0..200_000 {
        now += 142_857_143;
        taken += u64::from(account.reserve(&cap, 1, now).is_ok());
    }
    let flowed = u128::from(now - T0) * 7 / u128::from(S);
    assert!(flowed - u128::from(taken) <= 1, "{taken} of {flowed}");
}
