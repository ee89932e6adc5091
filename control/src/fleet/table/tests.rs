use proptest::prelude::*;

use super::super::{FleetTarget, FleetWindow, ServiceApi};
use super::*;
use crate::event::EventKind;
use crate::ledger::{AccountKey, LimitKey, MemoryStore};

const MS: u64 = 1_000_000;
const S: u64 = 1000 * MS;
const T0: u64 = 1_764_000_000 * S;

const OK: &[u8] = &[8, 1];
const OVER: &[u8] = &[8, 2];
const UNAVAILABLE: CalloutReply<'_> = CalloutReply::Status(14);
const TOO_LATE: CalloutReply<'_> = CalloutReply::Status(4);

fn account(api: ServiceApi, tenant: &str) -> FleetAccount {
    let service = RateLimitService { cluster: "rls".into(), domain: "llm".into(), api };
    FleetAccount {
        key: AccountKey::new(&LimitKey::new(b"limit"), &[tenant], 32),
        target: Rc::new(FleetTarget { service, every: FleetWindow::Day, unit: 1, sync_ms: 500 }),
        entries: vec![("limit".into(), "l".into()), ("tenant".into(), tenant.into())],
        cap: 100,
    }
}

/// A process with one or more workers.
fn process() -> (Rc<MemoryStore>, FleetTable, FleetTable) {
    let store = Rc::new(MemoryStore::new(T0));
    let table = || FleetTable::new(Rc::clone(&store) as Rc<dyn Store>);
    (Rc::clone(&store), table(), table())
}

fn counted(table: &FleetTable) -> Vec<String> {
    let name = |effect| match effect {
        Effect::Count(name) => Some(name.replace("hemostat_global_", "")),
        _ => None,
    };
    table.effects().into_iter().filter_map(name).collect()
}

#[test]
fn a_report_is_followed_by_a_question_and_its_word_holds_for_all_workers() {
    let (_, one, other) = process();
    let own = account(ServiceApi::Limitador, "a");
    one.owe(&own, 7);
    let [report] = one.due(64).try_into().unwrap();
    assert_eq!((report.call().method, report.hits), ("Report", 7));
    assert!(other.due(64).is_empty(), "it is under way");
    let check = one.answered(report, CalloutReply::Message(OK)).unwrap();
    assert_eq!(check.call().method, "CheckRateLimit");
    assert_eq!(one.answered(check, CalloutReply::Message(OVER)), None);
    assert_eq!(other.word(&own), ServiceDecision::Over(T0 + 86_400 * S));
    assert_eq!(other.word(&account(ServiceApi::Limitador, "b")), ServiceDecision::Free);
    assert_eq!(
        counted(&one),
        ["calls_total;action=report;reason=ok", "calls_total;action=check;reason=over"]
    );
}

/// Reports this much usage to Limitador at this time and gets this answer.
fn report(table: &FleetTable, store: &MemoryStore, now_ns: u64, used: u64, word: &'static [u8]) {
    let own = account(ServiceApi::Limitador, "a");
    store.set_now_ns(now_ns);
    table.owe(&own, used);
    let [report] = table.due(64).try_into().unwrap();
    let check = table.answered(report, CalloutReply::Message(OK)).unwrap();
    assert_eq!(table.answered(check, CalloutReply::Message(word)), None);
}

/// Limitador says "over" without saying until when. Its window has run at least since this process's first report.
#[test]
fn who_is_refused_is_told_when_the_window_ends_at_the_latest() {
    const DAY: u64 = 86_400 * S;
    let (store, one, other) = process();
    let own = account(ServiceApi::Limitador, "a");
    report(&one, &store, T0, 7, OK);
    let now = T0 + 20 * 3600 * S;
    report(&one, &store, now, 1, OVER);
    assert_eq!(other.word(&own), ServiceDecision::Over(T0 + DAY), "not a whole day from now");
    let strict = other.asked(&own, Asking::Check, CalloutReply::Message(OVER));
    assert_eq!(strict, StrictAnswer::Over(T0 + DAY));
    // The known window is over, and the service still says so: another began since.
    store.set_now_ns(T0 + DAY);
    assert_eq!(other.word(&own), ServiceDecision::Over(now + DAY));
    assert_eq!(
        other.asked(
            &account(ServiceApi::Limitador, "b"),
            Asking::Check,
            CalloutReply::Message(OVER)
        ),
        StrictAnswer::Over(T0 + 2 * DAY)
    );
}

