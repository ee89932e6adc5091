//! Lever 5 in one exchange: charge before the request leaves, settle however it ends.
//!
//! [`Charges`] is all of its state. A limit is named by the handle that the program gives out (`Rc<Limit>`), from the
//! charge to its settlement. There is no index that could be out of range, so a refused request cannot slip through,
//! and every charge is settled.

mod admission;
mod amount;
mod applies;
mod charges;
pub mod estimate;
mod estimated_use;
mod fleet;
mod meter;
mod questions;
mod refusal;
mod refuse;
mod reply;
mod rewrite;
mod settle;
mod spent;
mod tell;
mod used;

use std::rc::Rc;

use crate::answer::Listener;
use crate::context::facts::seconds;
use crate::context::verdict::HeaderEdit;
use crate::context::{Context, Refusal};
use crate::counters::Unchecked;
use crate::dialect::Reply;
use crate::event::EventKind;
use crate::ledger::{Book, Hold, ReservationOutcome, Standing, StoreError, Wait};
use crate::policy::document::{Mode, OnUnreadable};
use crate::policy::program::Program;
use crate::policy::program::label::{Label, LabelId};
use crate::policy::program::limit::{Limit, NoPrice, OverAction};
use crate::policy::program::selector::Holds;
use admission::LimitedRequest;
use charges::Charge;
use estimated_use::EstimatedUse;
use fleet::FleetDecision;
use refusal::{LimitRefusal, Refusals, RefusedBy, longer};

pub(crate) use admission::Admission;
pub(crate) use applies::is_limited_by;
pub(crate) use charges::Charges;
pub(crate) use estimated_use::Read;

/// The result of asking all limits.
enum Attempt {
    Admitted,
    Refused(Refusals),
    NoPrice(Rc<Limit>, NoPrice),
    Trouble(Rc<Limit>, StoreError),
}

impl Charges {
    /// No charges yet; the accounts are in this book.
    pub(crate) fn new(book: Option<Rc<Book>>) -> Self {
        Self { book, ..Self::default() }
    }

    /// The listener that counts what the answer says, if there is one.
    pub(crate) fn listener(&mut self) -> Option<&mut dyn Listener> {
        self.meter.as_mut().map(|meter| &mut **meter as &mut dyn Listener)
    }

    /// True if the answer must be read to know what was used.
    pub(crate) fn wants_answer(&self) -> bool {
        self.asked.is_some() && (!self.taken.is_empty() || self.fleet.will_report())
    }

    /// True if the usage event must not be forwarded.
    pub(crate) fn hides_usage(&self) -> bool {
        self.hide_usage
    }

    /// Asks all limits that hold. If they admit the request, it is forwarded with `edits` and `body`. `read`: what was
    /// read of its body, if it could be read.
    pub(crate) fn charge(
        &mut self,
        cx: &mut Context,
        edits: Vec<HeaderEdit>,
        body: Option<Vec<u8>>,
        read: Option<Read<'_>>,
    ) -> Admission {
        let program = Rc::clone(&cx.program);
        if let Err(refusal) = self.ask(cx, &program, read) {
            return Admission::Reply(cx.refused(&refusal));
        }
        if !applies::is_limited(cx) {
            return Admission::Pass { edits, body };
        }
        self.admit(cx, &program, LimitedRequest { edits, body, downgraded: None }, read)
    }

    /// What the request may use, where a limit counts it, and what it says about its cost, where something has a price
    /// too.
    fn ask(
        &mut self,
        cx: &mut Context,
        program: &Program,
        read: Option<Read<'_>>,
    ) -> Result<(), Refusal> {
        let now = seconds(cx.facts.now_ns);
        let Some(read) = read else { return Ok(()) };
        let metering = program.limits.rules.iter().filter(|limit| limit.meters());
        let mode = metering
            .filter(|limit| holds(cx, limit))
            .map(|limit| limit.rule.mode_at(now))
            .max_by_key(|mode| *mode == Mode::Enforce);
        if mode.is_none() && program.limits.prices.is_empty() {
            return Ok(());
        }
        let Some(spending) = amount::spending(cx, read) else {
            let Some(mode) = mode else { return Ok(()) };
            let pass = program.on_unreadable == Some(OnUnreadable::Pass);
            let refuse = mode == Mode::Enforce && !pass;
            cx.record.unchecked(Unchecked::Dialect, refuse);
            let message = "a limit cannot read this request (dialect)".to_owned();
            return if refuse { Err(Refusal { message, code: "unreadable" }) } else { Ok(()) };
        };
        let most = program.limits.default_max_output;
        self.asked = mode.map(|_| EstimatedUse::read(read, &spending, most));
        self.spending = spending;
        Ok(())
    }

