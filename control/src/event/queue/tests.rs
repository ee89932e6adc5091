use super::super::{EventKind, Origin};
use super::*;
use crate::limits::NOTIFY_RETRY_NS;
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;

fn event(rule: &str) -> Event {
    let notify = Notify {
        cluster: "alerts".to_owned(),
        path: "/hook".to_owned(),
        authority: "hooks".to_owned(),
    };
    let origin = Origin { notify: Some(Rc::new(notify)), ..Origin::default() };
    Event {
        origin: Rc::new(origin),
        ..Event::new(EventKind::Decision, vec![("hemostat.rule", rule.into())])
    }
}

fn count_of(post: &EventPost) -> u64 {
    let read: serde_json::Value = serde_json::from_str(&post.body).unwrap();
    read["count"].as_u64().unwrap()
}

#[test]
fn the_first_goes_at_once_and_the_others_are_counted_together() {
    let mut queue = EventQueue::new(1);
    assert_eq!(queue.push(event("a"), SECOND), Raised::New);
    let first = queue.next(SECOND).unwrap();
    assert_eq!(count_of(&first), 1);
    for _ in 0..500 {
        assert_eq!(queue.push(event("a"), SECOND), Raised::Counted);
    }
    let sent = queue.ended(first.ticket, DeliveryEnd::Taken, SECOND);
    assert_eq!(sent, Some((DeliveryOutcome::Sent, "decision")));
    assert_eq!(queue.next(SECOND + NOTIFY_QUIET_NS - 1), None);
    let second = queue.next(SECOND + NOTIFY_QUIET_NS).unwrap();
    assert_eq!(count_of(&second), 500);
    queue.ended(second.ticket, DeliveryEnd::Taken, SECOND + NOTIFY_QUIET_NS);
    assert!(queue.is_idle());
    queue.sweep(SECOND + 3 * NOTIFY_QUIET_NS);
    assert!(queue.entries.is_empty());
}

#[test]
fn a_clock_that_is_set_back_silences_nobody() {
    let day = 86_400 * SECOND;
    let mut queue = EventQueue::new(1);
    queue.push(event("a"), 2 * day);
    let first = queue.next(2 * day).unwrap();
    queue.ended(first.ticket, DeliveryEnd::Taken, 2 * day);
    queue.push(event("a"), day);
    assert!(queue.next(day).is_some(), "it would wait for a day");
}

#[test]
fn a_call_that_fails_is_tried_again_a_few_times_with_the_same_body() {
    let mut queue = EventQueue::new(1);
    queue.push(event("a"), 0);
    let (mut now, mut bodies) = (0, Vec::new());
    for attempt in 1..=NOTIFY_TRIES {
        let post = queue.next(now).unwrap();
        assert_eq!(queue.next(now), None, "one call an event");
        let (outcome, _) = queue.ended(post.ticket, DeliveryEnd::Unanswered, now).unwrap();
        assert_eq!(outcome == DeliveryOutcome::Failed, attempt == NOTIFY_TRIES);
        bodies.push(post.body);
        now += 100 * NOTIFY_RETRY_NS;
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
    assert_eq!(queue.next(now), None);
}

#[test]
fn what_a_receiver_does_not_want_is_not_tried_again() {
    let mut queue = EventQueue::new(1);
    queue.push(event("a"), 0);
    let post = queue.next(0).unwrap();
    assert_eq!(DeliveryEnd::of_status(404), DeliveryEnd::Refused);
    let (outcome, _) = queue.ended(post.ticket, DeliveryEnd::Refused, 0).unwrap();
    assert_eq!(outcome, DeliveryOutcome::Failed);
    assert!(queue.is_idle());
    assert_eq!(queue.ended(post.ticket, DeliveryEnd::Taken, 0), None, "nothing ends twice");
}

#[test]
fn a_call_that_never_ends_is_given_up() {
    let mut queue = EventQueue::new(1);
    queue.push(event("a"), 0);
    let mut now = 0;
    for _ in 0..NOTIFY_TRIES {
        assert!(queue.next(now).is_some());
        assert!(queue.sweep(now).is_empty());
        now += 60 * SECOND;
        assert_eq!(queue.sweep(now).len(), 1);
        now += 60 * SECOND;
    }
    assert!(queue.is_idle());
}

#[test]
fn a_full_queue_takes_no_more_and_no_second_has_more_calls_than_allowed() {
    let mut queue = EventQueue::new(1);
    for number in 0..NOTIFY_EVENTS_OF_KIND {
        assert_eq!(queue.push(event(&number.to_string()), 0), Raised::New);
    }
    assert_eq!(queue.push(event("one more"), 0), Raised::Dropped);
    let other = Event { kind: EventKind::Handoff, ..event("another kind") };
    assert_eq!(queue.push(other, 0), Raised::New, "one kind does not push out the others");
    assert_eq!(queue.push(event("3"), 0), Raised::Counted);
    let mut flying = Vec::new();
    while let Some(post) = queue.next(0) {
        flying.push(post.ticket);
    }
    assert_eq!(flying.len(), NOTIFY_IN_FLIGHT);
    let mut made = flying.len();
    for ticket in flying {
        queue.ended(ticket, DeliveryEnd::Taken, 0);
    }
    while let Some(post) = queue.next(0) {
        queue.ended(post.ticket, DeliveryEnd::Taken, 0);
        made += 1;
    }
    assert_eq!(made, NOTIFY_PER_SECOND as usize);
    assert!(queue.next(SECOND).is_some());
}

#[derive(Debug, Clone)]
enum Step {
    Push(u8),
    Next,
    End(usize, u8),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        any::<u8>().prop_map(Step::Push),
        Just(Step::Next),
        (any::<usize>(), 0..3_u8).prop_map(|(which, how)| Step::End(which, how)),
        (0..90 * SECOND).prop_map(Step::Wait),
    ]
}

