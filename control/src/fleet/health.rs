//! Services that do not answer, and limits that they do not know: each a short list in one value that workers share. What is
//! well is not in it.

use sha2::{Digest, Sha256};

use super::{Api, Service};

/// Bytes of one entry: its number, and since when (Unix nanoseconds).
const ENTRY: usize = 16;

/// Entries of the list; a policy has at most so many limits.
const MOST: usize = crate::limits::LIMITS;

/// The number of a limit at a service; without a name, of the service itself.
pub(super) fn number(service: &Service, limit: &str) -> u64 {
    let mut hash = Sha256::new();
    for text in [&service.cluster, &service.domain, limit] {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.update([u8::from(service.api == Api::Envoy)]);
    u64::from_le_bytes(hash.finalize().first_chunk::<8>().copied().unwrap_or_default())
}

fn entries(list: &[u8]) -> impl Iterator<Item = (u64, u64)> {
    let (all, _) = list.as_chunks::<ENTRY>();
    all.iter().map(|entry| {
        let (number, since) = entry.split_at(8);
        let long = |bytes: &[u8]| {
            u64::from_le_bytes(bytes.first_chunk::<8>().copied().unwrap_or_default())
        };
        (long(number), long(since))
    })
}

/// Since when something is in the list (Unix nanoseconds); `None`: it is not.
pub(super) fn since(list: &[u8], number: u64) -> Option<u64> {
    entries(list).find(|(own, _)| *own == number).map(|(_, since)| since)
}

/// The list once it is known whether all is well with something. `None`: as before.
pub(super) fn heard(list: &[u8], number: u64, well: bool, now_ns: u64) -> Option<Vec<u8>> {
    let listed = since(list, number).is_some();
    if listed != well {
        return None;
    }
    let mut all: Vec<(u64, u64)> = entries(list).filter(|(own, _)| *own != number).collect();
    if !well {
        if all.len() >= MOST {
            // Those of policies that are gone: the oldest first.
            all.remove(0);
        }
        all.push((number, now_ns));
    }
    Some(
        all.iter()
            .flat_map(|(own, since)| [own.to_le_bytes(), since.to_le_bytes()].concat())
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_listed_while_it_does_not_answer() {
        assert_eq!(heard(&[], 7, true, 1), None);
        let list = heard(&[], 7, false, 1).unwrap();
        assert_eq!(since(&list, 7), Some(1));
        assert_eq!(heard(&list, 7, false, 2), None, "since the first failure");
        let both = heard(&list, 8, false, 3).unwrap();
        let one = heard(&both, 7, true, 4).unwrap();
        assert_eq!((since(&one, 7), since(&one, 8)), (None, Some(3)));
        let mut many = Vec::new();
        for number in 0..1000 {
            many = heard(&many, number, false, number).unwrap();
        }
        assert_eq!(many.len(), MOST * ENTRY);
        assert_eq!(since(&many, 999), Some(999));
    }
}
