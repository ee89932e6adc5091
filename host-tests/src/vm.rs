//! One instance of the module: how callbacks are called, and how it dies.

use wasmtime::{Instance, Store, StoreLimitsBuilder, Trap, Val};

use crate::error::{Rejected, TrapCause, Trapped};
use crate::host::Host;
use crate::memory::HostStop;
use crate::state::{Deferred, HostState, Root};

/// An instance with its state.
pub(crate) struct Vm {
    pub(crate) host: Host,
    pub(crate) store: Store<HostState>,
    instance: Instance,
    last_context: u32,
    pub(crate) dead: Option<Trapped>,
    pub(crate) last_fuel: u64,
}

impl Vm {
    /// Instantiates the module and runs `_initialize`, during which only `proxy_log` may be called.
    pub(crate) fn start(host: &Host, worker: Option<u32>) -> Result<Vm, Trapped> {
        let settings = host.settings();
        let limits = StoreLimitsBuilder::new().memory_size(settings.memory_limit).build();
        let mut store = Store::new(host.module().engine(), HostState::new(host, worker, limits));
        store.limiter(|state| &mut state.limits);
        store.data_mut().restricted = true;
        let started = store
            .set_fuel(settings.fuel_per_call)
            .and_then(|()| host.module().pre().instantiate(&mut store));
        let instance = match started {
            Ok(instance) => instance,
            Err(error) => return Err(trapped("the start function", &error, &mut store)),
        };
        let state = instance.get_memory(&mut store, "memory");
        store.data_mut().memory = state;
        let allocator = ["proxy_on_memory_allocate", "malloc"]
            .iter()
            .find_map(|name| instance.get_typed_func::<i32, i32>(&mut store, name).ok());
        store.data_mut().allocator = allocator;
        let mut vm =
            Vm { host: host.clone(), store, instance, last_context: 0, dead: None, last_fuel: 0 };
        for name in ["_initialize", "_start"] {
            if vm.call(name, 0, None)?.is_some() {
                break;
            }
        }
        vm.state_mut().restricted = false;
        Ok(vm)
    }

    /// A new instance in place of a dead one. Configurations start again under their old ids; exchanges
    /// of the old instance end without it.
    pub(crate) fn replace(&mut self) -> Result<(), Rejected> {
        let worker = self.state().worker;
        let mut next = Vm::start(&self.host, worker).map_err(Rejected::Trapped)?;
        next.last_context = self.last_context;
        let old = self.state_mut();
        let roots = std::mem::take(&mut old.roots);
        let mut streams = std::mem::take(&mut old.streams);
        for stream in streams.values_mut() {
            stream.bypass = true;
        }
        *self = next;
        self.state_mut().streams = streams;
        for (id, root) in roots.into_iter().filter(|(_, root)| !root.retired) {
            self.start_plugin(id, root)?;
        }
        Ok(())
    }

    pub(crate) fn state(&self) -> &HostState {
        self.store.data()
    }

    pub(crate) fn state_mut(&mut self) -> &mut HostState {
        self.store.data_mut()
    }

    pub(crate) fn new_context(&mut self) -> u32 {
        self.last_context = self.last_context.saturating_add(1);
        self.last_context
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.state().memory.map_or(0, |memory| memory.data_size(&self.store))
    }

    /// Creates a root context and configures it.
    pub(crate) fn start_plugin(&mut self, id: u32, root: Root) -> Result<(), Rejected> {
        let len = size(root.configuration.len());
        let vm_len = size(self.host.settings().vm_configuration.len());
        self.state_mut().roots.insert(id, root);
        let outcome = self.start_root(id, vm_len, len);
        self.state_mut().configuring = None;
        if outcome.is_err() {
            self.state_mut().roots.remove(&id);
        }
        outcome
    }

    fn start_root(&mut self, id: u32, vm_len: i32, len: i32) -> Result<(), Rejected> {
        self.run("proxy_on_context_create", id, &[0]).map_err(Rejected::Trapped)?;
        let started = self.run("proxy_on_vm_start", id, &[vm_len]).map_err(Rejected::Trapped)?;
        let unstarted = i32::from(self.host.quirks().starts_by_itself);
        if started.unwrap_or(unstarted) == 0 {
            return Err(Rejected::VmStart);
        }
        self.state_mut().configuring = Some(id);
        if self.run("proxy_on_configure", id, &[len]).map_err(Rejected::Trapped)? == Some(0) {
            return Err(Rejected::Configure);
        }
        Ok(())
    }

