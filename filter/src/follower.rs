//! One configuration's part in the releases of its process: what all workers share, how a worker follows, and how a
//! release is taken.
//!
//! Shared memory holds, for each scope, the whole state (`store`) and one byte beside it (`cell`) that is written after
//! every change of the store. A worker looks at the cell, which costs nearly nothing, and reads the store only where
//! the cell has changed. It then verifies and compiles what it reads: what is in force is what was signed.

mod told;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use hemostat_engine::bundle::{
    self, Acting, ActivePolicy, Digest, LastRefusal, Offered, Poll, Problem, RefusalCode,
    ReleaseRefusal, ReleaseWay, Releases, Terms, renew, start,
};
use hemostat_engine::event::{EventKind, Fields};
use hemostat_engine::fleet;
use hemostat_engine::limits::POLL_TIMEOUT_MS;
use hemostat_engine::policy::Program;
use hemostat_engine::policy::config::remote::PolledSource;

use crate::clock;
use crate::gauges::Gauges;
use crate::host::shared::{self, Shared};
use crate::host::{self, HostError, Level};
use crate::{accounts, marks, pending, recent, reporter, telemetry, watch};

/// How often a change is retried because another worker was faster. Each loss means that another change was made; this
/// many in a row do not happen with tens of workers.
const TRIES: usize = 64;

/// Operators are told after this many failures of the source in a row: a single one is a server that restarts.
const SOURCE_FAILING: u64 = 3;

/// Follows the releases of one scope under one configuration.
#[derive(Debug)]
pub struct Follower {
    terms: Terms,
    keys: Keys,
    /// The cell when the store was last read.
    seen: Cell<Option<u32>>,
    /// When the release in force expires (Unix seconds).
    expires: Cell<Option<u64>>,
    /// The last release that was refused, so that a source which serves it for ever is told of once.
    refused: Cell<Option<Digest>>,
    /// What ran when the store was last read: it says where events go.
    program: RefCell<Option<Rc<Program>>>,
    /// What this thread has built, and [`Releases::stamp`] of it.
    running: RefCell<Option<(u64, ActivePolicy)>>,
    /// When counters are marked again (Unix milliseconds).
    marks_due: Cell<u64>,
    /// What this configuration runs.
    acting: RefCell<Acting>,
    /// Why that is not what is in force.
    problem: RefCell<Option<Problem>>,
    gauges: Gauges,
}

/// The names of a scope's values.
#[derive(Debug)]
struct Keys {
    cell: String,
    store: String,
    poll: String,
    trouble: String,
}

/// What a change of the store came to.
pub struct Taken {
    /// The serial in force.
    pub serial: u64,
    /// It was in force already.
    pub unchanged: bool,
    /// What runs from now on, where it changed.
    pub running: Option<ActivePolicy>,
}

fn host_trouble(error: HostError) -> ReleaseRefusal {
    ReleaseRefusal::not_kept(format!("the host's shared memory: {error}"))
}

fn now_s() -> u64 {
    clock::now_ns() / 1_000_000_000
}

/// Unix milliseconds.
pub fn now_ms() -> u64 {
    clock::now_ns() / 1_000_000
}

impl Follower {
    /// Starts a configuration. Gives its warnings too.
    ///
    /// # Errors
    /// Its `release` cannot be used, or the host does not share memory.
    pub fn start(terms: Terms) -> Result<(Self, Vec<String>), ReleaseRefusal> {
        let name = |what: &str| format!("hemostat.release.{what}.{}", terms.config.scope);
        let keys = Keys {
            cell: name("cell"),
            store: name("store"),
            poll: name("poll"),
            trouble: name("trouble"),
        };
        let follower = Self {
            gauges: Gauges::of(&terms.config.scope),
            terms,
            keys,
            seen: Cell::new(None),
            expires: Cell::new(None),
            refused: Cell::new(None),
            program: RefCell::new(None),
            running: RefCell::default(),
            marks_due: Cell::new(0),
            acting: RefCell::default(),
            problem: RefCell::default(),
        };
        let mut warnings = Vec::new();
        follower.change(|terms, state| {
            let (next, warning) = start(terms, state, now_s())?;
            warnings = warning.into_iter().collect();
            Ok((next, ()))
        })?;
        follower.ask_anew();
        Ok((follower, warnings))
    }

