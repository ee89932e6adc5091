//! What the filter tells the world: counters, log lines, values for the access log; and the account of kept memory.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::panic::PanicHookInfo;

use hemostat_engine::base::sorted_map::SortedMap;
use hemostat_engine::context::memory::VmMemory;
use hemostat_engine::counters;
use hemostat_engine::policy::Program;

use crate::host::{self, HostError, Level};

/// The filter's version, for logs.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Names of counters that one VM defines. Each stays in the proxy for ever; the filter's own, and a policy of 200 rules
/// with five counters each, fit.
const COUNTERS: usize = 1280;

/// Past [`COUNTERS`], names with a rule are counted as `rule=other`: at most this many more names.
const OVERFLOW_COUNTERS: usize = 128;

/// The name of all counters past both bounds.
const LOST: &str = "hemostat_counters_lost_total";

/// Counts calls that the host failed, by call. A counter's name carries its labels as `name;label=value;label=value`:
/// the bootstrap's `stats_tags` take them off with `(;label=([^;]*))` and leave the bare name.
const HOST_TROUBLE: &str = "hemostat_host_trouble_total;reason=";

/// Stands before every label of a counter's name.
const LABEL: char = ';';

/// Begins the label `rule` in a counter's name.
const RULE: &str = ";rule=";

/// A log line is cut here, in bytes: the engine's are short, and one line of a log is not the place for more.
const LINE_BYTES: usize = 2048;

/// Names of gauges that one VM defines: some of each scope, and one for each version that was in force.
const GAUGES: usize = 128;

/// The host calls that are counted where they fail.
const HOST_CALLS: &[&str] = &[
    "request_headers",
    "request_body",
    "set_request_body",
    "response_headers",
    "response_body",
    "set_response_body",
    "set_response_body_at_trailers",
    "set_header",
    "remove_header",
    "send_local_response",
    "close_stream",
    "continue_stream",
    "property",
    "set_property",
    "get_shared_data",
    "set_shared_data",
    "http_call",
    "call_body",
    "grpc_call",
    "grpc_message",
    "tick",
];

thread_local! {
    static GAUGE_IDS: RefCell<SortedMap<String, Option<u32>>> = const { RefCell::new(SortedMap::new()) };
    static HISTOGRAM_IDS: RefCell<SortedMap<&'static str, Option<u32>>> = const { RefCell::new(SortedMap::new()) };
    static COUNTER_IDS: RefCell<CounterIds> = RefCell::new(CounterIds::default());
    static COUNTERS_AT: RefCell<[CounterAt; LAST_COUNTERS]> = const { RefCell::new([((0, 0), None); LAST_COUNTERS]) };
    static TROUBLES: RefCell<SortedMap<&'static str, u64>> = const { RefCell::new(SortedMap::new()) };
    static MEMORY: VmMemory = VmMemory::default();
}

/// The host's numbers for counters, by name.
type CounterIds = HashMap<String, Option<u32>, BuildHasherDefault<NameHasher>>;

/// Where the name of a counter stands and how long it is, and the host's number for it.
type CounterAt = ((usize, usize), Option<u32>);

/// So many counters are known by where their names stand: an ordinary exchange has three.
const LAST_COUNTERS: usize = 32;

/// A hash of names, eight bytes at a time. There are at most [`COUNTERS`] and some of them, so that nobody gains by names
/// that meet, and each request counts under three or four: the standard library's hash costs twenty times as much.
#[derive(Debug, Clone, Copy, Default)]
struct NameHasher(u64);

