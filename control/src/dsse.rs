//! Signed envelopes: DSSE v1 (github.com/secure-systems-lab/dsse) with Ed25519.
//!
//! An envelope proves nothing until its signatures are verified against keys: [`Envelope::signers`]. What a payload
//! means, and who must have signed it, is up to its reader (releases, grants); a payload of one type is never read as
//! another.

pub use crate::base::base64;

use std::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::limits;
use crate::wire::json::{Doc, Kind, Value};

/// The public half of a key (RFC 8032). Weak keys, whose signatures prove nothing, cannot be constructed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Decodes base64; `None` unless it is 32 bytes of a valid key.
    #[must_use]
    pub fn from_base64(text: &str) -> Option<Self> {
        let bytes: [u8; 32] = base64::decode(text)?.try_into().ok()?;
        let key = VerifyingKey::from_bytes(&bytes).ok()?;
        (!key.is_weak()).then_some(Self(key))
    }

    /// As base64.
    #[must_use]
    pub fn to_base64(&self) -> String {
        base64::encode(self.0.as_bytes())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.to_base64())
    }
}

/// A key and what it may sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKey {
    /// Its name, which envelopes carry as `keyid`.
    pub id: String,
    /// The public half.
    pub key: PublicKey,
    /// What it may sign.
    pub may: KeyPermissions,
}

/// What a key may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyPermissions {
    /// Any policy.
    pub release: bool,
    /// The previous policy, or a prepared one.
    pub rollback: bool,
    /// Grants for tool calls.
    pub approve: bool,
}

impl KeyPermissions {
    /// Everything: the default for a key.
    pub const ALL: Self = Self { release: true, rollback: true, approve: true };
}

/// The secret half of a key: its 32-byte seed. For command-line tools; never shown.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// Derives the key from its seed.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// An envelope with this payload, signed by this key under the name `keyid`, as JSON.
    #[must_use]
    pub fn envelope(&self, keyid: &str, payload_type: &str, payload: &[u8]) -> String {
        let signature = self.0.sign(&pae(payload_type, payload)).to_bytes();
        let quoted = crate::dialect::quoted;
        format!(
            r#"{{"payloadType":{},"payload":"{}","signatures":[{{"keyid":{},"sig":"{}"}}]}}"#,
            quoted(payload_type),
            base64::encode(payload),
            quoted(keyid),
            base64::encode(&signature),
        )
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

/// Why bytes are not a usable envelope. Contains nothing of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DsseError {
    /// Larger than its reader accepts.
    TooBig,
    /// Not JSON.
    NotJson,
    /// This field is missing, occurs twice, or has the wrong type.
    Field(&'static str),
    /// Its payload has another type.
    OtherType,
    /// More signatures than [`limits::ENVELOPE_SIGNATURES`].
    TooManySignatures,
}

impl fmt::Display for DsseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooBig => f.write_str("the envelope is too big"),
            Self::NotJson => f.write_str("the envelope is not JSON"),
            Self::Field(name) => {
                write!(f, "the envelope's `{name}` is missing, stands twice, or is of another kind")
            }
            Self::OtherType => f.write_str("the envelope holds another type of payload"),
            Self::TooManySignatures => {
                write!(f, "more than {} signatures", limits::ENVELOPE_SIGNATURES)
            }
        }
    }
}

/// An envelope as it was read. Its payload is unauthenticated until [`Envelope::signers`] tells who signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    /// Key id (a hint) and signature.
    signatures: Vec<(String, [u8; 64])>,
}

impl Envelope {
    /// Reads an envelope with this payload type and at most `most` bytes.
    ///
    /// # Errors
    /// Why it is not one. Unknown fields are ignored (DSSE, "Ignoring unrecognized fields").
    pub fn read(bytes: &[u8], payload_type: &str, most: usize) -> Result<Self, DsseError> {
        if bytes.len() > most {
            return Err(DsseError::TooBig);
        }
        let mut doc = Doc::default();
        doc.parse(bytes).map_err(|_| DsseError::NotJson)?;
        let root = doc.root(bytes);
        if root.kind() != Kind::Object {
            return Err(DsseError::NotJson);
        }
        if text(&root, "payloadType")? != payload_type {
            return Err(DsseError::OtherType);
        }
        let payload =
            base64::decode(&text(&root, "payload")?).ok_or(DsseError::Field("payload"))?;
        let list = one(&root, "signatures")?.filter(|list| list.kind() == Kind::Array);
        let list = list.ok_or(DsseError::Field("signatures"))?;
        let mut signatures = Vec::new();
        for entry in list.children() {
            if signatures.len() >= limits::ENVELOPE_SIGNATURES {
                return Err(DsseError::TooManySignatures);
            }
            let keyid = match one(&entry, "keyid")? {
                None => String::new(),
                Some(_) => text(&entry, "keyid")?,
            };
            let signature = base64::decode(&text(&entry, "sig")?);
            let signature = signature.and_then(|bytes| bytes.try_into().ok());
            signatures.push((keyid, signature.ok_or(DsseError::Field("sig"))?));
        }
        Ok(Self { payload_type: payload_type.to_owned(), payload, signatures })
    }

    /// The payload, not authenticated yet.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Those of the keys whose signatures over this payload and type are in the envelope; each public key once, under
    /// the first name it has.
    ///
    /// A `keyid` that names one of the keys means that key; any other is only a hint, and all keys are tried.
    #[must_use]
    pub fn signers<'k>(&self, keys: &'k [TrustedKey]) -> Vec<&'k TrustedKey> {
        let mut tries = usize::MAX;
        self.signers_within(keys, &mut tries)
    }

    /// The same, with a bounded number of verifications. `tries` is counted down; at zero no further signer is found.
    #[must_use]
    pub fn signers_within<'k>(
        &self,
        keys: &'k [TrustedKey],
        tries: &mut usize,
    ) -> Vec<&'k TrustedKey> {
        let message = pae(&self.payload_type, &self.payload);
        let mut signers: Vec<&TrustedKey> = Vec::new();
        for (keyid, signature) in &self.signatures {
            let signature = Signature::from_bytes(signature);
            let named = keys.iter().any(|key| key.id == *keyid);
            let signer = keys
                .iter()
                .take(limits::TRUSTED_KEYS)
                .filter(|key| !named || key.id == *keyid)
                .take_while(|_| {
                    let left = *tries > 0;
                    *tries = tries.saturating_sub(1);
                    left
                })
                .find(|key| key.key.0.verify_strict(&message, &signature).is_ok());
            if let Some(signer) = signer
                && signers.iter().all(|known| known.key != signer.key)
            {
                signers.push(signer);
            }
        }
        signers
    }
}

/// The signed bytes: DSSE's pre-authentication encoding, `DSSEv1 LEN(type) type LEN(payload) payload`.
fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

fn one<'a>(object: &Value<'a>, name: &'static str) -> Result<Option<Value<'a>>, DsseError> {
    object.unique(name).map_err(|_| DsseError::Field(name))
}

fn text(object: &Value<'_>, name: &'static str) -> Result<String, DsseError> {
    let value = one(object, name)?.and_then(|value| value.as_str());
    value.map(std::borrow::Cow::into_owned).ok_or(DsseError::Field(name))
}

#[cfg(test)]
mod tests;
