//! Services that do not answer, and limits that they do not know: each a short list in one value that workers share.
//! Healthy ones are not listed.

use sha2::{Digest, Sha256};

use super::{RateLimitService, ServiceApi};

/// Bytes of one entry: its number, and since when (Unix nanoseconds).
const ENTRY: usize = 16;

/// Entries of the list: the maximum number of limits in a policy.
const MOST: usize = crate::limits::LIMITS;

/// The number of a limit at a service; with an empty name, of the service itself.
pub(super) fn number(service: &RateLimitService, limit: &str) -> u64 {
    let mut hash = Sha256::new();
    for text in [&service.cluster, &service.domain, limit] {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.update([u8::from(service.api == ServiceApi::Envoy)]);
    u64::from_le_bytes(hash.finalize().first_chunk::<8>().copied().unwrap_or_default())
}

fn entries(list: &[u8]) -> &[[u8; ENTRY]] {
    list.as_chunks().0
}

fn long(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.first_chunk::<8>().copied().unwrap_or_default())
}

/// Since when something is listed (Unix nanoseconds); `None` if it is not.
pub(super) fn since(list: &[u8], number: u64) -> Option<u64> {
    let own = entries(list).iter().find(|entry| long(*entry) == number)?;
    Some(long(own.split_at(8).1))
}

/// The list after a report on whether something is healthy. `None` if it stays the same.
pub(super) fn heard(list: &[u8], number: u64, well: bool, now_ns: u64) -> Option<Vec<u8>> {
    if since(list, number).is_some() != well {
        return None;
    }
    let mut all = Vec::with_capacity(list.len() + ENTRY);
    for entry in entries(list) {
        if long(entry) != number {
            all.extend_from_slice(entry);
        }
    }
    if !well {
        if all.len() >= MOST * ENTRY {
            // Entries of replaced policies: the oldest first.
            all.drain(..ENTRY);
        }
        all.extend_from_slice(&number.to_le_bytes());
        all.extend_from_slice(&now_ns.to_le_bytes());
    }
    Some(all)
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
