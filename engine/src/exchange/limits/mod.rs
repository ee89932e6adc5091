//! Lever 5 in one exchange: charge before the request leaves, settle however it ends.

mod amount;
pub mod estimate;
mod fleet;
mod meter;
mod refuse;
mod reply;
mod rewrite;
mod settle;
mod spent;
mod tell;

use std::cell::RefCell;
use std::rc::Rc;

use super::Exchange;
use crate::answer::Listener;
use crate::context::Refusal;
use crate::context::facts::seconds;
use crate::context::record::Unchecked;
use crate::context::verdict::{HeaderEdit, RequestVerdict};
use crate::dialect::{CallKind, RequestView};
use crate::event::Kind;
use crate::ledger::{Book, Hold, Outcome, Standing, Trouble, Wait};
use crate::policy::document::Mode;
use crate::policy::program::Program;
use crate::policy::program::label::{Label, LabelId};
use crate::policy::program::limit::{Cost, Limit, NoPrice, Over};
use crate::policy::program::selector::Holds;
use crate::wire::json::Doc;
use amount::Asked;
use fleet::Says;
pub(super) use meter::Meter;
pub(super) use settle::Ended;

/// What one exchange was charged, and what it has used so far.
#[derive(Debug, Default)]
pub(super) struct Charges {
    /// The accounts; `None`: there is no storage for them.
    book: Option<Rc<Book>>,
    taken: Vec<Taken>,
    /// Places in flight, shared with whoever renews them.
    leases: Rc<RefCell<Vec<Hold>>>,
    asked: Option<Asked>,
    cost: Option<Cost>,
    meter: Option<Meter>,
    /// Usage was asked for by the filter alone: its event does not leave.
    hide_usage: bool,
    /// When leases were last renewed (Unix nanoseconds).
    renewed_ns: u64,
    ended: Ended,
    /// The limit that ends the answer (`cut_when_spent`).
    spent_by: Option<usize>,
    /// What a fleet shares.
    fleet: fleet::Share,
}

impl Charges {
    /// Who counts what the answer says, if somebody does.
    pub(super) fn listener(&mut self) -> Option<&mut dyn Listener> {
        self.meter.as_mut().map(|meter| meter as &mut dyn Listener)
    }
}

/// A charge that must be settled.
#[derive(Debug)]
struct Taken {
    /// The limit's number in the program.
    rule: usize,
    /// The reservation, and what an answer that passed it took more.
    holds: Vec<Hold>,
    /// No more can be had.
    spent: bool,
}

impl Taken {
    /// What is reserved in all.
    fn charge(&self) -> u64 {
        self.holds.iter().fold(0, |sum, hold| sum.saturating_add(hold.charge()))
    }
}

/// A limit that did not admit a request.
#[derive(Debug, Clone, Copy)]
struct Refused {
    rule: usize,
    wait: Wait,
    standing: Standing,
    charge: u64,
    /// Whose word it is.
    by: By,
}

/// Who refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// An account of this process.
    Process,
    /// The service that counts for the fleet.
    Fleet,
    /// Nobody: the service does not answer, and the limit says that nothing passes then.
    Silence,
}

/// A request on its way through the limits.
#[derive(Debug)]
struct Going {
    edits: Vec<HeaderEdit>,
    body: Option<Vec<u8>>,
    /// The model in place of the one that was asked for.
    downgraded: Option<Rc<str>>,
}

/// What came of asking all limits.
enum Attempt {
    Admitted,
    Refused {
        /// The first that refused: its `over` decides.
        first: Refused,
        /// The one that would refuse longest: the caller is told of it.
        longest: Refused,
    },
    NoPrice(usize, NoPrice),
    Trouble(usize, Trouble),
}

impl Charges {
    /// No charges yet; accounts are in this book.
    pub(super) fn new(book: Option<Rc<Book>>) -> Self {
        Self { book, ..Self::default() }
    }

    /// The answer must be read to know what was used.
    pub(super) fn wants_answer(&self) -> bool {
        self.asked.is_some() && (!self.taken.is_empty() || self.fleet.owes())
    }

    /// An event of the answer must not leave.
    pub(super) fn hides_usage(&self) -> bool {
        self.hide_usage
    }
}

impl Exchange {
    /// True if limits hold for this kind of call: it makes a model generate.
    pub(super) fn is_limited(&self) -> bool {
        let generates = |r: &crate::dialect::Recognised| r.kind == CallKind::Generate;
        !self.cx.program.limits.rules.is_empty()
            && self.cx.recognised.as_ref().is_some_and(generates)
    }

    /// Asks all limits that hold; the request goes on with `edits` and `body` if they admit it. `view`: what was read of
    /// its body (`bytes`), if it could be.
    pub(super) fn charge(
        &mut self,
        edits: Vec<HeaderEdit>,
        body: Option<Vec<u8>>,
        read: Option<(&RequestView, &Doc, &[u8])>,
    ) -> RequestVerdict {
        if !self.is_limited() {
            return self.pass(edits, body);
        }
        let program = Rc::clone(&self.cx.program);
        match self.ask(&program, read) {
            Ok(asked) => self.charges.asked = asked,
            Err(refusal) => return self.refuse(&refusal),
        }
        self.admit(&program, Going { edits, body, downgraded: None }, read)
    }