    /// The inline policy, where what is in force cannot be used.
    pub fn own(&self) -> Option<Option<ActivePolicy>> {
        let own = Releases::default().running(&self.terms).ok()?;
        self.acts_by(0, own.as_ref());
        Some(own)
    }

    /// Marks counters for rates, where it is time.
    pub fn turn_marks(&self) {
        if now_ms() < self.marks_due.get() {
            return;
        }
        if let Some(program) = self.program.borrow().as_ref() {
            self.marks_due.set(marks::turn(&self.terms.config.scope, program));
        }
    }

    fn acts_by(&self, stamp: u64, running: Option<&ActivePolicy>) {
        if let Some(running) = running {
            marks::begin(&self.terms.config.scope, stamp, &running.program);
            telemetry::define(&running.program);
            self.gauges.severity(running.severity);
            self.gauges.version(running.version.as_deref());
        }
        let serial = running.and_then(|running| running.serial).unwrap_or_default();
        let version = running.and_then(|running| running.version.clone());
        *self.acting.borrow_mut() = Acting { stamp, serial, version };
        *self.running.borrow_mut() = running.map(|running| (stamp, running.clone()));
        *self.program.borrow_mut() = running.map(|running| Rc::clone(&running.program));
    }

    /// What this configuration runs, and why that is not what is in force.
    pub fn standing(&self) -> (Acting, Option<Problem>) {
        (self.acting.borrow().clone(), self.problem.borrow().clone())
    }

    /// True if the store has changed since it was last read.
    pub fn is_behind(&self) -> bool {
        match shared::get(&self.keys.cell) {
            Ok(cell) => self.seen.get() != cell.map(|cell| cell.cas),
            // What is in force goes on.
            Err(_) => false,
        }
    }

    /// Reads what is in force, and builds it. `None`: nothing is.
    ///
    /// # Errors
    /// It cannot be used under this configuration.
    pub fn read(&self) -> Result<Option<ActivePolicy>, ReleaseRefusal> {
        // The cell first: a change that is made while the store is read is found the next time.
        let cell = shared::get(&self.keys.cell).map_err(host_trouble)?;
        let (state, _) = self.store()?;
        self.seen.set(cell.map(|cell| cell.cas));
        self.expires.set(state.expires());
        self.gauges.release(state.serial(), state.expires());
        match state.running(&self.terms) {
            Ok(running) => {
                *self.problem.borrow_mut() = None;
                self.acts_by(state.stamp(), running.as_ref());
                Ok(running)
            }
            Err(refusal) => {
                *self.problem.borrow_mut() = Some(Problem::of(&refusal, now_s()));
                Err(refusal)
            }
        }
    }

    /// Judges a release and, if it is good, puts it in force for the whole process.
    ///
    /// # Errors
    /// Why it changes nothing; counted, logged and kept for status.
    pub fn offer(&self, envelope: &[u8], way: ReleaseWay) -> Result<Taken, ReleaseRefusal> {
        let now = now_s();
        let offered = self.change(|terms, state| {
            Ok(match bundle::offer(terms, state, envelope, way, now)? {
                Offered::Unchanged(serial) => {
                    (None, Taken { serial, unchanged: true, running: None })
                }
                Offered::Activated(activation) => {
                    let serial = activation.state.serial();
                    let running = activation.running;
                    // Before others follow: what they do from then on is what the release did.
                    let stamp = activation.state.stamp();
                    marks::begin(&terms.config.scope, stamp, &running.program);
                    let running = Some(running);
                    (Some(activation.state), Taken { serial, unchanged: false, running })
                }
            })
        });
        if way == ReleaseWay::Post && matches!(&offered, Ok(taken) if taken.unchanged) {
            // Whoever offers it again may have been told that it was not kept: the others are called once more.
            let _ = shared::put(&self.keys.cell, b"!");
        }
        self.tell(&offered, envelope, way, now);
        offered
    }

    /// The envelope of what is in force.
    ///
    /// # Errors
    /// The host does not give it.
    pub fn envelope(&self) -> Result<Option<Vec<u8>>, ReleaseRefusal> {
        Ok(self.store()?.0.envelope().map(<[u8]>::to_vec))
    }

