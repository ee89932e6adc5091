//! The storage that workers share, as proxies offer it.

/// A value with the version of its last write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredValue {
    /// The value.
    pub bytes: Vec<u8>,
    /// The version that a write replacing it must name.
    pub cas: u32,
}

/// The result of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteOutcome {
    /// The value was written.
    Done,
    /// Another writer was faster.
    Mismatch,
    /// The storage does not work.
    Failed,
}

/// A storage of few keys and small values. Nothing is ever deleted: the keys are a fixed set.
pub trait Store: std::fmt::Debug {
    /// The value of a key; `None` if it was never written. `Err` if the storage does not work.
    #[expect(
        clippy::result_unit_err,
        reason = "the store reports its own failures; callers only learn that it failed"
    )]
    fn get(&self, key: u32) -> Result<Option<StoredValue>, ()>;

    /// Writes a value if the last write was `cas`, or if there was none for `None`.
    fn set(&self, key: u32, bytes: &[u8], cas: Option<u32>) -> WriteOutcome;

    /// Unix time in nanoseconds, read at the call: accounts must not see a time that was read before it was their turn.
    fn now_ns(&self) -> u64;
}
