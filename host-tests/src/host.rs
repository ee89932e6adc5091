//! One proxy process.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::abi::{LogLevel, Status};
use crate::error::Trapped;
use crate::faults::Faults;
use crate::module::Module;
use crate::property::{Property, join};
use crate::quirks::{HostKind, Quirks};
use crate::store::{Metric, Metrics, SharedData, SharedQueues, SharedValue};
use crate::worker::Worker;

/// A line that a guest logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Which worker's guest it was; `None` for a throw-away canary.
    pub worker: Option<u32>,
    /// The context that logged it.
    pub context: u32,
    /// The severity.
    pub level: LogLevel,
    /// The text; bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// What the process does with exchanges once the VM of a worker is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FailurePolicy {
    /// Answer 503 (Envoy's default).
    #[default]
    Closed,
    /// Let exchanges pass without the plugin.
    Open,
    /// Make a new VM for the next exchange. Envoy also waits for a backoff, which this host leaves out.
    Reload,
}

/// The settings of a host process and of the plugin in it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How the host behaves.
    pub quirks: Quirks,
    /// The plugin's name (`plugin_name`).
    pub plugin_name: String,
    /// The plugin's root id (`plugin_root_id`).
    pub root_id: String,
    /// The VM's id (`plugin_vm_id`), which is also the name space of shared data.
    pub vm_id: String,
    /// What `proxy_on_vm_start` can read.
    pub vm_configuration: Vec<u8>,
    /// Pause in a headers callback holds the headers only (Envoy's `StopIteration`), so body callbacks run.
    /// Without it they wait until the guest resumes.
    pub allow_on_headers_stop_iteration: bool,
    /// What happens to exchanges after a trap.
    pub failure_policy: FailurePolicy,
    /// Bytes of a body that the host buffers for a pausing guest (Envoy's
    /// `per_connection_buffer_limit_bytes`).
    pub buffer_limit: usize,
    /// Fuel of one callback, about one unit an instruction: above it, the guest has trapped.
    pub fuel_per_call: u64,
    /// Bytes of the guest's linear memory.
    pub memory_limit: usize,
    /// What `proxy_get_log_level` says.
    pub log_level: LogLevel,
}

/// Envoy's default for a listener's `per_connection_buffer_limit_bytes`.
const ENVOY_BUFFER_LIMIT: usize = 1 << 20;
/// Envoy's limit of a VM's linear memory (`proxy-wasm-cpp-host`, `limits.h`).
const ENVOY_MEMORY_LIMIT: usize = 1 << 30;
/// Some seconds of work: far above any sane callback, and soon over for an endless loop.
const FUEL_PER_CALL: u64 = 4_000_000_000;

impl Settings {
    /// The default settings of this kind of host.
    #[must_use]
    pub fn of(kind: HostKind) -> Settings {
        Settings {
            quirks: Quirks::of(kind),
            plugin_name: "plugin".to_owned(),
            root_id: "root".to_owned(),
            vm_id: "vm".to_owned(),
            vm_configuration: Vec::new(),
            allow_on_headers_stop_iteration: false,
            failure_policy: FailurePolicy::Closed,
            buffer_limit: ENVOY_BUFFER_LIMIT,
            fuel_per_call: FUEL_PER_CALL,
            memory_limit: ENVOY_MEMORY_LIMIT,
            log_level: LogLevel::Trace,
        }
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings::of(HostKind::Envoy)
    }
}

type Foreign = Arc<dyn Fn(&[u8]) -> Result<Vec<u8>, Status> + Send + Sync>;

/// The mutable state of a process, behind one lock that is never held while a guest runs.
#[derive(Default)]
pub(crate) struct Process {
    pub(crate) data: SharedData,
    pub(crate) queues: SharedQueues,
    pub(crate) metrics: Metrics,
    pub(crate) faults: Faults,
    pub(crate) log: Vec<LogLine>,
    pub(crate) now: Duration,
    pub(crate) clusters: BTreeSet<Vec<u8>>,
    pub(crate) properties: BTreeMap<Vec<u8>, Property>,
    pub(crate) foreign: BTreeMap<Vec<u8>, Foreign>,
    workers: u32,
}

struct Inner {
    module: Module,
    settings: Settings,
    process: Mutex<Process>,
}

/// One proxy process: the module, its settings, and what its workers share.
///
/// It is cheap to clone, and can be sent to the threads of its workers. A [`Worker`] stays on its thread.
///
/// ```
/// use host_tests::{Host, Module};
///
/// let module = Module::load(wat::parse_str(r#"(module
///     (memory (export "memory") 1)
///     (func (export "malloc") (param i32) (result i32) i32.const 1024)
///     (func (export "proxy_abi_version_0_2_1")))"#)?)?;
/// let host = Host::new(&module);
/// let worker = host.worker()?;
/// let plugin = worker.configure(b"{}")?;
/// let mut exchange = worker.exchange(&plugin);
/// exchange.request_headers([(":method", "GET"), (":path", "/")], true);
/// exchange.response_headers([(":status", "200")], false);
/// exchange.response_data("hello", true);
/// let outcome = exchange.finish();
/// assert_eq!(outcome.downstream.body(), b"hello");
/// assert_eq!(outcome.violations, []);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Host(Arc<Inner>);

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