    /// Runs a callback, then what it asked for meanwhile. `None` when the module has no such export.
    ///
    /// A trap kills the VM.
    pub(crate) fn run(
        &mut self,
        name: &str,
        context: u32,
        args: &[i32],
    ) -> Result<Option<i32>, Trapped> {
        let called = self.call(name, context, Some(args));
        let deferred = std::mem::take(&mut self.state_mut().deferred);
        let value = match called {
            Ok(value) => value,
            Err(trapped) => {
                self.die(context, &trapped);
                return Err(trapped);
            }
        };
        for action in deferred {
            match action {
                Deferred::Resume(stream, direction) => self.resume(stream, direction),
                Deferred::LocalReply(stream, reply) => self.guest_reply(stream, reply),
                Deferred::Close(stream) => self.close(stream),
                Deferred::Done(root) => self.delete_root(root),
            }
        }
        Ok(value)
    }

    /// Calls an export: with the context as first argument, or without arguments.
    fn call(
        &mut self,
        name: &str,
        context: u32,
        args: Option<&[i32]>,
    ) -> Result<Option<i32>, Trapped> {
        let Some(export) = self.instance.get_func(&mut self.store, name) else {
            return Ok(None);
        };
        let fuel = self.host.settings().fuel_per_call;
        let state = self.state_mut();
        state.current = context;
        state.effective = 0;
        let mut params = Vec::new();
        if let Some(args) = args {
            params.push(Val::I32(context.cast_signed()));
            params.extend(args.iter().copied().map(Val::I32));
        }
        let mut results = vec![Val::I32(0); export.ty(&self.store).results().len()];
        let called = self
            .store
            .set_fuel(fuel)
            .and_then(|()| export.call(&mut self.store, &params, &mut results));
        let used = fuel.saturating_sub(self.store.get_fuel().unwrap_or(0));
        self.last_fuel = used;
        let state = self.state_mut();
        state.current = 0;
        state.effective = 0;
        if let Some(stream) = state.streams.get_mut(&context) {
            stream.fuel = stream.fuel.saturating_add(used);
        }
        match called {
            Ok(()) => Ok(Some(results.first().and_then(Val::i32).unwrap_or(0))),
            Err(error) => Err(trapped(name, &error, &mut self.store)),
        }
    }

    /// Ends a retired root context once no exchange uses it.
    pub(crate) fn end_root_if_unused(&mut self, id: u32) {
        let state = self.state();
        let used = state.streams.values().any(|stream| stream.root == id);
        let retired = state.roots.get(&id).is_some_and(|root| root.retired && !root.awaits_done);
        if used || !retired || self.dead.is_some() {
            return;
        }
        match self.run("proxy_on_done", id, &[]) {
            Ok(Some(0)) => {
                if let Some(root) = self.state_mut().roots.get_mut(&id) {
                    root.awaits_done = true;
                }
            }
            Ok(_) => self.delete_root(id),
            // The VM is dead, and with it the root.
            Err(_) => {}
        }
    }

    fn delete_root(&mut self, id: u32) {
        // A trap here is recorded as the death of the VM.
        let _ = self.run("proxy_on_delete", id, &[]);
        self.state_mut().roots.remove(&id);
    }
}

/// A length as the ABI passes it.
pub(crate) fn size(len: usize) -> i32 {
    i32::try_from(len).unwrap_or(i32::MAX)
}

fn trapped(callback: &str, error: &wasmtime::Error, store: &mut Store<HostState>) -> Trapped {
    let cause = match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => TrapCause::OutOfFuel,
        Some(Trap::StackOverflow) => TrapCause::StackOverflow,
        _ if error.downcast_ref::<HostStop>().is_some() => TrapCause::Host,
        _ => TrapCause::Guest,
    };
    let critical = store.data_mut().critical.take();
    Trapped { callback: callback.to_owned(), message: format!("{error:#}"), cause, critical }
}
