//! Accounts of limits: pure arithmetic, and the one driver that keeps them in a storage that workers share.
//!
//! ```text
//! account   state + charge + now → state            (no storage, no clock)
//! set       the accounts that share one slot of storage, as bytes of bounded length
//! key       which account: a digest of a limit and of the values of its labels
//! store     get / compare-and-set, as proxies offer it
//! look      how accounts stand, for people; names: which labels they stand for
//! book      reserve, settle, renew: account over store, with bounded retries
//! ```
//! All arithmetic here saturates: nothing wraps or panics. A charge is taken before a request leaves, and replaced by
//! what was used when it ends; a charge that is never settled stands in full (POLICY "Limits").

pub mod account;
pub mod book;
mod calendar;
mod key;
pub mod look;
pub mod memory;
mod names;
pub mod peaks;
mod set;
pub mod store;

pub use account::{Account, Cap, OverLimit, Receipt, Standing, Wait};
pub use book::{Book, Hold, ReservationOutcome, Settled, StoreError};
pub use calendar::CalendarSpan;
pub use key::{AccountKey, LimitKey};
pub use look::{Balance, Balances};
pub use memory::MemoryStore;
pub use store::{Store, StoredValue, WriteOutcome};
