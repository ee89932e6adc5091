//! A store in memory, for tests, benches and the operator's command: one process, one thread, and a clock that is set.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::store::{Store, StoredValue, WriteOutcome};

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    values: RefCell<BTreeMap<u32, (Vec<u8>, u32)>>,
    writes: Cell<u32>,
    now_ns: Cell<u64>,
    /// How many of the next writes lose to another writer.
    lose: Cell<u32>,
    failing: Cell<bool>,
}

impl MemoryStore {
    /// An empty store at this time.
    #[must_use]
    pub fn new(now_ns: u64) -> Self {
        let store = Self::default();
        store.now_ns.set(now_ns);
        store
    }

    /// Sets the clock.
    pub fn set_now_ns(&self, now_ns: u64) {
        self.now_ns.set(now_ns);
    }

    /// Makes the next writes lose to another writer.
    pub fn lose(&self, writes: u32) {
        self.lose.set(writes);
    }

    /// Makes every operation fail from now on, or work again.
    pub fn fail(&self, failing: bool) {
        self.failing.set(failing);
    }

    /// The number of keys, and the bytes of all values.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let values = self.values.borrow();
        (values.len(), values.values().map(|(bytes, _)| bytes.len()).sum())
    }
}

impl Store for MemoryStore {
    fn get(&self, key: u32) -> Result<Option<StoredValue>, ()> {
        if self.failing.get() {
            return Err(());
        }
        let values = self.values.borrow();
        Ok(values.get(&key).map(|(bytes, cas)| StoredValue { bytes: bytes.clone(), cas: *cas }))
    }

    fn set(&self, key: u32, bytes: &[u8], cas: Option<u32>) -> WriteOutcome {
        if self.failing.get() {
            return WriteOutcome::Failed;
        }
        if let Some(left) = self.lose.get().checked_sub(1) {
            self.lose.set(left);
            return WriteOutcome::Mismatch;
        }
        let mut values = self.values.borrow_mut();
        if values.get(&key).map(|(_, cas)| *cas) != cas {
            return WriteOutcome::Mismatch;
        }
        self.writes.set(self.writes.get().wrapping_add(1));
        values.insert(key, (bytes.to_vec(), self.writes.get()));
        WriteOutcome::Done
    }

    fn now_ns(&self) -> u64 {
        self.now_ns.get()
    }
}
