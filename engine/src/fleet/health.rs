//! Services that do not answer: a short list in one value that workers share. One that answers is not in it.

use sha2::{Digest, Sha256};

use super::{Api, Service};

/// Bytes of one service: its number, and since when (Unix nanoseconds).
const ENTRY: usize = 16;

/// Services in the list; a policy has at most so many limits.
const MOST: usize = crate::limits::LIMITS;

/// The number of a service.
pub(super) fn number(service: &Service) -> u64 {
    let mut hash = Sha256::new();
    for text in [&service.cluster, &service.domain] {
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

/// Since when the service has not answered (Unix nanoseconds); `None`: it does.
pub(super) fn failing_since(list: &[u8], number: u64) -> Option<u64> {
    entries(list).find(|(own, _)| *own == number).map(|(_, since)| since)
}

/// The list once a service has answered, or has not. `None`: as before.
pub(super) fn heard(list: &[u8], number: u64, answers: bool, now_ns: u64) -> Option<Vec<u8>> {
    let known = failing_since(list, number).is_some();
    if known != answers {
        return None;
    }
    let mut all: Vec<(u64, u64)> = entries(list).filter(|(own, _)| *own != number).collect();
    if !answers {
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
        assert_eq!(failing_since(&list, 7), Some(1));
        assert_eq!(heard(&list, 7, false, 2), None, "since the first failure");
        let both = heard(&list, 8, false, 3).unwrap();
        let one = heard(&both, 7, true, 4).unwrap();
        assert_eq!((failing_since(&one, 7), failing_since(&one, 8)), (None, Some(3)));
        let mut many = Vec::new();
        for number in 0..1000 {
            many = heard(&many, number, false, number).unwrap();
        }
        assert_eq!(many.len(), MOST * ENTRY);
        assert_eq!(failing_since(&many, 999), Some(999));
    }
}
