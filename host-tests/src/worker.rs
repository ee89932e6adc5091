//! One worker thread of the process, with its instance of the module.

use std::cell::{Ref, RefCell, RefMut};
use std::fmt;
use std::rc::Rc;

use crate::calls::{Call, CallAnswer, HttpCall};
use crate::error::{Rejected, Trapped};
use crate::exchange::Exchange;
use crate::host::{FailurePolicy, Host};
use crate::state::Root;
use crate::stream::Stream;
use crate::vm::{Vm, size};

/// One plugin configuration in a worker: a root context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PluginContext {
    pub(crate) root: u32,
}

/// A worker: one instance of the module, and the exchanges that run in it.
///
/// Clones are the same worker. It stays on its thread, as in a proxy; other workers of the same
/// [`Host`] can run on other threads.
#[derive(Clone)]
pub struct Worker {
    vm: Rc<RefCell<Vm>>,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("id", &self.vm().state().worker).finish_non_exhaustive()
    }
}

impl Worker {
    pub(crate) fn start(host: &Host, id: u32) -> Result<Worker, Trapped> {
        Ok(Worker { vm: Rc::new(RefCell::new(Vm::start(host, Some(id))?)) })
    }

    fn vm(&self) -> Ref<'_, Vm> {
        self.vm.borrow()
    }

    /// Never held across two calls: the guest cannot call back into a test.
    pub(crate) fn vm_mut(&self) -> RefMut<'_, Vm> {
        self.vm.borrow_mut()
    }

    /// The process.
    #[must_use]
    pub fn host(&self) -> Host {
        self.vm().host.clone()
    }

    /// Starts a plugin with this configuration: as in Envoy, first in a throw-away instance (whose
    /// writes to shared data are real), then here. Configurations that run already are not touched.
    ///
    /// # Errors
    /// The guest refused the configuration or trapped. When it was the throw-away instance that did,
    /// this worker has seen nothing of it.
    pub fn configure(&self, configuration: impl AsRef<[u8]>) -> Result<PluginContext, Rejected> {
        let host = self.host();
        let root = Root {
            configuration: configuration.as_ref().to_vec(),
            stop_iteration: host.settings().allow_on_headers_stop_iteration,
            ..Root::default()
        };
        if host.quirks().canary {
            let mut canary = Vm::start(&host, None).map_err(Rejected::Trapped)?;
            let id = canary.new_context();
            canary.start_plugin(id, root.clone())?;
        }
        let mut vm = self.vm_mut();
        revive(&mut vm)?;
        if vm.dead.is_some() {
            return Err(Rejected::DeadVm);
        }
        let id = vm.new_context();
        vm.start_plugin(id, root)?;
        Ok(PluginContext { root: id })
    }

    /// Puts a new configuration in the place of `old`: new exchanges are to use the new one, and the
    /// old one ends (`proxy_on_done`, `proxy_on_delete`) once its last exchange has.
    ///
    /// # Errors
    /// As [`Worker::configure`]; then the old one stays.
    pub fn reconfigure(
        &self,
        old: &PluginContext,
        configuration: impl AsRef<[u8]>,
    ) -> Result<PluginContext, Rejected> {
        let new = self.configure(configuration)?;
        self.retire(old);
        Ok(new)
    }

    /// Ends a configuration once its last exchange has ended.
    pub fn retire(&self, plugin: &PluginContext) {
        let mut vm = self.vm_mut();
        if let Some(root) = vm.state_mut().roots.get_mut(&plugin.root) {
            root.retired = true;
        }
        vm.end_root_if_unused(plugin.root);
    }

    /// Whether the configuration still has its root context.
    #[must_use]
    pub fn is_alive(&self, plugin: &PluginContext) -> bool {
        let vm = self.vm();
        vm.dead.is_none() && vm.state().roots.contains_key(&plugin.root)
    }

    /// Why the VM is dead, if it is.
    #[must_use]
    pub fn dead(&self) -> Option<Trapped> {
        self.vm().dead.clone()
    }

    /// Begins an exchange. Several can run side by side.
    #[must_use]
    pub fn exchange(&self, plugin: &PluginContext) -> Exchange {
        let mut vm = self.vm_mut();
        // When the guest does not start again, the VM is as dead as before.
        let _ = revive(&mut vm);
        let settings = vm.host.settings().clone();
        let id = vm.new_context();
        let dead = vm.dead.is_some();
        let open = settings.failure_policy == FailurePolicy::Open;
        let root = vm.state().roots.get(&plugin.root);
        let stream = Stream {
            root: plugin.root,
            bypass: dead && open,
            refused: dead && !open,
            began: vm.host.now(),
            buffer_limit: settings.buffer_limit,
            stop_iteration: root.is_some_and(|root| root.stop_iteration),
            ..Stream::default()
        };
        vm.state_mut().streams.insert(id, stream);
        if !dead {
            // A trap is recorded in the stream.
            let _ = vm.run("proxy_on_context_create", id, &[size(plugin.root as usize)]);
        }
        drop(vm);
        Exchange::new(self.clone(), id)
    }

    /// The HTTP callouts that wait for an answer, oldest first.
    #[must_use]
    pub fn http_calls(&self) -> Vec<HttpCall> {
        self.vm().state().calls.http.values().cloned().collect()
    }

    /// The gRPC calls and streams that are open, oldest first.
    #[must_use]
    pub fn grpc_calls(&self) -> Vec<Call> {
        self.vm().state().calls.grpc.values().cloned().collect()
    }

    /// Answers an HTTP callout. False when there is no such callout, or its root context is gone.
    pub fn answer_http(&self, token: u32, answer: CallAnswer) -> bool {
        let mut vm = self.vm_mut();
        let Some(call) = vm.state_mut().calls.http.remove(&token) else { return false };
        let (headers, trailers) = (size(answer.headers.len()), size(answer.trailers.len()));
        let args = [token.cast_signed(), headers, size(answer.body.len()), trailers];
        vm.state_mut().calls.answer = Some(answer);
        let ran = run_on_root(&mut vm, "proxy_on_http_call_response", call.root, &args);
        vm.state_mut().calls.answer = None;
        ran
    }

    /// Sends a message to a gRPC call; a unary call is over then. False when there is no such call.
    pub fn answer_grpc(&self, token: u32, message: impl AsRef<[u8]>) -> bool {
        let mut vm = self.vm_mut();
        let calls = &mut vm.state_mut().calls;
        let Some(call) = calls.grpc.get(&token).cloned() else { return false };
        if !call.stream {
            calls.grpc.remove(&token);
        }
        let message = message.as_ref().to_vec();
        let args = [token.cast_signed(), size(message.len())];
        calls.message = Some(message);
        calls.status = (0, Vec::new());
        let ran = run_on_root(&mut vm, "proxy_on_grpc_receive", call.root, &args);
        vm.state_mut().calls.message = None;
        ran
    }

    /// Ends a gRPC call or stream with this status. False when there is no such call.
    pub fn close_grpc(&self, token: u32, status: i32, message: &str) -> bool {
        let mut vm = self.vm_mut();
        let calls = &mut vm.state_mut().calls;
        let Some(call) = calls.grpc.remove(&token) else { return false };
        calls.status = (status, message.as_bytes().to_vec());
        let args = [token.cast_signed(), status];
        run_on_root(&mut vm, "proxy_on_grpc_close", call.root, &args)
    }

    /// Calls `proxy_on_tick` of every configuration whose period is over, and tells how many.
    /// As a timer that was late, each runs once, and its next period starts now.
    pub fn run_due_ticks(&self) -> usize {
        let mut vm = self.vm_mut();
        let now = vm.host.now();
        let mut due = Vec::new();
        for (id, root) in &mut vm.state_mut().roots {
            if let Some(tick) = root.tick.as_mut().filter(|tick| tick.due <= now) {
                tick.due = now.saturating_add(tick.period);
                due.push(*id);
            }
        }
        due.into_iter().filter(|id| run_on_root(&mut vm, "proxy_on_tick", *id, &[])).count()
    }

    /// Calls `proxy_on_queue_ready` for what was put into queues that this worker registered last, and
    /// tells how often.
    pub fn run_queue_notices(&self) -> usize {
        let mut vm = self.vm_mut();
        let worker = vm.state().worker.unwrap_or(0);
        let notices = vm.host.process().queues.take_ready(worker);
        notices
            .into_iter()
            .filter(|(root, queue)| {
                run_on_root(&mut vm, "proxy_on_queue_ready", *root, &[queue.cast_signed()])
            })
            .count()
    }

    /// Bytes of the guest's linear memory. It never shrinks.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.vm().memory_bytes()
    }

    /// Fuel that the last callback used.
    #[must_use]
    pub fn last_fuel(&self) -> u64 {
        self.vm().last_fuel
    }
}

/// Makes a new VM where the old one is dead and the host or its policy wants one.
fn revive(vm: &mut Vm) -> Result<(), Rejected> {
    let settings = vm.host.settings();
    let wanted =
        settings.quirks.new_vm_after_trap || settings.failure_policy == FailurePolicy::Reload;
    if vm.dead.is_some() && wanted { vm.replace() } else { Ok(()) }
}

/// Runs a callback of a root context. False when the root or the VM is gone, or the guest trapped.
fn run_on_root(vm: &mut Vm, name: &str, root: u32, args: &[i32]) -> bool {
    vm.dead.is_none() && vm.state().roots.contains_key(&root) && vm.run(name, root, args).is_ok()
}