/// Limitador says "OK" if no limit of its own matches.
#[test]
fn a_service_that_has_counted_the_whole_cap_and_says_yes_may_not_know_the_limit() {
    let told = |table: &FleetTable| {
        let effects = table.effects();
        let events = effects.iter().filter(
            |effect| matches!(effect, Effect::Event(event) if event.kind == EventKind::LimitUnknown),
        );
        (effects.contains(&Effect::Count("hemostat_global_unlimited_total".into())), events.count())
    };
    let (store, one, _) = process();
    report(&one, &store, T0, 60, OK);
    assert_eq!(told(&one), (false, 0), "less than the cap of 100");
    let unknown = |table: &FleetTable| {
        table.unknown_for(&account(ServiceApi::Limitador, "a").target, "l").is_some()
    };
    report(&one, &store, T0 + S, 40, OK);
    assert_eq!((told(&one), unknown(&one)), ((true, 1), true));
    report(&one, &store, T0 + 2 * S, 500, OK);
    assert_eq!(told(&one), (false, 0), "once a window");
    report(&one, &store, T0 + 86_400 * S, 99, OK);
    assert_eq!(told(&one), (false, 0), "another window");
    report(&one, &store, T0 + 86_401 * S, 1, OK);
    assert_eq!(told(&one), (true, 0), "it was told of, and nothing has changed");
    store.set_now_ns(T0 + 2 * 86_400 * S + 2 * S);
    assert!(unknown(&one), "it was told of again since");
    report(&one, &store, T0 + 3 * 86_400 * S, 1, OVER);
    assert_eq!((told(&one), unknown(&one)), ((false, 0), false), "it knows");
    report(&one, &store, T0 + 4 * 86_400 * S, 100, OK);
    assert_eq!((told(&one), unknown(&one)), ((true, 1), true));
    store.set_now_ns(T0 + 6 * 86_400 * S);
    assert!(!unknown(&one), "nothing has shown it for two windows");
}

#[test]
fn envoys_service_is_charged_and_asked_in_one() {
    let (store, one, _) = process();
    let own = account(ServiceApi::Envoy, "a");
    one.owe(&own, 7);
    let [charge] = one.due(64).try_into().unwrap();
    assert_eq!(charge.call().method, "ShouldRateLimit");
    // Exactly at its limit the service says OK and that nothing is left, for 9 seconds.
    let used_up = [8, 1, 0x12, 8, 8, 1, 0x12, 0, 0x22, 2, 8, 9];
    assert_eq!(one.answered(charge, CalloutReply::Message(&used_up)), None);
    assert_eq!(one.word(&own), ServiceDecision::Over(T0 + 9 * S));
    store.set_now_ns(T0 + 9 * S);
    assert_eq!(one.word(&own), ServiceDecision::Free);
}

#[test]
fn what_was_not_counted_is_owed_again_and_what_nobody_knows_is_not() {
    // Envoy reports a call that timed out in the same way as a connection that could not be made.
    for (answer, took_ms, left) in [
        (UNAVAILABLE, 0, 7),
        (UNAVAILABLE, 400, 7),
        (UNAVAILABLE, 500, 0),
        (CalloutReply::Status(2), 0, 7),
        (CalloutReply::Status(2), 500, 0),
        (CalloutReply::NotSent, 500, 7),
        (TOO_LATE, 0, 0),
        (CalloutReply::Message(b"<html>"), 0, 0),
    ] {
        let (store, one, _) = process();
        let own = account(ServiceApi::Envoy, "a");
        one.owe(&own, 7);
        let [charge] = one.due(64).try_into().unwrap();
        store.set_now_ns(T0 + took_ms * MS);
        assert_eq!(one.answered(charge, answer), None);
        // While the service does not answer it is only asked, whatever is owed.
        store.set_now_ns(T0 + 2 * S);
        one.owe(&own, 1);
        one.owe(&account(ServiceApi::Envoy, "b"), 5);
        let [probe] = one.due(64).try_into().unwrap();
        assert_eq!(probe.hits, 0);
        assert_eq!(one.answered(probe, CalloutReply::Message(OK)), None);
        store.set_now_ns(T0 + 3 * S);
        let mut hits: Vec<u32> = one.due(64).iter().map(|parcel| parcel.hits).collect();
        hits.sort_unstable();
        let mut wanted = vec![5, left + 1];
        wanted.sort_unstable();
        assert_eq!(hits, wanted, "{answer:?} after {took_ms} ms");
    }
}

