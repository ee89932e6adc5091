use super::*;
use crate::dsse::KeyPermissions;
use proptest::prelude::*;

const TYPE: &str = "application/vnd.example+json";

fn secret(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

fn trusted(id: &str, n: u8) -> TrustedKey {
    TrustedKey { id: id.to_owned(), key: secret(n).public(), may: KeyPermissions::ALL }
}

fn ids<'k>(envelope: &str, keys: &'k [TrustedKey]) -> Vec<&'k str> {
    let envelope = Envelope::read(envelope.as_bytes(), TYPE, 4096).unwrap();
    envelope.signers(keys).into_iter().map(|key| key.id.as_str()).collect()
}

/// DSSE protocol.md, "PAE".
#[test]
fn the_pre_authentication_encoding_is_that_of_the_specification() {
    assert_eq!(
        pae("http://example.com/HelloWorld", b"hello world"),
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    );
}

/// RFC 8032 §7.1, test 2.
#[test]
fn keys_are_those_of_the_rfc() {
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(text.get(at..at + 2).unwrap(), 16).unwrap())
            .collect()
    };
    let seed = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    let public = hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    let key = SecretKey::from_seed(&seed.try_into().unwrap());
    assert_eq!(key.public().to_base64(), base64::encode(&public));
    let signature = hex("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
         085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
    assert_eq!(key.0.sign(&[0x72]).to_bytes().to_vec(), signature);
}

#[test]
fn a_signer_is_found_by_name_or_by_trying() {
    let keys = [trusted("ops", 1), trusted("oncall", 2)];
    assert_eq!(ids(&secret(1).envelope("ops", TYPE, b"{}"), &keys), ["ops"]);
    assert_eq!(ids(&secret(2).envelope("laptop", TYPE, b"{}"), &keys), ["oncall"]);
    assert_eq!(
        ids(&secret(2).envelope("ops", TYPE, b"{}"), &keys),
        [""; 0],
        "a name that is known binds"
    );
    assert_eq!(ids(&secret(3).envelope("ops", TYPE, b"{}"), &keys), [""; 0]);
}

#[test]
fn one_key_under_two_names_is_one_signer() {
    let keys = [trusted("a", 1), trusted("b", 1)];
    let one = secret(1).envelope("a", TYPE, b"{}");
    let other = secret(1).envelope("b", TYPE, b"{}");
    let signature = other.split("\"signatures\":[").nth(1).unwrap().trim_end_matches("]}");
    let both = one.replace("]}", &format!(",{signature}]}}"));
    assert_eq!(ids(&both, &keys), ["a"]);
}

#[test]
fn type_and_payload_are_signed() {
    let keys = [trusted("ops", 1)];
    let good = secret(1).envelope("ops", TYPE, b"{\"a\":1}");
    assert_eq!(ids(&good, &keys), ["ops"]);
    assert_eq!(
        ids(&good.replace(&base64::encode(b"{\"a\":1}"), &base64::encode(b"{\"a\":2}")), &keys),
        [""; 0]
    );
    let other = secret(1).envelope("ops", "application/vnd.other+json", b"{\"a\":1}");
    assert_eq!(Envelope::read(other.as_bytes(), TYPE, 4096), Err(DsseError::OtherType));
    let relabelled = other.replace("application/vnd.other+json", TYPE);
    assert_eq!(ids(&relabelled, &keys), [""; 0], "a type is never read as another");
}

#[test]
fn what_is_no_envelope_is_named() {
    let good = secret(1).envelope("ops", TYPE, b"{}");
    let with = |from: &str, to: &str| {
        Envelope::read(good.replacen(from, to, 1).as_bytes(), TYPE, 4096).err()
    };
    assert_eq!(with("{", "["), Some(DsseError::NotJson));
    assert_eq!(Envelope::read(good.as_bytes(), TYPE, 10).err(), Some(DsseError::TooBig));
    assert_eq!(Envelope::read(b"[]", TYPE, 10).err(), Some(DsseError::NotJson));
    assert_eq!(
        with("\"payload\":", "\"payload\":\"\",\"payload\":"),
        Some(DsseError::Field("payload"))
    );
    assert_eq!(with("e30=", "e30"), None, "padding may be left out");
    assert_eq!(with("e30=", "e31="), Some(DsseError::Field("payload")));
    assert_eq!(with("\"sig\":\"", "\"sig\":\"AA"), Some(DsseError::Field("sig")));
    assert_eq!(with("\"signatures\":[", "\"signatures\":[1,"), Some(DsseError::Field("sig")));
    assert_eq!(with("\"signatures\"", "\"signatures2\""), Some(DsseError::Field("signatures")));
    let signature =
        good.split("\"signatures\":[").nth(1).unwrap().trim_end_matches("]}").to_owned();
    let many = good.replace("]}", &format!("{}]}}", format!(",{signature}").repeat(8)));
    assert_eq!(
        Envelope::read(many.as_bytes(), TYPE, 1 << 16).err(),
        Some(DsseError::TooManySignatures)
    );
}

#[test]
fn weak_keys_are_no_keys() {
    // The neutral element: with it, one signature is valid for every message.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    assert_eq!(PublicKey::from_base64(&base64::encode(&neutral)), None);
    assert_eq!(PublicKey::from_base64("AAAA"), None);
    assert_eq!(format!("{:?}", secret(7)), "SecretKey(…)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = Envelope::read(&bytes, TYPE, 4096);
    }

    /// Any byte of an envelope is changed: it has no signer, or is the same envelope.
    #[test]
    fn an_altered_envelope_has_no_signer(at: prop::sample::Index, with: u8) {
        let mut bytes = secret(1).envelope("ops", TYPE, b"{\"approval\":\"ap_x\"}").into_bytes();
        let good = Envelope::read(&bytes, TYPE, 4096).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = with;
        if let Ok(envelope) = Envelope::read(&bytes, TYPE, 4096) {
            let same = envelope.payload == good.payload && envelope.signatures[0].1 == good.signatures[0].1;
            prop_assert_eq!(!envelope.signers(&[trusted("ops", 1)]).is_empty(), same);
        }
    }
}
