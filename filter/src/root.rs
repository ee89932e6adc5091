//! One plugin configuration: read, build completely, swap; and follow the releases of its scope.

use std::cell::RefCell;
use std::rc::Rc;

use hemostat_engine::bundle::{PollResult, RefusalCode, ReleaseWay};
use hemostat_engine::event::{Event, EventKind};
use hemostat_engine::exchange::Effect;
use hemostat_engine::lever::running::cutting;
use hemostat_engine::limits::{ENVELOPE_BYTES, FOLLOW_MS, LEASE_SLICE_NS};
use hemostat_engine::policy::Program;
use hemostat_engine::policy::config::remote::{ControlListener, PolledSource};

use crate::context::HttpContext;
use crate::control::Operator;
use crate::exchanger::{self, Exchanger};
use crate::follower::{self, Follower};
use crate::host::{self, Buffer, Level, Map};
use crate::load::{self, Active, Loaded};
use crate::reporter::Reporter;
use crate::stream::{NoPolicy, Stream};
use crate::telemetry::{Trouble, VERSION};
use crate::watch::Watch;
use crate::{bodies, capture, clock, effects, notify, running, telemetry};

/// The context of one plugin configuration. Envoy makes a new one for every update and lets streams in flight finish on
/// the old; other hosts configure the same one again. Either way streams keep the [`Active`] that they began with.
#[derive(Debug)]
pub struct Root {
    id: u32,
    plan: Option<Plan>,
}

/// What an accepted configuration makes a plugin do.
#[derive(Debug)]
struct Plan {
    active: RefCell<Rc<Active>>,
    nothing: Rc<Program>,
    follower: Option<Rc<Follower>>,
    source: Option<PolledSource>,
    control: Option<Rc<ControlListener>>,
    watch: Watch,
    reporter: Reporter,
    /// The call to the source that is under way.
    asked: Option<u32>,
    /// The slice of time in which places in flight were last renewed.
    renewed: u64,
    exchanger: Exchanger,
    /// How often this plugin ticks, in milliseconds.
    period: Option<u64>,
}

/// How often places in flight are renewed: four times before they lapse.
const RENEW_MS: u64 = LEASE_SLICE_NS / 1_000_000;

impl Root {
    /// The context with this number, before it is configured.
    pub fn new(id: u32) -> Self {
        Self { id, plan: None }
    }

    fn configure(&mut self, size: usize) -> Result<Vec<String>, Vec<String>> {
        let bytes = host::bytes(Buffer::Configuration, size)
            .map_err(|error| vec![format!("the host does not give the configuration: {error}")])?;
        let Loaded { active, follower, nothing, source, control, watch, reporter, warnings } =
            load::load(&bytes)?;
        // Streams in flight of a configuration before this one still need their places.
        let renews = !active.program.limits.rules.is_empty() || active.book.has_leases();
        let tells = follower.is_some()
            || active.program.notify.is_some()
            || !active.program.captures.is_empty();
        let own = match (tells, renews) {
            (true, _) => Some(FOLLOW_MS),
            (false, true) => Some(RENEW_MS),
            (false, false) => None,
        };
        let looks = active.program.hold_headers || watch.has_pages();
        let looks = looks.then_some(bodies::LOOK_MS);
        let shares = exchanger::look_ms(&active.program);
        let ends = cutting(&active.program).next().map(|_| running::LOOK_MS);
        let period = own.into_iter().chain(looks).chain(shares).chain(ends).min();
        if let Some(period) = period {
            host::tick_every(period)
                .map_err(|error| vec![format!("the host gives no ticks: {error}")])?;
        }
        running::in_force(&active.name, &active.program);
        let active = RefCell::new(Rc::new(active));
        self.plan = Some(Plan {
            active,
            nothing,
            follower,
            source,
            control,
            watch,
            reporter,
            asked: None,
            renewed: 0,
            exchanger: Exchanger::new(self.id),
            period,
        });
        Ok(warnings)
    }
}

impl Plan {
    /// What a stream that begins now gets: the newest release that this process has.
    fn current(&self) -> Rc<Active> {
        self.follow();
        Rc::clone(&self.active.borrow())
    }

