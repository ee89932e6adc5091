use super::used::{GrantSlots, LocalSlots, SlotsFailed, UsedGrant, give_back, use_once};
use super::*;
use crate::dsse::KeyPermissions;
use proptest::prelude::*;
use std::cell::Cell;

const NOW: u64 = 1_795_503_600;

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

fn approvers() -> Vec<TrustedKey> {
    vec![TrustedKey { id: "oncall".to_owned(), key: key(1).public(), may: KeyPermissions::ALL }]
}

fn grant() -> Grant {
    Grant {
        scope: Some("prod".to_owned()),
        what: GrantTarget::Call(approval_id("refund", r#"{"amount":150}"#)),
        tenant: Some("acme".to_owned()),
        issued_at: NOW,
        expires: NOW + LIFE_S,
        nonce: "n1".to_owned(),
    }
}

fn wanted(id: &str) -> WaitingCall<'_> {
    WaitingCall {
        tool: "refund",
        id,
        tenant: Some("acme"),
        scope: "prod",
        scope_named: true,
        now: NOW + 1,
    }
}

/// The result of a grant for the call it was made for.
fn outcome(change: impl FnOnce(&mut Grant), signer: u8) -> Result<(), GrantRefusal> {
    let mut grant = grant();
    change(&mut grant);
    let header = grant.sign(&key(signer), "oncall");
    let envelope = envelopes([header.as_bytes()].into_iter()).remove(0)?;
    let read = Grant::verify(&envelope, &approvers())?;
    assert_eq!(read, grant);
    read.admits(&wanted(&approval_id("refund", r#"{"amount":150}"#)))
}

/// Computed with Python's hashlib and base64: b32encode(sha256(b"refund\0{\"amount\":150}").digest()[:20]).
#[test]
fn an_id_is_what_the_policy_says() {
    assert_eq!(approval_id("refund", r#"{"amount":150}"#), "ap_EMOKNUMPXJ2HRZH3UNA4R7ZV4W5VA4RD");
}

#[test]
fn every_failure_has_its_name() {
    assert_eq!(outcome(|_| {}, 1), Ok(()));
    assert_eq!(outcome(|g| g.what = GrantTarget::AnyArgsOf("refund".to_owned()), 1), Ok(()));
    assert_eq!(outcome(|g| g.tenant = None, 1), Ok(()));
    assert_eq!(outcome(|_| {}, 2), Err(GrantRefusal::WrongKey));
    assert_eq!(outcome(|g| g.expires = NOW, 1), Err(GrantRefusal::Expired));
    assert_eq!(outcome(|g| g.issued_at = NOW + 120, 1), Err(GrantRefusal::FromTheFuture));
    assert_eq!(outcome(|g| g.expires = NOW + LONGEST_LIFE_S + 1, 1), Err(GrantRefusal::TooLong));
    assert_eq!(outcome(|g| g.tenant = Some("other".to_owned()), 1), Err(GrantRefusal::OtherTenant));
    assert_eq!(outcome(|g| g.scope = Some("staging".to_owned()), 1), Err(GrantRefusal::OtherScope));
    assert_eq!(outcome(|g| g.scope = None, 1), Err(GrantRefusal::OtherScope));
    let other = |tool, args| GrantTarget::Call(approval_id(tool, args));
    for what in [
        other("transfer", r#"{"amount":150}"#),
        other("refund", r#"{"amount":151}"#),
        GrantTarget::AnyArgsOf("transfer".to_owned()),
    ] {
        assert_eq!(outcome(|g| g.what = what, 1), Err(GrantRefusal::OtherCall));
    }
    assert_eq!(
        outcome(|g| g.nonce = "n".repeat(limits::GRANT_BYTES), 1),
        Err(GrantRefusal::TooBig)
    );
    assert_eq!(outcome(|g| g.nonce = String::new(), 1), Err(GrantRefusal::Malformed));
}

#[test]
fn an_altered_grant_is_no_grant() {
    let header = grant().sign(&key(1), "oncall");
    let envelope = String::from_utf8(base64::decode(&header).unwrap()).unwrap();
    let payload = base64::encode(grant().to_json().as_bytes());
    let richer = grant().to_json().replace("acme", "evil");
    let altered = envelope.replace(&payload, &base64::encode(richer.as_bytes()));
    assert_ne!(envelope, altered);
    assert_eq!(Grant::verify(altered.as_bytes(), &approvers()), Err(GrantRefusal::WrongKey));
    let other_type = key(1).envelope("oncall", "application/vnd.hemostat.release+json", b"{}");
    assert_eq!(Grant::verify(other_type.as_bytes(), &approvers()), Err(GrantRefusal::Malformed));
    let nobody = Grant::verify(envelope.as_bytes(), &[]);
    assert_eq!(nobody, Err(GrantRefusal::WrongKey));
}

#[test]
fn headers_hold_envelopes_in_either_form() {
    let header = grant().sign(&key(1), "oncall");
    let json = base64::decode(&header).unwrap();
    let two = format!(" {header} , {header}");
    let all = envelopes([two.as_bytes(), &json, b"%%", b""].into_iter());
    let json = Ok(json);
    assert_eq!(all, [json.clone(), json.clone(), json, Err(GrantRefusal::Malformed)]);
    let many = vec![header; 20].join(",");
    assert_eq!(envelopes([many.as_bytes()].into_iter()).len(), limits::GRANTS);
}

#[test]
fn a_grant_is_good_once_until_it_is_over() {
    let slots = LocalSlots::default();
    assert_eq!(use_once(&slots, &grant(), NOW), Ok(()));
    assert_eq!(use_once(&slots, &grant(), NOW), Err(GrantRefusal::Used));
    assert_eq!(use_once(&slots, &grant(), NOW + LIFE_S), Err(GrantRefusal::Used));
    let other = Grant { nonce: "n2".to_owned(), ..grant() };
    assert_eq!(use_once(&slots, &other, NOW), Ok(()));
}

#[test]
fn a_use_that_is_given_back_can_be_made_again_and_no_other_is() {
    let slots = Busy { losses: Cell::new(0), inner: LocalSlots::default() };
    let others: Vec<Grant> = (0..300).map(|n| Grant { nonce: n.to_string(), ..grant() }).collect();
    others.iter().for_each(|other| assert_eq!(use_once(&slots, other, NOW), Ok(())));
    assert!(!give_back(&LocalSlots::default(), &grant()), "it was never used");
    assert_eq!(use_once(&slots, &grant(), NOW), Ok(()));
    slots.losses.set(3);
    assert!(give_back(&slots, &grant()));
    assert_eq!(use_once(&slots, &grant(), NOW), Ok(()));
    assert_eq!(use_once(&slots, &grant(), NOW), Err(GrantRefusal::Used));
    slots.losses.set(1000);
    assert!(!give_back(&slots, &grant()), "others are always faster");
    slots.losses.set(0);
    assert_eq!(use_once(&slots, &grant(), NOW), Err(GrantRefusal::Used), "the safe side");
    others
        .iter()
        .for_each(|other| assert_eq!(use_once(&slots, other, NOW), Err(GrantRefusal::Used)));
}

#[test]
fn a_full_memory_takes_no_more_and_forgets_only_what_is_over() {
    let slots = LocalSlots::default();
    let mut taken = 0;
    let numbered = |n: u32| Grant { nonce: n.to_string(), ..grant() };
    let mut full = None;
    for n in 0..u32::try_from(limits::GRANTS_IN_SLOT).unwrap() * limits::GRANT_SLOTS * 2 {
        match use_once(&slots, &numbered(n), NOW) {
            Ok(()) => taken += 1,
            Err(why) => {
                assert_eq!(why, GrantRefusal::Full);
                full.get_or_insert(n);
            }
        }
    }
    assert!(taken <= limits::GRANTS_IN_SLOT * limits::GRANT_SLOTS as usize);
    assert_eq!(
        use_once(&slots, &numbered(0), NOW),
        Err(GrantRefusal::Used),
        "nothing alive is forgotten"
    );
    let late = NOW + LIFE_S + LONGEST_LIFE_S + 1;
    assert_eq!(use_once(&slots, &numbered(full.unwrap()), late), Ok(()));
}

/// A memory in which other writers are faster, always or for a while.
#[derive(Debug)]
struct Busy {
    losses: Cell<u32>,
    inner: LocalSlots,
}

impl GrantSlots for Busy {
    fn get(&self, slot: u32) -> Result<Option<UsedGrant>, SlotsFailed> {
        self.inner.get(slot)
    }

    fn replace(
        &self,
        slot: u32,
        old: Option<&UsedGrant>,
        bytes: &[u8],
    ) -> Result<bool, SlotsFailed> {
        if self.losses.get() > 0 {
            self.losses.set(self.losses.get() - 1);
            return Ok(false);
        }
        self.inner.replace(slot, old, bytes)
    }
}

#[test]
fn a_race_is_tried_again_and_not_for_ever() {
    let busy = |losses| Busy { losses: Cell::new(losses), inner: LocalSlots::default() };
    assert_eq!(use_once(&busy(3), &grant(), NOW), Ok(()));
    assert_eq!(use_once(&busy(1000), &grant(), NOW), Err(GrantRefusal::NoMemory));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_header_panics(values: Vec<Vec<u8>>) {
        for envelope in envelopes(values.iter().map(Vec::as_slice)).into_iter().flatten() {
            let _ = Grant::verify(&envelope, &approvers());
        }
    }
}
