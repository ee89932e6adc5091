//! Signed envelopes: DSSE v1 (github.com/secure-systems-lab/dsse) with Ed25519.
//!
//! An envelope says nothing until its signatures are asked for by key: [`Envelope::signers`]. What a payload means, and
//! who must have signed it, is the reader's business (releases, grants); a type is never read as another.

pub use crate::base::base64;

use std::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::limits;
use crate::wire::json::{Doc, Kind, Value};

/// A key's public half (RFC 8032). Weak ones, whose signatures prove nothing, cannot be made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// From its base64; `None` unless it is 32 bytes of a sound key.
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
    /// Its public half.
    pub key: PublicKey,
    /// What it may sign.
    pub may: May,
}

/// What a key may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct May {
    /// Any policy.
    pub release: bool,
    /// The previous policy, or a prepared one.
    pub rollback: bool,
    /// Grants for tool calls.
    pub approve: bool,
}

impl May {
    /// Everything: what a key may of which nothing is said.
    pub const ALL: Self = Self { release: true, rollback: true, approve: true };
}

/// A key's secret half: its 32-byte seed. For people's tools; never shown.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// From its seed.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// An envelope around this payload, signed by this key under the name `keyid`, as JSON.
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

/// Why bytes are no envelope that can be used. Says nothing of their content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DsseError {
    /// More bytes than its reader takes.
    TooBig,
    /// Not JSON.
    NotJson,
    /// This field is missing, stands twice, or is of the wrong kind.
    Field(&'static str),
    /// Its payload is of another type.
    OtherType,
    /// More than [`limits::ENVELOPE_SIGNATURES`].
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

/// An envelope as it was read. Its payload is only what somebody wrote, until [`Envelope::signers`] says who.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    /// Key id (a hint) and signature.
    signatures: Vec<(String, [u8; 64])>,
}

impl Envelope {
    /// Reads an envelope of this payload type and of at most `most` bytes.
    ///
    /// # Errors
    /// Why it is none; unknown fields are no reason (DSSE, "Ignoring unrecognized fields").
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

    /// The payload. Nobody has vouched for it yet.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The keys, among these, whose signatures over this very payload and type are here; each public key once, under
    /// the first name it has.
    ///
    /// A `keyid` that names one of the keys means that key; any other is only a hint, and all keys are tried.
    #[must_use]
    pub fn signers<'k>(&self, keys: &'k [TrustedKey]) -> Vec<&'k TrustedKey> {
        let mut tries = usize::MAX;
        self.signers_within(keys, &mut tries)
    }

    /// The same, with so many verifications at most, which are counted down; then nobody else has signed.
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

/// What is signed: DSSE's pre-authentication encoding, `DSSEv1 LEN(type) type LEN(payload) payload`.
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