    /// Takes over what another worker has put in force. Streams in flight keep theirs (invariant 3).
    fn follow(&self) {
        let Some(follower) = self.follower.as_ref().filter(|follower| follower.is_behind()) else {
            return;
        };
        match follower.read() {
            Ok(running) => {
                let next = self.active.borrow().with(running, &self.nothing);
                running::in_force(&next.name, &next.program);
                *self.active.borrow_mut() = Rc::new(next);
            }
            Err(refusal) => {
                telemetry::count("hemostat_follow_failures_total");
                // Memory that the host does not show is looked at again at the next tick, and not told each time.
                if refusal.code != RefusalCode::NotKept {
                    let line = format!(
                        "a release in force cannot be used here, the one before goes on: {refusal}"
                    );
                    telemetry::line(Level::Error, &line);
                }
            }
        }
    }

    /// Reports what this thread runs: status shows it, and operators are told of threads that cannot follow.
    fn report(&self) {
        let (acting, problem) = match &self.follower {
            Some(follower) => follower.standing(),
            None => Default::default(),
        };
        let active = Rc::clone(&self.active.borrow());
        active.bodies.look();
        let problem = problem.or_else(|| active.bodies.problem());
        let code = problem.as_ref().map(|problem| problem.code.clone()).unwrap_or_default();
        if !self.reporter.say(acting, problem) {
            return;
        }
        let fields = vec![
            ("hemostat.configuration", self.reporter.name().into()),
            ("hemostat.reason", code.as_str().into()),
        ];
        self.raise(Event::new(EventKind::NotFollowing, fields));
    }

    /// Raises an event that does not come of traffic, to where the policy that runs sends them.
    fn raise(&self, event: Event) {
        notify::raise(Event { origin: notify::origin(&self.program()), ..event });
    }

    /// The policy that runs.
    fn program(&self) -> Rc<Program> {
        Rc::clone(&self.active.borrow().program)
    }

    /// A status page has answered. False: the call is not one of these.
    fn page_answered(&mut self, token: u32, size: usize) -> bool {
        let headers = host::headers(Map::Call).unwrap_or_default();
        let etag = headers.value("etag").and_then(|etag| std::str::from_utf8(etag).ok());
        let etag = etag.map(str::to_owned);
        let changed = self.watch.answered(token, call_status(), etag, size);
        let is_own = changed.is_some();
        changed.unwrap_or_default().into_iter().for_each(|event| self.raise(event));
        is_own
    }

    /// Requests in flight keep their places, however long they take. Once a slice is enough: places are counted by it.
    fn renew(&mut self) {
        let slice = clock::now_ns() / LEASE_SLICE_NS;
        if slice == self.renewed {
            return;
        }
        self.renewed = slice;
        let lapsed = self.active.borrow().book.renew_all();
        let counted = |_| Effect::Count("hemostat_limit_lapsed_total".into());
        effects::apply((0..lapsed).map(counted).collect());
    }

    /// Tells the services of a fleet what they are to know. A release may want it more often than before.
    fn exchange(&mut self) {
        let program = self.program();
        if let Some(every_ms) = exchanger::every_ms(&program) {
            let look_ms = exchanger::look_ms(&program).unwrap_or(every_ms);
            if self.period.is_none_or(|period| period > look_ms) {
                match host::tick_every(look_ms) {
                    Ok(()) => self.period = Some(look_ms),
                    Err(error) => Trouble { call: "tick", error }.report(),
                }
            }
            self.exchanger.round(every_ms);
        }
        // Requests that began under a policy before this one end too.
        self.exchanger.commit(&program);
    }

    /// Asks the source, where it is this worker's turn.
    fn poll(&mut self) {
        let (Some(follower), Some(source)) = (&self.follower, &self.source) else { return };
        let Some(poll) = follower.take_turn(source) else { return };
        match follower::ask(source, poll.etag.as_deref()) {
            Ok(token) => self.asked = Some(token),
            Err(error) => {
                Trouble { call: "http_call", error }.report();
                let why = format!("cluster `{}` cannot be called: {error}", source.cluster);
                follower.end_turn(source, PollResult::Failed(why));
            }
        }
    }