    /// Asks all limits, and a second time if one of them changes the model.
    fn admit(
        &mut self,
        cx: &mut Context,
        program: &Program,
        mut request: LimitedRequest,
        read: Option<Read<'_>>,
    ) -> Admission {
        loop {
            match self.attempt(cx, program) {
                Attempt::Admitted => match self.fleet.questions() {
                    None => return self.go_on(cx, program, request, read),
                    Some(asks) => {
                        let bytes = read.map(|(_, _, bytes)| bytes.to_vec());
                        return self.fleet.park(asks, request, bytes);
                    }
                },
                Attempt::NoPrice(limit, what) => {
                    return Admission::Reply(refuse::no_price(cx, &limit, &what));
                }
                Attempt::Trouble(limit, trouble) => {
                    return Admission::Reply(refuse::trouble(cx, &limit, trouble));
                }
                Attempt::Refused(refusals) => {
                    if let Some(reply) = over(cx, &refusals, &mut request) {
                        return Admission::Reply(reply);
                    }
                }
            }
        }
    }

    /// All limits have admitted the request.
    fn go_on(
        &mut self,
        cx: &mut Context,
        program: &Program,
        request: LimitedRequest,
        read: Option<Read<'_>>,
    ) -> Admission {
        let LimitedRequest { mut edits, body, downgraded } = request;
        self.watch(cx, program);
        self.renewed_ns = cx.facts.now_ns;
        if let (Some(book), false) = (&self.book, self.leases.borrow().is_empty()) {
            book.keep(&self.leases);
        }
        let body = self.rewritten(cx, program, downgraded.as_deref(), &mut edits, body, read);
        Admission::Pass { edits, body }
    }

    /// Charges all enforced limits, or none.
    fn attempt(&mut self, cx: &mut Context, program: &Program) -> Attempt {
        let now = seconds(cx.facts.now_ns);
        let mut refused: Option<Refusals> = None;
        for limit in &program.limits.rules {
            if !holds(cx, limit) || limit.rule.mode_at(now) != Mode::Enforce {
                continue;
            }
            let charge = match self.amount(cx, program, limit) {
                Ok(Some(charge)) => charge,
                Ok(None) => continue,
                Err(what) => {
                    self.give_back(cx);
                    return Attempt::NoPrice(Rc::clone(limit), what);
                }
            };
            let Some(key) = limit.account(&cx.labels, false) else { continue };
            let Some(book) = self.book.clone() else {
                return Attempt::Trouble(Rc::clone(limit), StoreError::Failed);
            };
            // Once one has refused, the others are only asked for how long they would.
            if let Some(Refusals { longest, .. }) = &mut refused {
                let (wait, by) =
                    self.fleet.told_wait(cx, limit, book.wait(&key, &limit.cap, charge));
                if let Some(wait) = wait.filter(|wait| longer(*wait, longest.wait)) {
                    let standing = Standing { cap: limit.cap.most(), ..longest.standing };
                    let limit = Rc::clone(limit);
                    *longest = LimitRefusal { limit, wait, standing, charge, by };
                }
                continue;
            }
            match self.fleet.decide(cx, limit, charge) {
                FleetDecision::Locally => {}
                FleetDecision::Free => continue,
                FleetDecision::Refused(refusal) => {
                    self.give_back(cx);
                    refused = Some(Refusals::by(refusal));
                    continue;
                }
            }
            match book.reserve(&key, &limit.cap, charge, &limit.warn_at) {
                Ok(ReservationOutcome::Admitted { hold, overflow, reused, warned, .. }) => {
                    tell::memory(cx, limit, overflow, reused);
                    self.admitted(cx, limit, hold, warned, "");
                }
                Ok(ReservationOutcome::Refused { wait, standing, overflow }) => {
                    tell::memory(cx, limit, overflow, false);
                    self.give_back(cx);
                    let limit = Rc::clone(limit);
                    let one =
                        LimitRefusal { limit, wait, standing, charge, by: RefusedBy::Process };
                    refused = Some(Refusals::by(one));
                }
                Err(trouble) => {
                    self.give_back(cx);
                    return Attempt::Trouble(Rc::clone(limit), trouble);
                }
            }
        }
        match refused {
            None => Attempt::Admitted,
            Some(refusals) => Attempt::Refused(refusals),
        }
    }

