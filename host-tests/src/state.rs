//! The state that host calls of one instance work on: all of it is in the store, none is global.

use std::collections::BTreeMap;
use std::time::Duration;

use wasmtime::{Memory, StoreLimits, TypedFunc};

use crate::abi::{Direction, MetricKind};
use crate::calls::Calls;
use crate::host::Host;
use crate::outcome::LocalReply;
use crate::stream::Stream;

/// A root context: one plugin configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct Root {
    pub(crate) configuration: Vec<u8>,
    pub(crate) stop_iteration: bool,
    pub(crate) tick: Option<Tick>,
    /// A newer configuration took over; it goes when its last stream ends.
    pub(crate) retired: bool,
    /// `proxy_on_done` returned false; `proxy_done` is awaited.
    pub(crate) awaits_done: bool,
}

/// A timer of a root context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tick {
    pub(crate) period: Duration,
    pub(crate) due: Duration,
}

/// An effect that a host call asked for, and that takes place once the callback has returned.
#[derive(Debug)]
pub(crate) enum Deferred {
    Resume(u32, Direction),
    LocalReply(u32, LocalReply),
    Close(u32),
    /// `proxy_done` of this root.
    Done(u32),
}

/// The data of a store.
pub(crate) struct HostState {
    pub(crate) host: Host,
    /// `None` for a canary.
    pub(crate) worker: Option<u32>,
    pub(crate) memory: Option<Memory>,
    pub(crate) allocator: Option<TypedFunc<i32, i32>>,
    pub(crate) limits: StoreLimits,
    /// The context of the callback that runs.
    pub(crate) current: u32,
    /// What the guest made the effective context; 0 for none.
    pub(crate) effective: u32,
    /// True while `_initialize` runs: only `proxy_log` may be called.
    pub(crate) restricted: bool,
    /// True while the guest's allocator runs for the host.
    pub(crate) allocating: bool,
    /// The root whose configuration can be read, during `proxy_on_configure`.
    pub(crate) configuring: Option<u32>,
    pub(crate) roots: BTreeMap<u32, Root>,
    pub(crate) streams: BTreeMap<u32, Stream>,
    pub(crate) calls: Calls,
    /// Metric ids of this VM, from 1; a name that is defined twice has two.
    pub(crate) metrics: Vec<(MetricKind, String)>,
    pub(crate) deferred: Vec<Deferred>,
    pub(crate) critical: Option<String>,
}

impl HostState {
    pub(crate) fn new(host: &Host, worker: Option<u32>, limits: StoreLimits) -> HostState {
        HostState {
            host: host.clone(),
            worker,
            memory: None,
            allocator: None,
            limits,
            current: 0,
            effective: 0,
            restricted: false,
            allocating: false,
            configuring: None,
            roots: BTreeMap::new(),
            streams: BTreeMap::new(),
            calls: Calls::default(),
            metrics: Vec::new(),
            deferred: Vec::new(),
            critical: None,
        }
    }

    /// The context that a host call is for.
    pub(crate) fn context(&self) -> u32 {
        if self.effective == 0 { self.current } else { self.effective }
    }

    /// The root context of the context that a host call is for.
    pub(crate) fn root(&self) -> u32 {
        let context = self.context();
        self.streams.get(&context).map_or(context, |stream| stream.root)
    }

    pub(crate) fn stream(&self) -> Option<&Stream> {
        self.streams.get(&self.context())
    }

    pub(crate) fn stream_mut(&mut self) -> Option<&mut Stream> {
        self.streams.get_mut(&self.context())
    }
}