impl NameHasher {
    fn add(&mut self, word: u64) {
        /// An odd number whose multiples are far apart (2^64 divided by the golden ratio).
        const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(GOLDEN);
    }
}

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        words.iter().for_each(|word| self.add(u64::from_le_bytes(*word)));
        match bytes.last_chunk() {
            // The rest, and some bytes before it again.
            Some(last) => self.add(u64::from_le_bytes(*last)),
            None => rest.iter().for_each(|byte| self.add(u64::from(*byte))),
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.add(u64::from(byte));
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

/// A host call that failed where traffic depended on it.
#[derive(Debug, Clone, Copy)]
pub struct Trouble {
    /// The call, as counters and logs name it.
    pub call: &'static str,
    /// The host's status.
    pub error: HostError,
}

impl Trouble {
    /// For `map_err`: names the call that failed.
    pub fn with(call: &'static str) -> impl Fn(HostError) -> Self {
        move |error| Self { call, error }
    }

    /// Counts it, and logs its first, second, fourth … time: enough to see, too little to fill a disk.
    #[cold]
    pub fn report(self) {
        count(&format!("{HOST_TROUBLE}{}", self.call));
        let times = TROUBLES.with(|troubles| {
            let Ok(mut troubles) = troubles.try_borrow_mut() else { return 1 };
            let times = troubles.get(self.call).copied().unwrap_or(0).saturating_add(1);
            troubles.insert(self.call, times);
            times
        });
        if times.is_power_of_two() {
            let Self { call, error } = self;
            line(Level::Warn, &format!("host call `{call}` failed: {error}, {times} times so far"));
        }
    }
}

/// Logs one line. Control characters are escaped, so that nobody can forge a second one.
pub fn line(level: Level, text: &str) {
    host::log(level, &one_line(text));
}

fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(LINE_BYTES));
    for c in text.chars() {
        if line.len() >= LINE_BYTES {
            line.push('…');
            break;
        }
        // U+2028 and U+2029 end a line for some readers of logs.
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// Adds one to a counter.
pub fn count(name: &str) {
    add(counter(name), 1);
}

/// Adds to a counter. One whose name stands in the module is known by where it stands.
pub fn count_by(name: Cow<'static, str>, amount: u64) {
    add(
        match name {
            Cow::Borrowed(name) => counter_at(name),
            Cow::Owned(name) => counter(&name),
        },
        amount,
    );
}

fn add(counter: Option<u32>, amount: u64) {
    if let Some(id) = counter {
        // If this fails, there is nowhere left to report it.
        let _ = host::increment(id, amount);
    }
}

/// The host's number for a counter whose name stands in the module: what is there never changes, so that the name need not be
/// read if it is one of those that were asked for last.
fn counter_at(name: &'static str) -> Option<u32> {
    let place = (name.as_ptr().addr(), name.len());
    COUNTERS_AT.with(|counters| {
        let mut counters = counters.try_borrow_mut().ok()?;
        // Names are longer than sixteen bytes.
        let own = counters.get_mut(place.0 / 16 % LAST_COUNTERS)?;
        if own.0 != place {
            *own = (place, counter(name));
        }
        own.1
    })
}

/// Defines every counter that does not depend on a policy: from here on it exists, at 0.
pub fn define_fixed() {
    let own = HOST_CALLS.iter().map(|call| format!("{HOST_TROUBLE}{call}"));
    counters::fixed().into_iter().chain(own).for_each(|name| {
        counter(&name);
    });
}

/// Defines every counter of a policy's rules.
pub fn define(program: &Program) {
    counters::of(program).iter().for_each(|name| {
        counter(name);
    });
}

/// Sets a gauge of the process.
pub fn gauge(name: &str, value: u64) {
    let id = GAUGE_IDS.with(|ids| {
        let mut ids = ids.try_borrow_mut().ok()?;
        if let Some(id) = ids.get(name) {
            return *id;
        }
        if ids.len() >= GAUGES {
            return None;
        }
        let id = host::define_gauge(name).ok();
        ids.insert(name.to_owned(), id);
        id
    });
    if let Some(id) = id {
        // If this fails, there is nowhere left to report it.
        let _ = host::record(id, value);
    }
}

/// True if a gauge of this name exists, or is not the last that there may be.
pub fn has_room_for_gauge(name: &str) -> bool {
    GAUGE_IDS.with_borrow(|ids| ids.contains_key(name) || ids.len() + 1 < GAUGES)
}

/// Puts a value into a histogram.
pub fn observe(name: &'static str, value: u64) {
    let id = HISTOGRAM_IDS.with(|ids| {
        let mut ids = ids.try_borrow_mut().ok()?;
        // The names are constants of the engine: a bounded set.
        if let Some(id) = ids.get(name) {
            return *id;
        }
        let id = host::define_histogram(name).ok();
        ids.insert(name, id);
        id
    });
    if let Some(id) = id {
        // If this fails, there is nowhere left to report it.
        let _ = host::record(id, value);
    }
}

/// The value of a counter of the process, over all workers.
pub fn read(name: &str) -> u64 {
    counter(name).and_then(|id| host::read_counter(id).ok()).unwrap_or(0)
}

/// The host's number for a counter.
fn counter(name: &str) -> Option<u32> {
    COUNTER_IDS.with(|ids| {
        let mut ids = ids.try_borrow_mut().ok()?;
        if let Some(id) = ids.get(name) {
            return *id;
        }
        let name = admitted(&ids, name);
        if let Some(id) = ids.get(name.as_str()) {
            return *id;
        }
        // A host that refused is not asked again.
        let id = host::define_counter(&name).ok();
        ids.insert(name, id);
        id
    })
}

/// The name under which this counter is kept: its own, while there is room.
fn admitted(ids: &CounterIds, name: &str) -> String {
    if ids.contains_key(name) || ids.len() < COUNTERS {
        return name.to_owned();
    }
    match other_rule(name) {
        Some(other) if ids.contains_key(&other) || ids.len() < COUNTERS + OVERFLOW_COUNTERS => {
            other
        }
        _ => LOST.to_owned(),
    }
}

/// The name with `other` as its rule; `None` if it says no rule.
fn other_rule(name: &str) -> Option<String> {
    let (before, rest) = name.split_once(RULE)?;
    let after = rest.find(LABEL).and_then(|at| rest.get(at..)).unwrap_or_default();
    Some(format!("{before}{RULE}other{after}"))
}

/// The account of the memory that streams of this VM keep.
pub fn memory() -> VmMemory {
    MEMORY.with(VmMemory::clone)
}

/// Says where the filter broke. Messages that were formatted may quote traffic (`… is not a char boundary; it is inside
/// … of "…"`), so only those that stand in the source are shown.
pub fn report_panic(info: &PanicHookInfo<'_>) {
    // A module that is built for size knows no places (tools/wasm): there the proxy's backtrace names the function.
    let place = info.location().filter(|place| place.line() != 0);
    let place = place.map_or_else(String::new, |place| format!(" at {place}"));
    let message = info.payload().downcast_ref::<&'static str>().unwrap_or(&"(message withheld)");
    host::log(Level::Critical, &format!("hemostat {} panicked{place}: {message}", VERSION));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line_and_short() {
        assert_eq!(one_line("rule `a\nb`\u{2028}ü"), "rule `a\\nb`\\u{2028}ü");
        assert!(one_line(&"ü".repeat(10_000)).len() <= LINE_BYTES + 4);
    }

    #[test]
    fn counters_past_the_bound_share_a_name() {
        let name = |rule: usize| format!("hits;rule=r{rule};action=block");
        for rule in 0..COUNTERS + 5_000 {
            count(&name(rule));
        }
        for other in 0..5_000 {
            count(&format!("hits_{other};rule=x"));
            count(&format!("no_rule_{other}"));
        }
        COUNTER_IDS.with_borrow(|ids| {
            assert!(ids.contains_key("hits;rule=r0;action=block"));
            assert!(ids.contains_key("hits;rule=other;action=block"));
            assert!(ids.contains_key(LOST));
            assert!(ids.len() <= COUNTERS + OVERFLOW_COUNTERS + 1);
        });
    }
}