#[test]
fn an_answer_that_never_comes_holds_nothing_up() {
    let (store, one, other) = process();
    let own = account(ServiceApi::Limitador, "a");
    one.owe(&own, 7);
    let [report] = one.due(64).try_into().unwrap();
    store.set_now_ns(T0 + 2 * S);
    other.owe(&own, 3);
    assert_eq!(counted(&other), ["lost_total;reason=unanswered"]);
    let [next] = other.due(64).try_into().unwrap();
    assert_eq!(next.hits, 3);
    // The first answer arrives after all: by now it is another call's turn.
    assert!(one.answered(report, UNAVAILABLE).is_none());
    let check = other.answered(next, CalloutReply::Message(OK)).unwrap();
    assert!(other.answered(check, CalloutReply::Message(OK)).is_none());
    store.set_now_ns(T0 + 4 * S);
    assert!(other.due(64).is_empty());
}

#[test]
fn a_service_is_silent_when_a_fault_does_not_pass() {
    let (store, one, other) = process();
    let own = account(ServiceApi::Envoy, "a");
    assert_eq!(one.asked(&own, Asking::Check, TOO_LATE), StrictAnswer::Unanswered);
    assert!(!other.is_silent(&own));
    store.set_now_ns(T0 + S);
    assert!(other.is_silent(&own));
    assert!(other.failing_since(&own.target.service).is_some());
    assert_eq!(other.asked(&own, Asking::Check, CalloutReply::Message(OK)), StrictAnswer::Free);
    assert!(!one.is_silent(&own));
    assert_eq!(
        one.asked(&own, Asking::Check, CalloutReply::Message(OVER)),
        StrictAnswer::Over(T0 + S + 86_400 * S)
    );
}

#[test]
fn a_silence_is_not_forgotten_when_the_clock_is_set_back() {
    let (store, one, _) = process();
    let own = account(ServiceApi::Envoy, "a");
    one.owe(&own, 1);
    let [charge] = one.due(64).try_into().unwrap();
    assert_eq!(one.answered(charge, UNAVAILABLE), None);
    store.set_now_ns(T0 - 3600 * S);
    assert!(one.is_silent(&own));
    assert_eq!(one.due(64).len(), 1, "whether it answers again");
}

#[test]
fn what_is_lost_is_told_of_once() {
    let (store, one, _) = process();
    let own = account(ServiceApi::Envoy, "a");
    one.want(&own);
    one.owe(&own, 1);
    store.set_now_ns(T0 + 3 * 86_400 * S);
    one.want(&own);
    one.want(&own);
    assert_eq!(counted(&one), ["lost_total;reason=late"]);
}

#[test]
fn turns_are_taken_once_and_none_is_made_up_for() {
    let (store, one, other) = process();
    assert!(one.take_turn(500));
    assert!(!other.take_turn(500));
    store.set_now_ns(T0 + 500 * MS);
    assert!(other.take_turn(500));
    store.set_now_ns(T0 + 60 * S);
    assert!(one.take_turn(500));
    assert!(!other.take_turn(500));
    // A clock that is set back by an hour does not stop the rounds.
    store.set_now_ns(T0 - 3600 * S);
    assert!(one.take_turn(500));
}

#[test]
fn memory_is_bounded_and_who_owes_is_not_forgotten() {
    let (store, one, _) = process();
    let of =
        |number: usize| account(ServiceApi::Envoy, &format!("tenant-{number}-{}", "x".repeat(200)));
    for number in 0..20_000 {
        one.owe(&of(number), 1);
    }
    let (_, bytes) = store.size();
    assert!(bytes < 8_000_000, "{bytes}");
    let lost = counted(&one).len();
    assert!((1..20_000).contains(&lost));
    let mut taken = 0;
    loop {
        let parcels = one.due(1000);
        if parcels.is_empty() {
            break;
        }
        taken += parcels.len();
        for parcel in parcels {
            assert_eq!(one.answered(parcel, CalloutReply::Message(OVER)), None);
        }
    }
    assert_eq!(taken + lost, 20_000);
    // Decisions make room for accounts that owe.
    store.set_now_ns(T0 + S);
    for number in 20_000..20_500 {
        one.owe(&of(number), 1);
    }
    assert_eq!(counted(&one).iter().filter(|name| name.contains("lost")).count(), 0);
}

