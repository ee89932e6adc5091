//! Bounds of what is sent to others: captured exchanges, events, calls that wait for approval.

/// The most text that is captured of one exchange if the policy does not say: prompts and answers of ordinary length
/// fit in full, and ten a second are no burden on a backend.
pub const CAPTURE_BYTES: u64 = 64 * 1024;

/// What a policy may say instead. Below the minimum it would be useless; above the maximum it exceeds what common
/// receivers accept in one request (4 MiB).
pub const CAPTURE_LEAST_BYTES: u64 = 256;

/// See [`CAPTURE_LEAST_BYTES`].
pub const CAPTURE_MOST_BYTES: u64 = 1024 * 1024;

/// Parts of messages that are captured of one exchange, which bounds the number of small allocations.
pub const CAPTURE_PARTS: usize = 512;

/// Spans that wait in one worker, in bytes and in number. What does not fit is dropped and counted.
pub const CAPTURE_QUEUE_BYTES: usize = 4 * 1024 * 1024;

/// See [`CAPTURE_QUEUE_BYTES`].
pub const CAPTURE_QUEUE_SPANS: usize = 2048;

/// Spans in one POST, in bytes and in number: a receiver's usual bound is 4 MiB, and a single span may be larger than
/// this.
pub const CAPTURE_POST_BYTES: usize = 1024 * 1024;

/// See [`CAPTURE_POST_BYTES`].
pub const CAPTURE_POST_SPANS: usize = 256;

/// POSTs of one worker that are in flight at the same time.
pub const CAPTURE_IN_FLIGHT: usize = 2;

/// How long a receiver has to answer, in milliseconds.
pub const CAPTURE_TIMEOUT_MS: u64 = 5_000;

/// How long a span may wait to be sent, in nanoseconds: a receiver that returns later gets only newer spans.
pub const CAPTURE_WAIT_NS: u64 = 30 * 1_000_000_000;

/// Events that one worker keeps at a time, including those that wait to be counted together: an incident has a few
/// dozen different ones. What does not fit is dropped and counted.
pub const NOTIFY_EVENTS: usize = 256;

/// The most events of one kind among these: a caller who invents tenants fills the queue with full limits, and calls
/// that wait for a person must still be reported.
pub const NOTIFY_EVENTS_OF_KIND: usize = 64;

/// How long equal events are counted together after one was sent, in nanoseconds: a rule that fires a thousand times a
/// second makes one POST per minute and worker.
pub const NOTIFY_QUIET_NS: u64 = 60 * 1_000_000_000;

/// POSTs of one worker in one second, so that many different events do not flood a receiver either.
pub const NOTIFY_PER_SECOND: u32 = 10;

/// POSTs of one worker that are in flight at the same time: a receiver that hangs occupies no more connections.
pub const NOTIFY_IN_FLIGHT: usize = 4;

/// How long a receiver has to answer, in milliseconds.
pub const NOTIFY_TIMEOUT_MS: u64 = 5_000;

/// How many times one event is tried. A receiver that restarts is back within the pauses between them.
pub const NOTIFY_TRIES: u32 = 3;

/// The pause before the second try, in nanoseconds; each further one is four times as long.
pub const NOTIFY_RETRY_NS: u64 = 2 * 1_000_000_000;

/// Labels of an exchange that its events show; policies have a handful.
pub const EVENT_LABELS: usize = 16;

/// Calls that wait for approval and are remembered, in one process: more than a person looks through. Beyond it, the
/// tenant with the most calls loses its oldest.
pub const PENDING_CALLS: usize = 32;

/// How long a waiting call is remembered after it was last requested, in seconds: the lifetime of a grant.
pub const PENDING_S: u64 = 3600;

/// The arguments of a waiting call, in bytes of JSON; longer ones are not kept. A person must be able to read them.
pub const PENDING_ARGUMENTS_BYTES: usize = 4096;
