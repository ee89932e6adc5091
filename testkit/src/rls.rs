//! A rate-limit service with reservations, as a value: does what limitador does with `Reserve`, `Commit`,
//! `CheckRateLimit` and `Report`, independently of the product's own code.

use std::collections::{BTreeMap, BTreeSet};

use hemostat_engine::base::callout::Callout;

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    Number(u64),
    Bytes(Vec<u8>),
}

fn number(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}

/// The fields of a message by number; of repeated fields the last.
fn fields(mut bytes: &[u8]) -> BTreeMap<u64, Field> {
    let mut all = BTreeMap::new();
    while !bytes.is_empty() {
        let tag = number(&mut bytes);
        let field = match tag & 7 {
            0 => Field::Number(number(&mut bytes)),
            2 => {
                let len = usize::try_from(number(&mut bytes)).unwrap();
                let (value, rest) = bytes.split_at(len);
                bytes = rest;
                Field::Bytes(value.to_vec())
            }
            other => panic!("wire type {other}"),
        };
        all.insert(tag >> 3, field);
    }
    all
}

/// A parsed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: &'static str,
    /// The descriptor as sent: it identifies the account.
    pub account: Vec<u8>,
    /// The amount that is reserved, committed or reported.
    pub amount: u64,
    /// The id of the reservation.
    pub id: String,
    /// The lifetime of the reservation, in seconds.
    pub ttl_s: u64,
}

impl Request {
    /// Parses a callout.
    pub fn read(call: &Callout) -> Self {
        assert_eq!(call.service, "kuadrant.service.ratelimit.v1.RateLimitService");
        let all = fields(&call.message);
        let count = |field: u64| match all.get(&field) {
            Some(Field::Number(number)) => *number,
            _ => 0,
        };
        let bytes = |field: u64| match all.get(&field) {
            Some(Field::Bytes(bytes)) => bytes.clone(),
            _ => Vec::new(),
        };
        let commits = call.method == "Commit";
        let ttl_s = match fields(&bytes(4)).get(&1) {
            Some(Field::Number(seconds)) => *seconds,
            _ => 0,
        };
        Self {
            method: call.method,
            account: bytes(2),
            amount: count(if commits { 4 } else { 3 }),
            id: if commits { String::from_utf8(bytes(3)).unwrap() } else { String::new() },
            ttl_s,
        }
    }
}

/// The service.
#[derive(Debug, Default)]
pub struct Rls {
    /// The caps of accounts; an account without one is not limited.
    pub caps: BTreeMap<Vec<u8>, u64>,
    /// Usage by account.
    pub counted: BTreeMap<Vec<u8>, u64>,
    /// Reservations by id: account and amount.
    pub held: BTreeMap<String, (Vec<u8>, u64)>,
    /// The ids of committed reservations.
    pub committed: BTreeSet<String>,
    ids: u64,
}

impl Rls {
    /// The total usage.
    pub fn total(&self) -> u64 {
        self.counted.values().sum()
    }

    /// Answers a call.
    pub fn answer(&mut self, call: &Callout) -> Vec<u8> {
        let request = Request::read(call);
        let cap = self.caps.get(&request.account).copied().unwrap_or(u64::MAX);
        let held: u64 =
            self.held.values().filter(|held| held.0 == request.account).map(|held| held.1).sum();
        let used = self.counted.get(&request.account).copied().unwrap_or(0);
        let fits = |amount: u64| used + held + amount <= cap;
        match request.method {
            "CheckRateLimit" => vec![8, if fits(1) { 1 } else { 2 }],
            "Report" => {
                *self.counted.entry(request.account).or_default() += request.amount;
                vec![8, 1]
            }
            "Reserve" if fits(request.amount) => {
                self.ids += 1;
                let id = format!("id-{}", self.ids);
                self.held.insert(id.clone(), (request.account, request.amount));
                let mut out = vec![8, 1, 0x12, u8::try_from(id.len()).unwrap()];
                out.extend(id.bytes());
                out
            }
            "Reserve" => vec![8, 2],
            "Commit" => {
                assert!(self.committed.insert(request.id.clone()), "{} was committed", request.id);
                *self.counted.entry(request.account).or_default() += request.amount;
                if self.held.remove(&request.id).is_some() { vec![8, 1] } else { Vec::new() }
            }
            other => panic!("limitador has no `{other}`"),
        }
    }
}