#[test]
fn a_storage_that_does_not_work_is_no_panic_and_refuses_nobody() {
    let (store, one, _) = process();
    let own = account(ServiceApi::Envoy, "a");
    store.fail(true);
    one.owe(&own, 7);
    one.want(&own);
    assert_eq!(one.word(&own), ServiceDecision::Free);
    assert!(!one.take_turn(500));
    assert!(one.due(64).is_empty());
    assert_eq!(counted(&one), ["lost_total;reason=full"]);
}

/// What can happen in a process with two workers.
#[derive(Debug, Clone)]
enum Step {
    Use(usize, u64),
    Want(usize),
    Wait(u64),
    Round(usize),
    /// The oldest call is answered.
    Answered(usize),
    /// The oldest call is refused by the service.
    Refused(usize),
    /// The next writes are lost to others.
    Contend(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let worker = || 0_usize..2;
    prop_oneof![
        4 => (0_usize..3, 1_u64..1000).prop_map(|(who, units)| Step::Use(who, units)),
        1 => (0_usize..3).prop_map(Step::Want),
        3 => (1_u64..700).prop_map(Step::Wait),
        3 => worker().prop_map(Step::Round),
        4 => worker().prop_map(Step::Answered),
        1 => worker().prop_map(Step::Refused),
        1 => (1_u32..4).prop_map(Step::Contend),
    ]
}

proptest! {
    /// Whatever workers do at the same time, and however often the service refuses: in the end the service has counted
    /// all usage exactly once.
    #[test]
    fn everything_is_reported_once(
        steps in prop::collection::vec(step(), 0..120),
        limitador in any::<bool>(),
    ) {
        let (store, one, other) = process();
        let workers = [&one, &other];
        let api = if limitador { ServiceApi::Limitador } else { ServiceApi::Envoy };
        let accounts = ["a", "b", "c"].map(|tenant| account(api, tenant));
        let (mut used, mut service, mut now) = (0, 0, T0);
        let mut calls: std::collections::VecDeque<(u64, UsageReport)> = std::collections::VecDeque::new();
        let answer = |worker: &FleetTable, parcel: UsageReport, service: &mut u64| {
            *service += u64::from(parcel.hits);
            worker.answered(parcel, CalloutReply::Message(OK))
        };
        for step in steps {
            match step {
                Step::Use(who, units) => {
                    workers[who % 2].owe(&accounts[who], units);
                    used += units;
                }
                Step::Want(who) => workers[who % 2].want(&accounts[who]),
                Step::Wait(ms) => {
                    now += ms * MS;
                    store.set_now_ns(now);
                }
                Step::Round(worker) => {
                    calls.extend(workers[worker].due(64).into_iter().map(|parcel| (now, parcel)));
                }
                Step::Answered(worker) => {
                    if let Some((at, parcel)) = calls.pop_front() {
                        calls.extend(answer(workers[worker], parcel, &mut service).map(|next| (at, next)));
                    }
                }
                Step::Refused(worker) => {
                    if let Some((_, parcel)) = calls.pop_front() {
                        prop_assert_eq!(workers[worker].answered(parcel, UNAVAILABLE), None);
                    }
                }
                Step::Contend(writes) => store.lose(writes),
            }
            // A host answers every call in time, if only to report that the service did not.
            while calls.front().is_some_and(|(at, _)| now - at >= 900 * MS) {
                let Some((_, parcel)) = calls.pop_front() else { break };
                prop_assert_eq!(one.answered(parcel, UNAVAILABLE), None);
            }
        }
        store.lose(0);
        for _ in 0..6 {
            while let Some((at, parcel)) = calls.pop_front() {
                calls.extend(answer(&one, parcel, &mut service).map(|next| (at, next)));
            }
            now += 600 * MS;
            store.set_now_ns(now);
            calls.extend(one.due(64).into_iter().map(|parcel| (now, parcel)));
        }
        let lost = [one.effects(), other.effects()].concat();
        let lost = lost.iter().any(|e| matches!(e, Effect::Count(name) if name.contains("lost")));
        if !lost {
            prop_assert_eq!(service, used);
        }
        prop_assert!(service <= used);
    }
}
