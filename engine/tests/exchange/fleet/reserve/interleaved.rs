//! Questions, ends, answers and outages in any order: each request is counted once.

use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
enum Fate {
    Served,
    Over,
    Plain,
    Unavailable,
    /// The service does its work, and nobody hears of it.
    Lost,
    Garbage,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Send,
    /// One open question of one request is answered.
    Answer(usize, Fate),
    /// One request ends, wherever it is.
    End(usize, u64),
    Commit(usize, Fate),
    Report(Fate),
    Wait(u64),
}

fn fate() -> impl Strategy<Value = Fate> {
    use Fate::{Garbage, Lost, Over, Plain, Served, Unavailable};
    prop_oneof![8 => Just(Served), 1 => prop::sample::select(vec![Over, Plain, Unavailable, Lost, Garbage])]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Send),
        6 => (any::<usize>(), fate()).prop_map(|(at, fate)| Step::Answer(at, fate)),
        3 => (any::<usize>(), 5..200_u64).prop_map(|(at, used)| Step::End(at, used)),
        3 => (1..4_usize, fate()).prop_map(|(room, fate)| Step::Commit(room, fate)),
        2 => fate().prop_map(Step::Report),
        2 => (1..700_u64).prop_map(Step::Wait),
    ]
}

/// What a service in this state does with a call, and what is heard of it.
fn reply(fate: Fate, rls: &mut Rls, call: &Callout) -> Result<Vec<u8>, CalloutReply<'static>> {
    match fate {
        Fate::Over if call.method == "Reserve" => Ok(OVER.to_vec()),
        Fate::Served => Ok(rls.answer(call)),
        Fate::Plain => Err(UNIMPLEMENTED),
        Fate::Unavailable => Err(UNAVAILABLE),
        _ => {
            rls.answer(call);
            match fate {
                Fate::Lost => Err(TOO_LATE),
                Fate::Over => Ok(OVER.to_vec()),
                _ => Ok(b"<html>".to_vec()),
            }
        }
    }
}

fn heard<'a>(reply: &'a Result<Vec<u8>, CalloutReply<'static>>) -> CalloutReply<'a> {
    match reply {
        Ok(message) => CalloutReply::Message(message),
        Err(status) => *status,
    }
}

/// A request, and the questions of it that nobody has answered.
struct Open {
    sent: Sent,
    out: Vec<(usize, Callout)>,
}

impl Open {
    fn new(sent: Sent) -> Self {
        let mut open = Self { sent, out: Vec::new() };
        open.asked();
        open
    }

    /// What it asks now.
    fn asked(&mut self) {
        if !self.sent.asks.is_empty() {
            self.out = self.sent.asks.drain(..).enumerate().collect();
        }
    }

    /// It is over. Gives what it used.
    fn end(mut self, proxy: &Proxy, tokens: u64) -> u64 {
        if self.sent.passed {
            proxy.end(self.sent, 1, tokens);
            tokens + 1
        } else {
            self.sent.exchange.finish(b"");
            0
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever comes of questions, ends and calls, in whatever order: the service has counted what was used by requests
    /// that left, once; and where it has served all that was asked, it holds nothing any more.
    #[test]
    fn every_request_is_settled_once(steps in prop::collection::vec(step(), 1..120)) {
        let proxy = Proxy::new(two());
        let mut rls = Rls::default();
        let mut open: Vec<Open> = Vec::new();
        let (mut used, mut well) = (0_u64, true);
        for step in steps {
            match step {
                Step::Send => {
                    open.push(Open::new(proxy.chat("a")));
                    used += u64::from(open.last().unwrap().sent.passed);
                }
                Step::Answer(at, fate) => {
                    let which = at % open.len().max(1);
                    let Some(one) = open.get_mut(which).filter(|one| !one.out.is_empty()) else { continue };
                    let (number, call) = one.out.remove(at % one.out.len());
                    well &= matches!(fate, Fate::Served | Fate::Over);
                    let said = reply(fate, &mut rls, &call);
                    one.sent.answer(number, heard(&said));
                    one.asked();
                    // It leaves with the last answer, and counts then.
                    used += u64::from(one.sent.passed);
                }
                Step::End(..) if open.is_empty() => {}
                Step::End(at, tokens) => {
                    let one = open.swap_remove(at % open.len());
                    used += one.end(&proxy, tokens);
                }
                Step::Commit(room, fate) => for commit in proxy.table.commits(room) {
                    well &= matches!(fate, Fate::Served | Fate::Over);
                    let said = reply(fate, &mut rls, &commit.call());
                    proxy.table.committed(&commit, heard(&said));
                },
                Step::Report(fate) => for parcel in proxy.round() {
                    well &= matches!(fate, Fate::Served | Fate::Over);
                    let said = reply(fate, &mut rls, &parcel.call());
                    if let Some(check) = proxy.table.answered(parcel, heard(&said)) {
                        prop_assert_eq!(proxy.table.answered(check, CalloutReply::Message(OK)), None);
                    }
                },
                Step::Wait(ms) => proxy.wait(ms),
            }
        }
        for one in open {
            used += one.end(&proxy, 7);
        }
        // The service is well again, and hears of all.
        for _ in 0..6 {
            proxy.wait(1000);
            proxy.tell(&mut rls);
        }
        prop_assert!(proxy.commits().is_empty());
        prop_assert!(proxy.round().is_empty());
        prop_assert_eq!(rls.total(), used);
        prop_assert!(!well || rls.held.is_empty(), "{:?}", rls.held);
    }
}
