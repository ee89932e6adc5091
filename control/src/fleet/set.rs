//! The accounts that share one slot of storage, as bytes: fixed fields, then texts with their lengths.

use super::entry::FleetEntry;
use super::{FleetTarget, FleetWindow, RateLimitService, ServiceApi};
use crate::ledger::AccountKey;
use crate::limits::{FLEET_ENTRIES, FLEET_WAYS, LEDGER_GROUPS, LEDGER_WAYS};

/// The layout's number: values written by another version of this code are not read.
const LAYOUT: u8 = 2;

/// The accounts of a slot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FleetSlot {
    /// In no order.
    pub entries: Vec<FleetEntry>,
}

impl FleetSlot {
    /// Reads a slot; `None` if it was written by another version.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let Some((&layout, rest)) = bytes.split_first() else { return Some(Self::default()) };
        if layout != LAYOUT {
            return None;
        }
        let (mut from, mut entries) = (SetReader(rest), Vec::new());
        while !from.0.is_empty() {
            if entries.len() == FLEET_WAYS {
                return None;
            }
            entries.push(read(&mut from)?);
        }
        Some(Self { entries })
    }

    /// Writes a slot.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![LAYOUT];
        self.entries.iter().for_each(|entry| write(entry, &mut out));
        out
    }

    /// The account of this key, if it is here.
    pub(super) fn find(&mut self, id: &[u8; 16]) -> Option<&mut FleetEntry> {
        self.entries.iter_mut().find(|entry| entry.id == *id)
    }

    /// Makes room for one more account with this key: first by forgetting accounts that are at their start, then one of
    /// which only a decision is known. Never one that owes. False if there is none.
    pub(super) fn make_room(&mut self, key: &AccountKey, now_ns: u64) -> bool {
        self.entries.retain(|entry| !entry.rests(now_ns));
        if self.has_room(key) {
            return true;
        }
        let spare = |entry: &&FleetEntry| entry.can_go(now_ns);
        let oldest = self.entries.iter().filter(spare).map(|entry| entry.over_ns).min();
        let Some(oldest) = oldest else { return false };
        let gone = |entry: &FleetEntry| entry.over_ns == oldest && entry.can_go(now_ns);
        if let Some(at) = self.entries.iter().position(gone) {
            self.entries.swap_remove(at);
        }
        self.has_room(key)
    }

    /// True if there is room: a limit and a value of its first label take no more than their share, as in the ledger.
    fn has_room(&self, key: &AccountKey) -> bool {
        let share = (key.share() * FLEET_WAYS / LEDGER_WAYS).max(2);
        let of_first = (share / LEDGER_GROUPS as usize).max(1);
        let own = |entry: &&FleetEntry| entry.limit == key.limit();
        let firsts = self.entries.iter().filter(own).filter(|entry| entry.first == key.first());
        self.entries.len() < FLEET_WAYS
            && self.entries.iter().filter(own).count() < share
            && firsts.count() < of_first
    }
}

fn write(entry: &FleetEntry, out: &mut Vec<u8>) {
    out.extend_from_slice(&entry.id);
    for number in [entry.limit, entry.first, entry.target.unit, entry.target.sync_ms] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    let times = [entry.since_ns, entry.busy_ns, entry.next_ns, entry.over_ns, entry.begun_ns];
    for number in [entry.cap, entry.owed, entry.sent, entry.counted].into_iter().chain(times) {
        out.extend_from_slice(&number.to_le_bytes());
    }
    let every = match entry.target.every {
        FleetWindow::Second => 0,
        FleetWindow::Minute => 1,
        FleetWindow::Hour => 2,
        FleetWindow::Day => 3,
    };
    let api = u8::from(entry.target.service.api == ServiceApi::Envoy);
    let count = u8::try_from(entry.entries.len()).unwrap_or(u8::MAX);
    out.extend_from_slice(&[every, api, u8::from(entry.wanted), count]);
    let names = [&entry.target.service.cluster, &entry.target.service.domain];
    let pairs = entry.entries.iter().take(usize::from(count));
    for text in names.into_iter().chain(pairs.flat_map(|(key, value)| [key, value])) {
        let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
        out.extend_from_slice(&len.to_le_bytes());
        out.extend(text.bytes().take(usize::from(len)));
    }
}

