//! Streams under way on this worker, so that a policy that comes into force can end those that it would have stopped
//! (`running: cut`).
//!
//! A configuration that Envoy replaces leaves its streams behind: they finish under a root context that is told of
//! nothing any more. What outlives both is the VM, so the list of streams is the VM's. A stream is asked about by every
//! policy that comes into force under the name of its configuration after it began; one that is to end does so at its next
//! byte. A silent one is reset at last: no host lets a filter write to a stream while nothing passes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use hemostat_engine::base::sorted_map::SortedMap;
use hemostat_engine::lever::running::{RunningStream, StreamStop, cutting};
use hemostat_engine::limits::SILENT_NS;
use hemostat_engine::policy::Program;
use hemostat_engine::policy::document::Mode;

use crate::clock;
use crate::host;
use crate::telemetry::Trouble;

/// How often silent streams are looked at where nothing else makes a plugin tick, in milliseconds.
pub const LOOK_MS: u64 = 500;

thread_local! {
    static STREAMS: RefCell<Streams> = RefCell::default();
}

/// All streams of a VM.
#[derive(Debug, Default)]
struct Streams {
    /// By the number of their context.
    under_way: SortedMap<u32, Rc<Entry>>,
    /// What is in force, by the name of the configuration.
    in_force: SortedMap<Rc<str>, InForce>,
    /// Counts what has come into force.
    turn: u64,
}

#[derive(Debug)]
struct InForce {
    program: Rc<Program>,
    /// What its rules did when it was last asked: time alone can change that.
    modes: Vec<Mode>,
    turn: u64,
}

/// One stream.
#[derive(Debug)]
pub struct Entry {
    name: Rc<str>,
    asked: RunningStream,
    stop: RefCell<Option<StreamStop>>,
    /// Since when it is to end (Unix nanoseconds).
    since: Cell<u64>,
    envoy: bool,
}

impl Entry {
    /// Asks a policy about this stream, unless one has ended it already.
    fn ask(&self, program: &Program) {
        let mut stop = self.stop.borrow_mut();
        if stop.is_none() {
            let now = clock::now_ns();
            *stop = self.asked.stopped_by(program, now / 1_000_000_000);
            self.since.set(now);
        }
    }

    /// The rule that ends the stream, given away once.
    pub fn take(&self) -> Option<StreamStop> {
        self.stop.borrow_mut().take()
    }

    /// True if the stream is to end and has been silent for too long.
    fn is_late(&self, now: u64) -> bool {
        let ends = self.stop.borrow().as_ref().is_some_and(|stop| !stop.is_shadow());
        ends && self.envoy && now.saturating_sub(self.since.get()) >= SILENT_NS
    }
}

/// What the rules that end streams do now.
fn modes(program: &Program) -> Vec<Mode> {
    let now = clock::now_ns() / 1_000_000_000;
    cutting(program).map(|rule| rule.rule.mode_at(now)).collect()
}

/// How many policies have come into force on this worker.
pub fn turn() -> u64 {
    STREAMS.with_borrow(|streams| streams.turn)
}

/// This policy is in force now under the configurations of this name.
pub fn in_force(name: &Rc<str>, program: &Rc<Program>) {
    STREAMS.with_borrow_mut(|streams| {
        streams.turn += 1;
        let in_force =
            InForce { program: Rc::clone(program), modes: modes(program), turn: streams.turn };
        streams.in_force.insert(Rc::clone(name), in_force);
        streams.ask(name);
    });
}

/// An answer has begun to pass under this policy; its request began at this turn.
pub fn begin(
    stream: u32,
    name: &Rc<str>,
    began: u64,
    asked: RunningStream,
    envoy: bool,
) -> Rc<Entry> {
    let (stop, since) = (RefCell::default(), Cell::default());
    let entry = Rc::new(Entry { name: Rc::clone(name), asked, stop, since, envoy });
    STREAMS.with_borrow_mut(|streams| {
        if let Some(now) = streams.in_force.get(name).filter(|now| now.turn > began) {
            entry.ask(&now.program);
        }
        streams.under_way.insert(stream, Rc::clone(&entry));
    });
    entry
}

/// A stream is over.
pub fn end(stream: u32) {
    STREAMS.with_borrow_mut(|streams| streams.under_way.remove(&stream));
}

/// Time has passed: rules may have come into force by it, and streams that were to end may have been silent too long.
/// `root`: the context in whose name this thread goes on.
pub fn tick(root: u32) {
    let late = STREAMS.with_borrow_mut(Streams::tick);
    if late.is_empty() {
        return;
    }
    for stream in &late {
        let done = host::act_for(*stream).and_then(|()| host::reset_response());
        if let Err(error) = done {
            Trouble { call: "close_stream", error }.report();
        }
    }
    if let Err(error) = host::act_for(root) {
        Trouble { call: "set_effective_context", error }.report();
    }
}

impl Streams {
    fn ask(&self, name: &Rc<str>) {
        let Some(now) = self.in_force.get(name) else { return };
        self.under_way.values().filter(|stream| stream.name == *name).for_each(|stream| {
            stream.ask(&now.program);
        });
    }

    /// Streams that are reset now.
    fn tick(&mut self) -> Vec<u32> {
        let mut changed = Vec::new();
        for (name, now) in self.in_force.iter_mut() {
            let modes = modes(&now.program);
            if modes != now.modes {
                self.turn += 1;
                (now.modes, now.turn) = (modes, self.turn);
                changed.push(Rc::clone(name));
            }
        }
        changed.iter().for_each(|name| self.ask(name));
        let now = clock::now_ns();
        let late = self.under_way.iter().filter(|(_, stream)| stream.is_late(now));
        // The stop itself stays for the record that is made when the stream is over.
        let late: Vec<u32> = late.map(|(number, _)| *number).collect();
        late.iter().for_each(|stream| {
            self.under_way.remove(stream);
        });
        late
    }
}