    /// A policy that is held, in JSON.
    ///
    /// # Errors
    /// The host does not give it.
    pub fn policy(&self, digest: &Digest) -> Result<Option<String>, ReleaseRefusal> {
        let (state, _) = self.store()?;
        Ok(state.holding(digest).map(|held| held.policy.as_ref().to_owned()))
    }

    /// Acts on the expiry of the release in force. True if this worker was the one that did.
    pub fn see_to_expiry(&self) -> bool {
        let now = now_s();
        if self.expires.get().is_none_or(|at| now < at) {
            return false;
        }
        let changed = self.change(|terms, state| {
            let next = renew(terms, state, now);
            let changed = next.is_some();
            Ok((next, changed))
        });
        // Where the host did not keep it, it is tried again at the next tick.
        if changed.is_ok() {
            self.expires.set(None);
        }
        if matches!(changed, Ok(true)) {
            telemetry::count("hemostat_releases_total;action=expired");
            telemetry::line(Level::Warn, "the release in force is past its `expires`");
            self.raise(EventKind::ReleaseExpired, Fields::new());
        }
        matches!(changed, Ok(true))
    }

    fn store(&self) -> Result<(Releases, Option<Shared>), ReleaseRefusal> {
        let stored = shared::get(&self.keys.store).map_err(host_trouble)?;
        // Bytes that cannot be read are of another version of the module: this one starts anew.
        let state = stored.as_ref().and_then(|stored| Releases::decode(&stored.value));
        Ok((state.unwrap_or_default(), stored))
    }

    /// Changes the store: reads it, makes the next one, and puts it in place if nobody was faster.
    fn change<T>(
        &self,
        mut make: impl FnMut(&Terms, &Releases) -> Result<(Option<Releases>, T), ReleaseRefusal>,
    ) -> Result<T, ReleaseRefusal> {
        let mut made = None;
        self.replace(&mut |state| {
            let (next, value) = make(&self.terms, state)?;
            made = Some(value);
            Ok(next)
        })?;
        made.ok_or_else(|| ReleaseRefusal::not_kept("nothing was made"))
    }

    /// The same; `make` returns the next one if there is one. One function for all that changes the store.
    fn replace(
        &self,
        make: &mut dyn FnMut(&Releases) -> Result<Option<Releases>, ReleaseRefusal>,
    ) -> Result<(), ReleaseRefusal> {
        for _ in 0..TRIES {
            let (state, stored) = self.store()?;
            let Some(next) = make(&state)? else { return Ok(()) };
            let bytes = next.encode();
            let written = shared::replace(&self.keys.store, stored.as_ref(), &bytes);
            if written.map_err(host_trouble)? {
                shared::put(&self.keys.cell, b"!").map_err(host_trouble)?;
                return Ok(());
            }
        }
        Err(ReleaseRefusal::not_kept("other releases were faster; try again"))
    }

    // --- the source ---------------------------------------------------------------------------------------------

    /// Takes the turn to ask the source. `None`: it is not due, or another worker has taken it.
    pub fn take_turn(&self, source: &PolledSource) -> Option<Poll> {
        let stored = shared::get(&self.keys.poll).ok()?;
        let poll = stored.as_ref().map(|stored| Poll::decode(&stored.value)).unwrap_or_default();
        let now = now_ms();
        if !poll.is_due(now) {
            return None;
        }
        let begun = poll.begun(now, source.every_ms);
        match shared::replace(&self.keys.poll, stored.as_ref(), &begun.encode()) {
            Ok(true) => Some(begun),
            Ok(false) | Err(_) => None,
        }
    }

    /// Records the outcome of a turn.
    pub fn end_turn(&self, source: &PolledSource, answer: bundle::PollResult) {
        let Some(poll) = self.poll() else { return };
        let now = now_ms();
        let ended = poll.ended(answer, now, source.every_ms, clock::nonce(0) ^ now.rotate_left(32));
        if ended.failures == SOURCE_FAILING {
            let why = ended.error.as_ref().map(|error| error.why.as_str()).unwrap_or_default();
            let line = format!("the source gives no release: {why}");
            telemetry::line(Level::Warn, &line);
            let cluster = ("hemostat.source.cluster", source.cluster.as_str().into());
            self.raise(EventKind::SourceFailing, vec![cluster, ("hemostat.reason", why.into())]);
        }
        if ended.told && !poll.told {
            telemetry::count("hemostat_source_silent_total");
            telemetry::line(Level::Error, "the source has given no release for 5 minutes");
            let cluster = ("hemostat.source.cluster", source.cluster.as_str().into());
            self.raise(EventKind::SourceSilent, vec![cluster]);
        }
        let _ = shared::put(&self.keys.poll, &ended.encode());
    }

