//! What all workers of one host process share: data, queues, metrics.
//!
//! Behaviour of `proxy-wasm-cpp-host` (`shared_data.cc`, `shared_queue.cc`) and of Envoy's stats.

use std::collections::{BTreeMap, VecDeque};

use crate::abi::{MetricKind, Status};

/// A value of shared data with the number of its last write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedValue {
    /// The bytes.
    pub value: Vec<u8>,
    /// The compare-and-swap number; never 0.
    pub cas: u32,
}

/// The shared data of one `vm_id`.
///
/// There is one counter of writes for all keys, and no way to delete a key.
#[derive(Debug, Default)]
pub(crate) struct SharedData {
    entries: BTreeMap<Vec<u8>, SharedValue>,
    last_cas: u32,
}

impl SharedData {
    pub(crate) fn get(&self, key: &[u8]) -> Option<SharedValue> {
        self.entries.get(key).cloned()
    }

    /// `cas` 0 always writes. If `creates` holds, a missing key accepts any number, so that a number that is never
    /// current (0xFFFFFFFF) means "create if absent".
    pub(crate) fn set(
        &mut self,
        key: &[u8],
        value: &[u8],
        cas: u32,
        creates: bool,
    ) -> Result<(), Status> {
        let fits = match self.entries.get(key) {
            Some(entry) => cas == 0 || entry.cas == cas,
            None => cas == 0 || creates,
        };
        if !fits {
            return Err(Status::CasMismatch);
        }
        self.last_cas = self.last_cas.checked_add(1).unwrap_or(1);
        let entry = SharedValue { value: value.to_vec(), cas: self.last_cas };
        self.entries.insert(key.to_vec(), entry);
        Ok(())
    }

    pub(crate) fn all(&self) -> BTreeMap<Vec<u8>, SharedValue> {
        self.entries.clone()
    }
}

/// A worker's root context that wants to hear about a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listener {
    pub(crate) worker: u32,
    pub(crate) root: u32,
}

#[derive(Debug)]
struct Queue {
    listener: Listener,
    items: VecDeque<Vec<u8>>,
}

/// Shared queues by `(vm_id, name)`; the index in the list plus 1 is the queue's id.
#[derive(Debug, Default)]
pub(crate) struct SharedQueues {
    ids: BTreeMap<(Vec<u8>, Vec<u8>), u32>,
    queues: BTreeMap<u32, Queue>,
    ready: Vec<(Listener, u32)>,
}

impl SharedQueues {
    /// The last root context to register is told of new items.
    pub(crate) fn register(&mut self, vm_id: &[u8], name: &[u8], listener: Listener) -> u32 {
        let next = u32::try_from(self.ids.len()).unwrap_or(u32::MAX).saturating_add(1);
        let id = *self.ids.entry((vm_id.to_vec(), name.to_vec())).or_insert(next);
        self.queues
            .entry(id)
            .and_modify(|queue| queue.listener = listener)
            .or_insert_with(|| Queue { listener, items: VecDeque::new() });
        id
    }

    pub(crate) fn resolve(&self, vm_id: &[u8], name: &[u8]) -> Option<u32> {
        self.ids.get(&(vm_id.to_vec(), name.to_vec())).copied()
    }

    pub(crate) fn enqueue(&mut self, id: u32, item: &[u8]) -> Result<(), Status> {
        let queue = self.queues.get_mut(&id).ok_or(Status::NotFound)?;
        queue.items.push_back(item.to_vec());
        self.ready.push((queue.listener, id));
        Ok(())
    }

    pub(crate) fn dequeue(&mut self, id: u32) -> Result<Vec<u8>, Status> {
        let queue = self.queues.get_mut(&id).ok_or(Status::NotFound)?;
        queue.items.pop_front().ok_or(Status::Empty)
    }

    /// Takes the pending notices for this worker.
    pub(crate) fn take_ready(&mut self, worker: u32) -> Vec<(u32, u32)> {
        let (mine, others) = std::mem::take(&mut self.ready)
            .into_iter()
            .partition(|(listener, _)| listener.worker == worker);
        self.ready = others;
        mine.into_iter().map(|(listener, id): (Listener, u32)| (listener.root, id)).collect()
    }
}

/// What one metric holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metric {
    /// The sum of a counter.
    Counter(u64),
    /// The level of a gauge.
    Gauge(u64),
    /// The samples of a histogram, in the order they came.
    Histogram(Vec<u64>),
}

/// The stats of the process by name: one for each name, however often and wherever it was defined.
#[derive(Debug, Default)]
pub(crate) struct Metrics(BTreeMap<(MetricKind, String), Metric>);

impl Metrics {
    pub(crate) fn define(&mut self, kind: MetricKind, name: &str) {
        self.0.entry((kind, name.to_owned())).or_insert(match kind {
            MetricKind::Counter => Metric::Counter(0),
            MetricKind::Gauge => Metric::Gauge(0),
            MetricKind::Histogram => Metric::Histogram(Vec::new()),
        });
    }

    fn metric(&mut self, kind: MetricKind, name: &str) -> Result<&mut Metric, Status> {
        self.0.get_mut(&(kind, name.to_owned())).ok_or(Status::NotFound)
    }

    pub(crate) fn increment(
        &mut self,
        kind: MetricKind,
        name: &str,
        delta: i64,
        refuse_zero: bool,
    ) -> Result<(), Status> {
        match self.metric(kind, name)? {
            Metric::Counter(sum) => {
                let delta = u64::try_from(delta).map_err(|_| Status::BadArgument)?;
                if delta == 0 && refuse_zero {
                    return Err(Status::BadArgument);
                }
                *sum = sum.wrapping_add(delta);
            }
            Metric::Gauge(level) => *level = level.wrapping_add_signed(delta),
            Metric::Histogram(_) => return Err(Status::BadArgument),
        }
        Ok(())
    }

    pub(crate) fn record(
        &mut self,
        kind: MetricKind,
        name: &str,
        value: u64,
    ) -> Result<(), Status> {
        match self.metric(kind, name)? {
            Metric::Counter(sum) => *sum = sum.wrapping_add(value),
            Metric::Gauge(level) => *level = value,
            Metric::Histogram(samples) => samples.push(value),
        }
        Ok(())
    }

    pub(crate) fn value(&mut self, kind: MetricKind, name: &str) -> Result<u64, Status> {
        match self.metric(kind, name)? {
            Metric::Counter(value) | Metric::Gauge(value) => Ok(*value),
            Metric::Histogram(_) => Err(Status::BadArgument),
        }
    }

    pub(crate) fn all(&self) -> BTreeMap<String, Metric> {
        self.0.iter().map(|((_, name), metric)| (name.clone(), metric.clone())).collect()
    }
}
