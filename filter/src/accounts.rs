//! The accounts of limits: the engine's book, and what is owed to a fleet's services, over the data that all workers of
//! the process share.

use std::rc::Rc;

use hemostat_engine::base::decimal::digits;
use hemostat_engine::fleet::FleetTable;
use hemostat_engine::ledger::{Book, Store, StoredValue, WriteOutcome};

use crate::clock;
use crate::host::shared::{self, Shared};

/// Data that the workers of a process share, by what it is for and the number of a slot.
#[derive(Debug)]
struct SharedData(&'static str);

thread_local! {
    /// The book of this VM. All configurations share it, so that whichever is told of time renews the places of every
    /// stream.
    static BOOK: Rc<Book> = Rc::new(Book::new(Rc::new(SharedData("ledger"))));
    /// What is owed to services, and their last word.
    static FLEET: Rc<FleetTable> = Rc::new(FleetTable::new(Rc::new(SharedData("fleet"))));
}

/// The book of this worker.
pub fn book() -> Rc<Book> {
    BOOK.with(Rc::clone)
}

/// What this process owes to the services of its fleet.
pub fn fleet() -> Rc<FleetTable> {
    FLEET.with(Rc::clone)
}

impl SharedData {
    fn name(&self, slot: u32) -> String {
        ["hemostat/", self.0, "/", &digits(slot.into())].concat()
    }
}

impl Store for SharedData {
    fn get(&self, slot: u32) -> Result<Option<StoredValue>, ()> {
        let found = shared::get(&self.name(slot)).map_err(|_| ())?;
        Ok(found.map(|Shared { value, cas }| StoredValue { bytes: value, cas }))
    }

    fn set(&self, slot: u32, bytes: &[u8], cas: Option<u32>) -> WriteOutcome {
        let old = cas.map(|cas| Shared { cas, ..Shared::default() });
        match shared::replace(&self.name(slot), old.as_ref(), bytes) {
            Ok(true) => WriteOutcome::Done,
            Ok(false) => WriteOutcome::Mismatch,
            Err(_) => WriteOutcome::Failed,
        }
    }

    fn now_ns(&self) -> u64 {
        clock::now_ns()
    }
}