proptest! {
    /// Every event that was raised is sent, given up, dropped, or still queued: none is lost, none reported twice.
    #[test]
    fn no_event_is_lost(steps in prop::collection::vec(step(), 0..200)) {
        let mut queue = EventQueue::new(7);
        let (mut now, mut raised, mut over, mut dropped) = (0_u64, 0_u64, 0_u64, 0_u64);
        let mut flying: Vec<EventPost> = Vec::new();
        for step in steps {
            match step {
                Step::Push(rule) => {
                    raised += 1;
                    dropped += u64::from(queue.push(event(&rule.to_string()), now) == Raised::Dropped);
                }
                Step::Next => flying.extend(queue.next(now)),
                Step::End(which, how) if !flying.is_empty() => {
                    let post = flying.remove(which % flying.len());
                    let how = [DeliveryEnd::Taken, DeliveryEnd::Refused, DeliveryEnd::Unanswered][usize::from(how)];
                    if let Some((DeliveryOutcome::Sent | DeliveryOutcome::Failed, _)) = queue.ended(post.ticket, how, now) {
                        over += count_of(&post);
                    }
                }
                Step::End(..) => {}
                Step::Wait(ns) => {
                    now += ns;
                    for (outcome, _) in queue.sweep(now) {
                        prop_assert_ne!(outcome, DeliveryOutcome::Sent);
                    }
                    // Deliveries that were given up get no further response.
                    let lost: Vec<EventPost> = flying.iter().filter(|post| {
                        !queue.entries.iter().any(|entry| entry.ticket() == Some(post.ticket))
                    }).cloned().collect();
                    flying.retain(|post| !lost.contains(post));
                    for post in lost {
                        let again = queue.entries.iter().any(|entry| {
                            entry.flight.as_ref().is_some_and(|flight| flight.body == post.body)
                        });
                        over += if again { 0 } else { count_of(&post) };
                    }
                }
            }
            let inside: u64 = queue.entries.iter().map(|entry| {
                let untold = entry.untold.map_or(0, |times| times.count);
                let flight = entry.flight.as_ref().map_or(0, |flight| {
                    serde_json::from_str::<serde_json::Value>(&flight.body).unwrap()["count"].as_u64().unwrap()
                });
                untold + flight
            }).sum();
            prop_assert_eq!(raised, over + dropped + inside);
            prop_assert!(queue.entries.len() <= NOTIFY_EVENTS && flying.len() <= NOTIFY_IN_FLIGHT);
            prop_assert!(queue.entries.len() <= NOTIFY_EVENTS_OF_KIND);
        }
    }
}