    /// Asks all limits, a second time with the model that one of them changes it to.
    fn admit(
        &mut self,
        program: &Program,
        mut going: Going,
        read: Option<(&RequestView, &Doc, &[u8])>,
    ) -> RequestVerdict {
        loop {
            match self.attempt(program) {
                Attempt::Admitted => match self.questions(program) {
                    asks if asks.is_empty() => return self.go_on(program, going, read),
                    asks => return self.park(asks, going, read.map(|(_, _, bytes)| bytes)),
                },
                Attempt::NoPrice(rule, what) => return self.no_price(program, rule, &what),
                Attempt::Trouble(rule, trouble) => return self.trouble(program, rule, trouble),
                Attempt::Refused { first, longest } => {
                    if let Some(verdict) = self.over(program, first, longest, &mut going) {
                        return verdict;
                    }
                }
            }
        }
    }

    /// What a limit does above its cap; `None`: the model was changed, and all limits are asked once more.
    fn over(
        &mut self,
        program: &Program,
        first: Refused,
        longest: Refused,
        going: &mut Going,
    ) -> Option<RequestVerdict> {
        let Some(limit) = program.limits.rules.get(first.rule) else {
            return Some(self.reject(program, first, longest));
        };
        let over = if going.downgraded.is_none() { word(&limit.over) } else { "reject" };
        self.limit_event(Kind::LimitFull, limit, ("hemostat.action", over.into()));
        match &limit.over {
            Over::Downgrade(model) if going.downgraded.is_none() && self.can_set_model(model) => {
                self.cx.record.action(&limit.rule.id, "downgrade", false);
                self.cx.labels.set(LabelId::MODEL, Label::value(model, false));
                going.downgraded = Some(Rc::clone(model));
                None
            }
            // Waiting is of no use to a request that is above a whole cap: it is told so.
            Over::Fallback(fallback)
                if going.downgraded.is_none() && longest.wait != Wait::Never =>
            {
                self.cx.record.action(&limit.rule.id, "fallback", false);
                let reply = self.cx.canned(&Rc::clone(fallback));
                Some(self.answered(reply))
            }
            _ => Some(self.reject(program, first, longest)),
        }
    }

    /// All limits have admitted it.
    fn go_on(
        &mut self,
        program: &Program,
        going: Going,
        read: Option<(&RequestView, &Doc, &[u8])>,
    ) -> RequestVerdict {
        let Going { mut edits, body, downgraded } = going;
        self.watch(program);
        self.owe_requests(program);
        self.charges.renewed_ns = self.cx.facts.now_ns;
        if let (Some(book), false) = (&self.charges.book, self.charges.leases.borrow().is_empty()) {
            book.keep(&self.charges.leases);
        }
        let body = self.rewritten(program, downgraded.as_deref(), &mut edits, body, read);
        self.pass(edits, body)
    }

    /// What a request may use; `None`: nobody counts it, or it cannot be read and passes for that.
    fn ask(
        &mut self,
        program: &Program,
        read: Option<(&RequestView, &Doc, &[u8])>,
    ) -> Result<Option<Asked>, Refusal> {
        let now = seconds(self.cx.facts.now_ns);
        let mut metering = program.limits.rules.iter().filter(|limit| limit.meters());
        let Some((view, doc, bytes)) = read else { return Ok(None) };
        let mode = metering
            .by_ref()
            .filter(|limit| self.holds(limit))
            .map(|l| l.rule.mode_at(now))
            .max_by_key(|mode| *mode == Mode::Enforce);
        let Some(mode) = mode else { return Ok(None) };
        match Asked::read(view, doc, bytes, program.limits.default_max_output) {
            Ok(mut asked) => {
                self.by_headers(&mut asked.spending);
                Ok(Some(asked))
            }
            Err(_) => {
                let pass =
                    program.on_unreadable == Some(crate::policy::document::OnUnreadable::Pass);
                let refuse = mode == Mode::Enforce && !pass;
                self.cx.record.unchecked(Unchecked::Dialect, refuse);
                let message = "a limit cannot read this request (dialect)".to_owned();
                if refuse { Err(Refusal { message, code: "unreadable" }) } else { Ok(None) }
            }
        }
    }

    /// True if a limit is at work for this request.
    fn holds(&self, limit: &Limit) -> bool {
        self.is_limited_by(limit)
            && limit.rule.mode_at(seconds(self.cx.facts.now_ns)) != Mode::Disabled
            && limit.rule.selector.holds(&self.cx.labels) == Holds::Yes
    }