/// The clock of a new process: 2026-01-01T00:00:00Z.
const START: Duration = Duration::from_secs(1_767_225_600);

impl Host {
    /// A process as Envoy is by default.
    #[must_use]
    pub fn new(module: &Module) -> Host {
        Host::with(module, Settings::default())
    }

    /// A process with these settings.
    #[must_use]
    pub fn with(module: &Module, settings: Settings) -> Host {
        let process = Process { now: START, ..Process::default() };
        Host(Arc::new(Inner { module: module.clone(), settings, process: Mutex::new(process) }))
    }

    /// A new worker: one instance of the module, with `_initialize` done.
    ///
    /// # Errors
    /// The guest trapped in its start function or in `_initialize`.
    pub fn worker(&self) -> Result<Worker, Trapped> {
        let id = {
            let mut process = self.process();
            process.workers = process.workers.saturating_add(1);
            process.workers
        };
        Worker::start(self, id)
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The module.
    #[must_use]
    pub fn module(&self) -> &Module {
        &self.0.module
    }

    pub(crate) fn quirks(&self) -> Quirks {
        self.0.settings.quirks
    }

    /// A thread that panics while holding the lock leaves a consistent state: no change takes two steps.
    pub(crate) fn process(&self) -> MutexGuard<'_, Process> {
        self.0.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time since 1970 that guests read. It only moves by [`Host::advance`].
    #[must_use]
    pub fn now(&self) -> Duration {
        self.process().now
    }

    /// Moves the clock. Ticks that fall due run with [`Worker::run_due_ticks`].
    pub fn advance(&self, by: Duration) {
        let mut process = self.process();
        process.now = process.now.saturating_add(by);
    }

    /// A value of shared data.
    #[must_use]
    pub fn shared(&self, key: impl AsRef<[u8]>) -> Option<SharedValue> {
        self.process().data.get(key.as_ref())
    }

    /// All of the shared data.
    #[must_use]
    pub fn shared_data(&self) -> BTreeMap<Vec<u8>, SharedValue> {
        self.process().data.all()
    }

    /// Writes shared data as another plugin of the same `vm_id` would.
    ///
    /// # Errors
    /// [`Status::CasMismatch`] when `cas` is neither 0 nor the current number.
    pub fn set_shared(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        cas: u32,
    ) -> Result<(), Status> {
        let creates = self.quirks().cas_creates_missing_key;
        self.process().data.set(key.as_ref(), value.as_ref(), cas, creates)
    }

    /// All metrics by name.
    #[must_use]
    pub fn metrics(&self) -> BTreeMap<String, Metric> {
        self.process().metrics.all()
    }

    /// The value of a counter; 0 when nobody defined it.
    #[must_use]
    pub fn counter(&self, name: &str) -> u64 {
        match self.metrics().get(name) {
            Some(Metric::Counter(sum)) => *sum,
            _ => 0,
        }
    }

    /// All lines that guests logged so far.
    #[must_use]
    pub fn log(&self) -> Vec<LogLine> {
        self.process().log.clone()
    }

    /// Adds a cluster, so that callouts to it work.
    pub fn add_cluster(&self, name: impl AsRef<[u8]>) {
        self.process().clusters.insert(name.as_ref().to_vec());
    }

    /// Sets a property for all exchanges, such as `["xds", "route_name"]`.
    pub fn set_property(&self, path: &[&str], value: Property) {
        self.process().properties.insert(join(path), value);
    }

    /// Offers a foreign function to guests.
    pub fn add_foreign_function(
        &self,
        name: &str,
        function: impl Fn(&[u8]) -> Result<Vec<u8>, Status> + Send + Sync + 'static,
    ) {
        self.process().foreign.insert(name.as_bytes().to_vec(), Arc::new(function));
    }

    /// Makes the `n`-th host call from now on (from 1, of all workers) return `status` and do nothing.
    pub fn fail_nth_call(&self, n: u64, status: Status) {
        self.process().faults.plan(None, Some(n), status);
    }

    /// Makes the `n`-th call of this import from now on (from 1) return `status` and do nothing.
    pub fn fail_nth_call_of(&self, import: &str, n: u64, status: Status) {
        self.process().faults.plan(Some(import), Some(n), status);
    }

    /// Makes every call of this import return `status` and do nothing.
    pub fn fail_every_call_of(&self, import: &str, status: Status) {
        self.process().faults.plan(Some(import), None, status);
    }

    /// Clears planned faults.
    pub fn clear_faults(&self) {
        self.process().faults.clear();
    }

    /// How many host calls failed because of a planned fault since the last [`Host::clear_faults`].
    #[must_use]
    pub fn faults_hit(&self) -> u64 {
        self.process().faults.hits()
    }

    /// How often guests called each import.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.process().faults.calls()
    }

    /// How many host calls there were: the range of `n` for [`Host::fail_nth_call`].
    #[must_use]
    pub fn call_count(&self) -> u64 {
        self.calls().values().sum()
    }
}