    /// The source has answered.
    fn source_answered(&mut self, token: u32, size: usize) {
        if self.asked != Some(token) {
            return;
        }
        self.asked = None;
        let (Some(follower), Some(source)) = (&self.follower, &self.source) else { return };
        let headers = host::headers(Map::Call).unwrap_or_default();
        let etag = headers.value("etag").and_then(|etag| std::str::from_utf8(etag).ok());
        let answer = match headers.value(":status") {
            Some(b"304") => PollResult::Same,
            Some(b"200") if size <= ENVELOPE_BYTES => match host::bytes(Buffer::Call, size) {
                Ok(body) => {
                    let offered = follower.offer(&body, ReleaseWay::Source);
                    follower::answer(&offered, etag.map(str::to_owned))
                }
                Err(error) => {
                    Trouble { call: "call_body", error }.report();
                    PollResult::Failed(format!("the host does not give its answer: {error}"))
                }
            },
            Some(b"200") => PollResult::Failed(format!("{size} bytes are no release")),
            Some(status) => {
                PollResult::Failed(format!("status {}", String::from_utf8_lossy(status)))
            }
            None => PollResult::Failed("no answer".to_owned()),
        };
        if matches!(answer, PollResult::Failed(_)) {
            telemetry::count("hemostat_source_failures_total");
        }
        follower.end_turn(source, answer);
        self.follow();
    }
}

/// The status that a call was answered with; 0: it was reset.
fn call_status() -> u16 {
    let headers = host::headers(Map::Call).unwrap_or_default();
    let status = headers.value(":status").and_then(|text| std::str::from_utf8(text).ok());
    status.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// What a host tells a root.
impl Root {
    /// A call has been answered, with a body of `size` bytes.
    pub fn on_http_call_response(&mut self, token: u32, size: usize) {
        if notify::answered(token, call_status()) || capture::answered(token, call_status()) {
            return;
        }
        if let Some(plan) = &mut self.plan
            && !plan.page_answered(token, size)
        {
            plan.source_answered(token, size);
        }
    }

    /// A gRPC call has ended: with this status, and where it is 0 with a message of `size` bytes.
    pub fn on_grpc_call_response(&mut self, token: u32, status: u32, size: usize) {
        if let Some(plan) = &mut self.plan {
            let program = plan.program();
            plan.exchanger.answered(token, status, size, &program);
        }
    }

    /// False refuses the configuration: an update is rejected and the one before goes on, a first one keeps the
    /// listener from starting.
    pub fn on_configure(&mut self, size: usize) -> bool {
        // The first call of the VM: from here on its numbers differ from those of other workers.
        clock::now_ns();
        match self.configure(size) {
            Ok(warnings) => {
                for warning in warnings {
                    telemetry::line(Level::Warn, &warning);
                }
                telemetry::define_fixed();
                telemetry::line(Level::Info, &format!("hemostat {VERSION}: configuration active"));
                true
            }
            Err(reasons) => {
                for reason in reasons {
                    telemetry::line(Level::Error, &reason);
                }
                // Whether there is one is not known here: Envoy tries a configuration in a VM of its own first.
                let refused = "configuration refused; the one before it, if there is one, goes on";
                telemetry::line(Level::Error, &format!("hemostat {VERSION}: {refused}"));
                false
            }
        }
    }

    /// Comes on every worker and on the main thread.
    pub fn on_tick(&mut self) {
        if let Some(plan) = &mut self.plan {
            plan.renew();
            if let Some(follower) = &plan.follower {
                follower.see_to_expiry();
                follower.turn_marks();
            }
            plan.follow();
            plan.report();
            plan.poll();
            plan.watch.look();
            plan.exchange();
        }
        notify::send();
        capture::send();
        running::tick(self.id);
    }

    /// A stream begins.
    pub fn stream(&self, id: u32) -> Box<dyn HttpContext> {
        let Some(plan) = &self.plan else { return Box::new(NoPolicy) };
        match (&plan.control, &plan.follower) {
            (Some(control), Some(follower)) => {
                Box::new(Operator::new(Rc::clone(control), Rc::clone(follower)))
            }
            _ => Box::new(Stream::new(plan.current(), id)),
        }
    }
}