    /// Charges all enforced limits, or none.
    fn attempt(&mut self, program: &Program) -> Attempt {
        let now = seconds(self.cx.facts.now_ns);
        let mut refused: Option<(Refused, Refused)> = None;
        for (rule, limit) in program.limits.rules.iter().enumerate() {
            if !self.holds(limit) || limit.rule.mode_at(now) != Mode::Enforce {
                continue;
            }
            let charge = match self.amount(program, limit) {
                Ok(Some(charge)) => charge,
                Ok(None) => continue,
                Err(what) => {
                    self.give_back();
                    return Attempt::NoPrice(rule, what);
                }
            };
            let Some(key) = limit.key(&self.cx.labels, false) else { continue };
            let Some(book) = self.charges.book.clone() else {
                return Attempt::Trouble(rule, Trouble::Failed);
            };
            // Once one has refused, the others are only asked how long.
            if let Some((_, longest)) = &mut refused {
                let (wait, by) = self.told_wait(limit, book.wait(&key, &limit.cap, charge));
                if let Some(wait) = wait.filter(|wait| longer(*wait, longest.wait)) {
                    let standing = Standing { cap: limit.cap.most(), ..longest.standing };
                    *longest = Refused { rule, wait, standing, charge, by };
                }
                continue;
            }
            match self.fleet_says(rule, limit, charge) {
                Says::Locally => {}
                Says::Free => continue,
                Says::Refused(refusal) => {
                    self.give_back();
                    refused = Some((refusal, refusal));
                    continue;
                }
            }
            match book.reserve(&key, &limit.cap, charge, &limit.warn_at) {
                Ok(Outcome::Admitted { hold, overflow, reused, warned, .. }) => {
                    self.tell_memory(limit, overflow, reused);
                    self.admitted(rule, limit, hold, warned, "");
                }
                Ok(Outcome::Refused { wait, standing, overflow }) => {
                    self.tell_memory(limit, overflow, false);
                    self.give_back();
                    let one = Refused { rule, wait, standing, charge, by: By::Process };
                    refused = Some((one, one));
                }
                Err(trouble) => {
                    self.give_back();
                    return Attempt::Trouble(rule, trouble);
                }
            }
        }
        match refused {
            None => Attempt::Admitted,
            Some((first, longest)) => Attempt::Refused { first, longest },
        }
    }

    /// Charges the limits that only watch, on accounts of their own.
    fn watch(&mut self, program: &Program) {
        let now = seconds(self.cx.facts.now_ns);
        for (rule, limit) in program.limits.rules.iter().enumerate() {
            if !self.holds(limit) || limit.rule.mode_at(now) != Mode::Shadow {
                continue;
            }
            let charge = match self.amount(program, limit) {
                Ok(Some(charge)) => charge,
                Ok(None) => continue,
                Err(_) => {
                    self.cx.record.action(&limit.rule.id, "block", true);
                    continue;
                }
            };
            let key = limit.key(&self.cx.labels, true);
            let (Some(book), Some(key)) = (self.charges.book.clone(), key) else { continue };
            match book.reserve(&key, &limit.cap, charge, &limit.warn_at) {
                Ok(Outcome::Admitted { hold, overflow, reused, warned, .. }) => {
                    self.tell_memory(limit, overflow, reused);
                    self.admitted(rule, limit, hold, warned, "shadow-");
                }
                Ok(Outcome::Refused { overflow, .. }) => {
                    self.tell_memory(limit, overflow, false);
                    self.cx.record.action(&limit.rule.id, word(&limit.over), true);
                }
                Err(trouble) => self.count_trouble(trouble),
            }
        }
    }

    /// A charge was taken.
    fn admitted(
        &mut self,
        rule: usize,
        limit: &Limit,
        hold: Hold,
        warned: Option<usize>,
        prefix: &str,
    ) {
        self.tell_warning(limit, warned, prefix);
        if let Some(book) = &self.charges.book {
            let values =
                limit.per.iter().map(|id| self.cx.labels.get(*id).text().unwrap_or_default());
            book.note(hold.key(), self.cx.facts.now_ns, values);
        }
        if hold.is_lease() {
            self.charges.leases.borrow_mut().push(hold);
        } else {
            self.charges.taken.push(Taken { rule, holds: vec![hold], spent: false });
        }
    }

    /// A refused request keeps no charge.
    pub(in crate::exchange) fn give_back(&mut self) {
        self.charges.fleet.forget();
        let Some(book) = self.charges.book.clone() else { return };
        let holds: Vec<Hold> = self.charges.leases.borrow_mut().drain(..).collect();
        let taken =
            std::mem::take(&mut self.charges.taken).into_iter().flat_map(|taken| taken.holds);
        for hold in holds.into_iter().chain(taken) {
            if let crate::ledger::Settled::Unsettled(trouble) = book.release(hold) {
                self.count_trouble(trouble);
            }
        }
    }
}

/// The word of what a limit does above its cap.
fn word(over: &Over) -> &'static str {
    match over {
        Over::Reject => "reject",
        Over::Fallback(_) => "fallback",
        Over::Downgrade(_) => "downgrade",
    }
}

/// True if one wait is longer than another. A place in flight is tried again after a second.
fn longer(one: Wait, other: Wait) -> bool {
    const SECOND_NS: u64 = 1_000_000_000;
    let rank = |wait: Wait| match wait {
        Wait::Ns(ns) => (false, ns),
        Wait::Place => (false, SECOND_NS),
        Wait::Never => (true, 0),
    };
    rank(one) > rank(other)
}