fn read(from: &mut SetReader<'_>) -> Option<FleetEntry> {
    let id = from.take()?;
    let [limit, first, unit, sync_ms] =
        [from.number()?, from.number()?, from.number()?, from.number()?];
    let [cap, owed, sent, counted] = [from.long()?, from.long()?, from.long()?, from.long()?];
    let [since_ns, busy_ns, next_ns, over_ns, begun_ns] =
        [from.long()?, from.long()?, from.long()?, from.long()?, from.long()?];
    let [every, api, wanted, count] = from.take()?;
    let every = match every {
        0 => FleetWindow::Second,
        1 => FleetWindow::Minute,
        2 => FleetWindow::Hour,
        3 => FleetWindow::Day,
        _ => return None,
    };
    let api = if api == 1 { ServiceApi::Envoy } else { ServiceApi::Limitador };
    let (cluster, domain) = (from.text()?, from.text()?);
    if usize::from(count) > FLEET_ENTRIES {
        return None;
    }
    let entries = (0..count).map(|_| Some((from.text()?, from.text()?))).collect::<Option<_>>()?;
    Some(FleetEntry {
        id,
        limit,
        first,
        target: FleetTarget {
            service: RateLimitService { cluster, domain, api },
            every,
            unit,
            sync_ms,
        },
        entries,
        cap,
        owed,
        since_ns,
        sent,
        busy_ns,
        next_ns,
        over_ns,
        begun_ns,
        counted,
        wanted: wanted == 1,
    })
}

struct SetReader<'a>(&'a [u8]);

impl SetReader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn number(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn long(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let len = usize::from(u16::from_le_bytes(self.take()?));
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        String::from_utf8(head.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn target() -> impl Strategy<Value = FleetTarget> {
        let every = prop::sample::select(vec![
            FleetWindow::Second,
            FleetWindow::Minute,
            FleetWindow::Hour,
            FleetWindow::Day,
        ]);
        let api = prop::sample::select(vec![ServiceApi::Limitador, ServiceApi::Envoy]);
        (".{0,30}", ".{0,30}", api, every, any::<u32>(), any::<u32>()).prop_map(
            |(cluster, domain, api, every, unit, sync_ms)| FleetTarget {
                service: RateLimitService { cluster, domain, api },
                every,
                unit,
                sync_ms,
            },
        )
    }

    fn entry() -> impl Strategy<Value = FleetEntry> {
        let texts = prop::collection::vec((".{0,20}", ".{0,60}"), 0..=FLEET_ENTRIES);
        let numbers = (any::<[u8; 16]>(), any::<[u32; 2]>(), any::<[u64; 9]>(), any::<bool>());
        (target(), texts, numbers).prop_map(|(target, entries, numbers)| {
            let (id, [limit, first], times, wanted) = numbers;
            let [cap, owed, sent, since_ns, busy_ns, next_ns, over_ns, begun_ns, counted] = times;
            FleetEntry {
                id,
                limit,
                first,
                target,
                entries,
                cap,
                owed,
                since_ns,
                sent,
                busy_ns,
                next_ns,
                over_ns,
                begun_ns,
                counted,
                wanted,
            }
        })
    }

    proptest! {
        #[test]
        fn a_slot_reads_what_it_wrote(entries in prop::collection::vec(entry(), 0..=FLEET_WAYS)) {
            let set = FleetSlot { entries };
            prop_assert_eq!(FleetSlot::decode(&set.encode()), Some(set));
        }

        #[test]
        fn hostile_bytes_are_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = FleetSlot::decode(&bytes);
            let _ = FleetSlot::decode(&[&[LAYOUT], bytes.as_slice()].concat());
        }
    }
}
