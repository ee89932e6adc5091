//! The accounts of limits: the engine's book over the data that all workers of the process share.

use std::rc::Rc;

use hemostat_engine::ledger::{Book, Store, Stored, Written};

use crate::clock;
use crate::host::{self, HostError};

/// Below any number that hosts give to a write for the next four billion writes: a write that names it makes a key that
/// is missing and changes none that is there.
const CREATE: u32 = u32::MAX;

/// A write that names it changes the key in any case.
const ANY: u32 = 0;

/// Data that the workers of a process share, by the number of a slot.
#[derive(Debug)]
struct SharedData {
    /// `host: envoy`: a write that names [`CREATE`] makes a missing key.
    envoy: bool,
}

thread_local! {
    /// The books of this VM: for a host that is no Envoy, and for one that is. All configurations share them, so that
    /// whichever is told of time renews the places of every stream.
    static BOOKS: [Rc<Book>; 2] =
        [false, true].map(|envoy| Rc::new(Book::new(Rc::new(SharedData { envoy }))));
}

/// The book of this worker.
pub fn book(envoy: bool) -> Rc<Book> {
    BOOKS.with(|[generic, of_envoy]| Rc::clone(if envoy { of_envoy } else { generic }))
}

fn name(slot: u32) -> String {
    format!("hemostat/ledger/{slot}")
}

impl SharedData {
    /// Makes a key, once for all workers where the host can. Others answer a missing key as one that has changed: there
    /// two workers that begin a slot at the same moment lose one write of the two.
    fn create(&self, key: &str, bytes: &[u8]) -> Result<(), HostError> {
        match host::set_shared_data(key, bytes, CREATE) {
            Err(HostError::CAS_MISMATCH) if !self.envoy => match host::shared_data(key)? {
                None => host::set_shared_data(key, bytes, ANY),
                Some(_) => Err(HostError::CAS_MISMATCH),
            },
            other => other,
        }
    }
}

impl Store for SharedData {
    fn get(&self, slot: u32) -> Result<Option<Stored>, ()> {
        let value = host::shared_data(&name(slot)).map_err(|_| ())?;
        Ok(value.map(|(bytes, cas)| Stored { bytes, cas }))
    }

    fn set(&self, slot: u32, bytes: &[u8], cas: Option<u32>) -> Written {
        let key = name(slot);
        let written = match cas {
            Some(cas) => host::set_shared_data(&key, bytes, cas),
            None => self.create(&key, bytes),
        };
        match written {
            Ok(()) => Written::Done,
            Err(HostError::CAS_MISMATCH) => Written::Mismatch,
            Err(_) => Written::Failed,
        }
    }

    fn now_ns(&self) -> u64 {
        clock::now_ns()
    }
}