    /// Charges the limits that only watch, on separate accounts.
    fn watch(&mut self, cx: &mut Context, program: &Program) {
        let now = seconds(cx.facts.now_ns);
        for limit in &program.limits.rules {
            if !holds(cx, limit) || limit.rule.mode_at(now) != Mode::Shadow {
                continue;
            }
            let charge = match self.amount(cx, program, limit) {
                Ok(Some(charge)) => charge,
                Ok(None) => continue,
                Err(_) => {
                    cx.record.action(&limit.rule.id, "block", true);
                    continue;
                }
            };
            let key = limit.account(&cx.labels, true);
            let (Some(book), Some(key)) = (self.book.clone(), key) else { continue };
            match book.reserve(&key, &limit.cap, charge, &limit.warn_at) {
                Ok(ReservationOutcome::Admitted { hold, overflow, reused, warned, .. }) => {
                    tell::memory(cx, limit, overflow, reused);
                    self.admitted(cx, limit, hold, warned, "shadow-");
                }
                Ok(ReservationOutcome::Refused { overflow, .. }) => {
                    tell::memory(cx, limit, overflow, false);
                    cx.record.action(&limit.rule.id, word(&limit.over), true);
                }
                Err(trouble) => tell::trouble(cx, trouble),
            }
        }
    }

    /// A charge was taken.
    fn admitted(
        &mut self,
        cx: &mut Context,
        limit: &Rc<Limit>,
        hold: Hold,
        warned: Option<usize>,
        prefix: &str,
    ) {
        tell::warning(cx, limit, warned, prefix);
        if let Some(book) = &self.book {
            let values = limit.per.iter().map(|id| cx.labels.get(*id).text().unwrap_or_default());
            book.note(hold.key(), cx.facts.now_ns, values);
        }
        if hold.is_lease() {
            self.leases.borrow_mut().push(hold);
        } else {
            let limit = Rc::clone(limit);
            self.taken.push(Charge { limit, hold, more: Vec::new(), spent: false });
        }
    }

    /// A refused request keeps no charge.
    pub(crate) fn give_back(&mut self, cx: &mut Context) {
        self.fleet.forget();
        let Some(book) = self.book.clone() else { return };
        let holds: Vec<Hold> = self.leases.borrow_mut().drain(..).collect();
        let taken = std::mem::take(&mut self.taken).into_iter().flat_map(Charge::holds);
        for hold in holds.into_iter().chain(taken) {
            if let crate::ledger::Settled::Unsettled(trouble) = book.release(hold) {
                tell::trouble(cx, trouble);
            }
        }
    }
}

/// What a limit does above its cap: the reply to the caller, or `None` if the model was changed and all limits are
/// asked again.
fn over(cx: &mut Context, refusals: &Refusals, request: &mut LimitedRequest) -> Option<Reply> {
    let limit = &refusals.first.limit;
    let over = if request.downgraded.is_none() { word(&limit.over) } else { "reject" };
    tell::event(cx, EventKind::LimitFull, limit, ("hemostat.action", over.into()));
    match &limit.over {
        OverAction::Downgrade(model)
            if request.downgraded.is_none() && rewrite::can_set_model(cx, model) =>
        {
            cx.record.action(&limit.rule.id, "downgrade", false);
            cx.labels.set(LabelId::MODEL, Label::value(model, false));
            request.downgraded = Some(Rc::clone(model));
            None
        }
        // Waiting does not help a request that exceeds the whole cap: the caller is told so.
        OverAction::Fallback(fallback)
            if request.downgraded.is_none() && refusals.longest.wait != Wait::Never =>
        {
            cx.record.action(&limit.rule.id, "fallback", false);
            Some(cx.canned(fallback))
        }
        _ => Some(refuse::reject(cx, refusals)),
    }
}

/// True if a limit applies to this request.
fn holds(cx: &Context, limit: &Limit) -> bool {
    is_limited_by(cx, limit)
        && limit.rule.mode_at(seconds(cx.facts.now_ns)) != Mode::Disabled
        && limit.rule.selector.holds(&cx.labels) == Holds::Yes
}

/// The policy's word for what a limit does above its cap.
fn word(over: &OverAction) -> &'static str {
    match over {
        OverAction::Reject => "reject",
        OverAction::Fallback(_) => "fallback",
        OverAction::Downgrade(_) => "downgrade",
    }
}