    /// What the workers share about the source.
    pub fn poll(&self) -> Option<Poll> {
        let stored = shared::get(&self.keys.poll).ok()??;
        Some(Poll::decode(&stored.value))
    }

    /// A new configuration may take what the one before refused, and calls under way end with theirs: the source is
    /// asked for all of it again, at once.
    fn ask_anew(&self) {
        if let Some(poll) = self.poll() {
            let _ = shared::put(&self.keys.poll, &Poll { etag: None, next_ms: 0, ..poll }.encode());
        }
    }

    // --- status -------------------------------------------------------------------------------------------------

    /// The answer to a release that was taken.
    ///
    /// # Errors
    /// The host does not give what it has just kept.
    pub fn taken(&self, done: &Taken) -> Result<String, ReleaseRefusal> {
        let (state, _) = self.store()?;
        let followed = reporter::read(&self.terms.config.scope);
        let running = done.running.as_ref();
        Ok(bundle::taken(running, done.unchanged, &state, &followed, now_s()))
    }

    /// What operators are shown.
    pub fn status(&self) -> Result<String, ReleaseRefusal> {
        let (state, _) = self.store()?;
        // What this thread runs is not built again for everybody who asks.
        let built = self.running.borrow().clone().filter(|(stamp, _)| *stamp == state.stamp());
        let running = match built {
            Some((_, running)) => Some(running),
            None => state.running(&self.terms).ok().flatten(),
        };
        let marks = marks::read(&self.terms.config.scope);
        let trouble = shared::get(&self.keys.trouble).ok().flatten();
        let trouble = trouble.and_then(|trouble| LastRefusal::decode(&trouble.value));
        let poll = self.poll();
        let pending = pending::read(&self.terms.config.scope);
        let program = running.as_ref().map(|running| &running.program);
        let global = program.map(|program| fleet::status::json(program, &accounts::fleet()));
        let scope = &self.terms.config.scope;
        let facts = bundle::StatusInputs {
            events: &recent::json(scope),
            providers: &watch::json(scope),
            terms: &self.terms,
            state: &state,
            running: running.as_ref(),
            trouble: trouble.as_ref(),
            book: Some(&accounts::book()),
            pending: &pending,
            global: global.as_deref().unwrap_or("{}"),
            poll: poll.as_ref(),
            marks: marks.as_ref(),
            followers: &reporter::read(&self.terms.config.scope),
            now_ms: now_ms(),
            filter: telemetry::VERSION,
        };
        Ok(bundle::status(&facts, telemetry::read))
    }
}

/// Asks the source.
pub fn ask(source: &PolledSource, etag: Option<&str>) -> Result<u32, HostError> {
    let mut headers = vec![("accept", "application/json")];
    headers.extend(etag.map(|etag| ("if-none-match", etag)));
    host::call::get(&source.cluster, &source.authority, &source.path, &headers, POLL_TIMEOUT_MS)
}

/// The outcome of asking the source, once its release has been judged.
pub fn answer(offered: &Result<Taken, ReleaseRefusal>, etag: Option<String>) -> bundle::PollResult {
    match offered {
        Ok(_) => bundle::PollResult::Fresh(etag),
        Err(refusal) => match refusal.code {
            // What it serves is not a release signed by a trusted key: the source is as good as down.
            RefusalCode::TooBig
            | RefusalCode::NotAnEnvelope
            | RefusalCode::WrongType
            | RefusalCode::Untrusted
            | RefusalCode::NotARelease => bundle::PollResult::Failed(refusal.to_string()),
            RefusalCode::NotKept => bundle::PollResult::Fresh(None),
            _ => bundle::PollResult::Fresh(etag),
        },
    }
}
